"""Pictures of mazes as arrays: levels side by side, and episodes frame by frame."""

from __future__ import annotations

import functools
from typing import Any, Final

import numpy as np

from teacherstudent.contract.types import Array, IntArray
from teacherstudent.envs.mazes.batch.kernels import HEADING, MARGIN, PLACE, POSE, act, lay, side_of, stand
from teacherstudent.envs.mazes.codes import AGENT, CODES, FREE, GOAL, MAX_STEPS, OPAQUE, OUTSIDE, WALL
from teacherstudent.simulation.kernels import jit

TILE: Final = 12
"""Default width of a cell in pixels."""
_ON_GOAL: Final = CODES
_COLOURS: Final = {
    FREE: (245, 245, 245),
    WALL: (70, 70, 70),
    GOAL: (60, 170, 90),
    OUTSIDE: (30, 30, 30),
    OPAQUE: (110, 60, 60),
}
_LINE = (225, 225, 225)
_AGENT = (200, 50, 45)


def draw_levels(levels: Array, *, tile: int = TILE) -> Array:
    """Return ``(n, height, width, 3)`` uint8: each level in its border of walls.

    Args:
        levels: ``(n, rows, columns)``.
        tile: pixels across a cell.
    """
    return _draw(np.asarray(levels), tile)


def draw_sheet(levels: Array, *, columns: int = 8, tile: int = TILE) -> Array:
    """Return one picture ``(height, width, 3)`` uint8 of many levels, row by row, on white.

    Args:
        levels: ``(n, rows, columns)``, n at least 1.
        columns: levels in a row.
        tile: pixels across a cell.

    Raises:
        ValueError: if there is no level or no column.
    """
    if columns < 1 or not len(levels):
        raise ValueError(f"draw_sheet: expected levels and columns, got {len(levels)} and {columns}")
    pictures = draw_levels(levels, tile=tile)
    _, height, width, _ = pictures.shape
    columns = min(columns, len(pictures))
    # The number of rows, rounded up.
    rows = -(-len(pictures) // columns)
    # A white strip right of and below each picture keeps them apart; the last strips are cut off in the end.
    sheet = np.full((rows * columns, height + tile, width + tile, 3), 255, np.uint8)
    sheet[: len(pictures), :height, :width] = pictures
    # Pixel rows come before columns of pictures, so that joining axes puts pictures side by side.
    parts = sheet.reshape(rows, columns, height + tile, width + tile, 3).swapaxes(1, 2)
    return parts.reshape(rows * (height + tile), -1, 3)[:-tile, :-tile]


def draw_episode(level: Array, actions: Any, *, tile: int = TILE) -> Array:
    """Return the frames of an episode, ``(steps + 1, height, width, 3)`` uint8, up to the goal.

    Args:
        level: ``(rows, columns)``.
        actions: the agent's, in order; `teacherstudent.envs.mazes.solver.plan` gives a shortest way.
        tile: pixels across a cell.
    """
    level = np.ascontiguousarray(level, np.uint8)
    taken = np.asarray(actions, np.int64)
    trace = np.empty((len(taken) + 1, 3), np.int64)
    grid = np.empty(side_of(level.shape[0]) * side_of(level.shape[1]), np.uint8)
    frames = int(_follow(level, taken, grid, trace))
    return draw_agents(np.repeat(level[None], frames, axis=0), trace[:frames], tile=tile)


def draw_agents(levels: Array, agents: IntArray, *, tile: int = TILE) -> Array:
    """Return pictures as `draw_levels`, with the agents elsewhere than at their starts.

    Args:
        levels: ``(n, rows, columns)``.
        agents: ``(n, 3)``: row, column and heading.
        tile: pixels across a cell.
    """
    codes = np.array(levels)
    # The agent leaves its start, and is drawn where it stands now, on the goal together with it.
    codes[(codes >= AGENT) & (codes < OUTSIDE)] = FREE
    at = np.arange(len(codes)), agents[:, 0], agents[:, 1]
    codes[at] = np.where(codes[at] == GOAL, _ON_GOAL, AGENT) + agents[:, 2]
    return _draw(codes, tile)


@jit
def _follow(level: Any, actions: Any, grid: Any, trace: Any) -> Any:
    """Write row, column and heading after every action up to the goal; return how many there are."""
    side = level.shape[1] + 2 * MARGIN
    pose = np.zeros(POSE, np.int32)
    lay(level, grid)
    stand(level, MAX_STEPS, pose)
    reached = False
    # Frame 0 is the start, before any action.
    for k in range(len(trace)):
        if k > 0:
            _, reached, _ = act(grid, pose, actions[k - 1], side)
        trace[k, 0], trace[k, 1] = pose[PLACE] // side - MARGIN, pose[PLACE] % side - MARGIN
        trace[k, 2] = pose[HEADING]
        if reached:
            return k + 1
    return len(trace)


def _draw(codes: Array, tile: int) -> Array:
    if tile < 3:
        raise ValueError(f"tile: expected at least 3 pixels, got {tile}")
    n, rows, columns = codes.shape
    walled = np.pad(codes, ((0, 0), (1, 1), (1, 1)), constant_values=WALL)
    # Codes choose pictures; pixel rows come before columns of cells, as in `draw_sheet`.
    parts = _tiles(tile)[walled].swapaxes(2, 3)
    return np.asarray(parts.reshape(n, (rows + 2) * tile, (columns + 2) * tile, 3))


@functools.cache
def _tiles(tile: int) -> Array:
    """Return the picture of each code, ``(codes, tile, tile, 3)``."""
    tiles = np.zeros((CODES + 4, tile, tile, 3), np.uint8)
    for code, colour in _COLOURS.items():
        tiles[code] = colour
        # A thin line at two sides of a free cell makes the cells countable.
        tiles[code, -1], tiles[code, :, -1] = (_LINE if code == FREE else colour,) * 2
    # Coordinates of pixel centres from -0.5 to 0.5: another heading only exchanges them and their signs.
    y, x = (np.indices((tile, tile)) + 0.5) / tile - 0.5
    for heading in range(4):
        ahead, aside = [(x, y), (y, -x), (-x, -y), (-y, x)][heading]
        arrow = (ahead > -0.35) & (np.abs(aside) < (0.4 - ahead) / 2)
        # On the goal the arrow keeps the goal's colour behind it.
        for code, below in ((AGENT, FREE), (_ON_GOAL, GOAL)):
            tiles[code + heading] = tiles[below]
            tiles[code + heading][arrow] = _AGENT
    return tiles
