"""Tasks that are drawn in blocks and handed out as they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.types import Array

BLOCK = 64
"""Tasks drawn together, at least."""


class Blocks:
    """Keeps what is left of a block for the next asks: a block costs hardly more than a single draw.

    Args:
        space: of the tasks.
    """

    def __init__(self, space: gym.Space[Any]) -> None:
        self._space = space
        self._left = self._none()

    def _none(self) -> Array:
        return np.empty((0, *(self._space.shape or ())), self._space.dtype)

    def take(self, n: int, draw: Callable[[int], Array]) -> Array:
        """Return ``n`` tasks ``(n, *space.shape)``, which ``draw`` makes as far as none are left."""
        missing = n - len(self._left)
        if missing > 0:
            self._left = np.concatenate([self._left, draw(max(missing, BLOCK))])
        tasks = self._left[:n]
        self._left = self._left[n:]
        return tasks

    def clear(self) -> None:
        """Forget what is left: it was drawn before the teacher learnt something."""
        self._left = self._none()

    def state(self) -> Array:
        """Return the tasks drawn and not yet taken; a copy."""
        return self._left.copy()

    def load(self, what: str, left: Any) -> None:
        """Take over what `state` returned; raise ValueError if tasks lie outside the space."""
        self._left = spaces.check_tasks(self._space, left, what).copy()
