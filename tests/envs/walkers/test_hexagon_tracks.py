"""Hexagon tracks: published tests."""

from __future__ import annotations

import numpy as np

from teacherstudent.envs.walkers.hexagon_tracks import hexagon_tracks


def test_the_test_set_is_the_published_one():
    family = hexagon_tracks()
    tasks = family.test_tasks()
    assert family.test_set == "teachDeepRL/poly_shape0_4.0"
    # The authors draw with NumPy's legacy generator, seeded with 4222.
    assert np.array_equal(tasks, np.random.RandomState(4222).uniform(0, 4.0, (50, 12)))
    assert family.space.high.tolist() == [4.0] * 12
