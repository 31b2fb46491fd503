import numpy as np
import pytest

from teacherstudent.teachers.goals.band import check_band


def test_a_band_has_two_ends_in_order():
    assert check_band("x", [0, np.float32(0.5)]) == (0.0, 0.5)
    assert check_band("x", (0.3, 0.3)) == (0.3, 0.3)
    for wrong in (None, 0.5, (0.9, 0.1), (-0.1, 0.5), (0.5, 1.1), (0.1, np.nan), ("a", 1), (0, 1, 1)):
        with pytest.raises(ValueError, match="x: expected"):
            check_band("x", wrong)
