"""Mazes of cells: four rooms, a corridor, a spiral, or as a text draws them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from scipy import ndimage

from teacherstudent.contract.checks import check_pair, check_whole, is_one_of
from teacherstudent.contract.stored.digests import digest_of
from teacherstudent.contract.types import BoolArray, IntArray

MOST_CELLS: Final = 101
"""Along either side."""
_FREE: Final = "."
_START: Final = "S"
_WALL: Final = "#"


class Layout(NamedTuple):
    """A maze of cells.

    Attributes:
        name: what it is called in names of test sets.
        free: ``(height, width)`` bool: row 0 is the lowest, column 0 the one at the left.
        starts: ``(k, 2)`` cells, x and y, in which agents start.
    """

    name: str
    free: BoolArray
    starts: IntArray


def make_layout(layout: Any, size: Any) -> Layout:
    """Return a maze by name and size, or as a text draws it.

    Args:
        layout: a name of `LAYOUTS`, or lines of a text, the topmost first: ``#`` walls, ``.`` free cells,
            ``S`` free cells in which agents start. Without an ``S`` they start in the lowest free row, in
            its first free cell.
        size: cells along a side, or along x and y; of a text, which has a size of its own, it is not used.

    Raises:
        ValueError: if there is no such layout, a text is none of these, or a size is out of range.
    """
    if is_one_of(layout, LAYOUTS):
        width, height = _sides(size)
        free = LAYOUTS[layout](width, height)
        return Layout(f"{layout}-{width}x{height}", free, _first(free))
    if isinstance(layout, str) or not isinstance(layout, Sequence):
        raise ValueError(f"layout: expected one of {list(LAYOUTS)}, or a list of lines, got {layout!r}")
    return _from_text(layout)


def distances(free: BoolArray, starts: IntArray) -> IntArray:
    """Return ``(height, width)`` how many cells the shortest way from the nearest start is long; -1 for none.

    Ways go through the sides of cells, not through their corners.
    """
    found = np.full(free.shape, -1, np.int64)
    reached = np.zeros(free.shape, np.bool_)
    reached[starts[:, 1], starts[:, 0]] = True
    for distance in range(free.size):
        new = reached & (found < 0)
        if not new.any():
            break
        found[new] = distance
        reached = ndimage.binary_dilation(reached, mask=free)
    return found


def rooms(width: int, height: int) -> BoolArray:
    """Return four rooms, a door in the middle of each wall between two of them."""
    free = np.ones((height, width), np.bool_)
    # The walls cross in the middle, and a door lies a quarter of the side away from either end.
    free[height // 2, :] = False
    free[:, width // 2] = False
    for row in (height // 4, height - 1 - height // 4):
        free[row, width // 2] = True
    for column in (width // 4, width - 1 - width // 4):
        free[height // 2, column] = True
    return free


def corridor(width: int, height: int) -> BoolArray:
    """Return rows that are joined alternately at their right and left ends.

    Raises:
        ValueError: if the height is even: a wall lies between any two rows.
    """
    if height % 2 == 0:
        raise ValueError(f"size: expected an odd height, rows with walls between them, got {height}")
    free = np.zeros((height, width), np.bool_)
    free[::2] = True
    # Walls lie in odd rows: the first opens at the right, the second at the left.
    free[1::4, -1] = True
    free[3::4, 0] = True
    return free


def spiral(width: int, height: int) -> BoolArray:
    """Return a corridor that winds from the lower left corner to the middle."""
    free = np.zeros((height, width), np.bool_)
    free[0, 0] = True
    place = np.zeros(2, np.int64)
    ahead = np.array([1, 0])
    blocked = 0
    # A corner that cannot be turned either ends the way.
    while blocked < 2:
        if not _may_dig(free, place, ahead):
            # A quarter turn to the left.
            ahead = np.array([-ahead[1], ahead[0]])
            blocked += 1
            continue
        place = place + ahead
        free[place[1], place[0]] = True
        blocked = 0
    return free


LAYOUTS: Final[dict[str, Callable[[int, int], BoolArray]]] = {
    "rooms": rooms,
    "corridor": corridor,
    "spiral": spiral,
}


def check_cells(what: str, cells: Any, free: BoolArray) -> IntArray:
    """Return cells ``(k, 2)``, x and y; raise ValueError unless all are free cells of the maze."""
    expected = "a list of free cells, (x, y) each"
    try:
        given = np.array(cells)
    # NumPy makes no array of rows of different lengths.
    except ValueError:
        given = np.empty(0)
    if given.ndim != 2 or given.shape[1] != 2 or given.shape[0] == 0 or given.dtype.kind not in "iu":
        raise ValueError(f"{what}: expected {expected}, got {cells!r}")
    height, width = free.shape
    inside = ((given >= 0) & (given < [width, height])).all(axis=1)
    if not inside.all() or not free[given[:, 1], given[:, 0]].all():
        raise ValueError(f"{what}: expected {expected}, got {cells!r}")
    return given.astype(np.int64)


def _may_dig(free: BoolArray, place: IntArray, ahead: IntArray) -> bool:
    """Return whether a spiral may go on: a wall must stay between it and where it has been."""
    height, width = free.shape
    (x, y), (beyond_x, beyond_y) = place + ahead, place + 2 * ahead
    if not (0 <= x < width and 0 <= y < height) or free[y, x]:
        return False
    outside = not (0 <= beyond_x < width and 0 <= beyond_y < height)
    return outside or not free[beyond_y, beyond_x]


def _sides(size: Any) -> tuple[int, int]:
    """Return the cells along x and y."""
    if isinstance(size, Sequence):
        size = check_pair("size", "a number of cells, or two, along x and y", size)
    else:
        size = size, size
    return (
        check_whole("size", size[0], least=3, most=MOST_CELLS),
        check_whole("size", size[1], least=3, most=MOST_CELLS),
    )


def _from_text(lines: Sequence[Any]) -> Layout:
    text = [line for line in lines if isinstance(line, str)]
    widths = {len(line) for line in text}
    letters = set("".join(text))
    right = len(text) == len(lines) and len(widths) == 1 and letters <= {_FREE, _START, _WALL}
    if not right or letters <= {_WALL} or max(len(text), *widths) > MOST_CELLS:
        raise ValueError(
            f"layout: expected lines of one length, up to {MOST_CELLS} cells along a side, of "
            f"{_WALL!r}, {_FREE!r} and {_START!r}, with a free cell, got {lines!r}"
        )
    # Row 0 is the lowest, which is the last line.
    cells = np.array([list(line) for line in reversed(text)])
    free: BoolArray = cells != _WALL
    rows, columns = np.nonzero(cells == _START)
    starts = np.stack([columns, rows], axis=1)
    if not len(starts):
        starts = _first(free)
    if (distances(free, starts[:1]) >= 0).sum() < free.sum():
        raise ValueError(f"layout: expected free cells that are all joined by their sides, got {lines!r}")
    digest = digest_of("\n".join(text).encode(), 8)
    return Layout(f"text-{digest}", free, starts)


def _first(free: BoolArray) -> IntArray:
    """Return the first free cell of the lowest row that has one, ``(1, 2)``."""
    row, column = np.argwhere(free)[0]
    return np.array([[column, row]])
