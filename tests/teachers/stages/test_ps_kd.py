"""PS-KD, by hand."""

import numpy as np
from knob_paths import make, value


def test_ps_kd_by_hand():
    teacher = make("ps-kd", epochs=4)
    found = [value(teacher, "self_distillation", p) for p in (0, 0.24, 0.25, 0.5, 0.75, 1)]
    np.testing.assert_allclose(found, [0.2, 0.2, 0.4, 0.6, 0.8, 0.8])
    smooth = make("ps-kd")
    np.testing.assert_allclose([value(smooth, "self_distillation", p) for p in (0, 0.5, 1)], [0, 0.4, 0.8])
