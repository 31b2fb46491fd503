"""An environment of the user's own, and the policies of the loops beside: nothing here knows of teachers.

A cart climbs hills of different steepness. How steep the hill is, is the task.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np


class Hill(gym.Env[Any, Any]):
    """A cart on a hill; it is at the top after some pushes uphill, more on a steep one."""

    observation_space = gym.spaces.Box(-5.0, 5.0, (2,), np.float32)
    action_space = gym.spaces.Discrete(2)
    steepness = 0.5

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start at the foot of the hill."""
        super().reset(seed=seed)
        self.steepness = float((options or {}).get("task", [self.steepness])[0])
        self.height = 0.0
        self.steps = 0
        return self._see(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Push uphill (1) or let go (0)."""
        push = 0.25 if action == 1 else 0.0
        self.height = float(np.clip(self.height + push - 0.2 * self.steepness, -1.0, 1.0))
        self.steps += 1
        top = self.height >= 1.0
        return self._see(), float(top), top, self.steps >= 40, {"height": self.height}

    def _see(self) -> Any:
        return np.array([self.height, self.steepness], np.float32)


def act(observations: Any, rng: np.random.Generator) -> Any:
    """Return actions ``(n,)`` of somebody who pushes more often than not."""
    return (rng.random(len(observations)) < 0.8).astype(np.int64)
