from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Discrete, MultiBinary
from ramps import ROWS, SPACE, Arms, Nested, Ramp

from teacherstudent import spaces
from teacherstudent.slots.wrapping.family import family_from_gymnasium
from teacherstudent.testing.families import check_family


class Narrow(Ramp):
    """Refuses goals that lie too far."""

    def reset(self, *, seed=None, options=None):
        if options["task"][1] > 9:
            raise ValueError("no such goal")
        return super().reset(seed=seed, options=options)


class Deaf(Ramp):
    def reset(self, *, seed=None, options=None):
        return super().reset(seed=seed)


class WithoutOptions(Ramp):
    def reset(self, *, seed=None):
        return super().reset(seed=seed)


class Liar(Ramp):
    def reset(self, *, seed=None, options=None):
        return super().reset(seed=seed, options={"task": np.asarray(options["task"]) / 2})


class Stubborn(Ramp):
    def reset(self, *, seed=None, options=None):
        observation, _ = super().reset(seed=seed, options=dict(options or {}))
        self.task = np.zeros(2)
        return observation, {}


@pytest.mark.parametrize("env", [Ramp, Nested, f"{__name__}:Ramp"])
@pytest.mark.parametrize("processes", [1, 2])
def test_keeps_the_contract(env, processes):
    check_family(
        lambda: family_from_gymnasium(env, mastered=1.0, max_episode_steps=30),
        processes=processes,
        max_steps=30,
    )


def test_discrete_tasks_and_one_step_episodes():
    family = family_from_gymnasium(Arms, space=Discrete(5, start=3))
    check_family(lambda: family)
    assert family.test_tasks().tolist() == [3, 4, 5, 6, 7]
    assert family.test_set == "Arms/all"


def test_a_registered_id_and_its_own_cap():
    name = "tests/Ramp-v0"
    if name not in gym.registry:
        gym.register(name, entry_point=Ramp, max_episode_steps=4)
    family = family_from_gymnasium(name, mastered=3.0, score_range=(0, 9), difficulty_step=(0.1, 0.2))
    assert family.space is SPACE
    assert (family.mastered, family.score_range, family.difficulty_step) == (3.0, (0, 9), (0.1, 0.2))
    assert family.test_set == "tests/Ramp-v0/uniform50_seed4222"
    assert family.test_tasks().shape == (50, 2)
    vec = family.make_vec(1)
    vec.reset(seed=0, options={"task": [[0.0, 9.0]]})
    flags = [vec.step([0])[2:4] for _ in range(4)]
    assert [bool(truncated[0]) for _, truncated in flags] == [False, False, False, True]
    assert not any(terminated[0] for terminated, _ in flags)


@pytest.mark.parametrize("stated", ["argument", "wrapper", "registered"])
def test_a_stated_time_limit_is_kept_without_a_word(stated, recwarn):
    if stated == "argument":
        family = family_from_gymnasium(Ramp, max_episode_steps=3)
    elif stated == "wrapper":
        family = family_from_gymnasium(lambda: gym.wrappers.TimeLimit(Ramp(), 3))
    else:
        gym.register("tests/Short-v0", entry_point=Ramp, max_episode_steps=3)
        family = family_from_gymnasium("tests/Short-v0")
    assert not recwarn.list
    vec = family.make_vec(1)
    vec.reset(seed=0, options={"task": [[0.0, 9.0]]})
    assert [bool(vec.step([0])[3][0]) for _ in range(3)] == [False, False, True]


def test_episodes_without_a_stated_limit_are_cut_and_that_is_said(monkeypatch):
    monkeypatch.setattr("teacherstudent.slots.wrapping.family.MOST_STEPS", 4)
    with pytest.warns(UserWarning, match="Ramp states no time limit.*episodes are cut at 4 steps"):
        family = family_from_gymnasium(Ramp)
    vec = family.make_vec(1)
    vec.reset(seed=0, options={"task": [[0.0, 9.0]]})
    assert [bool(vec.step([0])[3][0]) for _ in range(4)] == [False, False, False, True]


def test_options_reach_the_environment_and_frames_come_back():
    family = family_from_gymnasium(Ramp, env_options={"fault": None}, name="ramp", test_tasks=ROWS)
    assert family.make_env(render_mode="rgb_array").render().shape == (2, 2, 3)
    assert np.array_equal(family.test_tasks(), ROWS)
    assert family.test_set == "ramp/given3"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"environment": Deaf}, "never looks there"),
        ({"environment": WithoutOptions}, "unexpected keyword argument 'options'"),
        ({"environment": Liar}, r"info\['task'\] shows"),
        ({"environment": Stubborn}, "but its task shows"),
        ({"environment": Arms}, "no attribute task_space"),
        ({"environment": "NoSuchThing-v0"}, "NoSuchThing"),
        ({"environment": "no_such_module:Env"}, "no_such_module"),
        ({"environment": Ramp, "env_options": {"fault": "reset"}}, "ZeroDivisionError: no ground"),
        ({"environment": Ramp, "test_tasks": 0}, "at least one task"),
        ({"environment": Ramp, "test_tasks": [[0.0, np.inf]]}, "expected finite numbers"),
        ({"environment": Ramp, "test_tasks": [[0.0]]}, r"expected a number, or tasks of shape \(n, \(2,\)\)"),
        ({"environment": Ramp, "test_tasks": "some"}, "expected a number, or tasks"),
        (
            {"environment": Narrow, "test_tasks": [[0.0, 20.0]]},
            "which lies outside the space .* no such goal",
        ),
        ({"environment": Ramp, "test_space": spaces.Parameters(slope=(0, 1))}, "expected the names, shape"),
        (
            {
                "environment": Ramp,
                "test_tasks": [[0, 5.0]],
                "test_space": spaces.Parameters(slope=(0, 1), goal=(8, 9)),
            },
            "row 0: expected a task in",
        ),
        ({"environment": Ramp, "test_tasks": np.zeros((0, 2))}, "at least one task"),
        ({"environment": Ramp, "score_range": (1, 1)}, "finite low < high"),
        ({"environment": Ramp, "difficulty_step": (1.0,)}, "expected 2 finite numbers"),
        ({"environment": Ramp, "max_episode_steps": 0}, "at least 1"),
        ({"environment": Ramp, "mastered": np.nan}, "mastered: expected a finite number"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        family_from_gymnasium(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"environment": 3}, "got 3"),
        ({"environment": lambda: 3}, "to return a gymnasium.Env"),
        ({"environment": Ramp, "space": MultiBinary(3)}, "expected Box"),
        ({"environment": Ramp, "env_options": {"colour": 1}}, "colour"),
    ],
)
def test_arguments_of_a_wrong_type_are_refused(arguments, message):
    with pytest.raises(TypeError, match=message):
        family_from_gymnasium(**arguments)
