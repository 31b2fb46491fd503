"""An environment with observations of two dimensions."""

import gymnasium as gym
import numpy as np
import torch
from gymnasium.spaces import Box, Discrete

from teacherstudent.contract.spaces import Parameters
from teacherstudent.slots.wrapping.family import family_from_gymnasium

CPU = torch.device("cpu")


class Grid(gym.Env):
    """Observations of two dimensions in float64; says success at some steps only; ends after its task."""

    observation_space = Box(-10, 10, (2, 3), np.float64)
    action_space = Discrete(3)
    task_space = Parameters(steps=(1, 9))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left = int(options["task"][0])
        self.start = self.np_random.random()
        return np.full((2, 3), self.start), {}

    def step(self, action):
        self.left -= 1
        info = {"is_success": self.start > 0.5} if self.left == 0 else {}
        return np.full((2, 3), float(self.left)), float(action), False, self.left == 0, info


def grid():
    return family_from_gymnasium(Grid, test_tasks=4, mastered=1.5)
