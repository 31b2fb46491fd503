"""Mazes as slots: rewards, caps, states, threads, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from maze_levels import level_of
from maze_slots import levels_for_walks, slots_of, walk

from teacherstudent import envs
from teacherstudent.envs.mazes.batch.slots import MazeSlots, limits_of
from teacherstudent.envs.mazes.codes import FREE, GOAL
from teacherstudent.envs.mazes.family import Maze
from teacherstudent.envs.mazes.solver import FORWARD, plan
from teacherstudent.envs.mazes.space import MazeLevels


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
