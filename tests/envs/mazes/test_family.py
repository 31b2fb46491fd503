"""The family of mazes: options, caps of its tests, one environment of it."""

from __future__ import annotations

import numpy as np
import pytest

from teacherstudent import envs
from teacherstudent.envs.mazes.family import Maze
from teacherstudent.envs.mazes.layouts import MAZES
from teacherstudent.envs.mazes.solver import plan
from teacherstudent.envs.mazes.space import MazeLevels
from teacherstudent.envs.mazes.suites import make_suite


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
