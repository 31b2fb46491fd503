"""Environments of gymnasium whose task is a slope and a goal."""

from __future__ import annotations

import os

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, Tuple

from teacherstudent import spaces

SPACE = spaces.Parameters(slope=(-1, 1), goal=(1, 9))


class Ramp(gym.Env):
    """Adds action and slope to a position; over beyond the goal; fails on request."""

    task_space = SPACE
    action_space = Discrete(2)
    observation_space = Box(-np.inf, np.inf, (2,), np.float32)

    def __init__(self, fault=None, render_mode=None):
        self.fault, self.render_mode = fault, render_mode

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if self.fault == "reset":
            raise ZeroDivisionError("no ground")
        task = (options or {}).get("task")
        self.task = self.task_space.sample() if task is None else task
        self.position = self.np_random.uniform(-0.1, 0.1)
        return self._see(), {"task": self.task, "begun": True}

    def step(self, action):
        if self.fault == "step" and self.task[0] > 0.5:
            raise ZeroDivisionError("ground gone")
        if self.fault == "die" and self.task[0] > 0.5:
            os._exit(3)
        self.position += action + self.task[0]
        reward = np.nan if self.fault == "reward" and self.task[0] > 0.5 else self.position
        over = abs(self.position) > self.task[1]
        return self._see(), reward, bool(over), False, {"at": self.position, "nested": {"a": 1}}

    def render(self):
        return np.zeros((2, 2, 3), np.uint8)

    def _see(self):
        bad = self.fault == "observation" and self.task[0] > 0.5
        return np.array([self.position, np.nan if bad else 0.0], np.float32)


class Nested(Ramp):
    """The same with an observation of parts."""

    observation_space = Dict(
        place=Box(-np.inf, np.inf, (2,), np.float32), more=Tuple((Discrete(3), MultiBinary(2)))
    )

    def _see(self):
        return {"place": super()._see(), "more": (np.int64(1), np.array([0, 1], np.int8))}


class Arms(gym.Env):
    """A one-step bandit whose tasks are numbers."""

    observation_space, action_space = Box(0, 1, (1,), np.float32), Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.arm = int(options["task"])
        return np.zeros(1, np.float32), {}

    def step(self, action):
        return np.zeros(1, np.float32), float(self.arm), True, False, {}


ROWS = np.array([[0.1, 2.0], [0.9, 3.0], [-0.5, 4.0]])
