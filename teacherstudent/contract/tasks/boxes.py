"""Boxes as task spaces: named parameters, and the way to the unit cube, in which continuous teachers work.

`to_unit` gives ``(n, d)`` float64 with ``d = prod(space.shape)``, `from_unit` goes back and never leaves the
space. In a box of whole numbers each value owns an interval of the same length, half a unit to both sides
(`edges`): uniform points of the unit cube give every value its fair share, the lowest and the highest too.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box

from teacherstudent.contract.tasks.dimensions import RANGE, Dimension, dimension
from teacherstudent.contract.types import Array, BoolArray, FloatArray


class Parameters(Box):
    """A box of named parameters.

    ``Parameters(height=(0, 3), friction=log(0.1, 10), legs=whole(2, 6), ground=choice("grass", "ice"))`` is a
    float64 ``Box`` of shape ``(4,)`` whose dimensions carry the names, in the order given. A task holds
    numbers on the raw scale: a whole number as it is, a choice by its place in the list. `task_dict` gives
    names and values back.

    Attributes:
        names: of the parameters.
        dimensions: what kind each is.

    Raises:
        ValueError: if there is no parameter, or a range is not finite or not ``low < high``, or
            ``high - low`` is beyond float64.
        TypeError: if a range is neither a pair of numbers nor a `Dimension`.
    """

    def __init__(self, **ranges: tuple[float, float] | Dimension) -> None:
        if not ranges:
            raise ValueError("Parameters: expected at least one name=(low, high), got none")
        self.dimensions = tuple(dimension(name, given) for name, given in ranges.items())
        bounds = np.array([(each.low, each.high) for each in self.dimensions])
        super().__init__(bounds[:, 0], bounds[:, 1], dtype=np.float64)
        self.names: tuple[str, ...] = tuple(ranges)
        self.log = np.array([each.kind == "log" for each in self.dimensions])
        self.whole = np.array([each.is_whole for each in self.dimensions])

    @property
    def plain(self) -> bool:
        """Whether all parameters are real numbers on a linear scale."""
        return not (self.log.any() or self.whole.any())

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={each}" for name, each in zip(self.names, self.dimensions, strict=True))
        return f"Parameters({inner})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Parameters):
            return False
        return self.names == other.names and self.dimensions == other.dimensions

    __hash__ = None  # type: ignore[assignment]  # as Box

    def sample(self, mask: Any | None = None, probability: Any | None = None) -> Array:
        """Return one uniform task, as gymnasium spaces do (raises as `Box.sample`)."""
        if self.plain:
            return np.asarray(super().sample(mask, probability))
        # Whole numbers and logarithms are uniform only on their way through the unit cube.
        return np.asarray(from_unit(self, self.np_random.random((1, len(self.names))))[0])

    def contains(self, x: Any) -> bool:
        """Return whether ``x`` is one task."""
        # A base box knows only the ends: whole numbers are checked in addition.
        return super().contains(x) and bool(contains_rows(self, np.asarray(x)[None])[0])


def check_box(space: Box) -> None:
    """Raise ValueError unless a box has dimensions, and each a finite range from a low to a higher end."""
    low, high = space.low.astype(np.float64).ravel(), space.high.astype(np.float64).ravel()
    if low.size == 0:
        raise ValueError(f"task space: expected at least one dimension, got {space}")
    # The difference may overflow, which is just what is looked for.
    with np.errstate(over="ignore", invalid="ignore"):
        wide = ~np.isfinite(high - low)
    bad = ~(np.isfinite(low) & np.isfinite(high) & (low < high))
    for what, wrong in (("finite low < high", bad), (RANGE, wide)):
        if wrong.any():
            i = int(wrong.argmax())
            name = coordinate_names(space)[i]
            got = (float(low[i]), float(high[i]))
            raise ValueError(f"task space: {name}: expected {what}, got {got}")


def check_single(space: Box, who: str) -> None:
    """Raise ValueError unless the box fits into float32, in which some of the papers' code keeps tasks."""
    largest = np.finfo(np.float32).max
    ends = np.maximum(np.abs(space.low.astype(np.float64)), np.abs(space.high.astype(np.float64))).ravel()
    if (ends > largest).any():
        name = coordinate_names(space)[int((ends > largest).argmax())]
        raise ValueError(
            f"{who}: expected a space within float32, up to {largest:.4g}, got {ends.max():g} for {name}"
        )


def coordinate_names(space: gym.Space[Any]) -> tuple[str, ...]:
    """Return the names of a box's parameters, or ``x0``, ``x1``... for coordinates without a name."""
    if isinstance(space, Parameters):
        return space.names
    return tuple(f"x{i}" for i in range(int(np.prod(space.shape or ()))))


def edges(space: Box) -> tuple[FloatArray, FloatArray]:
    """Return the ends ``(d,)`` of the interval that each coordinate covers when it is taken as continuous.

    The space's own ends; half a unit beyond them for whole numbers, which own half a unit to both sides.
    """
    low, high = space.low.astype(np.float64).ravel(), space.high.astype(np.float64).ravel()
    # A whole number owns half a unit on each side, so that all of them are equally likely in the unit cube.
    half = np.where(whole_numbers(space), 0.5, 0.0)
    return low - half, high + half


def whole_numbers(space: Box) -> BoolArray:
    """Return ``(d,)`` bool: which coordinates are whole numbers."""
    if isinstance(space, Parameters):
        return space.whole
    return np.full(int(np.prod(space.shape)), is_whole(space))


def is_whole(space: gym.Space[Any]) -> bool:
    """Return whether tasks are whole numbers alone, by the space's type; truth values are 0 and 1."""
    return np.dtype(space.dtype).kind in "biu"


def to_unit(space: Box, tasks: npt.ArrayLike) -> FloatArray:
    """Map tasks ``(n, *space.shape)`` to the unit cube, ``(n, d)`` float64.

    Whole numbers go to the middle of their interval: of 0 to 3, 0 to 1/8 and 3 to 7/8. Parameters on a
    logarithmic scale are linear in their logarithm.
    """
    low, high = edges(space)
    flat = np.asarray(tasks, np.float64).reshape(-1, low.size)
    if isinstance(space, Parameters) and space.log.any():
        low, high, flat = (_logarithms(space, numbers) for numbers in (low, high, flat))
    return (flat - low) / (high - low)


def _logarithms(space: Parameters, numbers: FloatArray) -> FloatArray:
    """Return numbers ``(..., d)`` with the logarithm in the place of those on a logarithmic scale."""
    found = numbers.copy()
    found[..., space.log] = np.log(numbers[..., space.log])
    return found


def from_unit(space: Box, unit: FloatArray) -> Array:
    """Map ``(n, d)`` points of the unit cube to tasks ``(n, *space.shape)``, clipped to the space.

    Uniform points give uniform tasks, whole numbers too (see `edges`).
    """
    low, high = edges(space)
    if isinstance(space, Parameters) and space.log.any():
        low, high = (_logarithms(space, ends) for ends in (low, high))
    # Infinity is clipped as any other number.
    with np.errstate(over="ignore"):
        flat = low + unit * (high - low)
        if isinstance(space, Parameters) and space.log.any():
            flat[:, space.log] = np.exp(flat[:, space.log])
            # The way to the logarithm and back is not exact, but the ends have to be.
            flat = np.where((unit <= 0) & space.log, space.low, flat)
            flat = np.where((unit >= 1) & space.log, space.high, flat)
    return from_flat(space, flat)


def from_flat(space: Box, flat: FloatArray) -> Array:
    """Shape ``(n, d)`` raw coordinates as tasks ``(n, *space.shape)`` in the space's dtype, clipped to it.

    In a box of whole numbers to the nearest one.
    """
    flat = flat.reshape(len(flat), *space.shape)
    low, high = space.low.astype(np.float64), space.high.astype(np.float64)
    if isinstance(space, Parameters) and space.whole.any():
        flat = np.where(space.whole, np.rint(flat), flat)
    if not is_whole(space):
        return np.clip(flat, low, high).astype(space.dtype)
    # Only what lies strictly between the ends is converted: an end need not be a float64 (2^63 - 1 is none),
    # and a number beyond the type's range would wrap round to the other end.
    whole = np.rint(flat)
    above = whole > low
    inside = np.where(above & (whole < high), whole, 0.0).astype(space.dtype)
    return np.where(whole >= high, space.high, np.where(above, inside, space.low))


def draw_box(space: Box, rng: np.random.Generator, n: int) -> Array:
    """Return ``(n, *space.shape)`` uniform tasks."""
    if is_whole(space):
        # A box may have any type of numbers; that this one has whole numbers, types do not tell.
        low: Any = space.low
        high: Any = space.high
        dtype: Any = space.dtype
        return np.asarray(rng.integers(low, high, (n, *space.shape), dtype, endpoint=True))
    return from_unit(space, rng.random((n, int(np.prod(space.shape)))))


def contains_rows(space: Box, tasks: Array) -> BoolArray:
    """Return ``(n,)`` bool: which tasks ``(n, *space.shape)`` lie in the box."""
    inside = (tasks >= space.low) & (tasks <= space.high)
    if isinstance(space, Parameters) and space.whole.any():
        inside &= ~space.whole | (tasks == np.rint(tasks))
    return np.asarray(inside.all(axis=tuple(range(1, inside.ndim))))


def describe_box(space: Box) -> dict[str, Any]:
    """Return as plain data what tells a box from others."""
    found: dict[str, Any] = {
        "names": list(coordinate_names(space)),
        "low": space.low.ravel().tolist(),
        "high": space.high.ravel().tolist(),
        "shape": list(space.shape),
        "dtype": str(space.dtype),
    }
    if isinstance(space, Parameters) and not space.plain:
        found["dimensions"] = [each.describe() for each in space.dimensions]
    return found
