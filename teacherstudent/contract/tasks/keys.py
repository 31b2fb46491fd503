"""What tells tasks apart: keys, how many different ones there are, features to log."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box, Discrete

from teacherstudent.contract.stored.hashes import row_keys
from teacherstudent.contract.tasks.boxes import whole_numbers
from teacherstudent.contract.tasks.kinds import dimension_names
from teacherstudent.contract.tasks.levels import Levels, OwnTasks
from teacherstudent.contract.types import Array, FloatArray, IntArray


def keys(space: gym.Space[Any], tasks: Array) -> IntArray:
    """Return ``(n,)`` int64 keys, equal for equal tasks and, up to hash collisions, only then.

    Levels have keys of their own, a discrete task is its own key, and of a box the bytes are hashed.
    """
    if isinstance(space, OwnTasks):
        return space.key(tasks)
    if isinstance(space, Discrete):
        return tasks.astype(np.int64)
    return row_keys(np.asarray(tasks, space.dtype))


def count(space: gym.Space[Any]) -> float:
    """Return how many different tasks there are: infinitely many of real numbers, or of levels."""
    if isinstance(space, Discrete):
        return int(space.n)
    if isinstance(space, Box) and whole_numbers(space).all():
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
    return dict(zip(dimension_names(space), flat.T, strict=True))
