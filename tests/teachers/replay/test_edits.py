"""Edits of boxes."""

import numpy as np
import pytest

from teacherstudent.contract.spaces import Box, Parameters
from teacherstudent.teachers.replay import edits as level_spaces


def test_edits_of_boxes():
    space, rng = Parameters(height=(0, 4), spacing=(-1, 1)), np.random.default_rng(0)
    tasks = np.tile([2.0, 0.0], (2000, 1))
    moved = level_spaces.mutated(space, rng, tasks, 1, level_spaces.Step(law="uniform", size=0.1)) - tasks
    assert ((moved != 0).sum(axis=1) == 1).all()
    assert 0.39 < np.abs(moved[:, 0]).max() <= 0.4
    assert 0.19 < np.abs(moved[:, 1]).max() <= 0.2
    moved = level_spaces.mutated(space, rng, tasks, 1, level_spaces.Step(size=0.1)) - tasks
    assert np.std(moved[moved[:, 0] != 0, 0]) == pytest.approx(0.4, rel=0.1)
    edge = level_spaces.mutated(space, rng, np.tile([4.0, 1.0], (50, 1)), 3)
    assert space.contains(edge[0])
    assert (edge <= space.high).all()
    for bad in ({"law": "cauchy"}, {"size": 0.0}):
        with pytest.raises(ValueError, match="step: expected"):
            level_spaces.Step(**bad)


WHOLE = [
    (np.int8, -128, 127), (np.int8, -3, 2), (np.uint8, 0, 255), (np.uint8, 250, 255), (np.int16, -5, 5),
    (np.int32, -(2**31), 2**31 - 1), (np.int64, -(2**63), 2**63 - 1), (np.uint64, 0, 2**64 - 1),
    (np.uint64, 2**64 - 4, 2**64 - 1), (np.int64, 2**53, 2**53 + 9), (np.bool_, 0, 1),
]  # fmt: skip


@pytest.mark.parametrize(("dtype", "low", "high"), WHOLE)
@pytest.mark.parametrize("law", ["gaussian", "uniform"])
def test_edits_of_whole_numbers(dtype, low, high, law):
    low, high = (np.full((2, 2), end, dtype) for end in (low, high))
    space, rng = Box(low, high, (2, 2), dtype), np.random.default_rng(0)
    ends = np.concatenate([np.repeat(end[None], 500, axis=0) for end in (low, high)])
    step = level_spaces.Step(law=law, size=0.1)
    for edits, start in ((1, ends), (7, ends), (1, level_spaces.mutated(space, rng, ends, 50, step))):
        edited = level_spaces.mutated(space, rng, start, edits, step)
        assert edited.dtype == dtype
        assert ((edited >= low) & (edited <= high)).all()
        changed = (edited != start).reshape(1000, -1).sum(axis=1)
        assert changed.max() == 1 or edits > 1
        assert (changed > 0).mean() > 0.4  # half of the moves of a number at an end lead nowhere
    far = np.array([int(a) - int(b) for a, b in zip(edited.ravel(), start.ravel(), strict=True)], object)
    most = max(1, 0.7 * (int(high[0, 0]) - int(low[0, 0])))  # no way around from one end to the other
    assert max(abs(far)) <= most


def test_whole_numbers_in_the_middle_always_move():
    space, rng = Box(0, 10, (3,), np.int64), np.random.default_rng(0)
    start = np.full((4000, 3), 5)
    for step in (level_spaces.Step(law="uniform", size=0.01), level_spaces.Step(size=0.2)):
        moved = level_spaces.mutated(space, rng, start, 1, step) - start
        assert ((moved != 0).sum(axis=1) == 1).all()
        assert moved.sum() == pytest.approx(0, abs=250)
    assert np.abs(moved).max() > 3
    assert np.std(moved[moved != 0]) == pytest.approx(2, abs=0.3)


def test_what_no_edit_has_touched_stays_bit_for_bit():
    space, rng = Box(np.float32(-0.3), np.float32(0.7), (50,), np.float32), np.random.default_rng(0)
    start = space.low + rng.random((200, 50)).astype(np.float32) * (space.high - space.low)
    edited = level_spaces.mutated(space, rng, start, 3)
    assert ((edited != start).sum(axis=1) <= 3).all()
    assert edited.dtype == np.float32
