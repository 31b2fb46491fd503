"""EfficientTrain++: its stages, and the published numbers of passes."""

import numpy as np
import pytest
from knob_paths import make, value

from teacherstudent.teachers.stages.efficient_train_pp import SCHEDULES


def test_efficient_train_pp_has_ten_stages_of_equal_compute():
    teacher = make("efficient-train-pp")
    middles = (np.arange(10) + 0.5) / 10
    found = [value(teacher, "bandwidth", p) for p in middles]
    np.testing.assert_allclose(found, [96] * 2 + [160] * 4 + [224] * 4)
    np.testing.assert_allclose([value(teacher, "magnitude", p) for p in middles], np.arange(10) / 10)
    starts = [value(teacher, "bandwidth", p) for p in (0.0, 0.2, 0.6, 1.0)]
    np.testing.assert_allclose(starts, [96, 160, 224, 224])
    deit = make("efficient-train-pp", sizes="deit")
    np.testing.assert_allclose(
        [value(deit, "bandwidth", p) for p in (0.1, 0.3, 0.7, 0.8)], [96, 160, 192, 224]
    )


@pytest.mark.parametrize(("name", "total"), [("resnet", 454.6), ("convnext", 315.2), ("deit", 469.0)])
def test_efficient_train_pp_has_the_schedules_of_the_published_numbers_of_passes(name, total):
    found = 200 / 10 / np.square(SCHEDULES[name])  # over the data, at the compute of 200 full ones
    assert found.sum() == pytest.approx(total, abs=0.1)
    if name == "resnet":
        np.testing.assert_allclose(found, [108.9] * 2 + [39.2] * 4 + [20] * 4, atol=0.05)
