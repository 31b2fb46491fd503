"""What is noticed about an environment before anybody plays it."""

from __future__ import annotations

import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from ramps import SPACE, Ramp

from teacherstudent import spaces
from teacherstudent.slots.wrapping.family import family_from_gymnasium


def test_a_task_shown_in_single_precision_or_as_something_else_is_no_reason_to_refuse():
    class Rounds(Ramp):
        def reset(self, *, seed=None, options=None):
            task = np.asarray(options["task"], np.float32)
            return super().reset(seed=seed, options={"task": task})[0], {"task": "a ramp"}

    assert family_from_gymnasium(Rounds).space is SPACE


def test_copying_the_options_counts_as_reading_them():
    class Copies(Ramp):
        def reset(self, *, seed=None, options=None):
            return super().reset(seed=seed, options={**(options or {})})

    assert family_from_gymnasium(Copies).space is SPACE


class Ignores(gym.Env):
    """Reads its task and does nothing with it; ends by itself."""

    observation_space, action_space = Box(-9, 9, (1,), np.float32), Discrete(2)
    lasts = 20

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.task, self.steps = np.asarray(options["task"], float).ravel(), 0
        self.x = self.np_random.normal()
        return self.see(), {}

    def step(self, action):
        self.steps += 1
        self.x += self.change(action)
        return self.see(), float(self.x), self.steps == self.lasts, False, {}

    def change(self, action):
        return 0.1 * self.np_random.normal() + 0.01 * action

    def see(self):
        return np.array([np.clip(self.x, -9, 9)], np.float32)


class LateChange(Ignores):
    """Its task counts in the last step alone."""

    def change(self, action):
        return self.task[0] if self.steps == self.lasts else super().change(action)


class Endless(Ignores):
    lasts = np.inf


class Unseeded(Ignores):
    """Is not the same under one seed."""

    def reset(self, *, seed=None, options=None):
        return super().reset(seed=None, options=options)


class Breaks(Ignores):
    def step(self, action):
        raise ZeroDivisionError("no ground")


def test_an_environment_that_reads_its_task_and_ignores_it_brings_a_warning():
    for space in (spaces.Parameters(height=(0, 1)), Discrete(5)):
        with pytest.warns(UserWarning, match="expected tasks of Ignores to make a difference"):
            family_from_gymnasium(Ignores, space=space)


@pytest.mark.parametrize("kind", [Ramp, LateChange, Endless, Unseeded, Breaks, "CartPole"])
def test_no_false_alarm(kind):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".* states no time limit")
        if kind == "CartPole":
            family_from_gymnasium("teacherstudent/CartPoleParameters-v0")
            return
        family_from_gymnasium(kind, space=None if kind is Ramp else spaces.Parameters(height=(0.1, 1)))
        family_from_gymnasium(Ignores, space=Discrete(1))  # one task makes no difference


def test_looking_at_an_environment_leaves_the_global_generators_alone():
    class Careless(Ignores):
        def change(self, action):
            return np.random.random() * self.task[0]  # noqa: NPY002  # what careless environments do

    np.random.seed(3)  # noqa: NPY002
    expected = np.random.random(2)  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    family_from_gymnasium(Careless, space=spaces.Parameters(height=(0, 1)))
    np.testing.assert_array_equal(np.random.random(2), expected)  # noqa: NPY002


def test_observations_that_do_not_survive_their_space_bring_a_warning():
    class Truncated(Ramp):
        observation_space = Box(0, 255, (2,), np.uint8)

        def _see(self):
            return np.array([0.5, 300.0])

    with pytest.warns(UserWarning, match="do not survive the conversion"):
        family_from_gymnasium(Truncated)
