"""What teachers with a target are told: tasks that are wanted, easy ones, and in which units they think."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import is_finite, is_one_of
from teacherstudent.contract.spaces import Box
from teacherstudent.contract.types import Array, FloatArray

Variant: TypeAlias = Literal["fixed", "paper"]


class Units:
    """The coordinates in which a teacher works: the unit cube, or the tasks' own (``variant="paper"``).

    Attributes:
        low: ``(d,)`` the lower end of the space in these coordinates.
        high: ``(d,)`` the upper end.

    Args:
        who: the teacher's name, for messages.
        space: the task space.
        variant: ``"fixed"`` or ``"paper"``.

    Raises:
        ValueError: if the variant is unknown, or raw coordinates are beyond float32, where their squares
            would be beyond float64.
    """

    def __init__(self, who: str, space: Box, variant: Variant = "fixed") -> None:
        if not is_one_of(variant, ("fixed", "paper")):
            raise ValueError(f"{who}: variant: expected 'fixed' or 'paper', got {variant!r}")
        self._space = space
        self.raw = variant == "paper"
        if self.raw:
            spaces.check_single(space, f"{who}: variant 'paper'")
            self.low, self.high = spaces.edges(space)
        else:
            d = int(np.prod(space.shape))
            self.low = np.zeros(d)
            self.high = np.ones(d)

    @property
    def size(self) -> FloatArray:
        """The range of every coordinate, ``(d,)``."""
        return self.high - self.low

    def points(self, tasks: Array) -> FloatArray:
        """Return tasks ``(n, *space.shape)`` as points ``(n, d)``."""
        if self.raw:
            return tasks.reshape(len(tasks), -1).astype(np.float64)
        return spaces.to_unit(self._space, tasks)

    def tasks(self, points: FloatArray) -> Array:
        """Return points ``(n, d)`` as tasks ``(n, *space.shape)``, clipped to the space."""
        if self.raw:
            return spaces.from_flat(self._space, points)
        return spaces.from_unit(self._space, points)

    def shown(self, points: FloatArray) -> Array:
        """Return points ``(n, d)`` as numbers ``(n, d)`` on the scale of the tasks, for a picture."""
        return self.tasks(points).reshape(points.shape).copy()


class Sample:
    """Tasks that stand for a distribution, from which fresh ones are drawn.

    Args:
        where: the teacher and its option, for messages.
        space: the task space.
        units: the coordinates.
        tasks: ``(m, *space.shape)`` draws from the distribution; None is uniform over the space.

    Raises:
        ValueError: if the tasks are not tasks of the space, or there are none.
    """

    def __init__(self, where: str, space: Box, units: Units, tasks: Any) -> None:
        self._units = units
        self.points: FloatArray | None = None
        if tasks is not None:
            given = spaces.check_tasks(space, tasks, where)
            if not len(given):
                raise ValueError(f"{where}: expected at least one task, got none")
            # A copy, since whoever made the teacher may go on to change the array.
            self.points = np.clip(units.points(given), units.low, units.high)

    def draw(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Return ``(n, d)`` points: given ones with replacement, or uniform ones."""
        if self.points is None:
            return self._units.low + self._units.size * rng.random((n, len(self._units.low)))
        return np.asarray(self.points[rng.integers(len(self.points), size=n)])


def easy_sample(who: str, space: Box, units: Units, tasks: Any) -> Sample:
    """Return the easy tasks of a teacher that cannot begin without; raise ValueError if there are none."""
    if tasks is None:
        d = spaces.dimension_names(space)
        raise ValueError(
            f"{who}: easy: expected tasks {d} that an untrained student solves now and then, got none: give "
            f"easy=[[...], ...], (m, *{space.shape}), or take a family that knows them"
        )
    return Sample(f"{who}: easy", space, units, tasks)


def check_mastered(who: str, value: Any) -> float:
    """Return the score from which a task counts as mastered; raise ValueError if there is none."""
    if not is_finite(value) or abs(value) > 1e100:
        raise ValueError(
            f"{who}: mastered: expected a finite score from which tasks count as mastered, within 1e100, "
            f"got {value!r}: give mastered=..., or take a family that has such a line"
        )
    return float(value)
