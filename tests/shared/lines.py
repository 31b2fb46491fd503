"""A walk on a line in tensors, and options of small rsl_rl students."""

import numpy as np
import torch
from gymnasium.spaces import Box

from teacherstudent.contract.family import RLFamily
from teacherstudent.contract.spaces import Parameters

SMALL = {"n_envs": 6, "n_steps": 12, "device": "cpu", "policy": {"hidden_dims": [16, 16]}}
RECURRENT = {"class_name": "RNNModel"}


class Line:
    """Walk to a goal on a line, in tensors; every table handed out is overwritten by the next call."""

    def __init__(self, n, device):
        self.num_envs, self.device = n, device
        self.single_observation_space = Box(-20, 20, (3,), np.float32)
        self.single_action_space = Box(-1, 1, (1,), np.float32)
        self.now = torch.zeros(n, 3, device=device)  # position, goal, time: the observations too
        self.ends = torch.zeros(2, n, dtype=torch.bool, device=device)

    def start(self, mask, tasks, seeds):
        assert seeds.dtype == torch.int64
        fresh = torch.stack([(seeds % 1000) / 1000 - 0.5, tasks[:, 0], torch.zeros_like(tasks[:, 0])], 1)
        self.now.copy_(torch.where(mask[:, None], fresh.float(), self.now))
        return self.now

    def step(self, actions):
        assert actions.shape == (self.num_envs, 1)
        self.now[:, 0] += actions[:, 0]
        self.now[:, 2] += 1
        distance = (self.now[:, 0] - self.now[:, 1]).abs()
        torch.gt(distance, 4, out=self.ends[0])
        torch.ge(self.now[:, 2], 8, out=self.ends[1])
        return self.now, -distance, self.ends[0], self.ends[1]

    def get_state(self):
        return {"now": self.now.cpu().numpy().copy()}

    def set_state(self, state):
        self.now.copy_(torch.from_numpy(state["now"]))

    def close(self):
        """Nothing to free."""


class LineFamily(RLFamily):
    space = Parameters(goal=(-3, 3))
    test_set = "line"
    mastered = -8.0
    kind = Line

    def test_tasks(self):
        return np.linspace(-3, 3, 9)[:, None]

    def make_tensors(self, n, device):
        return self.kind(n, device)

    def make_vec(self, n, *, processes=1):
        raise AssertionError("the host is not needed")

    make_env = make_vec
