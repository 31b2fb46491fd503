"""Walkers in Box2D whose episode is cut where they are stuck."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

from teacherstudent.contract.types import Array
from teacherstudent.envs.walkers.box2d.environment import WalkerGround


class StuckLimit(gym.Wrapper[Any, Any, Any, Any]):
    """Truncates an episode after some steps in which the hull did not get some metres farther.

    Args:
        env: a walker of `WalkerGround`.
        steps: so many in a row.
        metres: so much, counted from where the hull was when it last did.
    """

    def __init__(self, env: gym.Env[Any, Any], steps: int, metres: float) -> None:
        super().__init__(env)
        self._limits = steps, metres
        self._best = 0.0
        self._since = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Start an episode; the hull's place counts from here."""
        started = self.env.reset(seed=seed, options=options)
        self._best = self._place()
        self._since = 0
        return started

    def step(self, action: Any) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Step the walker; one that ends by itself is not cut as well."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        steps, metres = self._limits
        self._since += 1
        # The place moves by whole gains only, as in the compiled walkers' kernel.
        if self._place() >= self._best + metres:
            self._best = self._place()
            self._since = 0
        stuck = self._since >= steps and not terminated
        return observation, float(reward), terminated, truncated or stuck, info

    def _place(self) -> float:
        walker = self.env.unwrapped
        assert isinstance(walker, WalkerGround)
        return float(walker.body.hull.position.x)
