"""How random mazes come about: where the walls are, as functions of uniform numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import numpy as np

from teacherstudent.contract.types import Array, BoolArray, FloatArray, IntArray
from teacherstudent.envs.mazes.codes import AGENT, FREE, GOAL, WALL

_PLACES: Final = 3  # numbers for goal, agent and heading


def _with_replacement(numbers: FloatArray, n_walls: int, cells: int) -> BoolArray:
    """Draw ``n_walls`` cells, some of them twice."""
    walls = np.zeros((len(numbers), cells), np.bool_)
    # The row numbers, as a column, pair each row with its own cells; a cell drawn twice is set twice.
    walls[np.arange(len(numbers))[:, None], _whole(numbers, cells)] = True
    return walls


def _without_replacement(numbers: FloatArray, n_walls: int, cells: int) -> BoolArray:
    """Draw ``n_walls`` different cells."""
    walls = np.zeros((len(numbers), cells), np.bool_)
    # The places of the smallest numbers are a uniform draw of different cells; no sort is needed.
    chosen = np.argpartition(numbers, min(n_walls, cells - 1), axis=1)[:, :n_walls]
    walls[np.arange(len(numbers))[:, None], chosen] = True
    return walls


def _uniform_count(numbers: FloatArray, n_walls: int, cells: int) -> BoolArray:
    """Draw a number from 0 to ``n_walls``, then so many cells, some of them twice."""
    walls = np.zeros((len(numbers), cells), np.bool_)
    # The first number says how many of the others are used.
    counts = _whole(numbers[:, 0], n_walls + 1)
    # Rows use different numbers of draws: list all pairs of a row and a draw that it uses.
    rows, draws = np.nonzero(np.arange(n_walls) < counts[:, None])
    walls[rows, _whole(numbers[rows, 1 + draws], cells)] = True
    return walls


def _empty(numbers: FloatArray, n_walls: int, cells: int) -> BoolArray:
    del n_walls
    return np.zeros((len(numbers), cells), np.bool_)


class Generator(NamedTuple):
    """How walls are drawn.

    Attributes:
        walls: gives ``(n, cells)`` walls for ``(n, numbers)`` uniform numbers, a number of walls, and cells.
        numbers: gives how many uniform numbers that takes, for a number of walls, and cells.
    """

    walls: Callable[[FloatArray, int, int], BoolArray]
    numbers: Callable[[int, int], int]


GENERATORS: Mapping[str, Generator] = {
    "walls-with-replacement": Generator(_with_replacement, lambda n_walls, cells: n_walls),
    "walls-without-replacement": Generator(_without_replacement, lambda n_walls, cells: cells),
    "uniform-count": Generator(_uniform_count, lambda n_walls, cells: n_walls + 1),
    "empty": Generator(_empty, lambda n_walls, cells: 0),
}
"""By name. jaxued, minimax and SFL draw 25 or 60 walls with replacement; ACCEL starts from empty mazes."""


def numbers_for(generator: str, n_walls: int, cells: int) -> int:
    """Return how many uniform numbers a level takes."""
    return GENERATORS[generator].numbers(n_walls, cells) + _PLACES


def build(generator: str, n_walls: int, cells: int, numbers: FloatArray) -> Array:
    """Return ``(n, cells)`` codes: walls, then goal and agent on different free cells, and a heading.

    Args:
        generator: a name of `GENERATORS`.
        n_walls: how many walls are drawn; at least two cells stay free.
        cells: of a level.
        numbers: ``(n, numbers_for(...))`` in [0, 1).
    """
    # The last three numbers are left for goal, agent and heading.
    walls = GENERATORS[generator].walls(numbers[:, : -_PLACES or None], n_walls, cells)
    codes = np.where(walls, np.uint8(WALL), np.uint8(FREE))
    rows = np.arange(len(codes))
    # First the goal, so that the agent is drawn from the cells that are still free.
    codes[rows, pick(codes == FREE, numbers[:, -3])] = GOAL
    codes[rows, pick(codes == FREE, numbers[:, -2])] = AGENT + _whole(numbers[:, -1], 4)
    return codes


def pick(which: BoolArray, numbers: FloatArray) -> IntArray:
    """Return ``(n,)``: in each row the index of one of its True values, uniformly; -1 if it has none.

    Args:
        which: ``(n, m)``.
        numbers: ``(n,)`` in [0, 1).
    """
    # Ranks count True values from the left: the cell wanted is the first whose count exceeds a random rank.
    ranks: IntArray = np.cumsum(which, axis=1, dtype=np.int64)
    counts = ranks[:, -1]
    wanted = _whole(numbers, counts)
    found = np.count_nonzero(ranks <= wanted[:, None], axis=1)
    return np.where(counts > 0, found, -1)


def _whole(numbers: FloatArray, below: int | IntArray) -> IntArray:
    return (numbers * below).astype(np.int64)
