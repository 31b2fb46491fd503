"""Mazes as environments: view, reward, caps, states and pictures, against a slow reference."""

from __future__ import annotations

import numpy as np
import pytest

from teacherstudent import envs
from teacherstudent.envs.mazes.batch.picture import draw_agents, draw_episode, draw_levels, draw_sheet
from teacherstudent.envs.mazes.batch.slots import MazeSlots, limits_of
from teacherstudent.envs.mazes.codes import AGENT, FREE, GOAL, OPAQUE, OUTSIDE, WALL, padded
from teacherstudent.envs.mazes.family import Maze
from teacherstudent.envs.mazes.layouts import MAZES
from teacherstudent.envs.mazes.solver import FORWARD, LEFT, RIGHT, plan
from teacherstudent.envs.mazes.space import MazeLevels
from teacherstudent.envs.mazes.suites import make_suite

AHEAD = [(0, 1), (1, 0), (0, -1), (-1, 0)]
SEEN = {FREE: (1, 0, 0), WALL: (2, 5, 0), GOAL: (8, 1, 0)}
ACCEL = make_suite("accel-12")


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


def level_of(*rows):
    symbols = ".#G>v<^o@"
    return np.array([[symbols.index(symbol) for symbol in row] for row in rows], np.uint8)


def slots_of(levels, **options):
    levels = np.stack(levels)
    slots = MazeSlots(len(levels), space=MazeLevels(extent=levels.shape[1], size=2, n_walls=0), **options)
    slots.reset(options={"task": levels})
    return slots


def levels_for_walks():
    rng = np.random.default_rng(3)
    drawn = [MazeLevels(extent=19, n_walls=n).draw(rng, 12) for n in (0, 25, 60, 120)]
    crossings = [padded(MAZES["SimpleCrossing"].make(rng), 19) for _ in range(20)]
    return np.concatenate([*drawn, ACCEL.levels, crossings])


def walk(n, steps):
    """Return actions of which most go forward, so that agents get somewhere."""
    return np.random.default_rng(4).choice(7, (steps, n), p=[0.17, 0.17, 0.6, 0.03, 0.01, 0.01, 0.01])


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


@pytest.mark.parametrize("own_caps", [True, False])
def test_plans_earn_what_the_formula_says(own_caps):
    names, too_long = list(MAZES), []
    suite = make_suite(names, steps=None if own_caps else 250)
    family = Maze(suite=names, test_steps=None if own_caps else 250)
    assert family.test_names == tuple(names)
    vec = family.make_vec(1)
    for name, level, steps in zip(names, family.test_tasks(), suite.steps, strict=True):
        actions = plan(level)
        too_long += [name] * int(len(actions) > steps)
        vec.reset(options={"task": level[None]})
        for k, action in enumerate(actions[:steps], 1):
            _, rewards, terminated, truncated, _ = vec.step(np.array([action]))
            assert (rewards[0], terminated[0]) == (
                (1 - 0.9 * k / steps, True) if k == len(actions) else (0, False)
            )
            assert truncated[0] == (k == steps < len(actions))
    assert too_long == ([] if own_caps else ["PerfectMazeXL"])


def test_random_levels_can_be_solved_as_planned():
    space = MazeLevels(solvable=True)
    levels = space.draw(np.random.default_rng(0), 64)
    steps = space.features(levels)["steps"]
    slots, plans = slots_of(levels), [plan(level) for level in levels]
    returns, over = np.zeros(64), np.zeros(64, bool)
    for k in range(int(steps.max())):
        actions = np.array([p[min(k, len(p) - 1)] for p in plans])
        _, rewards, terminated, _, _ = slots.step(actions)
        returns += np.where(over, 0, rewards)
        over |= terminated
        if terminated.any():
            slots.reset(options={"reset_mask": terminated, "task": levels})
    assert over.all()
    assert returns.tolist() == (1 - 0.9 * steps / 250).tolist()


def test_options_of_levels_are_those_of_the_space():
    levels = {"generator": "uniform-count", "n_walls": 25, "solvable": True, "edits": "dcd"}
    family = Maze(levels=levels, suite="accel-12")
    assert family.space.options() == levels | {"extent": 19, "size": 13}
    assert Maze().space.options() == MazeLevels().options()


def test_caps():
    """A training level has 250 steps; a test maze its own number, in any batch."""
    family = envs.make("maze", suite="dcd-7", test_steps=None)
    tests, drawn = family.test_tasks(), MazeLevels().draw(np.random.default_rng(0), 1)
    assert family.test_names[5] == "SimpleCrossing"
    ends = {}
    slots = family.make_vec(3)
    slots.reset(options={"task": np.stack([tests[0], tests[5], drawn[0]])})
    for k in range(1, 485):
        *_, terminated, truncated, _ = slots.step(np.zeros(3, int))
        assert not terminated.any()
        ends |= {int(slot): k for slot in np.flatnonzero(truncated) if slot not in ends}
        if truncated.any():
            slots.reset(options={"reset_mask": truncated, "task": np.stack([tests[0], tests[5], drawn[0]])})
    assert ends == {0: 450, 1: 484, 2: 250}


def test_the_goal_in_the_last_step_counts():
    slots = slots_of(
        [level_of("..", ">G")], limits=limits_of(np.stack([level_of("..", ">G")]), np.array([3]))
    )
    slots.step(np.array([5]))
    slots.step(np.array([6]))
    _, rewards, terminated, truncated, _ = slots.step(np.array([FORWARD]))
    assert (rewards[0], terminated[0], truncated[0]) == (1 - 0.9 * 3 / 3, True, False)


def test_levels_without_a_task_depend_on_seed_and_episode():
    space = MazeLevels(n_walls=30)
    one, many = MazeSlots(1, space=space), MazeSlots(5, space=space)
    _, info = many.reset(seed=np.array([9, 8, 7, 6, 5]))
    _, alone = one.reset(seed=7)
    assert np.array_equal(info["task"][2], alone["task"][0])
    mask = np.array([False, False, True, False, False])
    _, info = many.reset(options={"reset_mask": mask})
    _, again = one.reset()
    assert np.array_equal(info["task"][2], again["task"][0])
    assert not np.array_equal(again["task"], alone["task"])
    assert not info["task"][[0, 1, 3, 4]].any()
    assert np.array_equal(info["_task"], mask)


@pytest.mark.parametrize("observation", ["flat", "dict"])
def test_snapshots_continue_exactly(observation):
    levels = levels_for_walks()[:8]
    make = lambda: MazeSlots(8, space=MazeLevels(extent=19), observation=observation)  # noqa: E731
    first, second = make(), make()
    first.reset(seed=1, options={"task": levels})
    actions = walk(8, 60)
    for action in actions[:20]:
        done = np.logical_or(*first.step(action)[2:4])
        if done.any():
            first.reset(options={"reset_mask": done})
    state = first.get_state()
    second.set_state(state)
    pictures = first.render()
    assert all(map(np.array_equal, pictures, second.render()))
    for action in actions[20:]:
        results = [slots.step(action) for slots in (first, second)]
        seen = [list(r[0].values()) if observation == "dict" else [r[0]] for r in results]
        assert all(map(np.array_equal, [*seen[0], *results[0][1:4]], [*seen[1], *results[1][1:4]]))
        done = results[0][2] | results[0][3]
        if done.any():
            assert np.array_equal(
                *(s.reset(options={"reset_mask": done})[1]["task"] for s in (first, second))
            )
    fewer = {name: values if name == "pose" else values[:7] for name, values in state.items()}
    with pytest.raises(ValueError, match=r"pose: expected shape \(7, 5\), got \(8, 5\)"):
        MazeSlots(7, space=MazeLevels(extent=19), observation=observation).set_state(fewer)
    with pytest.raises(ValueError, match="maze state"):
        second.set_state({name: values for name, values in state.items() if name != "seed"})


def test_what_a_step_returned_stays_as_it_is():
    slots = slots_of([level_of(">..", "...", "..G")] * 3)
    first = slots.step(np.array([0, 1, 2]))[0]
    kept = first.copy()
    second = slots.step(np.array([0, 1, 2]))[0]
    again = second.copy()
    slots.reset(options={"reset_mask": np.array([True, False, True]), "task": slots.get_state()["task"]})
    assert np.array_equal(first, kept)
    assert np.array_equal(second, again)


def test_threads_change_nothing(monkeypatch):
    monkeypatch.setattr("teacherstudent.envs.mazes.batch.slots._SLOTS_PER_CHUNK", 8)
    levels = levels_for_walks()
    parallel, serial = (MazeSlots(len(levels), space=MazeLevels(extent=19), threads=1) for _ in range(2))
    parallel._threads = 2  # more chunks than one, also where Numba has one thread only
    monkeypatch.setattr("teacherstudent.envs.mazes.batch.slots.numba.set_num_threads", lambda n: None)
    for slots in (parallel, serial):
        slots.reset(options={"task": levels})
    for action in walk(len(levels), 5):
        for a, b in zip(parallel.step(action)[:4], serial.step(action)[:4], strict=True):
            assert np.array_equal(a, b)
        for slots in (parallel, serial):
            if slots.get_state()["done"].any():
                slots.reset(options={"reset_mask": slots.get_state()["done"]}, seed=0)


def test_bad_input():
    space = MazeLevels()
    for options, message in (
        ({"observation": "pixels"}, "observation: expected 'flat' or 'dict', got 'pixels'"),
        ({"actions": 4}, "actions: expected 3 or 7, got 4"),
        ({"threads": 0}, "threads: expected 1 to"),
    ):
        with pytest.raises(ValueError, match=message):
            MazeSlots(2, space=space, **options)
    with pytest.raises(ValueError, match="n: expected at least 1"):
        MazeSlots(0, space=space)
    slots = MazeSlots(2, space=space, actions=3)
    with pytest.raises(RuntimeError, match="have no episode"):
        slots.step(np.zeros(2, int))
    slots.reset(seed=0)
    for actions in ([0, 3], [-1, 0], [0], [0.0, 1.0]):
        with pytest.raises(ValueError, match="actions: expected 2 whole numbers below 3"):
            slots.step(np.array(actions))
    bad = space.draw(np.random.default_rng(0), 2)
    bad[1][bad[1] == GOAL] = FREE
    with pytest.raises(ValueError, match="task: slot 1: expected a task in MazeLevels"):
        slots.reset(options={"task": bad})
    for options in (
        {"observation": "x"},
        {"actions": 2},
        {"suite": "x"},
        {"levels": {"n_walls": 200}},
        {"test_steps": 0},
    ):
        with pytest.raises(ValueError, match="expected"):
            Maze(**options)
    for name in ("extent", "size", "walls"):
        with pytest.raises(TypeError, match=name):
            Maze(levels={name: 13})
    with pytest.raises(TypeError, match=r"maze: levels: expected options .*, got \['extent'\], which"):
        Maze(levels={"extent": 19, "n_walls": 3})
    with pytest.raises(TypeError, match=r"maze: levels: expected a mapping .*, got \[1\]"):
        Maze(levels=[1])
    with pytest.raises(ValueError, match="render_mode"):
        envs.make("maze").make_env(render_mode="human")


def test_one_environment_is_a_slot():
    family = envs.make("maze", observation="dict")
    env, vec = family.make_env(render_mode="rgb_array"), family.make_vec(1)
    level = family.test_tasks()[:1]
    alone, info = env.reset(options={"task": level[0]})
    seen, _ = vec.reset(options={"task": level})
    assert np.array_equal(info["task"], level[0])
    for action in (1, 2, 2, 0, 2):
        assert all(np.array_equal(alone[name], seen[name][0]) for name in ("image", "direction"))
        assert np.array_equal(env.render(), vec.render()[0])
        alone, reward, terminated, truncated, info = env.step(action)
        seen, rewards, *_ = vec.step(np.array([action]))
        assert (reward, terminated, truncated, info) == (rewards[0], False, False, {"is_success": False})
    assert family.make_env().render() is None
    first, _ = family.make_env().reset(seed=3)
    second, _ = family.make_env().reset(seed=3)
    assert np.array_equal(first["image"], second["image"])


def test_pictures():
    level = level_of("#.G", "..v", "@..")
    (picture,) = draw_levels(level[None], tile=5)
    assert picture.shape == (25, 25, 3)
    assert picture.dtype == np.uint8
    colour = lambda row, column, of=picture: of[5 * row + 7, 5 * column + 7].tolist()  # noqa: E731
    border = picture[2, 2].tolist()
    assert colour(0, 0) == border
    assert colour(0, 1) == colour(1, 0) == [245, 245, 245]
    assert len({tuple(colour(*at)) for at in ((0, 0), (0, 1), (0, 2), (1, 2), (2, 0))}) == 5
    frames = draw_episode(level, [*plan(level), FORWARD, FORWARD], tile=5)
    assert len(frames) == len(plan(level)) + 1  # nothing after the goal
    assert np.array_equal(frames[0], picture)
    assert colour(1, 2, frames[-1]) == [245, 245, 245]
    assert colour(0, 2, frames[-1]) == colour(1, 2)
    assert not np.array_equal(frames[1], frames[0])
    slots = slots_of([level] * 2)
    slots.step(np.array([LEFT, RIGHT]))
    one, two = slots.render()
    assert np.array_equal(one[::2, ::2].shape, two[::2, ::2].shape)
    assert np.array_equal(two, draw_agents(level[None], np.array([[1, 2, 2]]))[0])
    sheet = draw_sheet(np.stack([level] * 5), columns=3, tile=5)
    assert sheet.shape == (55, 85, 3)
    assert np.array_equal(sheet[:25, 30:55], picture)
    assert (sheet[30:, 60:] == 255).all()
    with pytest.raises(ValueError, match="tile"):
        draw_levels(level[None], tile=2)
    with pytest.raises(ValueError, match="levels and columns, got 0 and 3"):
        draw_sheet(np.empty((0, 3, 3), np.uint8), columns=3)
