"""Environments of gymnasium as slots: tasks, masks, errors named by slot and task."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from ramps import ROWS, Nested, Ramp

from teacherstudent.slots.requests import TaskError
from teacherstudent.slots.wrapping.family import family_from_gymnasium
from teacherstudent.testing.families import check_family


def test_each_slot_plays_its_own_task():
    vec = family_from_gymnasium(Ramp).make_vec(3)
    observations, infos = vec.reset(seed=[1, 2, 3], options={"task": ROWS})
    assert np.array_equal(infos["task"], ROWS)
    after, rewards, terminated, truncated, _ = vec.step(np.array([1, 1, 0]))
    moved = observations[:, 0] + [1.1, 1.9, -0.5]
    assert after[:, 0] == pytest.approx(moved, abs=1e-6)
    assert rewards == pytest.approx(moved, abs=1e-6)
    assert not terminated.any()
    assert not truncated.any()


def test_a_masked_reset_leaves_the_other_slots_alone():
    vec = family_from_gymnasium(Ramp).make_vec(3)
    vec.reset(seed=0, options={"task": ROWS})
    before = vec.step(np.ones(3, int))[0]
    outside = np.full((3, 2), np.nan)
    outside[2] = [0.2, 8.0]
    options = {"reset_mask": np.array([False, False, True]), "task": outside}
    after, infos = vec.reset(seed=[None, None, 9], options=options)
    assert np.array_equal(before[:2], after[:2])
    assert abs(after[2, 0]) <= 0.1
    assert infos["_task"].tolist() == [False, False, True]
    assert set(options) == {"reset_mask", "task"}  # the caller's options are left as they were


@pytest.mark.parametrize("processes", [1, 3])
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("step", r"slot 1, task \[0.9, 3.0\]: step raised ZeroDivisionError: ground gone"),
        ("reward", r"slot 1, task \[0.9, 3.0\]: step: expected a finite reward, got nan"),
        ("observation", r"slot 1, task \[0.9, 3.0\]: reset: expected a finite observation"),
    ],
)
def test_a_failing_environment_is_named_by_slot_and_task(fault, message, processes):
    family = family_from_gymnasium(Ramp, env_options={"fault": fault})
    vec = family.make_vec(3, processes=processes)
    try:
        with pytest.raises(TaskError, match=message):
            _reset_and_step(vec)
    finally:
        vec.close()


def _reset_and_step(vec):
    vec.reset(seed=0, options={"task": ROWS})
    vec.step(np.zeros(3, int))


def test_a_nested_observation_that_is_not_finite_is_noticed():
    vec = family_from_gymnasium(Nested, env_options={"fault": "observation"}).make_vec(3)
    with pytest.raises(TaskError, match=r"slot 1.*finite observation"):
        vec.reset(options={"task": ROWS})


def test_an_observation_of_another_shape_is_noticed():
    class Short(Ramp):
        def _see(self):
            return np.zeros(1, np.float32)

    with pytest.raises(TaskError, match=r"slot 0.*expected an observation of shape \(2,\), got \(1,\)"):
        family_from_gymnasium(Short).make_vec(2).reset(options={"task": ROWS[:2]})


def test_a_slot_without_an_episode_is_not_stepped():
    vec = family_from_gymnasium(Ramp).make_vec(3)
    with pytest.raises(RuntimeError, match=r"slots \[0, 1, 2\] have no episode"):
        vec.step(np.zeros(3, int))
    vec.reset(options={"task": ROWS, "reset_mask": np.array([True, False, True])})
    with pytest.raises(RuntimeError, match=r"slots \[1\] have no episode"):
        vec.step(np.zeros(3, int))


class Rebuilt(gym.Env):
    """Builds another environment in every reset, as wrappers do whose task is an argument."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (2,), np.float64)
    action_space = gym.spaces.Discrete(2)
    task_space = Ramp.task_space

    def reset(self, *, seed=None, options=None):
        self.inside = Ramp()
        observation, info = self.inside.reset(seed=seed, options=options)
        return observation.astype(np.float64), info

    def step(self, action):
        observation, *rest = self.inside.step(action)
        return observation.astype(np.float64), *rest


def test_environments_that_are_built_anew_follow_from_the_last_seed():
    family = family_from_gymnasium(Rebuilt, max_episode_steps=30)
    check_family(lambda: family, steps=30)
    seen = []
    for _ in range(2):
        vec = family.make_vec(2)
        vec.reset(seed=[3, 4], options={"task": ROWS[:2]})
        seen.append([vec.reset(options={"task": ROWS[:2]})[0][:, 0].tolist() for _ in range(2)])
    assert seen[0] == seen[1]
    assert len({*seen[0][0], *seen[0][1]}) == 4
