"""The families' ground, laid by kernels into a slot's arrays: stumps, hexagons, stump sequences, levels.

What is random comes from the slot's stream by counter. The generators follow
`teacherstudent.envs.stump_tracks` and its siblings, and for levels the 8-parameter terrain of Parker-Holder
et al. 2022 (ACCEL, https://arxiv.org/abs/2203.01302), which is that of Wang et al. 2019 (POET,
https://arxiv.org/abs/1901.01753) with stairs.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from teacherstudent.envs.walker_layout import END, GROUND, ONE, PAD, SCALE, STEP, TWO, ZERO, F, Tracks
from teacherstudent.envs.walker_rig import Float32Array
from teacherstudent.simulation.draws import normal, uniform
from teacherstudent.simulation.kernels import kernel, large_kernel
from teacherstudent.types import Array

STUMPS, HEXAGONS, SEQUENCE, LEVELS, GIVEN = range(5)
"""Kinds of tracks; `GIVEN` is put in by `give_track` and stays, its task is the force of the first step."""

SIDES: Final = 6
"""Sides that an obstacle can have."""

CAPACITY: Final = {
    STUMPS: (360, 178),
    HEXAGONS: (24, 10),
    SEQUENCE: (26, 60),
    LEVELS: (200, 64),
    GIVEN: (400, 192),
}
"""Corners of the ground and obstacles that a track of each kind can have."""

_NOISE, _LEAST = F(0.1), F(0.05)
_LEAST_GAP, _GAP, _HEXAGON_WIDTH = F(0.01), F(8.0), F(1.0)  # m
_FIRST_DRAW = 1  # draw 0 is the force of the first step
_HEXAGON_X = np.array([-0.5, -0.5, -0.25, 0.25, 0.5, 0.5], np.float32)
_HEXAGON_Y = np.array([0.0, 0.25, 0.5, 0.5, 0.25, 0.0], np.float32)

# levels
_CELLS, _PAD_CELLS, _GRASS = 200, 20, 10
_PIT_DEPTH, _STUMP_WIDTH, _STAIR_WIDTH = 4, 1, 4  # cells
_PULL, _DAMPING = F(0.01), F(0.8)
_ACTIVE_PIT, _ACTIVE_STUMP, _ACTIVE_STAIR = F(0.8), F(0.2), F(0.2)
ROUGHNESS, PIT_LOW, PIT_HIGH, STUMP_LOW, STUMP_HIGH, STAIR_LOW, STAIR_HIGH, STAIR_STEPS = range(8)
_ON_GRASS, _AT_PIT, _AT_STUMP, _AT_STAIRS = range(4)


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
def _corner(tracks: Any, slot: Any, x: Any, y: Any) -> None:
    """Lengthen the ground."""
    n = tracks.lengths[slot, 0]
    tracks.x[slot, n], tracks.y[slot, n] = x, y
    tracks.lengths[slot, 0] = n + 1


@kernel
def close_obstacle(tracks: Any, slot: Any, sides: Any) -> None:
    """Take in an obstacle whose corners have been written behind the last one."""
    n = tracks.lengths[slot, 1]
    solid = tracks.corners[slot, n]
    left, right, top = solid[0, 0], solid[0, 0], solid[0, 1]
    for i in range(sides):
        j = i + 1 if i + 1 < sides else 0
        dx, dy = solid[j, 0] - solid[i, 0], solid[j, 1] - solid[i, 1]
        scale = ONE / math.sqrt(dx * dx + dy * dy)
        solid[i, 2], solid[i, 3] = dy * scale, -dx * scale
        left, right, top = min(left, solid[i, 0]), max(right, solid[i, 0]), max(top, solid[i, 1])
    tracks.reach[slot, n, 0], tracks.reach[slot, n, 1], tracks.reach[slot, n, 2] = left, right, top
    tracks.sides[slot, n] = sides
    tracks.lengths[slot, 1] = n + 1


@kernel
def _box(tracks: Any, slot: Any, left: Any, right: Any, low: Any, high: Any) -> None:
    """Add an upright rectangle."""
    solid = tracks.corners[slot, tracks.lengths[slot, 1]]
    solid[0, 0], solid[0, 1], solid[1, 0], solid[1, 1] = left, low, right, low
    solid[2, 0], solid[2, 1], solid[3, 0], solid[3, 1] = right, high, left, high
    close_obstacle(tracks, slot, 4)


@kernel
def _stumps(task: Any, stream: Any, tracks: Any, slot: Any) -> None:
    """One stump after the other, with flat ground between; the task is height and spacing."""
    x, draw = PAD, _FIRST_DRAW
    while x < END:
        height = max(_LEAST, task[0] + _NOISE * normal(stream, draw)) * STEP
        _box(tracks, slot, x, x + STEP, GROUND, GROUND + height)
        x += STEP
        _corner(tracks, slot, x, GROUND)
        x += max(_LEAST_GAP, task[1])
        _corner(tracks, slot, x, GROUND)
        draw += 2


@kernel
def _hull_of(points: Any, n: Any, solid: Any) -> Any:
    """Write the convex hull of points, counter-clockwise, into ``solid``; return its corners (Jarvis)."""
    start = 0
    for i in range(1, n):
        if points[i, 0] > points[start, 0] or (
            points[i, 0] == points[start, 0] and points[i, 1] < points[start, 1]
        ):
            start = i
    count, at = 0, start
    while count < SIDES:
        solid[count, 0], solid[count, 1] = points[at, 0], points[at, 1]
        count += 1
        best = 0 if at != 0 else 1
        for i in range(n):
            rx, ry = points[best, 0] - points[at, 0], points[best, 1] - points[at, 1]
            vx, vy = points[i, 0] - points[at, 0], points[i, 1] - points[at, 1]
            turn = rx * vy - ry * vx
            if i != at and (turn < ZERO or (turn == ZERO and vx * vx + vy * vy > rx * rx + ry * ry)):
                best = i
        at = best
        if at == start:
            break
    return count


@kernel
def _hexagons(task: Any, stream: Any, tracks: Any, slot: Any, points: Any) -> None:
    """A deformed hexagon every nine metres; the task is how far each corner goes right and up."""
    x, draw = PAD, _FIRST_DRAW
    while x < END:
        for i in range(SIDES):
            right = task[2 * i] + _NOISE * normal(stream, draw + 4 * i)
            up = task[2 * i + 1] + _NOISE * normal(stream, draw + 4 * i + 2)
            if i in (0, SIDES - 1):
                up = ZERO
            points[i, 0] = x + STEP * (_HEXAGON_X[i] + right)
            points[i, 1] = GROUND + STEP * (_HEXAGON_Y[i] + up)
        solid = tracks.corners[slot, tracks.lengths[slot, 1]]
        close_obstacle(tracks, slot, _hull_of(points, SIDES, solid))
        x += _HEXAGON_WIDTH
        _corner(tracks, slot, x, GROUND)
        x += _GAP
        _corner(tracks, slot, x, GROUND)
        draw += 4 * SIDES


@kernel
def _sequence(task: Any, stream: Any, tracks: Any, slot: Any) -> None:
    """Flights of five stumps side by side; the task is height and width of each."""
    x, draw = PAD, _FIRST_DRAW
    while x < END:
        for i in range(len(task) // 2):
            height = max(_LEAST, task[2 * i] + _NOISE * normal(stream, draw)) * STEP
            right = x + max(_LEAST, task[2 * i + 1] + _NOISE * normal(stream, draw + 2))
            _box(tracks, slot, x, right, GROUND, GROUND + height)
            x = right
            draw += 4
        _corner(tracks, slot, x, GROUND)
        x += _GAP
        _corner(tracks, slot, x, GROUND)


@kernel
def _between(low: Any, high: Any, stream: Any, draw: Any) -> Any:
    return low + (high - low) * uniform(stream, draw)


@kernel
def _whole(low: Any, high: Any, stream: Any, draw: Any) -> Any:
    """Return a whole number of low to high - 1."""
    return low + min(int(F(high - low) * uniform(stream, draw)), high - low - 1)


@kernel
def _draw_obstacle(task: Any, stream: Any, draw: Any) -> Any:
    """Return one of the kinds of obstacles that the task switches on; grass if it switches on none."""
    pit, stump = task[PIT_HIGH] >= _ACTIVE_PIT, task[STUMP_HIGH] >= _ACTIVE_STUMP
    stairs = task[STAIR_HIGH] >= _ACTIVE_STAIR
    kinds = int(pit) + int(stump) + int(stairs)
    if kinds == 0:
        return _ON_GRASS
    chosen = _whole(0, kinds, stream, draw)
    if stump:
        if chosen == 0:
            return _AT_STUMP
        chosen -= 1
    if stairs:
        if chosen == 0:
            return _AT_STAIRS
        chosen -= 1
    return _AT_PIT


@kernel
def _place_obstacle(
    kind: Any, task: Any, stream: Any, draw: Any, tracks: Any, slot: Any, x: Any, y: Any
) -> Any:
    """Build a pit, stump or stairs that start at ``(x, y)``; return cells, and the gap or step in cells."""
    if kind == _AT_PIT:
        gap = ONE + _between(
            min(task[PIT_LOW], task[PIT_HIGH]), max(task[PIT_LOW], task[PIT_HIGH]), stream, draw
        )
        low = y - F(_PIT_DEPTH) * STEP
        _box(tracks, slot, x, x + STEP, low, y)
        _box(tracks, slot, x + gap * STEP, x + (gap + ONE) * STEP, low, y)
        return math.ceil(gap) + 2, gap, 0
    if kind == _AT_STUMP:
        low, high = min(task[STUMP_LOW], task[STUMP_HIGH]), max(task[STUMP_LOW], task[STUMP_HIGH])
        height = max(_LEAST, _between(low, high, stream, draw))
        _box(tracks, slot, x, x + F(_STUMP_WIDTH) * STEP, y, y + height * STEP)
        return _STUMP_WIDTH, height, 0
    low, high = min(task[STAIR_LOW], task[STAIR_HIGH]), max(task[STAIR_LOW], task[STAIR_HIGH])
    height = max(_LEAST, _between(low, high, stream, draw))
    rise = height if uniform(stream, draw + 1) > F(0.5) else -height
    steps = int(task[STAIR_STEPS] + F(0.5))
    for s in range(steps):
        left = x + F(s * _STAIR_WIDTH) * STEP
        top = y + F(s) * rise * STEP
        _box(tracks, slot, left, left + F(_STAIR_WIDTH) * STEP, top - height * STEP, top)
    return steps * _STAIR_WIDTH + 1, rise, steps


@kernel
def _levels(task: Any, stream: Any, tracks: Any, slot: Any) -> None:
    """Rough ground with pits, stumps and stairs; the task is `ROUGHNESS` to `STAIR_STEPS`.

    Cell after cell as POET's walker: an obstacle, then 5 to 9 cells of grass.
    """
    state, fresh, counter, draw = _ON_GRASS, False, _PAD_CELLS, _FIRST_DRAW
    y, velocity, size, steps, base = GROUND, ZERO, ZERO, 0, GROUND
    tracks.lengths[slot, 0] = 0
    for i in range(_CELLS):
        x = F(i) * STEP
        if state == _ON_GRASS and not fresh:
            pull = _PULL if y < GROUND else (-_PULL if y > GROUND else ZERO)
            velocity = _DAMPING * velocity + pull
            if i > _PAD_CELLS:
                velocity += (TWO * uniform(stream, draw) - ONE) / SCALE
                draw += 1
            y += task[ROUGHNESS] * velocity
        elif state != _ON_GRASS and fresh:
            counter, size, steps = _place_obstacle(state, task, stream, draw, tracks, slot, x, y)
            base = y
            draw += 2
        elif state == _AT_PIT:
            y = base - F(_PIT_DEPTH) * STEP if counter > 1 else base
            if counter == 1:
                x -= (F(math.ceil(size)) - size) * STEP
        elif state == _AT_STAIRS:
            done = (steps * _STAIR_WIDTH - counter) // _STAIR_WIDTH
            y = base + (F(done) * size + min(size, ZERO)) * STEP
        fresh = False
        _corner(tracks, slot, x, y)
        counter -= 1
        if counter == 0:
            counter = _whole(_GRASS // 2, _GRASS, stream, draw)
            state = _draw_obstacle(task, stream, draw + 1) if state == _ON_GRASS else _ON_GRASS
            fresh = True
            draw += 2


@large_kernel
def lay_track(kind: Any, task: Any, stream: Any, tracks: Any, slot: Any, points: Any) -> None:
    """Lay a slot's track.

    Args:
        kind: `STUMPS` to `GIVEN`.
        task: its parameters.
        stream: what is random comes from it.
        tracks: every slot's ground.
        slot: the slot.
        points: scratch, ``(6, 2)`` at least.
    """
    if kind == GIVEN:
        return
    tracks.lengths[slot, 0], tracks.lengths[slot, 1] = 0, 0
    if kind == LEVELS:
        _levels(task, stream, tracks, slot)
        return
    _corner(tracks, slot, ZERO, GROUND)
    _corner(tracks, slot, PAD, GROUND)
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
    for solid in sorted(obstacles, key=lambda solid: float(np.max(solid[:, 0]))):
        following = np.roll(solid, -1, axis=0)
        area = np.sum(solid[:, 0] * following[:, 1] - following[:, 0] * solid[:, 1])
        tracks.corners[slot, tracks.lengths[slot, 1], : len(solid), :2] = solid if area > 0 else solid[::-1]
        close_obstacle(tracks, slot, len(solid))
