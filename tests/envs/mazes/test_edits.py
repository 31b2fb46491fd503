"""Edits of mazes by each reference's rule."""

from __future__ import annotations

import numpy as np
import pytest
from maze_levels import level_of, rng

from teacherstudent.envs.mazes.codes import AGENT, GOAL, OUTSIDE, WALL, padded
from teacherstudent.envs.mazes.edits import EDITS
from teacherstudent.envs.mazes.layouts import MAZES
from teacherstudent.envs.mazes.space import MazeLevels


@pytest.mark.parametrize("rule", EDITS)
def test_edits_keep_levels_valid(rule):
    space = MazeLevels(edits=rule, extent=15)
    levels = np.concatenate([space.draw(rng(), 300), [padded(MAZES["SimpleCrossing"].make(rng()), 15)] * 100])
    before = levels.copy()
    for edits in (0, 1, 30):
        edited = space.mutate(rng(), levels, edits)
        assert space.contains_each(edited).all()
        assert np.array_equal(levels, before)
        assert edited.dtype == np.uint8
        assert np.array_equal(edited == OUTSIDE, levels == OUTSIDE)
        changed = (edited != levels).any(axis=(1, 2)).mean()
        assert changed == 0 if edits == 0 else changed > 0.5
    tiny = MazeLevels(size=2, extent=2, n_walls=2, generator="walls-without-replacement", edits=rule)
    assert tiny.contains_each(tiny.mutate(rng(), tiny.draw(rng(), 500), 9)).all()
    assert space.mutate(rng(), levels[:0], 3).shape == (0, 15, 15)


def changes(rule, n=9000):
    """Edit one level once, many times; return the level and how often each kind of change came about."""
    level = level_of("..#..", ".>#..", "..#G.", "....#", "#....")
    edited = MazeLevels(extent=5, size=5, n_walls=3, edits=rule).mutate(rng(), np.stack([level] * n))
    walls = np.count_nonzero(edited == WALL, axis=(1, 2)) - 5
    goal, agent = ((edited[:, r, c] != code) for r, c, code in ((2, 3, GOAL), (1, 1, AGENT)))
    return {
        "same": (edited == level).all(axis=(1, 2)).mean(),
        "more": (walls == 1).mean(),
        "less": (walls == -1).mean(),
        "goal": goal.mean(),
        "agent": agent.mean(),
    }


def test_one_edit_by_minimax():
    found = changes("flip-or-move-goal")  # 18 free cells and 5 walls can flip
    expected = {"same": 1 / 3, "more": 18 / 23 / 3, "less": 5 / 23 / 3, "goal": 1 / 3, "agent": 0}
    assert found == pytest.approx(expected, abs=0.02)


def test_one_edit_that_adds_removes_or_moves():
    expected = {"same": 0, "more": 1 / 4, "less": 1 / 4, "goal": 1 / 4, "agent": 1 / 4}
    assert changes("add-remove-move") == pytest.approx(expected, abs=0.02)


def test_one_edit_by_jaxued():
    """At a cell of 25, 18 of them free and 5 walls: set a wall, clear, put the agent or the goal there.

    A goal or agent whose cell was cleared goes to one of 19 free cells, its own among them; a new heading is
    the old one in 1 of 4.
    """
    sets, clears = {"same": 5, "more": 20, "goal": 1, "agent": 1}, {"same": 18 + 1 / 19 + 1 / 76, "less": 5}
    clears |= {"goal": 18 / 19, "agent": 75 / 76}
    agents = {"same": 1 / 4, "less": 5, "goal": 1, "agent": 24 + 3 / 4}
    goals = {"same": 1, "less": 5, "goal": 24, "agent": 1}
    actions = (sets, clears, agents, goals)
    expected = {name: sum(a.get(name, 0) for a in actions) / 100 for name in (*sets, "less")}
    assert changes("jaxued", n=40_000) == pytest.approx(expected, abs=0.01)


def test_jaxued_moves_the_agent_anywhere_with_a_new_heading():
    space = MazeLevels(edits="jaxued", n_walls=60)
    level = space.draw(rng(), 1)
    children = space.mutate(rng(), np.repeat(level, 20_000, axis=0)).reshape(20_000, -1)
    where = np.argmax((children >= AGENT) & (children < OUTSIDE), axis=1)
    before = int(np.argmax((level >= AGENT) & (level < OUTSIDE)))
    moved = where != before
    assert moved.mean() == pytest.approx(1 / 4, abs=0.02)
    headings = children[moved, where[moved]] - AGENT
    np.testing.assert_allclose(np.bincount(headings) / moved.sum(), 1 / 4, atol=0.03)
    onto = level.ravel()[where[moved]] == WALL
    assert onto.mean() == pytest.approx((level == WALL).mean(), abs=0.03)


def test_jaxued_draws_different_cells():
    walls = np.full((1, 5, 5), WALL, np.uint8)
    walls[0, 0, :2] = GOAL, AGENT
    space = MazeLevels(extent=5, size=5, n_walls=3, edits="jaxued")
    # of 25 different cells each keeps or becomes a wall with probability 1 / 4; 0.52 if some came twice
    for edits in (25, 99):
        edited = space.mutate(rng(), np.repeat(walls, 4000, axis=0), edits)
        assert (edited == WALL).mean() == pytest.approx(1 / 4, abs=0.01)


def test_one_edit_by_dcd():
    """A cell of 25 becomes free, wall or goal; an old goal becomes free, a lost one goes to a free cell."""
    found = changes("dcd")
    free, walls, goal, agent = 18 / 25, 5 / 25, 1 / 25, 1 / 25
    stays = free / 3 + walls / 3 + goal / 3
    assert found["goal"] > (1 - goal) / 3  # the goal went to the cell
    # a free goal cell may get its goal back: 1 of 19 free cells; a free agent cell its agent
    same = stays + goal / 3 / 19 + agent / 3 / 19
    assert found["same"] == pytest.approx(same, abs=0.02)
    assert found["less"] == pytest.approx(walls * 2 / 3, abs=0.02)
    assert found["more"] == pytest.approx((free + goal + agent) / 3, abs=0.02)


def test_bad_edits():
    with pytest.raises(ValueError, match="edits: expected at least 0, got -1"):
        MazeLevels().mutate(rng(), MazeLevels().draw(rng(), 2), -1)
    with pytest.raises(ValueError, match="at most 3 x 3 cells, got 1 x 4"):
        padded(np.zeros((1, 4), np.uint8), 3)
