"""How a task reaches a slot: by the options of a reset, by a wrapper inside it, or by a user's function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv

from teacherstudent.adapters.playing.task_reset import TaskReset
from teacherstudent.contract.types import Array, BoolArray

_INSIDE = "next_task"


class Delivery(Protocol):
    """Brings tasks to slots."""

    def put(self, tasks: Array, mask: BoolArray) -> None:
        """Let the slots of the mask start their rows of ``tasks`` ``(n, ...)`` when they are next reset."""

    def options(self, tasks: Array, mask: BoolArray) -> dict[str, Any]:
        """Return what a reset of the slots of the mask must be given."""


class ByOptions:
    """Hands the table of tasks to the reset: of vector environments that take it, as those of families do."""

    def put(self, tasks: Array, mask: BoolArray) -> None:
        """Wait for the reset."""

    def options(self, tasks: Array, mask: BoolArray) -> dict[str, Any]:
        """Return the table, and which rows of it count."""
        return {"task": tasks, "reset_mask": mask}


class ByWrappers:
    """Gives each task to the `TaskReset` in its slot, all in this process."""

    def __init__(self, slots: list[TaskReset]) -> None:
        self._slots = slots

    def put(self, tasks: Array, mask: BoolArray) -> None:
        """Give them."""
        for slot in np.flatnonzero(mask).tolist():
            self._slots[slot].next_task = tasks[slot].copy()

    def options(self, tasks: Array, mask: BoolArray) -> dict[str, Any]:
        """Add nothing."""
        return {}


class ByAttribute:
    """Sends the tasks of all slots to the `TaskReset` in each, in whichever process: one message a slot.

    Slots outside the mask get again what they have.
    """

    def __init__(self, envs: Any) -> None:
        self._envs = envs

    def put(self, tasks: Array, mask: BoolArray) -> None:
        """Send them."""
        self._envs.set_attr(_INSIDE, list(tasks.copy()))

    def options(self, tasks: Array, mask: BoolArray) -> dict[str, Any]:
        """Add nothing."""
        return {}


class ByFunction:
    """Gives the table of tasks to a user's function, before each reset or start of a slot."""

    def __init__(self, envs: Any, apply: Callable[[Any, Array], object]) -> None:
        self._envs = envs
        self._apply = apply

    def put(self, tasks: Array, mask: BoolArray) -> None:
        """Call the function."""
        self._apply(self._envs, tasks.copy())

    def options(self, tasks: Array, mask: BoolArray) -> dict[str, Any]:
        """Add nothing."""
        return {}


def wrapped(envs: list[Any], apply: Callable[[Any, Array], object] | None) -> list[TaskReset]:
    """Put a `TaskReset` around each environment of a list that has none inside; return one for each."""
    found = []
    for slot, env in enumerate(envs):
        inside = _inside(env)
        if inside is None:
            inside = envs[slot] = TaskReset(env, apply)
        found.append(inside)
    return found


def _inside(env: Any) -> TaskReset | None:
    """Return the `TaskReset` among the wrappers of an environment; None if there is none."""
    while isinstance(env, gym.Wrapper):
        if isinstance(env, TaskReset):
            return env
        env = env.env
    return None


def delivery(
    envs: VectorEnv[Any, Any, Any], apply: Callable[[Any, Array], object] | None, where: str
) -> Delivery:
    """Return how tasks reach the slots of a gymnasium vector environment.

    Raises:
        TypeError: if nothing is known that brings a task to its slots; the message says what to add.
    """
    if apply is not None and not callable(apply):
        raise TypeError(f"{where}: apply: expected a function, got {apply!r}")
    base: Any = envs.unwrapped
    if isinstance(base, SyncVectorEnv):
        # The list is gymnasium's own: it may be a tuple to a subclass.
        base.envs = list(base.envs)
        return ByWrappers(wrapped(base.envs, apply))
    if isinstance(base, AsyncVectorEnv):
        if apply is None and all(base.call("has_wrapper_attr", _INSIDE)):
            return ByAttribute(base)
        raise TypeError(
            f"{where}: AsyncVectorEnv: a task cannot be brought into its processes from here: put the "
            "wrapper there, AsyncVectorEnv([lambda: TaskReset(make(), apply)] * n), and give no apply here"
        )
    if apply is not None:
        return ByFunction(envs, apply)
    if (envs.metadata or {}).get("autoreset_mode") == AutoresetMode.DISABLED:
        return ByOptions()
    raise TypeError(
        f"{where}: {type(base).__name__} starts slots by itself: expected apply=lambda envs, tasks: ..., "
        "which lets slot i start tasks[i] when it is next reset, got none"
    )
