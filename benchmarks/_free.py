"""An environment that costs next to nothing, so that what is left is the student."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from teacherstudent import spaces
from teacherstudent.contract.family import RLFamily
from teacherstudent.contract.types import Array, generator

OBSERVATIONS, ACTIONS, MEAN_LENGTH = 24, 4, 200


class FreeSlots(VectorEnv[Any, Any, Any]):
    """Constant observations and rewards in the shape of a walker's; episodes end at random.

    Which slots end at which step was drawn beforehand: a step looks it up, nothing else.
    """

    def __init__(self, n: int) -> None:
        self.num_envs = n
        self.metadata = {"autoreset_mode": AutoresetMode.DISABLED}
        self.single_observation_space = Box(-np.inf, np.inf, (OBSERVATIONS,), np.float32)
        self.single_action_space = Box(-1, 1, (ACTIONS,), np.float32)
        self.observation_space = batch_space(self.single_observation_space, n)
        self.action_space = batch_space(self.single_action_space, n)
        rng = generator(0)
        self._observations = rng.standard_normal((n, OBSERVATIONS)).astype(np.float32)
        self._rewards = rng.standard_normal(n)
        self._ends = rng.random((997, n)) < 1 / MEAN_LENGTH
        self._never = np.zeros(n, np.bool_)
        self._count = 0

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Return the observations."""
        return self._observations, {}

    def step(self, actions: Any) -> tuple[Array, Array, Array, Array, dict[str, Any]]:
        """Return the same again; about one slot in 200 terminates."""
        self._count += 1
        ends = self._ends[self._count % len(self._ends)]
        return self._observations, self._rewards, ends, self._never, {}


class FreeFamily(RLFamily):
    """A family of free environments; tasks of two dimensions that mean nothing."""

    space = spaces.Parameters(a=(0.0, 1.0), b=(0.0, 1.0))
    test_set = "free"
    mastered = 0.0

    def test_tasks(self) -> Array:
        """Return two tasks."""
        return np.array([[0.1, 0.1], [0.9, 0.9]])

    def make_vec(self, n: int, *, processes: int = 1) -> FreeSlots:
        """Return ``n`` slots in this process."""
        return FreeSlots(n)

    def make_env(self, *, render_mode: str | None = None) -> gym.Env[Any, Any]:
        """Raise TypeError: there is no single one.

        Raises:
            TypeError: always.
        """
        raise TypeError("FreeFamily has vector environments only")
