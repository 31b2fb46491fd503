"""A teacher that keeps what it is told, and an environment of hills."""

import gymnasium as gym
import numpy as np

from teacherstudent import Parameters
from teacherstudent.contract.spaces import Box, sample
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Assignment


class Listener(Teacher):
    """Random tasks; keeps what it is told."""

    accepts = (Box,)

    def __init__(self, space, *, seed=0):
        super().__init__(space, seed=seed)
        self.asked, self.told = {}, []

    def _ask(self, ids, progress):
        tasks = sample(self.space, self.rng, len(ids))
        self.asked |= dict(zip(ids.tolist(), tasks, strict=True))
        return Assignment(ids=ids, tasks=tasks)

    def _tell(self, outcomes):
        self.told.append(outcomes)

    def _state(self):
        return {}

    def _load(self, state):
        pass

    def metrics(self):
        return {"told": float(len(self.told))}


class Heights(gym.Env):
    """Five steps; the start shows the task, and every step says something."""

    observation_space = gym.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gym.spaces.Discrete(3)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.height, self.steps = float(options["task"][0]), 0
        return np.full(1, self.height, np.float32), {}

    def step(self, action):
        self.steps += 1
        said = {
            "collisions": self.steps,
            "name": f"hill {self.height:.3f}",
            "parts": {"left": self.steps / 2},
        }
        if self.steps == 5 and self.height > 0.5:
            said["fell"] = True
        return np.full(1, self.height, np.float32), self.height, self.steps == 5, False, said

    def action_masks(self):
        return np.array([True, self.height > 0.5, True])


HEIGHT = Parameters(height=(0, 1))
