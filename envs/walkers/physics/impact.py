"""Continuous collision: a part that moved into the ground is put back to where it touched, as in Box2D.

Box2D's SolveTOI, a body at a time: the other bodies stand still meanwhile, and joints play no part. The time
of impact is found by bisection on whether a side of the polygons separates them, where Box2D follows
the distance between them.
"""

from __future__ import annotations

import math
from typing import Any

from teacherstudent.envs.walkers.physics.collision import (
    bounds,
    first_edge,
    first_obstacle,
    place_part,
    support,
)
from teacherstudent.envs.walkers.physics.contacts import contact_position, contact_velocity, prepare_contact
from teacherstudent.envs.walkers.physics.joints import set_angle
from teacherstudent.envs.walkers.physics.layout import (
    DT,
    FAR,
    HALF,
    IMPACT_CORRECTION,
    LINEAR_SLOP,
    ONE,
    P1N,
    ZERO,
    F,
)
from teacherstudent.envs.walkers.physics.rig import ANGLE, BODY_ROWS, IMPULSE_ROWS, SPIN, VX, VY, X, Y
from teacherstudent.envs.walkers.physics.touch import contact_row, flag_foot, keep_impulses, meet
from teacherstudent.simulation.kernels import kernel

_TARGET = LINEAR_SLOP  # m of separation at the impact
_TOLERANCE = F(0.25 * 0.005)  # m
_SUBSTEPS = 8
_BISECTIONS = 9
_POSITION_ITERATIONS = 20
_DEEP = F(-1.5)  # slops


@kernel
def _apart(shape: Any, n: Any, solid: Any, m: Any, margin: Any) -> Any:
    """Return whether some side of either polygon separates them by at least ``margin`` (m)."""
    for i in range(m):
        if support(shape, n, solid[i, 2], solid[i, 3], solid[i, 0], solid[i, 1]) >= margin:
            return True
    for i in range(n):
        if support(solid, m, shape[i, 2], shape[i, 3], shape[i, 0], shape[i, 1]) >= margin:
            return True
    return False


@kernel
def _above(shape: Any, n: Any, ax: Any, ay: Any, bx: Any, by: Any, margin: Any) -> Any:
    """Return whether a side, or an edge of the ground with free space above, separates the two."""
    # Distances are left multiplied by the edge's length: one root instead of a division for each corner.
    dx, dy = bx - ax, by - ay
    reach = margin * math.sqrt(dx * dx + dy * dy)
    gap = FAR
    for k in range(n):
        gap = min(gap, dx * (shape[k, 1] - ay) - dy * (shape[k, 0] - ax))
    if gap >= reach:
        return True
    # A side of the polygon separates if both ends of the edge are beyond it.
    for i in range(n):
        nx = shape[i, 2]
        ny = shape[i, 3]
        px = shape[i, 0]
        py = shape[i, 1]
        if min(nx * (ax - px) + ny * (ay - py), nx * (bx - px) + ny * (by - py)) >= margin:
            return True
    return False


@kernel
def _free(tracks: Any, slot: Any, shape: Any, margin: Any) -> Any:
    """Return whether a leg part in ``shape`` is apart from all that lies below it by ``margin`` (m)."""
    left, right, bottom = bounds(shape, 4)
    edge = first_edge(tracks, slot, left)
    # Edges go from left to right: stop behind the part's right end.
    while edge < tracks.lengths[slot, 0] - 1 and tracks.x[slot, edge] <= right:
        ax, ay = tracks.x[slot, edge], tracks.y[slot, edge]
        bx, by = tracks.x[slot, edge + 1], tracks.y[slot, edge + 1]
        if bottom <= max(ay, by) and not _above(shape, 4, ax, ay, bx, by, margin):
            return False
        edge += 1
    # Obstacles go from left to right too.
    i = first_obstacle(tracks, slot, left)
    while i < tracks.lengths[slot, 1] and tracks.reach[slot, i, 0] <= right:
        if bottom <= tracks.reach[slot, i, 2] and not _apart(
            shape, 4, tracks.corners[slot, i], tracks.sides[slot, i], margin
        ):
            return False
        i += 1
    return True


@kernel
def _move(rig: Any, state: Any, work: Any, body: Any, lane: Any, x: Any, y: Any, angle: Any) -> None:
    """Put a leg part somewhere, and its corners into ``work.shape``."""
    first = BODY_ROWS * body
    state[first + X, lane] = x
    state[first + Y, lane] = y
    state[first + ANGLE, lane] = angle
    set_angle(work.rows, body, angle, lane)
    place_part(rig, state, work.rows, body, lane, work.shape)


@kernel
def _time_of_impact(
    rig: Any, tracks: Any, state: Any, work: Any, body: Any, slot: Any, i: Any, lane: Any
) -> Any:
    """Return the share of a part's way at which it touches, 1 if it does not, -1 if it was inside before.

    The part is left at the end of its way.
    """
    first = BODY_ROWS * body
    x = state[first + X, lane]
    y = state[first + Y, lane]
    angle = state[first + ANGLE, lane]
    # The end of the way first: most parts are free there, and nothing else is needed.
    place_part(rig, state, work.rows, body, lane, work.shape)
    if _free(tracks, slot, work.shape, _TARGET - _TOLERANCE):
        return ONE
    x0 = work.before[i, body, 0]
    y0 = work.before[i, body, 1]
    angle0 = work.before[i, body, 2]
    # A part that was inside before the step is left to the position solver.
    _move(rig, state, work, body, lane, x0, y0, angle0)
    outside = _free(tracks, slot, work.shape, ZERO)
    # A part that nearly touched at the start stops there, at 0; others are followed by bisection.
    low, high = ZERO, ONE
    if outside and _free(tracks, slot, work.shape, _TARGET + _TOLERANCE):
        for _ in range(_BISECTIONS):
            t = HALF * (low + high)
            _move(
                rig,
                state,
                work,
                body,
                lane,
                x0 + t * (x - x0),
                y0 + t * (y - y0),
                angle0 + t * (angle - angle0),
            )
            if _free(tracks, slot, work.shape, _TARGET):
                low = t
            else:
                high = t
    # The search has moved the part: put it back.
    _move(rig, state, work, body, lane, x, y, angle)
    return low if outside else -ONE


@kernel
def _resolve(rig: Any, solver: Any, state: Any, work: Any, part: Any, i: Any, lane: Any) -> None:
    """Take a part's penetration and approach away at the impact."""
    parts = len(rig.parents)
    body = part + 1
    count = work.counts[part, lane]
    # Positions before velocities, as in b2Island::SolveTOI.
    for _ in range(_POSITION_ITERATIONS):
        least = ZERO
        for k in range(count):
            row = contact_row(parts, part, k)
            least = min(
                least,
                contact_position(rig.bodies, state, work.rows, row, body, lane, IMPACT_CORRECTION, True),
            )
        if least >= _DEEP * LINEAR_SLOP:
            break
    # Where the part is now, it is safe: the rest of the step starts from here.
    for k in range(3):
        work.before[i, body, k] = state[BODY_ROWS * body + k, lane]
    for k in range(count):
        row = contact_row(parts, part, k)
        # No warm start, as in Box2D: impulses of an impact may be large.
        for p in range(IMPULSE_ROWS):
            work.rows[row + P1N + p, lane] = ZERO
        prepare_contact(rig.bodies, state, work.rows, row, body, lane)
    for _ in range(solver.velocity_iterations):
        change = ZERO
        for k in range(count):
            row = contact_row(parts, part, k)
            change = max(change, contact_velocity(rig.bodies, state, work.rows, row, body, lane, True))
        if change < solver.tolerance:
            break


@kernel
def stop_at_impact(
    rig: Any,
    rows: Any,
    solver: Any,
    tracks: Any,
    state: Any,
    ints: Any,
    work: Any,
    part: Any,
    slot: Any,
    i: Any,
    lane: Any,
) -> None:
    """Stop a part at its impacts during the step that has just been made, at most eight times."""
    body = part + 1
    passed = ZERO
    first = BODY_ROWS * body
    # A part may touch several times in a step; Box2D gives up after eight.
    for _ in range(_SUBSTEPS):
        t = _time_of_impact(rig, tracks, state, work, body, slot, i, lane)
        if t < ZERO or t >= ONE:
            return
        # It goes back along its way, between where it was and where it is.
        x = state[first + X, lane]
        y = state[first + Y, lane]
        angle = state[first + ANGLE, lane]
        x0 = work.before[i, body, 0]
        y0 = work.before[i, body, 1]
        angle0 = work.before[i, body, 2]
        _move(
            rig, state, work, body, lane, x0 + t * (x - x0), y0 + t * (y - y0), angle0 + t * (angle - angle0)
        )
        # What touches at the impact is an event like any other: it may set or clear the foot's flag.
        ended, began = meet(rig, rows, tracks, state, ints, work, part, slot, lane)
        flag_foot(rows, ints, part, lane, ended, began)
        keep_impulses(rig, rows, state, work, part, lane)
        # By rounding, no contact may be found here: the part goes on to the end of its way.
        if work.counts[part, lane] == 0:
            _move(rig, state, work, body, lane, x, y, angle)
            return
        _resolve(rig, solver, state, work, part, i, lane)
        # t is a share of what was left of the step.
        passed += (ONE - passed) * t
        rest = (ONE - passed) * DT
        # With the velocity after the impact for the rest of the step.
        _move(
            rig, state, work, body, lane,
            state[first + X, lane] + rest * state[first + VX, lane],
            state[first + Y, lane] + rest * state[first + VY, lane],
            state[first + ANGLE, lane] + rest * state[first + SPIN, lane],
        )  # fmt: skip
