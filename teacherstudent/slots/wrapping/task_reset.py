"""A wrapper for single environments that starts the task it was given when the environment is next reset."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any, TypeAlias

import gymnasium as gym
import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import closest
from teacherstudent.contract.types import Array
from teacherstudent.slots.wrapping.probe import WatchedOptions

Apply: TypeAlias = Callable[[Any, Array], object]
"""Sets a task ``(*space.shape,)`` on an environment, before its reset."""


class TaskReset(gym.Wrapper[Any, Any, Any, Any]):
    """Starts, at each reset, the task that was last put into `next_task`, whoever calls for the reset.

    `TeacherVectorEnv` and `TeacherVecEnv` put tasks there, in worker processes too:
    ``AsyncVectorEnv([lambda: TaskReset(make())] * 8)``. Around environments of their own process they put it
    by themselves. Without a task it changes nothing. With a function it also takes the task of
    ``reset(options={"task": task})``, as environments of a family do.

    Attributes:
        next_task: of the next resets.

    Args:
        env: an environment.
        apply: is given the environment and the task before each reset; None passes the task on in
            ``reset(options={"task": task})``.
    """

    def __init__(self, env: gym.Env[Any, Any], apply: Apply | None = None) -> None:
        if apply is not None and not callable(apply):
            raise TypeError(f"TaskReset: apply: expected a function of environment and task, got {apply!r}")
        super().__init__(env)
        self.next_task: Array | None = None
        self._apply = apply
        # Options of the first task, the only ones that are watched; None once it is known.
        self._options: WatchedOptions | None = None
        self._looked = apply is not None

    def set_next_task(self, task: Array) -> None:
        """Keep a task for the next reset."""
        self.next_task = task

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start the task."""
        if self._apply is not None:
            return self._reset_applied(self._apply, seed, options)
        if self.next_task is None:
            return self.env.reset(seed=seed, options=options)
        self._check_looked()
        # A copy, as an environment may write into its task.
        handed = {**(options or {}), "task": copy.copy(self.next_task)}
        # Watched options slow every access down, so they end with the first episode.
        if not self._looked:
            handed = self._options = WatchedOptions(handed)
        return self.env.reset(seed=seed, options=handed)

    def _reset_applied(
        self, apply: Apply, seed: int | None, options: dict[str, Any] | None
    ) -> tuple[Any, dict[str, Any]]:
        """Let the function set the task, and reset without it."""
        task = self.next_task
        if options is not None and "task" in options:
            others = dict(options)
            # Whoever names a task in this very reset means this one.
            task = others.pop("task")
            options = others or None
        if task is not None:
            # A copy, as the function may write into its task.
            apply(self.env, copy.copy(task))
        return self.env.reset(seed=seed, options=options)

    def _check_looked(self) -> None:
        """Warn once if the first episode is over and nothing has looked at its task."""
        if self._options is None:
            return
        if not self._options.seen:
            warnings.warn(
                f"TaskReset: expected {self.env} to start the task in the options['task'] of reset, but it "
                "never looked there in a whole episode: the teacher's choice of task changes nothing. "
                "apply=lambda env, task: ... sets it in another way",
                stacklevel=3,
            )
        self._looked = True
        self._options = None


class NamedAttributes:
    """Sets the named parameters of a space as attributes of these names on the innermost environment.

    Args:
        space: of named parameters.
    """

    def __init__(self, space: gym.Space[Any]) -> None:
        self._space = space

    def __call__(self, env: Any, task: Array) -> None:
        """Set a task.

        Raises:
            AttributeError: if the environment has no attribute of a name: to set one would change nothing.
        """
        inner = env.unwrapped
        for name, value in spaces.task_dict(self._space, task).items():
            if not hasattr(inner, name):
                raise AttributeError(
                    f"apply='attributes': expected {type(inner).__name__} to have an attribute {name!r}"
                    f"{closest(name, _numbers_of(inner))}; a function, apply=lambda env, task: ..., sets "
                    "what has another name"
                )
            setattr(inner, name, value)

    def lost(self, env: Any, task: Array) -> str:
        """Return how the attributes differ from a task after a reset, in words; empty if they do not."""
        for name, value in spaces.task_dict(self._space, task).items():
            now = getattr(env.unwrapped, name)
            if not _alike(now, value):
                return f"its attribute {name} is {now!r} after the reset, and not {value!r}"
        return ""


def _alike(now: Any, value: Any) -> bool:
    """Return whether two values are equal; of real numbers single precision will do."""
    if isinstance(value, float) and isinstance(now, float | int | np.number):
        return bool(np.isclose(float(now), value, rtol=1e-5, atol=1e-8))
    return bool(np.array_equal(now, value))


def _numbers_of(env: Any) -> list[str]:
    """Return the names of an environment's attributes that are numbers or texts."""
    return [
        name
        for name, value in vars(env).items()
        if isinstance(value, int | float | str) and not name.startswith("_")
    ]
