"""Rows that wait: which of the replayed levels are edited."""

import numpy as np
import pytest

from teacherstudent.teachers.replay.buffer.rows import Replayed


def take(n, parents, merit, keys, seed=0):
    """Return which rows are parents of ``n`` children, and how many rows still wait."""
    waiting, rows = Replayed((1,), np.int64), np.arange(len(merit))
    waiting.put(rows[:, None], np.asarray(keys), 10 * rows, np.asarray(merit, float))
    chosen, chosen_keys, edits = waiting.take(n, parents, np.random.default_rng(seed))
    assert np.array_equal(chosen_keys, np.asarray(keys)[chosen.ravel()])
    assert np.array_equal(edits, chosen.ravel() * 10)
    return chosen.ravel().tolist(), len(waiting)


@pytest.mark.parametrize(
    ("n", "parents", "expected", "left"),
    [
        (8, "easy", [2, 2, 4, 4, 0, 0, 5, 5], 0),
        (8, "hard", [1, 1, 3, 3, 5, 5, 0, 0], 0),
        (5, "easy", [2, 2, 4, 0, 5], 0),
        (6, "hard", [1, 1, 3, 3, 5, 0], 0),
        (2, "easy", [2, 4], 0),
        (6, "batch", [0, 1, 2, 3, 4, 5], 0),
        (4, "batch", [0, 1, 2, 3], 2),
        (8, "batch", [0, 1, 2, 3, 4, 5, 0, 1], 0),
    ],
)
def test_which_parents_are_edited(n, parents, expected, left):
    assert take(n, parents, [3.0, -1.0, 5.0, 0.0, 4.0, 1.0], np.arange(6) + 100) == (expected, left)


@pytest.mark.parametrize("parents", ["easy", "hard"])
def test_of_parents_of_equal_merit_any_are_edited(parents):
    found = [take(4, parents, np.zeros(10), np.arange(10), seed)[0] for seed in range(500)]
    assert all(len(set(chosen)) == 4 for chosen in found)
    assert np.bincount(np.concatenate(found), minlength=10).min() > 150  # 200 expected


def test_a_level_that_was_replayed_in_several_rows_is_one_parent():
    keys = [7, 8, 7, 9, 7, 5, 6]
    merit = [9.0, 2.0, 0.0, 4.0, 0.0, -5.0, -6.0]  # of the level 7 it is 3
    assert take(4, "easy", merit, keys) == ([3, 0, 1, 5], 0)
    assert take(4, "hard", merit, keys) == ([6, 5, 1, 0], 0)
    assert take(4, "batch", merit, keys) == ([0, 1, 2, 3], 3)
    assert take(3, "easy", [1.0, 1.0], [4, 4]) == ([0, 0, 0], 0)
