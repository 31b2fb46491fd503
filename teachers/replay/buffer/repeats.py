"""Several rows of one level in one batch, and levels of equal value: neither place nor number may decide."""

from __future__ import annotations

import numpy as np

from teacherstudent.contract.types import FloatArray, IntArray


def groups(keys: IntArray) -> tuple[IntArray, IntArray]:
    """Return which level each row is of, and the first row of each level.

    Levels are numbered from 0 in the order of their first rows, so that rows in random order stay so.
    """
    _, first, level = np.unique(keys, return_index=True, return_inverse=True)
    # `np.unique` numbers levels by key; this renumbers them by their first rows.
    order = np.argsort(first)
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    return number[level], first[order]


def means(level: IntArray, values: FloatArray) -> FloatArray:
    """Return the mean of each level's rows."""
    shares = 1.0 / np.bincount(level)[level]
    # Shares before sums: the sum of large values could overflow.
    return np.asarray(np.bincount(level, values * shares), np.float64)


def highest(level: IntArray, values: FloatArray) -> FloatArray:
    """Return the greatest value of each level's rows."""
    found = np.full(int(level.max(initial=-1)) + 1, -np.inf)
    np.maximum.at(found, level, values)
    return found


def one_after_the_other(level: IntArray, values: FloatArray, old: FloatArray, blend: float) -> FloatArray:
    """Return each level's value after every row of it has moved it by the share ``blend`` towards its own.

    Args:
        level: ``(n,)`` which level each row is of.
        values: ``(n,)`` of the rows.
        old: ``(levels,)`` values before.
        blend: in (0, 1].
    """
    count = np.bincount(level, minlength=len(old))
    order = np.argsort(level, kind="stable")
    # The place of each level's last row in that order.
    last = np.cumsum(count) - 1
    # How many rows of the same level come after each row.
    later = np.empty(len(level), np.int64)
    later[order] = last[level[order]] - np.arange(len(level))
    # each row after one multiplies what that one has left by 1 - blend
    moved = np.bincount(level, values * (blend * (1.0 - blend) ** later), minlength=len(old))
    return np.asarray((1.0 - blend) ** count * old + moved)


def falling(values: FloatArray, rng: np.random.Generator) -> IntArray:
    """Return the places of values from the highest down, equal ones in random order.

    Nothing is drawn where all are different.
    """
    if len(np.unique(values)) == len(values):
        return np.argsort(-values)
    return np.lexsort((rng.random(len(values)), -values))
