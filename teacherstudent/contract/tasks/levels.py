"""Spaces that are neither boxes nor discrete: what they have to know of their tasks, and a base of levels."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Protocol, runtime_checkable

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from teacherstudent.contract.types import Array, BoolArray, FloatArray, IntArray


@runtime_checkable
class OwnTasks(Protocol):
    """A gymnasium space that is neither a box nor discrete and knows its tasks itself; `Levels` is one."""

    def draw(self, rng: np.random.Generator, n: int) -> Array:
        """Return ``(n, *shape)`` random tasks."""

    def contains_each(self, tasks: Array) -> BoolArray:
        """Return ``(n,)`` bool: which tasks are valid."""

    def key(self, tasks: Array) -> IntArray:
        """Return ``(n,)`` int64 keys, equal for equal tasks and, up to hash collisions, only then."""

    def describe(self) -> dict[str, Any]:
        """Return as plain data what tells the space from others of its class."""


@runtime_checkable
class Mutable(Protocol):
    """A space that edits its tasks itself."""

    def mutate(self, rng: np.random.Generator, tasks: Array, edits: int = 1) -> Array:
        """Return one valid task for each of ``tasks``, same shape, that is ``edits`` small edits away."""


class Levels(gym.Space[Array]):
    """Base of level spaces: tasks that can be edited and compared, such as mazes.

    A level is one array of fixed shape and dtype. Subclasses write `draw`, `mutate`, `key`, `contains_each`,
    and may write `draw_simple`, `features` and `options`.
    """

    def __init__(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
        super().__init__(shape=shape, dtype=np.dtype(dtype))

    @abstractmethod
    def draw(self, rng: np.random.Generator, n: int) -> Array:
        """Return ``(n, *shape)`` random levels."""

    def draw_simple(self, rng: np.random.Generator, n: int) -> Array:
        """Return ``(n, *shape)`` of the simplest levels, from which editing starts; as `draw` if none are."""
        return self.draw(rng, n)

    @abstractmethod
    def mutate(self, rng: np.random.Generator, tasks: Array, edits: int = 1) -> Array:
        """Return one valid level for each of ``tasks``, same shape, that is ``edits`` small edits away."""

    @abstractmethod
    def key(self, tasks: Array) -> IntArray:
        """Return ``(n,)`` int64 keys, equal for equal levels and, up to hash collisions, only then."""

    @abstractmethod
    def contains_each(self, tasks: Array) -> BoolArray:
        """Return ``(n,)`` bool: which levels are valid."""

    def features(self, tasks: Array) -> dict[str, FloatArray]:
        """Return what to log about levels, ``(n,)`` each: walls, shortest path; empty if nothing."""
        del tasks
        return {}

    def options(self) -> dict[str, Any]:
        """Return, as plain data, what tells the space from others of its class: its generator, sizes."""
        return {}

    def describe(self) -> dict[str, Any]:
        """Return as plain data what tells the space from others of its class."""
        return {"shape": list(self.shape or ()), "dtype": str(self.dtype), "options": self.options()}

    def sample(self, mask: Any | None = None, probability: Any | None = None) -> Array:
        """Return one random level of the space's own generator, as gymnasium spaces do.

        Raises:
            ValueError: if a mask or probabilities are given; levels take neither.
        """
        if mask is not None or probability is not None:
            raise ValueError("Levels.sample: expected no mask and no probability")
        return np.asarray(self.draw(self.np_random, 1)[0])

    def contains(self, x: Any) -> bool:
        """Return whether ``x`` is one valid level."""
        x = np.asarray(x)
        return x.shape == self.shape and x.dtype == self.dtype and bool(self.contains_each(x[None])[0])

    @property
    def is_np_flattenable(self) -> bool:
        """Levels have no flat form."""
        return False
