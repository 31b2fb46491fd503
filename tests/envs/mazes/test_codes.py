"""Which arrays are mazes, and the hash that tells mazes apart."""

from __future__ import annotations

import numpy as np
import pytest
from maze_levels import level_of, rng

from teacherstudent import spaces
from teacherstudent.envs.mazes.codes import AGENT, FREE, GOAL, OUTSIDE, WALL, padded
from teacherstudent.envs.mazes.space import MazeLevels


def test_keys_tell_levels_apart():
    space = MazeLevels(n_walls=5)
    levels = space.draw(rng(), 20_000)
    keys = space.key(levels)
    assert keys.dtype == np.int64
    assert (keys >= 0).all()
    assert np.array_equal(keys, space.key(levels.copy()))
    assert len(np.unique(keys)) == len({level.tobytes() for level in levels})
    one = levels[:1].repeat(169 * 2, axis=0)
    for i in range(169):
        one[2 * i].flat[i], one[2 * i + 1].flat[i] = 7, 8
    assert len(np.unique(space.key(one))) == 338
    bits = (keys[:, None] >> np.arange(63)) & 1
    assert bits.mean(axis=0) == pytest.approx(np.full(63, 0.5), abs=0.02)


def test_which_levels_are_valid():
    space = MazeLevels(extent=4, size=3, n_walls=2)
    good = padded(level_of("..#", ".>G", "@.."), 4)
    bad = [good.copy() for _ in range(7)]
    bad[0][0, 0] = GOAL  # two goals
    bad[1][1, 2] = FREE  # none
    bad[2][0, 0] = AGENT + 3  # two agents
    bad[3][1, 1] = WALL  # none
    bad[4][0, 0] = 9  # no such code
    bad[5][0, 0] = OUTSIDE  # no rectangle
    bad[6][3, 3] = FREE  # likewise
    assert space.contains_each(np.stack([good, *bad])).tolist() == [True] + [False] * 7
    assert space.contains_each(np.stack([good]).astype(float)).all()
    assert not space.contains_each(np.stack([good.astype(int) - 256])).any()
    assert space.contains(good)
    assert not space.contains(good.astype(int))
    assert space.contains(space.sample())
    with pytest.raises(ValueError, match="row 1: expected a task in MazeLevels"):
        spaces.check_tasks(space, np.stack([good, bad[0]]), "test")
