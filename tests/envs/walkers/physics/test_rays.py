"""Rays worked by hand."""

import numpy as np
import pytest
from parts import track

from teacherstudent.envs.walkers.physics.constants import RAYS
from teacherstudent.envs.walkers.physics.layout import LIDAR_RANGE, F
from teacherstudent.envs.walkers.physics.rays import cast_rays

ANGLES = 1.5 * np.arange(RAYS) / RAYS
"""From straight down towards straight ahead."""


def cast(tracks, x, y):
    out = np.zeros(RAYS, np.float32)
    cast_rays(tracks, 0, F(x), F(y), out)
    return out


def test_flat_ground_is_farther_the_flatter_the_ray():
    found = cast(track([(0, 0), (19, 0), (50, 0)]), 20, 1)
    assert found == pytest.approx(np.minimum(1, 1 / (LIDAR_RANGE * np.cos(ANGLES))), abs=1e-5)


def test_the_nearest_of_ground_and_walls_counts():
    """A high wall stands 1 m ahead, another one behind it, and one that the walker has passed."""
    walls = [[(x, 0), (x + 1, 0), (x + 1, 9), (x, 9)] for x in (17, 21, 23)]
    found = cast(track([(0, 0), (50, 0)], walls), 20, 1)
    with np.errstate(divide="ignore"):
        to_wall = 1 / (LIDAR_RANGE * np.sin(ANGLES))
    expected = np.minimum.reduce([np.ones(RAYS), 1 / (LIDAR_RANGE * np.cos(ANGLES)), to_wall])
    assert (to_wall == expected).sum() == 4
    assert found == pytest.approx(expected, abs=1e-5)


def test_rays_pass_over_what_is_low():
    low = [(22, 0), (23, 0), (23, 0.1), (22, 0.1)]
    high = cast(track([(0, 0), (50, 0)], [low]), 20, 4)
    assert (high < cast(track([(0, 0), (50, 0)]), 20, 4)).sum() == 1
