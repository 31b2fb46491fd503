"""Pictures of points in mazes, as arrays."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from teacherstudent.contract.types import Array, FloatArray

PIXELS: Final = 12
"""Across a cell."""
_OUTSIDE = (205, 205, 205)
_WALL = (70, 70, 70)
_FREE = (245, 245, 245)
_GOAL = (60, 170, 90)
_NEVER = (200, 150, 60)
_POINT = (200, 50, 45)
_POINT_RADIUS = 0.2


def draw_points(free: Array, low: Any, high: Any, places: Array, goals: Array) -> Array:
    """Return ``(n, height, width, 3)`` uint8: the maze in the box of goals, a point and its goal; y goes up.

    Args:
        free: ``(rows, columns)``: 1 where a cell is free; row 0 is the lowest.
        low: x and y of the box of goals at its lower left corner.
        high: the same at the upper right.
        places: ``(n, 2)``: the points.
        goals: ``(n, 3)``: x, y and how near counts, a disc; 0 if it never counts, a disc of another colour.
    """
    size = np.maximum(np.rint((np.asarray(high) - low) * PIXELS), 1).astype(int)
    # The middle of each pixel; the first row of a picture is the highest.
    x = low[0] + (np.arange(size[0]) + 0.5) * (high[0] - low[0]) / size[0]
    y = high[1] - (np.arange(size[1]) + 0.5) * (high[1] - low[1]) / size[1]
    frames = np.repeat(_maze(free, x, y)[None], len(places), axis=0)
    never = goals[:, 2] <= 0
    radius = np.where(never, _POINT_RADIUS, goals[:, 2])
    for chosen, colour in ((never, _NEVER), (~never, _GOAL)):
        frames[_discs(x, y, goals, np.where(chosen, radius, 0.0))] = colour
    frames[_discs(x, y, places, np.full(len(places), _POINT_RADIUS))] = _POINT
    return frames


def _maze(free: Array, x: FloatArray, y: FloatArray) -> Array:
    """Return the maze alone, ``(height, width, 3)``."""
    rows, columns = free.shape
    picture = np.full((len(y), len(x), 3), _OUTSIDE, np.uint8)
    inside_x, inside_y = (x >= 0) & (x < columns), (y >= 0) & (y < rows)
    cells = free[np.ix_(y[inside_y].astype(int), x[inside_x].astype(int))]
    picture[np.ix_(inside_y, inside_x)] = np.where(cells[..., None] != 0, _FREE, _WALL)
    return picture


def _discs(x: FloatArray, y: FloatArray, centres: Array, radius: Array) -> Array:
    """Return ``(n, height, width)`` bool: the pixels of each disc."""
    right = x[None, None, :] - centres[:, 0, None, None]
    up = y[None, :, None] - centres[:, 1, None, None]
    return np.asarray(right**2 + up**2 < radius[:, None, None] ** 2)
