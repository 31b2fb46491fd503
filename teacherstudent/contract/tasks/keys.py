"""What tells tasks apart: keys, how many different ones there are, features to log."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box, Discrete

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
    size = int(np.prod(space.shape or ()))
    # Adding 0 turns -0.0 into 0.0: equal tasks must have equal bytes.
    rows = np.ascontiguousarray(tasks, space.dtype).reshape(len(tasks), size) + np.zeros((), space.dtype)
    raw = rows.view(np.uint8)
    # Bytes are padded to whole words of 64 bits. SplitMix64's golden-ratio steps make equal words at
    # different places differ, since the sum alone would not tell swapped words apart.
    words = np.pad(raw, ((0, 0), (0, -raw.shape[1] % 8))).view(np.uint64)
    steps = np.arange(1, words.shape[1] + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return _mixed(_mixed(words + steps).sum(axis=1, dtype=np.uint64)).view(np.int64)


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


def _mixed(x: Array) -> Array:
    """Return 64-bit words scrambled, one to one (the finaliser of SplitMix64)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)))


def features(space: gym.Space[Any], tasks: Array) -> dict[str, FloatArray]:
    """Return what to log about tasks, ``(n,)`` each: a level space's features, a box's coordinates."""
    if isinstance(space, Levels):
        return space.features(tasks)
    flat = tasks.reshape(len(tasks), -1).astype(np.float64)
    return dict(zip(dimension_names(space), flat.T, strict=True))
