"""What level design needs of a task space: keys of tasks, small edits, features to log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import gymnasium as gym
import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_keywords, is_number, is_one_of
from teacherstudent.contract.spaces import Box, Discrete, Levels
from teacherstudent.contract.types import Array, FloatArray, IntArray
from teacherstudent.simulation.keys import row_keys

Law = Literal["gaussian", "uniform"]


def keys(space: gym.Space[Any], tasks: Array) -> IntArray:
    """Return ``(n,)`` int64 keys, equal for equal tasks and, up to hash collisions, only then.

    Levels have keys of their own, a discrete task is its own key, and of a box the bytes are hashed.
    """
    if isinstance(space, Levels):
        return space.key(tasks)
    if isinstance(space, Discrete):
        return tasks.astype(np.int64)
    return row_keys(np.asarray(tasks, space.dtype))


def count(space: gym.Space[Any]) -> float:
    """Return how many different tasks there are: infinitely many of real numbers, or of levels."""
    if isinstance(space, Discrete):
        return int(space.n)
    if isinstance(space, Box) and spaces.whole_numbers(space).all():
        # Float64 before the difference: it may not fit into the space's own type.
        ranges = space.high.astype(np.float64) - space.low.astype(np.float64) + 1
        # A product beyond every float counts as infinitely many.
        with np.errstate(over="ignore"):
            return float(np.prod(ranges))
    return np.inf


def features(space: gym.Space[Any], tasks: Array) -> dict[str, FloatArray]:
    """Return what to log about tasks, ``(n,)`` each: a level space's features, a box's coordinates."""
    if isinstance(space, Levels):
        return space.features(tasks)
    flat = tasks.reshape(len(tasks), -1).astype(np.float64)
    return dict(zip(spaces.dimension_names(space), flat.T, strict=True))


@dataclass(frozen=True, kw_only=True)
class Step:
    """A small edit of a task in a box: one coordinate, drawn uniformly, moves and is clipped.

    A whole number moves by 1 at least: in a small range every move would be rounded to none.

    Attributes:
        law: ``"gaussian"`` or ``"uniform"``.
        size: standard deviation, or greatest distance, as a share of the coordinate's range.

    Raises:
        ValueError: if the law is unknown or the size is not above 0.
    """

    law: Law = "gaussian"
    size: float = 0.1

    def __post_init__(self) -> None:
        if not is_one_of(self.law, get_args(Law)):
            raise ValueError(f"step: expected a law of {get_args(Law)}, got {self.law!r}")
        if not (is_number(self.size) and 0 < self.size < np.inf):
            raise ValueError(f"step: expected a size above 0, got {self.size!r}")

    def moves(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Return ``(n,)`` moves in the unit interval's measure."""
        if self.law == "gaussian":
            return self.size * rng.standard_normal(n)
        return rng.uniform(-self.size, self.size, n)


def step_of(space: gym.Space[Any], options: Mapping[str, Any] | None) -> Step:
    """Return a box's `Step` by its options.

    Raises:
        TypeError: if there is no such option.
        ValueError: if there are options although the space edits its levels itself; as of `Step`.
    """
    given = check_keywords("step", options, Step)
    if given and isinstance(space, Levels):
        raise ValueError(f"step: expected none for levels, which their space edits, got {given}")
    return Step(**given)


def mutated(
    space: gym.Space[Any], rng: np.random.Generator, tasks: Array, edits: int, step: Step | None = None
) -> Array:
    """Return each of the tasks after ``edits`` small edits.

    Args:
        space: levels, which their space edits, or a box.
        rng: the caller's generator.
        tasks: ``(n, *space.shape)``.
        edits: at least 1.
        step: an edit in a box; the default `Step` if None.

    Raises:
        TypeError: if the space is of another kind.
    """
    if isinstance(space, Levels):
        return space.mutate(rng, tasks, edits)
    if not isinstance(space, Box):
        raise TypeError(f"edits: expected a space of type Levels or Box, got {space!r}")
    step = step or Step()
    if spaces.is_whole(space):
        return _moved_whole(space, rng, tasks, edits, step)
    unit = spaces.to_unit(space, tasks)
    rows = np.arange(len(tasks))
    touched = np.zeros(unit.shape, np.bool_)
    low, high = spaces.edges(space)
    # A whole number or a choice moves by one at least: half its interval would be rounded back.
    least = np.where(spaces.whole_numbers(space), 1 / (high - low), 0.0)
    for _ in range(edits):
        which = rng.integers(unit.shape[1], size=len(tasks))
        move = step.moves(rng, len(tasks))
        far = np.maximum(np.abs(move), least[which])
        unit[rows, which] = np.clip(unit[rows, which] + np.where(move < 0, -far, far), 0, 1)
        touched[rows, which] = True
    # the way to the unit cube and back is not exact: what no edit has touched stays as it was, bit for bit
    return np.where(touched.reshape(tasks.shape), spaces.from_unit(space, unit), tasks)


def _moved_whole(space: Box, rng: np.random.Generator, tasks: Array, edits: int, step: Step) -> Array:
    """Return tasks of whole numbers, each after so many edits; every edit goes at least to the next number.

    Numbers are kept as distances from the lowest, in 64 bits without a sign, of which no type is wider.
    """
    low, high = space.low.reshape(-1), space.high.reshape(-1)
    flat = tasks.reshape(len(tasks), -1)
    # differences of signed numbers wrap around to the right distance
    up = flat.astype(np.uint64) - low.astype(np.uint64)
    span = high.astype(np.uint64) - low.astype(np.uint64)
    rows = np.arange(len(tasks))
    for _ in range(edits):
        which = rng.integers(len(span), size=len(tasks))
        move = step.moves(rng, len(tasks))
        # The room to the border in the direction of the move: edits are clipped and never wrap around.
        room = np.where(move > 0, span[which] - up[rows, which], up[rows, which])
        far = np.maximum(1.0, np.rint(np.abs(move) * span[which].astype(np.float64)))
        # compared before it is converted: what is too far for 64 bits is beyond the room anyway
        beyond = far >= room.astype(np.float64)
        # The inner 0 replaces numbers beyond 64 bits, whose conversion is undefined.
        by = np.where(beyond, room, np.where(beyond, 0.0, far).astype(np.uint64))
        up[rows, which] = np.where(move > 0, up[rows, which] + by, up[rows, which] - by)
    return (up + low.astype(np.uint64)).astype(space.dtype).reshape(tasks.shape)
