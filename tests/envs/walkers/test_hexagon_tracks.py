"""Hexagon tracks: obstacles by their offsets."""

from __future__ import annotations

import math

import numpy as np
import pytest
from box2d_tracks import GROUND, PAD, STEP, polygons, still

from teacherstudent.envs.walkers.hexagon_tracks import HexagonTracksEnv


def test_hexagons_deform_by_their_offsets():
    env = HexagonTracksEnv()
    still(env, [0.0] * 12)
    plain = [(-0.5, 0), (-0.5, 0.25), (-0.25, 0.5), (0.25, 0.5), (0.5, 0), (0.5, 0.25)]
    shapes = polygons(env)
    assert len(shapes) == math.ceil((200 * STEP - PAD) / 9)
    for i, shape in enumerate(shapes[:3]):
        expected = np.array([PAD + 9.0 * i, GROUND]) + np.array(plain) * STEP
        assert np.array(shape) == pytest.approx(expected, abs=1e-4)
    # the third corner goes 1 right and 2 up; up-offsets of first and last corner do nothing
    still(env, [0, 4, 0, 0, 1, 2, 0, 0, 0, 0, 0, 4])
    moved = (np.array(polygons(env)[0]) - [PAD, GROUND]) / STEP
    hull = [(-0.5, 0), (-0.5, 0.25), (0.5, 0), (0.75, 2.5)]  # the fourth and fifth lie inside
    assert moved == pytest.approx(np.array(hull), abs=1e-4)
