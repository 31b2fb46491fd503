"""What the agent of a maze sees, in a view worked by hand and against a slow reference."""

from __future__ import annotations

import numpy as np
import pytest
from maze_levels import level_of
from maze_slots import levels_for_walks, slots_of, walk

from teacherstudent.envs.mazes.batch.slots import MazeSlots, limits_of
from teacherstudent.envs.mazes.codes import AGENT, FREE, GOAL, OPAQUE, OUTSIDE, WALL
from teacherstudent.envs.mazes.space import MazeLevels

AHEAD = [(0, 1), (1, 0), (0, -1), (-1, 0)]
SEEN = {FREE: (1, 0, 0), WALL: (2, 5, 0), GOAL: (8, 1, 0)}


class Reference:
    """One maze, slowly, as the papers describe it."""

    def __init__(self, level, cap=250):
        (start,) = np.argwhere((level >= AGENT) & (level < OUTSIDE)).tolist()
        self.cells = {}
        for index in np.ndindex(level.shape):
            code = level[index]
            self.cells[index] = GOAL if code == GOAL else WALL if code in (WALL, OUTSIDE, OPAQUE) else FREE
        self.hides = (level == OPAQUE).any()
        self.at: tuple[int, ...] = tuple(start)
        self.heading, self.steps, self.cap = int(level[self.at]) - AGENT, 0, cap

    def cell(self, at):
        return self.cells.get(at, WALL)

    def beside(self, ahead, right):
        """Return the place so many cells ahead and to the right."""
        (down, across), (down2, across2) = AHEAD[self.heading], AHEAD[(self.heading + 1) % 4]
        return self.at[0] + ahead * down + right * down2, self.at[1] + ahead * across + right * across2

    def step(self, action):
        self.steps += 1
        if action == 0:
            self.heading = (self.heading - 1) % 4
        if action == 1:
            self.heading = (self.heading + 1) % 4
        if action == 2 and self.cell(self.beside(1, 0)) != WALL:
            self.at = self.beside(1, 0)
        reached = self.cell(self.at) == GOAL
        reward = 1 - 0.9 * self.steps / self.cap if reached else 0.0
        return reward, reached, not reached and self.steps == self.cap

    def image(self):
        view = np.array([[self.cell(self.beside(4 - row, c - 2)) for c in range(5)] for row in range(5)])
        shown = self.shown(view) if self.hides else np.ones((5, 5), bool)
        view[4, 2] = FREE
        return np.array(
            [[SEEN[view[r, c]] if shown[r, c] else (0, 0, 0) for c in range(5)] for r in range(5)], np.uint8
        )

    @staticmethod
    def shown(view):
        """Light spreads from the agent's row outwards: rightwards first, then leftwards."""
        shown = np.zeros((5, 5), bool)
        shown[4, 2] = True
        for row in reversed(range(5)):
            for order, side in ((range(4), 1), (range(4, 0, -1), -1)):
                for column in order:
                    if shown[row, column] and view[row, column] != WALL:
                        shown[row, column + side] = True
                        shown[max(row - 1, 0), [column, column + side]] = True
        return shown


def test_every_step_is_the_references():
    levels = levels_for_walks()[::2]
    caps = np.resize([60, 250, 97], len(levels))
    slots = MazeSlots(len(levels), space=MazeLevels(extent=19), limits=limits_of(levels, caps))
    dicts = MazeSlots(
        len(levels), space=MazeLevels(extent=19), limits=limits_of(levels, caps), observation="dict"
    )
    slow = [Reference(level, cap) for level, cap in zip(levels, caps, strict=True)]
    flat, _ = slots.reset(options={"task": levels})
    parts, _ = dicts.reset(options={"task": levels})
    ends = set()
    for actions in walk(len(levels), 100):
        for e, reference in enumerate(slow):
            image = reference.image()
            heading = np.eye(4, dtype=np.float32)[reference.heading]
            np.testing.assert_array_equal(flat[e, :75], image.ravel().astype(np.float32) / np.float32(10))
            np.testing.assert_array_equal(flat[e, 75:], heading)
            np.testing.assert_array_equal(parts["image"][e], image)
            np.testing.assert_array_equal(parts["direction"][e], heading)
        flat, rewards, terminated, truncated, info = slots.step(actions)
        parts, *same = dicts.step(actions)
        expected = [reference.step(a) for reference, a in zip(slow, actions, strict=True)]
        assert list(zip(rewards, terminated, truncated, strict=True)) == expected
        assert all(map(np.array_equal, same[:3], (rewards, terminated, truncated)))
        assert np.array_equal(info["is_success"], terminated)
        done = terminated | truncated
        if done.any():
            ends |= {(bool(t), int(slow[e].steps)) for e, t in enumerate(terminated) if done[e]}
            flat, _ = slots.reset(options={"reset_mask": done, "task": levels})
            parts, _ = dicts.reset(options={"reset_mask": done, "task": levels})
            for e in np.flatnonzero(done):
                slow[e] = Reference(levels[e], caps[e])
    assert {(False, 60), (False, 97)} <= ends
    assert sum(terminated for terminated, _ in ends) > 3


def minigrid_level(level):
    """Return a level as an environment of minigrid."""
    from minigrid.core.grid import Grid
    from minigrid.core.mission import MissionSpace
    from minigrid.core.world_object import Goal, Wall
    from minigrid.minigrid_env import MiniGridEnv

    class Level(MiniGridEnv):
        def _gen_grid(self, width, height):
            self.grid = Grid(width, height)
            self.grid.wall_rect(0, 0, width, height)
            for (row, column), code in np.ndenumerate(level):
                if code in (WALL, OPAQUE, OUTSIDE):
                    self.grid.set(column + 1, row + 1, Wall())
                elif code == GOAL:
                    self.grid.set(column + 1, row + 1, Goal())
                elif code >= AGENT:
                    self.agent_pos, self.agent_dir = (column + 1, row + 1), int(code) - AGENT
            self.mission = ""

    size = {"height": level.shape[0] + 2, "width": level.shape[1] + 2, "agent_view_size": 5}
    through = not (level == OPAQUE).any()
    return Level(MissionSpace(lambda: ""), max_steps=250, see_through_walls=through, **size)


def test_agrees_with_minigrid():
    """Minigrid's own engine, where it is installed: view, walls, goal, what walls hide."""
    pytest.importorskip("minigrid")
    levels = levels_for_walks()[::4]
    slots = MazeSlots(len(levels), space=MazeLevels(extent=19), observation="dict")
    seen, _ = slots.reset(options={"task": levels})
    games = [minigrid_level(level) for level in levels]
    told = [game.reset()[0] for game in games]
    live = np.ones(len(levels), bool)
    for step in walk(len(levels), 120):
        for e in np.flatnonzero(live):
            np.testing.assert_array_equal(seen["image"][e], told[e]["image"].transpose(1, 0, 2))
            assert seen["direction"][e, told[e]["direction"]] == 1
        seen, rewards, terminated, truncated, _ = slots.step(step)
        for e in np.flatnonzero(live):
            told[e], reward, over, cut, _ = games[e].step(int(step[e]))
            assert (rewards[e], terminated[e], truncated[e]) == (pytest.approx(reward, abs=1e-12), over, cut)
        live &= ~terminated
        if terminated.any():
            seen, _ = slots.reset(options={"reset_mask": terminated, "task": levels})
    assert 0 < live.sum() < len(levels)


def test_a_view_by_hand():
    """The agent looks up; a wall ahead and the goal to its right, one row on."""
    level = level_of("..#..", ".....", "..#G.", "..^..", ".....")
    image = slots_of([level], observation="dict").step(np.array([6]))[0]["image"][0]
    free, wall, goal = (1, 0, 0), (2, 5, 0), (8, 1, 0)
    assert image[4].tolist() == [list(free)] * 5
    assert image[3].tolist() == [list(c) for c in (free, free, wall, goal, free)]
    assert image[1].tolist() == [list(c) for c in (free, free, wall, free, free)]  # seen through the wall
    assert image[0].tolist() == [list(wall)] * 5  # the border
    hidden = level.copy()
    hidden[hidden == WALL] = OPAQUE
    image = slots_of([hidden], observation="dict").step(np.array([6]))[0]["image"][0]
    assert image[3].tolist() == [list(c) for c in (free, free, wall, goal, free)]
    assert image[1, 2].tolist() == [2, 5, 0]  # light comes round the corner
    assert image[0].tolist() == [list(wall)] * 5
    corridor = level_of("#####", "#####", "@@@@@", "@>.@G", "@@@@@")
    image = slots_of([corridor], observation="dict").step(np.array([6]))[0]["image"][0]
    assert image[2, 2].tolist() == [2, 5, 0]
    assert (image[:2] == 0).all()
    assert image[4].tolist() == [[0] * 3, list(wall), list(free), list(wall), [0] * 3]
