"""A wrapper for single environments that starts the task it was given when the environment is next reset."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any, TypeAlias

import gymnasium as gym

from teacherstudent.contract.types import Array
from teacherstudent.slots.wrapping.probe import WatchedOptions

Apply: TypeAlias = Callable[[Any, Array], object]
"""Sets a task ``(*space.shape,)`` on an environment, before its reset."""


class TaskReset(gym.Wrapper[Any, Any, Any, Any]):
    """Starts, at each reset, the task that was last put into `next_task`, whoever calls for the reset.

    `TeacherVectorEnv` and `TeacherVecEnv` put tasks there, in worker processes too:
    ``AsyncVectorEnv([lambda: TaskReset(make())] * 8)``. Around environments of their own process they put it
    by themselves. Without a task it changes nothing.

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
        if self.next_task is None:
            return self.env.reset(seed=seed, options=options)
        # A copy, as an environment may write into its task.
        task = copy.copy(self.next_task)
        if self._apply is not None:
            self._apply(self.env, task)
            return self.env.reset(seed=seed, options=options)
        self._check_looked()
        handed = {**(options or {}), "task": task}
        # Watched options slow every access down, so they end with the first episode.
        if not self._looked:
            handed = self._options = WatchedOptions(handed)
        return self.env.reset(seed=seed, options=handed)

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
