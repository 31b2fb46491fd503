"""Sequences of stumps: published tests."""

from __future__ import annotations

import numpy as np

from teacherstudent.envs.walkers.stump_sequence import stump_sequence


def test_the_test_set_is_the_published_one():
    family = stump_sequence()
    tasks = family.test_tasks()
    assert family.test_set == "teachDeepRL/stump_seq0_6.0"
    # The authors draw with NumPy's legacy generator, seeded with 4222.
    assert np.array_equal(tasks, np.random.RandomState(4222).uniform(0, 6.0, (50, 10)))
    assert family.space.high.tolist() == [6.0] * 10
