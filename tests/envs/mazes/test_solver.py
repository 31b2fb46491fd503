"""Shortest ways through mazes, against a search over tuples."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest
from maze_levels import level_of, rng

from teacherstudent.envs.mazes.codes import AGENT, GOAL, OPAQUE, OUTSIDE, WALL
from teacherstudent.envs.mazes.generators import GENERATORS
from teacherstudent.envs.mazes.layouts import MAZES
from teacherstudent.envs.mazes.solver import plan, shortest_paths
from teacherstudent.envs.mazes.space import MazeLevels

AHEAD = [(0, 1), (1, 0), (0, -1), (-1, 0)]


def search(level, turning):
    """Return the least number of steps or cells, by a search over tuples; None if there is no way."""
    (row, column), (goal,) = np.argwhere((level >= AGENT) & (level < OUTSIDE))[0], np.argwhere(level == GOAL)
    open_cells = {(r, c) for r, c in np.argwhere(~np.isin(level, (WALL, OUTSIDE, OPAQUE))).tolist()}
    waiting = deque([((int(row), int(column), int(level[row, column]) - AGENT), 0)])
    seen = {waiting[0][0]}
    while waiting:
        (row, column, heading), steps = waiting.popleft()
        if (row, column) == tuple(goal):
            return steps
        headings = [heading] if turning else range(4)
        following = [(row + AHEAD[h][0], column + AHEAD[h][1], h) for h in headings]
        if turning:
            following += [(row, column, (heading + turn) % 4) for turn in (1, -1)]
        for state in following:
            r, c, _ = state
            state = state if turning else (r, c, 0)
            if (r, c) in open_cells and state not in seen:
                seen.add(state)
                waiting.append((state, steps + 1))
    return None


def assert_solved(levels):
    for turning in (True, False):
        found = shortest_paths(levels, turning=turning)
        expected = [search(level, turning) for level in levels]
        assert found.tolist() == [-1 if steps is None else steps for steps in expected]


@pytest.mark.parametrize("name", MAZES)
def test_shortest_ways_through_named_mazes(name):
    assert_solved(np.stack([MAZES[name].make(rng())]))


@pytest.mark.parametrize("generator", GENERATORS)
def test_shortest_ways_through_random_mazes(generator):
    levels = MazeLevels(generator=generator, n_walls=90, extent=14).draw(rng(), 100)
    assert_solved(levels)
    if generator == "walls-without-replacement":
        assert 20 < np.count_nonzero(shortest_paths(levels, turning=True) == -1) < 98


def test_a_way_by_hand():
    level = level_of(".>#", ".G.", "...")
    assert shortest_paths(level[None], turning=False) == [1]
    assert plan(level).tolist() == [1, 2]  # turn right, forward
    back = level_of("...", "G.>", "...")
    assert shortest_paths(back[None], turning=True) == [4]
    assert plan(back).tolist() in ([0, 0, 2, 2], [1, 1, 2, 2])
    closed = level_of(">#G", "##.", "...")
    assert shortest_paths(np.stack([closed]), turning=True) == [-1]
    with pytest.raises(ValueError, match="a way from agent to goal"):
        plan(closed)
    assert shortest_paths(np.empty((0, 3, 3), np.uint8), turning=True).shape == (0,)
