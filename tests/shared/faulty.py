"""An environment that fails on some of its tasks, in every way there is."""

import os
import sys
import time

import numpy as np
from gymnasium import Env
from gymnasium.spaces import Box, Discrete

from teacherstudent.contract.spaces import Parameters
from teacherstudent.slots.wrapping.family import family_from_gymnasium

GOOD, RESET, STEP, REWARD, SEEN, DIE, HANG, HANG_AT_RESET = np.arange(8) / 10 + 0.05
"""A task of each kind; those below 0.1 are good."""


class Faulty(Env):
    """Pays the task at each of six steps; what a task of 0.1 and above does says the number after the dot."""

    observation_space, action_space = Box(-10, 10, (1,), np.float32), Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.task, self.t = float(options["task"][0]), 0
        self.kind = int(self.task * 10)
        if self.kind == 1:
            raise ValueError("no ground")
        if self.kind == 7:
            time.sleep(1000)
        return np.full(1, self.task, np.float32), {}

    def step(self, action):
        self.t += 1
        bad = self.t == 3
        sys.stdout.write("steps\r")
        if bad and self.kind == 2:
            raise ZeroDivisionError("ground gone")
        if bad and self.kind == 5:
            os._exit(3)
        if bad and self.kind == 6:
            time.sleep(1000)
        reward = np.nan if bad and self.kind == 3 else self.task
        seen = np.inf if bad and self.kind == 4 else self.task + self.t
        return np.full(1, seen, np.float32), reward, self.t >= 6, False, {}


def faulty(low=0.0, high=0.5, **options):
    """Return the family of tasks from ``low`` to ``high``, with three good test tasks."""
    options = {"max_episode_steps": 50, "mastered": 0.2} | options
    options.setdefault("test_tasks", np.array([[0.02], [0.05], [0.09]]))
    return family_from_gymnasium(Faulty, space=Parameters(kind=(low, high)), **options)
