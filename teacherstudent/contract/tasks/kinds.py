"""What every task space can do, whatever its kind: the one place that looks at kinds.

A space is a box, discrete, or knows its tasks itself (`teacherstudent.contract.tasks.levels.OwnTasks`). Code
elsewhere calls these functions, or asks for what it needs of a space: its numbers (`numbers`), its ends
(`ends`), its named ranges (`ranges`), or the space as a box (`as_box`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box, Discrete

from teacherstudent.contract.tasks.boxes import (
    Parameters,
    check_box,
    contains_rows,
    coordinate_names,
    describe_box,
    draw_box,
    is_whole,
)
from teacherstudent.contract.tasks.dimensions import Dimension, choice
from teacherstudent.contract.tasks.levels import Levels, OwnTasks
from teacherstudent.contract.tasks.listed import Listed, described
from teacherstudent.contract.types import Array, BoolArray

_KNOWN = "expected Box, Parameters, Discrete or Levels"


def box_of(space: gym.Space[Any]) -> Box | None:
    """Return the space if it is a box, else None."""
    return space if isinstance(space, Box) else None


def as_box(space: gym.Space[Any], where: str) -> Box:
    """Return a space that must be a box.

    Raises:
        TypeError: if it is none; ``where`` starts the message.
    """
    if not isinstance(space, Box):
        raise TypeError(f"{where}: expected a space of type Box, got {space!r}")
    return space


def as_parameters(space: gym.Space[Any], where: str) -> Parameters:
    """Return a space that must have named parameters.

    Raises:
        TypeError: if it has none; ``where`` starts the message.
    """
    if not isinstance(space, Parameters):
        raise TypeError(f"{where}: expected a space of type Parameters, got {space!r}")
    return space


def ranges(space: gym.Space[Any]) -> dict[str, tuple[float, float]]:
    """Return the lowest and the highest number of each parameter by its name; empty without names."""
    if not isinstance(space, Parameters):
        return {}
    pairs = zip(space.low.tolist(), space.high.tolist(), strict=True)
    return dict(zip(space.names, pairs, strict=True))


def numbers(space: gym.Space[Any]) -> range | None:
    """Return the tasks of a discrete space, in order; None for a space of another kind."""
    if not isinstance(space, Discrete):
        return None
    return range(int(space.start), int(space.start) + int(space.n))


def ends(space: gym.Space[Any]) -> tuple[Array, Array] | None:
    """Return the lowest and the highest numbers of tasks, of the space's shape and dtype.

    None for spaces that have no ends, such as levels.
    """
    if isinstance(space, Box):
        return space.low, space.high
    if isinstance(space, Discrete):
        return np.array(space.start, space.dtype), np.array(space.start + space.n - 1, space.dtype)
    return None


def check_space(space: gym.Space[Any]) -> None:
    """Raise unless tasks can be drawn from ``space``.

    Raises:
        TypeError: if it is no ``Box`` or ``Discrete``, and does not know its tasks itself (as ``Levels`` do).
        ValueError: if it is empty, unbounded, has ``low >= high`` somewhere (in float64), or a range
            ``high - low`` beyond float64.
    """
    if isinstance(space, Box):
        check_box(space)
    elif isinstance(space, Discrete):
        if space.n < 1:
            raise ValueError(f"task space: expected at least one task, got {space}")
    elif not isinstance(space, OwnTasks):
        raise TypeError(f"task space: {_KNOWN}, got {named(space)}")


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


def dimension_names(space: gym.Space[Any]) -> tuple[str, ...]:
    """Return a name for each coordinate of a flattened task."""
    if isinstance(space, Discrete):
        return ("task",)
    return coordinate_names(space)


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


def sample(space: gym.Space[Any], rng: np.random.Generator, n: int) -> Array:
    """Return ``(n, *space.shape)`` uniform tasks (levels: the space's own distribution) drawn from ``rng``.

    Raises:
        TypeError: if the space is of no known kind.
    """
    if isinstance(space, Box):
        return draw_box(space, rng, n)
    if isinstance(space, Discrete):
        first = int(space.start)
        return rng.integers(first, first + int(space.n), size=n, dtype=np.int64).astype(
            space.dtype, copy=False
        )
    if isinstance(space, OwnTasks):
        return space.draw(rng, n)
    raise TypeError(f"sample: {_KNOWN}, got {type(space).__name__}")


def sample_simple(space: gym.Space[Any], rng: np.random.Generator, n: int) -> Array:
    """Return ``(n, *space.shape)`` of the simplest tasks of a space that has such, of others as `sample`."""
    if isinstance(space, Levels):
        return space.draw_simple(rng, n)
    return sample(space, rng, n)


def contains_each(space: gym.Space[Any], tasks: Array) -> BoolArray:
    """Return ``(n,)`` bool: which tasks lie in the space."""
    if isinstance(space, Box):
        return contains_rows(space, tasks)
    if isinstance(space, Discrete):
        return np.asarray((tasks >= int(space.start)) & (tasks <= int(space.start) + int(space.n) - 1))
    if isinstance(space, OwnTasks):
        return space.contains_each(tasks)
    raise TypeError(f"{_KNOWN}, got {type(space).__name__}")


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
    kind = {"kind": type(space).__name__}
    if isinstance(space, Box):
        return kind | describe_box(space)
    if isinstance(space, Discrete):
        return kind | described(space)
    if isinstance(space, OwnTasks):
        return kind | space.describe()
    raise TypeError(f"task space: {_KNOWN}, got {named(space)}")


def rebuilt(description: Mapping[str, Any]) -> gym.Space[Any] | None:
    """Return the space that `describe` has described; None if that takes more than plain data.

    Boxes, parameters and lists are made anew, choices with their values as texts; spaces of levels and of
    examples are not.
    """
    try:
        space = _made(description)
        # Whatever a damaged description leads to is not the space that was described.
        if space is not None and describe(space) == dict(description):
            return space
    except (KeyError, TypeError, ValueError, OverflowError):
        pass
    return None


def _made(description: Mapping[str, Any]) -> gym.Space[Any] | None:
    kind = description["kind"]
    if kind == "Discrete":
        return Discrete(description["n"], start=description["start"])
    if kind == "Listed":
        return Listed(description["labels"])
    if kind not in ("Box", "Parameters"):
        return None
    low, high = description["low"], description["high"]
    if kind == "Box":
        dtype = np.dtype(str(description["dtype"]))
        shape = tuple(description["shape"])
        return Box(
            np.array(low, dtype).reshape(shape), np.array(high, dtype).reshape(shape), dtype=dtype.type
        )
    names = description["names"]
    dimensions = description.get("dimensions", ["linear"] * len(names))
    made: dict[str, Dimension] = {}
    for name, scale, first, last in zip(names, dimensions, low, high, strict=True):
        if isinstance(scale, Mapping):
            made[name] = choice(*scale["choice"])
        else:
            made[name] = Dimension(scale, float(first), float(last))
    return Parameters(**made)
