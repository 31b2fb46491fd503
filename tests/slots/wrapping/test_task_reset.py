"""The wrapper that starts a given task at the next reset."""

import warnings

import gymnasium as gym
import numpy as np
import pytest
from adapted import Heights

from teacherstudent import TaskReset


class Deaf(Heights):
    """Plays the same hill whatever it is told."""

    height = 0.25

    def reset(self, *, seed=None, options=None):
        gym.Env.reset(self, seed=seed)
        self.steps = 0
        return np.full(1, self.height, np.float32), {"said": options}


def test_a_task_is_handed_to_the_resets_that_follow():
    env = TaskReset(Heights())
    env.set_next_task(np.array([0.5]))
    assert env.reset(seed=1)[0] == [0.5]
    assert env.reset()[0] == [0.5]
    env.next_task = np.array([0.75])
    assert env.reset(options={"more": 1})[0] == [0.75]


def test_a_function_sets_the_task_before_the_reset():
    def apply(env, task):
        env.unwrapped.height = float(task[0])
        task[0] = 9.0

    env = TaskReset(Deaf(), apply)
    assert env.reset(options={"own": 1}) == ([0.25], {"said": {"own": 1}})
    env.next_task = np.array([0.5])
    assert env.reset(options={"own": 1}) == ([0.5], {"said": {"own": 1}})
    assert env.next_task == [0.5]


def test_an_environment_that_ignores_its_task_brings_one_warning():
    env = TaskReset(Deaf())
    env.next_task = np.array([0.5])
    env.reset()
    with pytest.warns(UserWarning, match="never looked there in a whole episode"):
        env.reset()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env.reset()
        heard = TaskReset(Heights())
        heard.next_task = np.array([0.5])
        heard.reset()
        heard.reset()
    with pytest.raises(TypeError, match="apply: expected a function"):
        TaskReset(Heights(), 3)


def test_a_function_takes_the_task_of_the_resets_own_options():
    def apply(env, task):
        env.unwrapped.height = float(task[0])

    env = TaskReset(Deaf(), apply)
    env.next_task = np.array([0.5])
    # Whoever names a task in the reset means this one; other options stay.
    assert env.reset(options={"task": np.array([0.75]), "own": 1}) == ([0.75], {"said": {"own": 1}})
    assert env.reset(options={"task": np.array([0.25])}) == ([0.25], {"said": None})
    assert env.reset() == ([0.5], {"said": None})
