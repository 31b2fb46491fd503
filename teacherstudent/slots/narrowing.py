"""Slots that wait for others to finish, and cost nothing meanwhile where the vector environment allows it."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv

from teacherstudent.contract.family import Narrows
from teacherstudent.contract.types import Array, BoolArray, IntArray
from teacherstudent.slots.requests import Step


class LiveSlots:
    """Steps a vector environment until slots are left behind; from then on it steps those that go on.

    Results keep the full width: a slot that was left behind shows its last observation, no reward and no end.
    So a policy sees as many rows as before, and what it computes of the others does not change.

    Attributes:
        observations: of all slots, as they were returned last.

    Args:
        envs: whose slots are not all of equal use; a reset of it makes all of them live.
    """

    def __init__(self, envs: VectorEnv[Any, Any, Any]) -> None:
        self.observations: Any = None
        self._envs = envs
        # The slots that go on, and the environment that steps them; None while all do.
        self._slots: IntArray | None = None
        self._part: VectorEnv[Any, Any, Any] = envs

    @property
    def narrows(self) -> bool:
        """Whether `leave` saves anything."""
        return isinstance(self._envs, Narrows)

    def reset(self, *, seed: Any, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Start episodes; slots that were left behind are there again, as the environment has them."""
        self._slots = None
        self._part = self._envs
        self.observations, info = self._envs.reset(seed=seed, options=options)
        return self.observations, info

    def leave(self, slots: BoolArray) -> None:
        """Leave slots ``(n,)`` behind, beside those left before: nobody looks at their episodes any more."""
        here = np.arange(len(slots)) if self._slots is None else self._slots
        live = np.flatnonzero(~slots[here])
        # At least one slot must go on.
        if not 0 < len(live) < len(here):
            return
        assert isinstance(self._part, Narrows)
        self._part = self._part.narrowed(live)
        self._slots = here[live]

    def step(self, actions: Array) -> Step:
        """Step the slots that go on."""
        if self._slots is None:
            results = self._envs.step(actions)
            self.observations = results[0]
            return results
        slots = self._slots
        n = self._envs.num_envs
        seen, rewards, terminated, truncated, info = self._part.step(actions[slots])
        # A new array, since a caller may still hold the last observations.
        self.observations = self.observations.copy()
        self.observations[slots] = seen
        (over, cut) = np.zeros((2, n), np.bool_)
        over[slots] = terminated
        cut[slots] = truncated
        paid = np.zeros(n)
        paid[slots] = rewards
        return self.observations, paid, over, cut, _spread(info, slots, n)


def _spread(info: dict[str, Any], slots: IntArray, n: int) -> dict[str, Any]:
    """Return columns of some slots as columns of all, with zeros in between."""
    spread: dict[str, Any] = {}
    for name, column in info.items():
        if isinstance(column, dict):
            spread[name] = _spread(column, slots, n)
            continue
        values = np.asarray(column)
        spread[name] = np.zeros((n, *values.shape[1:]), values.dtype)
        spread[name][slots] = values
    return spread
