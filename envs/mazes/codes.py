"""Cells of a maze: their codes, what makes a level valid, and a hash of levels."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from teacherstudent.contract.types import Array, BoolArray, IntArray
from teacherstudent.simulation.draws import mix
from teacherstudent.simulation.kernels import jit, kernel

FREE, WALL, GOAL, AGENT = range(4)
"""Codes of cells; the agent's is ``AGENT + heading``, headings are right, down, left, up."""
OUTSIDE: Final = 7
"""Code of cells beyond a level that is smaller than its array; looks and acts like a wall."""
OPAQUE: Final = 8
"""Code of a wall that hides what is behind it: in a level with one of these, all walls do."""
CODES: Final = 9
HEADINGS: Final = ("right", "down", "left", "up")

SIZE: Final = 13
"""Rows and columns of a training level, without the border of walls."""
MAX_STEPS: Final = 250
"""Cap on steps of a training level."""

# Constants are uint64, since Numba makes a float64 of a uint64 and an int64.
_FOUR = np.uint64(4)
_SHIFT = np.uint64(1)
_ZERO = np.uint64(0)
_CELLS_PER_WORD = 16


@kernel
def blocks(code: Any) -> Any:
    """Return whether nobody can stand on a cell."""
    return code == WALL or code >= OUTSIDE


@kernel
def level_key(level: Any) -> Any:
    """Return a level's hash: 63 bits, splitmix64's finaliser over words of 16 cells."""
    # The width takes part: arrays of another shape with the same cells have other keys.
    bits = np.uint64(level.shape[1])
    word = _ZERO
    filled = 0
    for row in range(level.shape[0]):
        for column in range(level.shape[1]):
            # A code needs four bits at most, so that 16 cells fill a word.
            word = (word << _FOUR) | np.uint64(level[row, column])
            filled += 1
            if filled == _CELLS_PER_WORD:
                bits = mix(bits ^ word, 0)
                word = _ZERO
                filled = 0
    # The last word may be filled in part: its length takes part too. Shifted by one bit, no key is negative.
    return np.int64(mix(bits ^ word, filled) >> _SHIFT)


@kernel
def is_valid(level: Any) -> Any:
    """Return whether all codes exist, there is one goal and one agent, and what is inside is a rectangle.

    The rectangle starts in the first row and column.
    """
    rows, columns = level.shape[0], level.shape[1]
    height, width = 0, 0
    # The first column and row say how large the level is; the loops below check that all other cells agree.
    while height < rows and level[height, 0] != OUTSIDE:
        height += 1
    while width < columns and level[0, width] != OUTSIDE:
        width += 1
    goals = 0
    agents = 0
    for row in range(rows):
        for column in range(columns):
            code = level[row, column]
            if code >= CODES or (code == OUTSIDE) != (row >= height or column >= width):
                return False
            if code == GOAL:
                goals += 1
            elif AGENT <= code < OUTSIDE:
                agents += 1
    return goals == 1 and agents == 1


@jit
def _keys(levels: Any, keys: Any) -> None:
    for i in range(len(levels)):
        keys[i] = level_key(levels[i])


@jit
def _valid(levels: Any, valid: Any) -> None:
    for i in range(len(levels)):
        valid[i] = is_valid(levels[i])


def keys_of(levels: Array) -> IntArray:
    """Return ``(n,)`` hashes of ``(n, rows, columns)`` levels; never negative."""
    levels = np.ascontiguousarray(levels, np.uint8)
    keys = np.empty(len(levels), np.int64)
    _keys(levels, keys)
    return keys


def valid_each(levels: Array) -> BoolArray:
    """Return ``(n,)``: which of ``(n, rows, columns)`` arrays of numbers are levels (see `is_valid`)."""
    given = np.asarray(levels)
    inside = np.ones(len(given), np.bool_)
    # Numbers beyond a byte would wrap around to codes that exist: find them before the conversion.
    if given.dtype != np.uint8:
        inside = np.asarray(((given >= 0) & (given < CODES)).all(axis=(1, 2)))
        given = np.where(inside[:, None, None], given, 0)
    valid = np.empty(len(given), np.bool_)
    _valid(np.ascontiguousarray(given, np.uint8), valid)
    return np.asarray(valid & inside)


def padded(level: Array, extent: int) -> Array:
    """Return a level in an array of ``(extent, extent)`` cells, those beyond it `OUTSIDE`.

    Raises:
        ValueError: if it is larger.
    """
    rows, columns = level.shape
    if max(rows, columns) > extent:
        raise ValueError(f"maze: expected at most {extent} x {extent} cells, got {rows} x {columns}")
    out = np.full((extent, extent), OUTSIDE, np.uint8)
    out[:rows, :columns] = level
    return out
