"""Finds out whether an environment takes its task from the options of ``reset``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np

from teacherstudent import spaces
from teacherstudent.types import Array, generator


class _Watched(dict[str, Any]):
    """Options that notice whether anyone looks at the task; a copy of all counts as a look."""

    seen = False

    def _look(self, key: object) -> None:
        self.seen = self.seen or key == "task"

    def __getitem__(self, key: str) -> Any:
        self._look(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self._look(key)
        return super().get(key, default)

    def pop(self, key: str, *default: Any) -> Any:
        self._look(key)
        return super().pop(key, *default)

    def __iter__(self) -> Iterator[str]:
        self._look("task")
        return super().__iter__()

    def keys(self) -> Any:
        self._look("task")
        return super().keys()

    def values(self) -> Any:
        self._look("task")
        return super().values()

    def items(self) -> Any:
        self._look("task")
        return super().items()

    def copy(self) -> dict[str, Any]:
        self._look("task")
        return super().copy()


def probe(env: gym.Env[Any, Any], name: str, space: gym.Space[Any]) -> None:
    """Reset the environment on one task.

    Raises:
        ValueError: if it refuses, never looks at the task, or shows another one afterwards.
    """
    task = spaces.sample(space, generator(0), 1)[0]
    options = _Watched(task=task.copy())
    try:
        _, info = env.reset(seed=0, options=options)
    except Exception as error:
        raise ValueError(
            f'environment: expected {name} to take reset(seed=0, options={{"task": {task.tolist()}}}), got '
            f"{type(error).__name__}: {error}"
        ) from error
    if not options.seen:
        raise ValueError(
            f'environment: expected {name} to start the task in the options["task"] of reset, '
            "but it never looks there"
        )
    for where, shown in (("info['task']", info.get("task")), ("task", getattr(env.unwrapped, "task", None))):
        if _another(shown, task):
            raise ValueError(
                f"environment: expected {name} to start task {task.tolist()}, but its {where} shows {shown}"
            )


def _another(shown: Any, task: Array) -> bool:
    """Return whether what an environment shows is a task, and not this one; single precision will do."""
    if not isinstance(shown, np.ndarray | np.generic | list | tuple | int | float):
        return False
    values = np.asarray(shown)
    if values.dtype.kind not in "biuf" or values.shape != task.shape:
        return False
    return not np.allclose(values.astype(np.float64), task.astype(np.float64), rtol=1e-5, atol=1e-5)
