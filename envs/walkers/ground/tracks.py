"""The families' ground, laid by kernels into a slot's arrays: stumps, hexagons, stump sequences, levels.

What is random comes from the slot's stream by counter, in levels with a seed from that. The generators follow
`teacherstudent.envs.walkers.box2d.tracks`; levels are in
`teacherstudent.envs.walkers.ground.levels`.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from teacherstudent.contract.checks import is_one_of
from teacherstudent.contract.types import Array
from teacherstudent.envs.walkers.ground.levels import lay_level
from teacherstudent.envs.walkers.ground.shapes import box, close_obstacle, corner
from teacherstudent.envs.walkers.physics.layout import END, GROUND, PAD, STEP, ZERO, F, Tracks
from teacherstudent.envs.walkers.physics.rig import Float32Array
from teacherstudent.simulation.draws import normal
from teacherstudent.simulation.kernels import kernel, large_kernel

STUMPS, HEXAGONS, SEQUENCE, LEVELS, GIVEN, PAPER_LEVELS = range(6)
"""Kinds of tracks; `GIVEN` is put in by `give_track` and stays, its task is the force of the first step;
`PAPER_LEVELS` are levels with the stumps and stairs of the authors' code."""

SIDES: Final = 6
"""Sides that an obstacle can have."""

_LEVELS: Final = {"fixed": LEVELS, "paper": PAPER_LEVELS}

# Room for the densest track of each kind, since kernels cannot lengthen arrays.
CAPACITY: Final = {
    STUMPS: (360, 178),
    HEXAGONS: (24, 10),
    SEQUENCE: (26, 60),
    LEVELS: (200, 64),
    GIVEN: (400, 192),
    PAPER_LEVELS: (200, 64),
}
"""Corners of the ground and obstacles that a track of each kind can have."""

_NOISE = F(0.1)
_LEAST = F(0.05)
_LEAST_GAP = F(0.01)  # m
_GAP = F(8.0)  # m
_HEXAGON_WIDTH = F(1.0)  # m
_FIRST_DRAW = 1  # draw 0 is the force of the first step
_HEXAGON_X = np.array([-0.5, -0.5, -0.25, 0.25, 0.5, 0.5], np.float32)
_HEXAGON_Y = np.array([0.0, 0.25, 0.5, 0.5, 0.25, 0.0], np.float32)


def level_kind(variant: str) -> int:
    """Return the kind of the tracks of levels, by the name of its variant: "fixed" or "paper".

    Raises:
        ValueError: if there is no such variant.
    """
    if not is_one_of(variant, _LEVELS):
        raise ValueError(f"variant: expected one of {list(_LEVELS)}, got {variant!r}")
    return _LEVELS[variant]


def empty_tracks(n: int, kind: int) -> Tracks:
    """Return room for the tracks of ``n`` slots, as host arrays."""
    corners, obstacles = CAPACITY[kind]
    return Tracks(
        x=np.zeros((n, corners), np.float32),
        y=np.zeros((n, corners), np.float32),
        lengths=np.zeros((n, 2), np.int32),
        corners=np.zeros((n, obstacles, SIDES, 4), np.float32),
        sides=np.zeros((n, obstacles), np.int32),
        reach=np.zeros((n, obstacles, 3), np.float32),
    )


@kernel
def _stumps(task: Any, stream: Any, tracks: Any, slot: Any) -> None:
    """One stump after the other, with flat ground between; the task is height and spacing."""
    x = PAD
    draw = _FIRST_DRAW
    while x < END:
        # Noise may go below 0, and a stump has at least some height.
        height = max(_LEAST, task[0] + _NOISE * normal(stream, draw)) * STEP
        box(tracks, slot, x, x + STEP, GROUND, GROUND + height)
        x += STEP
        corner(tracks, slot, x, GROUND)
        x += max(_LEAST_GAP, task[1])
        corner(tracks, slot, x, GROUND)
        # A normal number takes two draws.
        draw += 2


@kernel
def _hull_of(points: Any, n: Any, solid: Any) -> Any:
    """Write the convex hull of points, counter-clockwise, into ``solid``; return its corners (Jarvis)."""
    # The rightmost point, of several the lowest, is a corner for certain.
    start = 0
    for i in range(1, n):
        if points[i, 0] > points[start, 0] or (
            points[i, 0] == points[start, 0] and points[i, 1] < points[start, 1]
        ):
            start = i
    count = 0
    at = start
    # Gift wrapping: the next corner has all other points to its left.
    while count < SIDES:
        solid[count, 0], solid[count, 1] = points[at, 0], points[at, 1]
        count += 1
        best = 0 if at != 0 else 1
        for i in range(n):
            rx, ry = points[best, 0] - points[at, 0], points[best, 1] - points[at, 1]
            vx, vy = points[i, 0] - points[at, 0], points[i, 1] - points[at, 1]
            turn = rx * vy - ry * vx
            # Of points in one line the farthest is taken: no corner lies within a side.
            if i != at and (turn < ZERO or (turn == ZERO and vx * vx + vy * vy > rx * rx + ry * ry)):
                best = i
        at = best
        if at == start:
            break
    return count


@kernel
def _hexagons(task: Any, stream: Any, tracks: Any, slot: Any, points: Any) -> None:
    """A deformed hexagon every nine metres; the task is how far each corner goes right and up."""
    x = PAD
    draw = _FIRST_DRAW
    while x < END:
        for i in range(SIDES):
            right = task[2 * i] + _NOISE * normal(stream, draw + 4 * i)
            up = task[2 * i + 1] + _NOISE * normal(stream, draw + 4 * i + 2)
            # The first and the last corner stand on the ground.
            if i in (0, SIDES - 1):
                up = ZERO
            points[i, 0] = x + STEP * (_HEXAGON_X[i] + right)
            points[i, 1] = GROUND + STEP * (_HEXAGON_Y[i] + up)
        solid = tracks.corners[slot, tracks.lengths[slot, 1]]
        close_obstacle(tracks, slot, _hull_of(points, SIDES, solid))
        x += _HEXAGON_WIDTH
        corner(tracks, slot, x, GROUND)
        x += _GAP
        corner(tracks, slot, x, GROUND)
        draw += 4 * SIDES


@kernel
def _sequence(task: Any, stream: Any, tracks: Any, slot: Any) -> None:
    """Flights of five stumps side by side; the task is height and width of each."""
    x = PAD
    draw = _FIRST_DRAW
    while x < END:
        for i in range(len(task) // 2):
            height = max(_LEAST, task[2 * i] + _NOISE * normal(stream, draw)) * STEP
            right = x + max(_LEAST, task[2 * i + 1] + _NOISE * normal(stream, draw + 2))
            box(tracks, slot, x, right, GROUND, GROUND + height)
            x = right
            # Two normal numbers, of two draws each.
            draw += 4
        corner(tracks, slot, x, GROUND)
        x += _GAP
        corner(tracks, slot, x, GROUND)


@large_kernel
def lay_track(kind: Any, task: Any, stream: Any, tracks: Any, slot: Any, points: Any) -> None:
    """Lay a slot's track.

    Args:
        kind: `STUMPS` to `PAPER_LEVELS`.
        task: its parameters.
        stream: what is random comes from it.
        tracks: every slot's ground.
        slot: the slot.
        points: scratch, ``(6, 2)`` at least.
    """
    # What `give_track` wrote stays there.
    if kind == GIVEN:
        return
    # Clearing the numbers is enough: what lies beyond them is never read.
    tracks.lengths[slot, 0], tracks.lengths[slot, 1] = 0, 0
    if kind in (LEVELS, PAPER_LEVELS):
        lay_level(kind == PAPER_LEVELS, task, stream, tracks, slot)
        return
    corner(tracks, slot, ZERO, GROUND)
    corner(tracks, slot, PAD, GROUND)
    if kind == STUMPS:
        _stumps(task, stream, tracks, slot)
    elif kind == HEXAGONS:
        _hexagons(task, stream, tracks, slot, points)
    else:
        _sequence(task, stream, tracks, slot)


def give_track(tracks: Tracks, slot: int, corners: Float32Array, obstacles: list[Array]) -> None:
    """Write a track into a slot: the ground's corners ``(m, 2)`` and convex polygons ``(k, 2)``."""
    tracks.lengths[slot] = len(corners), 0
    tracks.x[slot, : len(corners)], tracks.y[slot, : len(corners)] = corners.T
    # Searches need the order of right ends.
    for solid in sorted(obstacles, key=lambda solid: float(np.max(solid[:, 0]))):
        following = np.roll(solid, -1, axis=0)
        # Twice the signed area is negative if corners go clockwise: those are turned around.
        area = np.sum(solid[:, 0] * following[:, 1] - following[:, 0] * solid[:, 1])
        if area <= 0:
            solid = solid[::-1]
        tracks.corners[slot, tracks.lengths[slot, 1], : len(solid), :2] = solid
        close_obstacle(tracks, slot, len(solid))
