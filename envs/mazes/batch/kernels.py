"""Kernels of a batch of mazes: start, step and see, one slot at a time; for the CPU and for CUDA."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numba import prange

from teacherstudent.contract.types import Array, IntArray
from teacherstudent.envs.mazes.codes import AGENT, FREE, GOAL, OPAQUE, OUTSIDE, WALL, blocks, level_key
from teacherstudent.envs.mazes.solver import FORWARD, LEFT, RIGHT
from teacherstudent.simulation.kernels import Results, jit, kernel, parallel_kernel

VIEW: Final = 5
"""Rows and columns of what the agent sees; it stands in the middle of the last row."""
MARGIN: Final = VIEW - 1
"""Rows and columns of walls around a level's cells in a slot's grid: no view ends outside it."""
PIXELS: Final = VIEW * VIEW * 3
LOOKS: Final = np.array([[1, 0, 0], [2, 5, 0], [8, 1, 0], [0, 0, 0]], np.uint8)
"""Type, colour and state of what is seen, minigrid's codes: free, wall, goal, hidden."""
LARGEST_LOOK: Final = 10
"""The largest code of a type in dcd's and jaxued's mazes (the agent, who does not see itself)."""
SHARES: Final = LOOKS.astype(np.float32) / np.float32(LARGEST_LOOK)
"""What is seen, for networks: in 0..1."""

PLACE, HEADING, STEPS, LIMIT, HIDES, POSE = range(6)
"""Columns of a slot's pose: index of its cell in the grid; heading; steps taken; cap on them; whether walls
hide what is behind them. Then their number."""


class Mazes(NamedTuple):
    """Where all slots are in their episodes.

    Attributes:
        grids: ``(n, side**2)`` uint8: levels with their margin.
        poses: ``(n, POSE)`` int32.
        side: columns of a grid.
    """

    grids: Any
    poses: Any
    side: Any


class Limits(NamedTuple):
    """Caps on steps.

    Attributes:
        keys: sorted keys of the levels that have a cap of their own.
        steps: their caps.
        other: cap of all other levels.
    """

    keys: IntArray
    steps: IntArray
    other: int


class View(NamedTuple):
    """How all slots see, and where it is written what they see.

    Attributes:
        looks: ``(4, 3)``: what `LOOKS` says, in the images' units.
        images: ``(n, size)``: a row is written from its start.
        directions: ``(n, size)``: a row is written from ``first`` on; the same array for flat observations.
        first: see above.
        unit: what stands for true in ``directions``.
    """

    looks: Any
    images: Any
    directions: Any
    first: Any
    unit: Any


_HIDDEN: Final = 3
_OWN_BIT: Final = VIEW * (VIEW - 1) + VIEW // 2
_PRIZE = 1.0
_LOSS = 0.9


@kernel
def _stride(heading: Any, side: Any) -> Any:
    """Return the way from a cell to the next one, in cells of a grid with so many columns."""
    # Headings are right, down, left, up: the low bit chooses between a cell and a row, the high bit the sign.
    return (1 + (side - 1) * (heading & 1)) * (1 - (heading & 2))


@kernel
def limit_of(level: Any, limits: Limits) -> Any:
    """Return a level's cap on steps: that of its key, if it is among the keys with a cap of their own."""
    keys = limits.keys
    low, high = 0, len(keys)
    # A key costs a hash of all cells: without special caps none is needed.
    if high == 0:
        return limits.other
    key = level_key(level)
    # Bisection by hand, since this must compile for the device too.
    while low < high:
        middle = (low + high) >> 1
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return limits.steps[low] if low < len(keys) and keys[low] == key else limits.other


@kernel
def lay(level: Any, grid: Any) -> None:
    """Write a level's free cells, walls and goal to a grid, which has a margin of walls."""
    rows, columns = level.shape[0], level.shape[1]
    side = columns + 2 * MARGIN
    # Everything is a wall at first: so are the margin and all cells outside a smaller level.
    for cell in range(len(grid)):
        grid[cell] = WALL
    for row in range(rows):
        for column in range(columns):
            code = level[row, column]
            # The agent's cell is free here; where it stands is a part of the pose.
            if not blocks(code):
                grid[(row + MARGIN) * side + column + MARGIN] = GOAL if code == GOAL else FREE


@kernel
def stand(level: Any, limit: Any, pose: Any) -> None:
    """Put the agent where its level says."""
    rows, columns = level.shape[0], level.shape[1]
    pose[STEPS] = 0
    pose[LIMIT] = limit
    pose[HIDES] = 0
    for row in range(rows):
        for column in range(columns):
            code = level[row, column]
            if AGENT <= code < OUTSIDE:
                pose[PLACE] = (row + MARGIN) * (columns + 2 * MARGIN) + column + MARGIN
                pose[HEADING] = code - AGENT
            # A single such wall makes all walls of the level hide (see `OPAQUE`).
            elif code == OPAQUE:
                pose[HIDES] = 1


@kernel
def act(grid: Any, pose: Any, action: Any, side: Any) -> Any:
    """Take an agent's action; return the reward, whether it reached the goal, and whether its time is up.

    Without branches on the action, which no processor can foresee.
    """
    steps = pose[STEPS] + 1
    # & 3 goes round: to the left of heading 0 is heading 3.
    heading = (pose[HEADING] + (action == RIGHT) - (action == LEFT)) & 3
    stride = _stride(heading, side)
    ahead = grid[pose[PLACE] + stride]
    # & and not `and`, which would be a branch.
    moves = (action == FORWARD) & (ahead != WALL)
    reached = moves & (ahead == GOAL)
    pose[STEPS] = steps
    pose[HEADING] = heading
    pose[PLACE] += stride * moves
    reward = 0.0
    if reached:
        reward = _PRIZE - _LOSS * steps / pose[LIMIT]
    return reward, reached, (not reached) & (steps >= pose[LIMIT])


@kernel
def _visible(grid: Any, corner: Any, down: Any, across: Any) -> Any:
    """Return which cells of a view are not hidden by walls, a bit for each, row by row: minigrid's rule.

    From the agent's row to the farthest, first to the right, then to the left: a visible cell that is no wall
    shows the next one, and, in the row beyond, the cell beside it and the one diagonally ahead.
    """
    # The agent's own cell is seen, and all others are reached from there.
    seen = 1 << _OWN_BIT
    for back in range(VIEW):
        row = VIEW - 1 - back
        # The second sweep starts from what the first one has opened.
        for sweep in range(2):
            for k in range(VIEW - 1):
                column, beside = (k, 1) if sweep == 0 else (VIEW - 1 - k, -1)
                bit = row * VIEW + column
                if (seen >> bit) & 1 == 0 or grid[corner + row * down + column * across] == WALL:
                    continue
                # A bit more is a column more, and VIEW bits less is a row ahead.
                seen |= 1 << (bit + beside)
                if row > 0:
                    seen |= (1 << (bit - VIEW)) | (1 << (bit - VIEW + beside))
    return seen


@kernel
def see(mazes: Mazes, view: View, e: Any) -> None:
    """Write what the agent of a slot sees: image row by row, the farthest first, and heading, one-hot."""
    # Unpacked first: read by their names further below, they take more registers than there are.
    grids, poses, side = mazes
    looks, images, directions, first, unit = view
    grid = grids[e]
    pose = poses[e]
    image = images[e]
    direction = directions[e]
    heading = pose[HEADING]
    # Steps in the grid for a step down and a step to the right in the image: down is back, towards the agent.
    down = -_stride(heading, side)
    across = _stride((heading + 1) & 3, side)
    # From the agent, who stands in the middle of the last row, to the image's first cell.
    corner = pose[PLACE] - (VIEW - 1) * down - (VIEW // 2) * across
    # -1 has all bits set: nothing is hidden.
    seen = _visible(grid, corner, down, across) if pose[HIDES] != 0 else -1
    pixel = 0
    for row in range(VIEW):
        for column in range(VIEW):
            bit = row * VIEW + column
            look = grid[corner + row * down + column * across] if (seen >> bit) & 1 else _HIDDEN
            # It does not see itself, nor the goal that it stands on.
            if bit == _OWN_BIT:
                look = FREE
            image[pixel] = looks[look, 0]
            image[pixel + 1] = looks[look, 1]
            image[pixel + 2] = looks[look, 2]
            pixel += 3
    for i in range(4):
        # 0 * unit has the type of the unit: Numba needs one type for both cases.
        direction[first + i] = unit if i == heading else 0 * unit


@jit
def start_some(slots: Any, levels: Any, limits: Limits, mazes: Mazes, view: View) -> None:
    """Start an episode in some slots, on their levels."""
    for i in range(len(slots)):
        e = slots[i]
        lay(levels[e], mazes.grids[e])
        stand(levels[e], limit_of(levels[e], limits), mazes.poses[e])
        see(mazes, view, e)


@jit
def step_range(low: Any, high: Any, actions: Any, mazes: Mazes, view: View, results: Results) -> None:
    """Step the slots from ``low`` to before ``high``."""
    rewards, terminated, truncated = results
    for e in range(low, high):
        rewards[e], terminated[e], truncated[e] = act(mazes.grids[e], mazes.poses[e], actions[e], mazes.side)
        see(mazes, view, e)


@parallel_kernel
def step_parallel(chunks: Any, actions: Any, mazes: Mazes, view: View, results: Results) -> None:
    """Step all slots, in so many parts that are spread over threads."""
    n = len(actions)
    for chunk in prange(chunks):
        # Products rounded down cut n slots into parts that differ by one slot at most.
        step_range(chunk * n // chunks, (chunk + 1) * n // chunks, actions, mazes, view, results)


@jit
def _lay_all(levels: Any, grids: Any) -> None:
    for e in range(len(levels)):
        lay(levels[e], grids[e])


def lay_all(levels: Array, grids: Array) -> None:
    """Write every slot's level to its grid, after a state has been put back."""
    _lay_all(levels, grids)


def side_of(extent: int) -> int:
    """Return the rows and columns of the grid of a slot whose level has so many."""
    return extent + 2 * MARGIN
