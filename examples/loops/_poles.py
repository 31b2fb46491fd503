"""An environment of the user's own: nothing here knows of teachers.

A cart balances a pole. How long the pole is, is the task; short ones fall fast.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym

TEST_LENGTHS = (0.1, 0.4, 0.7, 1.0)
"""Half of the poles' lengths in a test, in metres."""


class Pole(gym.Wrapper[Any, Any, Any, Any]):
    """CartPole with a pole of the length that ``reset(options={"task": [length]})`` says, else its own."""

    def __init__(self, length: float = 0.5) -> None:
        super().__init__(gym.make("CartPole-v1", max_episode_steps=200))
        self.length = length

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Set the pole and begin."""
        cart: Any = self.env.unwrapped
        cart.length = float((options or {}).get("task", [self.length])[0])
        cart.polemass_length = cart.masspole * cart.length
        return self.env.reset(seed=seed)
