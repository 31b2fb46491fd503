"""Task spaces: gymnasium spaces with named parameters, levels, and vectorised helpers.

A batch of tasks has shape ``(n, *space.shape)``. Continuous teachers work in the unit cube: `to_unit` gives
``(n, d)`` float64 with ``d = prod(space.shape)``, `from_unit` goes back and never leaves the space.

In a box of whole numbers each value owns an interval of the same length, half a unit to both sides (`edges`):
uniform points of the unit cube give every value its fair share, the lowest and the highest too.
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box, Discrete

from teacherstudent.contract.tasks.dimensions import RANGE, Dimension, choice, dimension, log, whole
from teacherstudent.contract.tasks.listed import Examples, Listed, described
from teacherstudent.contract.types import Array, BoolArray, FloatArray, IntArray


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
        return super().contains(x) and bool(contains_each(self, np.asarray(x)[None])[0])


def task_dict(space: gym.Space[Any], task: npt.ArrayLike) -> dict[str, Any]:
    """Return one task's values by their names: floats, ints, choices; ``{"task": number}`` of a discrete one.

    Of a `Listed` space it is the task's name.

    Raises:
        ValueError: if it is no task of the space.
    """
    row = check_tasks(space, np.asarray(task)[None], "task_dict")[0]
    if isinstance(space, Parameters):
        numbers = zip(space.names, space.dimensions, row.tolist(), strict=True)
        return {name: each.value(number) for name, each, number in numbers}
    if isinstance(space, Listed):
        return {"task": space.label(row)}
    values = row.ravel().tolist()
    return dict(zip(dimension_names(space), values, strict=True))


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


def check_space(space: gym.Space[Any]) -> None:
    """Raise unless tasks can be drawn from ``space``.

    Raises:
        TypeError: if it is no ``Box``, ``Discrete`` or ``Levels``.
        ValueError: if it is empty, unbounded, has ``low >= high`` somewhere (in float64), or a range
            ``high - low`` beyond float64.
    """
    if isinstance(space, Box):
        _check_box(space)
    elif isinstance(space, Discrete):
        if space.n < 1:
            raise ValueError(f"task space: expected at least one task, got {space}")
    elif not isinstance(space, Levels):
        raise TypeError(f"task space: expected Box, Parameters, Discrete or Levels, got {named(space)}")


def holds(space: gym.Space[Any], inner: gym.Space[Any]) -> bool:
    """Return whether every task of ``inner`` is one of ``space``; names of parameters count."""
    if isinstance(space, Box) and isinstance(inner, Box):
        if space.shape != inner.shape or dimension_names(space) != dimension_names(inner):
            return False
        return bool((space.low <= inner.low).all() and (inner.high <= space.high).all())
    if isinstance(space, Discrete) and isinstance(inner, Discrete):
        return bool(space.start <= inner.start and inner.start + inner.n <= space.start + space.n)
    return isinstance(inner, type(space)) and inner.shape == space.shape


def around(space: gym.Space[Any], tasks: Array) -> gym.Space[Any]:
    """Return the least space of the same kind that holds ``space`` and finite tasks ``(n, *space.shape)``."""
    # A level space has no ends that could be moved.
    if len(tasks) == 0 or not isinstance(space, Box | Discrete):
        return space
    low, high = tasks.min(axis=0), tasks.max(axis=0)
    if isinstance(space, Discrete):
        first = min(int(space.start), int(low))
        last = max(int(space.start + space.n) - 1, int(high))
        return Discrete(last - first + 1, start=first)
    low, high = np.minimum(space.low, low), np.maximum(space.high, high)
    if isinstance(space, Parameters):
        wider = [
            dataclasses.replace(each, low=first, high=last)
            for each, first, last in zip(space.dimensions, low.tolist(), high.tolist(), strict=True)
        ]
        return Parameters(**dict(zip(space.names, wider, strict=True)))
    if np.issubdtype(space.dtype, np.integer):
        info = np.iinfo(space.dtype)
        # The ends are converted below, where a number beyond the type would wrap round in silence.
        if (low < info.min).any() or (high > info.max).any():
            raise ValueError(f"tasks: expected numbers that {space.dtype} holds, got {tasks}")
    return Box(low.astype(space.dtype), high.astype(space.dtype), dtype=space.dtype.type)


def hull(space: gym.Space[Any], other: gym.Space[Any]) -> gym.Space[Any]:
    """Return the least space that holds two of one kind, shape and dtype (of levels: the first)."""
    if isinstance(space, Discrete) and isinstance(other, Discrete):
        return around(space, np.array([other.start, other.start + other.n - 1]))
    if isinstance(space, Box) and isinstance(other, Box):
        return around(space, np.stack([other.low, other.high]))
    return space


def check_like(space: gym.Space[Any], other: Any, where: str) -> None:
    """Raise unless ``other`` is a task space of the kind, shape, dtype and names of ``space``.

    Raises:
        TypeError: if it is of another kind.
        ValueError: if it differs in the rest, or is empty or unbounded.
    """
    check_space(other)
    kind: type[gym.Space[Any]] = Box if isinstance(space, Box) else type(space)
    if not isinstance(other, kind):
        raise TypeError(f"{where}: expected a {kind.__name__}, as {space} is one, got {other}")
    same = dimension_names(space) == dimension_names(other)
    if not same or other.shape != space.shape or other.dtype != space.dtype:
        raise ValueError(
            f"{where}: expected the names, shape and dtype of {space} ({space.dtype}), got {other} "
            f"({other.dtype})"
        )


def named(space: Any) -> str:
    """Return a space as messages call it, with what can stand in for one of mixed kinds."""
    if not isinstance(space, gym.Space):
        return repr(space)
    if isinstance(space, gym.spaces.MultiDiscrete | gym.spaces.MultiBinary):
        return f"{space} (a Box with an integer dtype has such tasks)"
    if isinstance(space, gym.spaces.Dict | gym.spaces.Tuple):
        return f"{space} (one Parameters can hold all, rounded where a task is started; or a Levels)"
    return repr(space)


def _check_box(space: Box) -> None:
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
            name = dimension_names(space)[i]
            got = (float(low[i]), float(high[i]))
            raise ValueError(f"task space: {name}: expected {what}, got {got}")


def check_single(space: Box, who: str) -> None:
    """Raise ValueError unless the box fits into float32, in which some of the papers' code keeps tasks."""
    largest = np.finfo(np.float32).max
    ends = np.maximum(np.abs(space.low.astype(np.float64)), np.abs(space.high.astype(np.float64))).ravel()
    if (ends > largest).any():
        name = dimension_names(space)[int((ends > largest).argmax())]
        raise ValueError(
            f"{who}: expected a space within float32, up to {largest:.4g}, got {ends.max():g} for {name}"
        )


def dimension_names(space: gym.Space[Any]) -> tuple[str, ...]:
    """Return a name for each coordinate of a flattened task."""
    if isinstance(space, Parameters):
        return space.names
    if isinstance(space, Discrete):
        return ("task",)
    return tuple(f"x{i}" for i in range(int(np.prod(space.shape or ()))))


def sample(space: gym.Space[Any], rng: np.random.Generator, n: int) -> Array:
    """Return ``(n, *space.shape)`` uniform tasks (levels: the space's own distribution) drawn from ``rng``.

    Raises:
        TypeError: if the space is of no known kind.
    """
    if isinstance(space, Box):
        if is_whole(space):
            return rng.integers(space.low, space.high, (n, *space.shape), space.dtype, endpoint=True)
        return from_unit(space, rng.random((n, int(np.prod(space.shape)))))
    if isinstance(space, Discrete):
        first = int(space.start)
        return rng.integers(first, first + int(space.n), size=n, dtype=np.int64).astype(
            space.dtype, copy=False
        )
    if isinstance(space, Levels):
        return space.draw(rng, n)
    raise TypeError(f"sample: expected Box, Parameters, Discrete or Levels, got {type(space).__name__}")


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


def contains_each(space: gym.Space[Any], tasks: Array) -> BoolArray:
    """Return ``(n,)`` bool: which tasks lie in the space."""
    if isinstance(space, Box):
        inside = (tasks >= space.low) & (tasks <= space.high)
        if isinstance(space, Parameters) and space.whole.any():
            inside &= ~space.whole | (tasks == np.rint(tasks))
        return np.asarray(inside.all(axis=tuple(range(1, inside.ndim))))
    if isinstance(space, Discrete):
        return np.asarray((tasks >= int(space.start)) & (tasks <= int(space.start) + int(space.n) - 1))
    if isinstance(space, Levels):
        return space.contains_each(tasks)
    raise TypeError(f"expected Box, Parameters, Discrete or Levels, got {type(space).__name__}")


def check_tasks(space: gym.Space[Any], tasks: npt.ArrayLike, where: str) -> Array:
    """Return ``tasks`` as an array in the space's dtype, or raise ValueError naming the first bad row.

    Args:
        space: the task space.
        tasks: ``(n, *space.shape)``.
        where: who passed them; starts the message.

    Raises:
        ValueError: if the shape is wrong, a value is not finite, or a task lies outside the space.
    """
    try:
        given = np.asarray(tasks)
    # NumPy makes no array of rows of different lengths.
    except ValueError as error:
        raise ValueError(f"{where}: expected tasks of shape (n, {_shape(space)}), got {tasks!r}") from error
    if given.ndim == 0 or given.shape[1:] != space.shape:
        raise ValueError(f"{where}: expected tasks of shape (n, {_shape(space)}), got {given.shape}")
    if given.dtype.kind not in "biuf":
        raise ValueError(f"{where}: expected numeric tasks, got dtype {given.dtype}")
    whole = is_whole(space)
    if whole and given.dtype.kind == "f" and not (given == np.rint(given)).all():
        raise ValueError(f"{where}: expected whole numbers as tasks of {space}, got {given}")
    inside = contains_each(space, given)
    if whole and given.dtype.kind == "f" and inside.all():
        # 2^63 is not above 2^63 - 1 in float64, but no int64: such a number changes when it is converted.
        with np.errstate(invalid="ignore"):
            same = given.astype(space.dtype).astype(given.dtype) == given
        inside = same.all(axis=tuple(range(1, same.ndim)))  # there may be no row to reshape by
    if not inside.all():
        row = int(np.flatnonzero(~inside)[0])
        raise ValueError(f"{where}: row {row}: expected a task in {space}, got {given[row].tolist()}")
    return given.astype(space.dtype, copy=False)


def _shape(space: gym.Space[Any]) -> str:
    return ", ".join(map(str, space.shape or ()))


def describe(space: gym.Space[Any]) -> dict[str, Any]:
    """Return the space as plain data for manifests and checkpoints; equal spaces give equal descriptions.

    Raises:
        TypeError: if the space is of no known kind: of spaces of mixed kinds two different ones must not look
            alike.
    """
    if not isinstance(space, Box | Discrete | Levels):
        raise TypeError(f"task space: expected Box, Parameters, Discrete or Levels, got {named(space)}")
    kind: dict[str, Any] = {"kind": type(space).__name__}
    if isinstance(space, Box):
        kind |= {
            "names": list(dimension_names(space)),
            "low": space.low.ravel().tolist(),
            "high": space.high.ravel().tolist(),
            "shape": list(space.shape),
            "dtype": str(space.dtype),
        }
        if isinstance(space, Parameters) and not space.plain:
            kind["dimensions"] = [each.describe() for each in space.dimensions]
    elif isinstance(space, Discrete):
        kind |= described(space)
    else:
        kind |= {"shape": list(space.shape or ()), "dtype": str(space.dtype), "options": space.options()}
    return kind


__all__ = [
    "Box",
    "Dimension",
    "Discrete",
    "Examples",
    "Levels",
    "Listed",
    "Parameters",
    "around",
    "check_like",
    "check_single",
    "check_space",
    "check_tasks",
    "choice",
    "contains_each",
    "describe",
    "dimension_names",
    "edges",
    "from_flat",
    "from_unit",
    "holds",
    "hull",
    "is_whole",
    "log",
    "named",
    "sample",
    "task_dict",
    "to_unit",
    "whole",
    "whole_numbers",
]
