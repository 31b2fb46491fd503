"""Environments that never look at their task are named."""

import warnings

import gymnasium as gym
import pytest
from adapted import HEIGHT, Heights

from teacherstudent import envs, teachers
from teacherstudent.adapters.gymnasium import TeacherEnv


class Hears(Heights):
    """Looks at its task, deep in a copy."""

    def reset(self, *, seed=None, options=None):
        return super().reset(seed=seed, options={**options})


class Late(Heights):
    """Keeps the options and looks at its task in a later step."""

    def reset(self, *, seed=None, options=None):
        self.kept = options
        return super().reset(seed=seed, options={"task": [0.0]})

    def step(self, action):
        if self.steps == 3:
            self.height = self.kept["task"][0]
        return super().step(action)


def test_an_environment_that_never_looks_at_its_task_is_named_once():
    env = TeacherEnv(gym.make("CartPole-v1"), teachers.make("random", HEIGHT, seed=0))

    def episode(env):
        env.reset()
        while not any(env.step(env.action_space.sample())[2:4]):
            pass

    with pytest.warns(UserWarning, match="the teacher's choice of task changes nothing"):
        episode(env)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        episode(env)
        cartpole = envs.make("cartpole-parameters")
        for good, space in (
            (Heights(), HEIGHT),
            (Hears(), HEIGHT),
            (Late(), HEIGHT),
            (gym.wrappers.TimeLimit(Heights(), 3), HEIGHT),
            (cartpole.make_env(), cartpole.space),
        ):
            episode(TeacherEnv(good, teachers.make("random", space, seed=0)))
