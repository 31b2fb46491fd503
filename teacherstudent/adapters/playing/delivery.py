"""How a task reaches a slot: by the options of a reset, by a wrapper inside it, or by a user's function."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv

from teacherstudent.contract.types import Array, BoolArray
from teacherstudent.slots.wrapping.probe import WatchedOptions
from teacherstudent.slots.wrapping.task_reset import TaskReset

_INSIDE = "next_task"


class Delivery(Protocol):
    """Brings tasks to slots."""

    def put(self, tasks: Array, mask: BoolArray) -> None:
        """Let the slots of the mask start their rows of ``tasks`` ``(n, ...)`` when they are next reset."""

    def options(self, given: dict[str, Any], tasks: Array, mask: BoolArray) -> dict[str, Any]:
        """Return what a reset of the slots of the mask must be given, with the options of its caller."""


class ByOptions:
    """Hands the table of tasks to the reset: of vector environments that take it, as those of families do.

    It warns once if nothing has looked at the first table when the next one is handed over.
    """

    def __init__(self, envs: VectorEnv[Any, Any, Any], where: str) -> None:
        self._envs = envs
        self._where = where
        # Options of the first reset, the only ones that are watched; None once it is known.
        self._watched: WatchedOptions | None = None
        self._looked = False

    def put(self, tasks: Array, mask: BoolArray) -> None:
        """Wait for the reset."""

    def options(self, given: dict[str, Any], tasks: Array, mask: BoolArray) -> dict[str, Any]:
        """Add the table, and which rows of it count."""
        self._check_looked()
        handed = {**given, "task": tasks, "reset_mask": mask}
        # Watched options slow every access down, so they end with the first reset.
        if not self._looked:
            handed = self._watched = WatchedOptions(handed)
        return handed

    def _check_looked(self) -> None:
        """Warn once if the first episodes are over and nothing has looked at their tasks."""
        if self._watched is None:
            return
        if not self._watched.seen:
            warnings.warn(
                f"{self._where}: expected {self._envs} to start the tasks in the options['task'] of reset, "
                "but it has not looked there before the next reset: the teacher's choice of task changes "
                "nothing. apply=lambda envs, tasks: ... sets them in another way",
                stacklevel=4,
            )
        self._looked = True
        self._watched = None


class ByWrappers:
    """Gives each task to the `TaskReset` in its slot, all in this process."""

    def __init__(self, slots: list[TaskReset]) -> None:
        self._slots = slots

    def put(self, tasks: Array, mask: BoolArray) -> None:
        """Give them."""
        for slot in np.flatnonzero(mask).tolist():
            self._slots[slot].next_task = tasks[slot].copy()

    def options(self, given: dict[str, Any], tasks: Array, mask: BoolArray) -> dict[str, Any]:
        """Return the caller's own."""
        return given


class ByAttribute:
    """Sends the tasks of all slots to the `TaskReset` in each, in whichever process: one message a slot.

    Slots outside the mask get again what they have.
    """

    def __init__(self, envs: Any) -> None:
        self._envs = envs

    def put(self, tasks: Array, mask: BoolArray) -> None:
        """Send them."""
        self._envs.set_attr(_INSIDE, list(tasks.copy()))

    def options(self, given: dict[str, Any], tasks: Array, mask: BoolArray) -> dict[str, Any]:
        """Return the caller's own."""
        return given


class ByFunction:
    """Gives the table of tasks to a user's function, before each reset or start of a slot."""

    def __init__(self, envs: Any, apply: Callable[[Any, Array], object]) -> None:
        self._envs = envs
        self._apply = apply

    def put(self, tasks: Array, mask: BoolArray) -> None:
        """Call the function."""
        self._apply(self._envs, tasks.copy())

    def options(self, given: dict[str, Any], tasks: Array, mask: BoolArray) -> dict[str, Any]:
        """Return the caller's own."""
        return given


class AddedTaskReset(TaskReset):
    """A `TaskReset` that an adapter has put there, so that the next adapter may change its function."""

    def change(self, apply: Callable[[Any, Array], object] | None) -> None:
        """Set tasks by this function from now on."""
        self._apply = apply
        self._options = None
        self._looked = apply is not None


def wrapped(envs: list[Any], apply: Callable[[Any, Array], object] | None, where: str) -> list[TaskReset]:
    """Put a `TaskReset` around each environment of a list that has none inside; return one for each.

    Raises:
        TypeError: if there is a function, and a slot has a `TaskReset` of the user's, with its own way.
    """
    there = [_inside(env) for env in envs]
    for slot, inside in enumerate(there):
        if apply is not None and inside is not None and not isinstance(inside, AddedTaskReset):
            raise TypeError(
                f"{where}: apply: expected none, as slot {slot} has a TaskReset inside already, which sets "
                "the task: put the function there, TaskReset(make(), apply), and give no apply here, or "
                f"leave that wrapper out; got {apply!r}"
            )
    found: list[TaskReset] = []
    for slot, inside in enumerate(there):
        if inside is None:
            inside = envs[slot] = AddedTaskReset(envs[slot], apply)
        elif isinstance(inside, AddedTaskReset):
            inside.change(apply)
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
        TypeError: if nothing is known that brings a task to its slots, or ``apply`` cannot be used; the
            message says what to do.
    """
    if apply is not None and not callable(apply):
        raise TypeError(f"{where}: apply: expected a function, got {apply!r}")
    base: Any = envs.unwrapped
    if isinstance(base, SyncVectorEnv):
        # The list is gymnasium's own: it may be a tuple to a subclass.
        base.envs = list(base.envs)
        return ByWrappers(wrapped(base.envs, apply, where))
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
        return ByOptions(envs, where)
    raise TypeError(
        f"{where}: {type(base).__name__} starts slots by itself: expected apply=lambda envs, tasks: ..., "
        "which lets slot i start tasks[i] when it is next reset, got none"
    )
