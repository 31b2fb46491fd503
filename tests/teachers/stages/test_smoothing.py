"""Curriculum by smoothing, by hand."""

import numpy as np
from knob_paths import make, value


def test_smoothing_decays_by_steps():
    teacher = make("smoothing")
    found = [value(teacher, "smoothing", p) for p in (0, 0.0249, 0.025, 0.05, 0.5, 1)]
    np.testing.assert_allclose(found, [1, 1, 0.9, 0.81, 0.9**20, 0.9**39])
