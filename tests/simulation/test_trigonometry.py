"""Cosine and sine in single precision."""

from __future__ import annotations

import numpy as np
import pytest

from teacherstudent.simulation.trigonometry import cosine_sine


def test_cosine_and_sine_are_right_to_two_ten_millionths():
    angles = np.concatenate([np.linspace(-50, 50, 20001), np.linspace(-2000, 2000, 20001)]).astype(np.float32)
    table = np.array([cosine_sine(angle) for angle in angles], float)
    assert table[:, 0] == pytest.approx(np.cos(angles.astype(float)), abs=2e-7)
    assert table[:, 1] == pytest.approx(np.sin(angles.astype(float)), abs=2e-7)
