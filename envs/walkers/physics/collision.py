"""Contacts of polygons with the ground, after Box2D's b2CollideEdge and b2CollidePolygon.

A body's polygon is in ``shape``: corners and outward normals in the world. The functions that find a manifold
write it into the contact's scratch rows and return whether there is one.
"""

from __future__ import annotations

import math
from typing import Any

from teacherstudent.envs.walkers.physics.layout import (
    AX,
    AY,
    BX,
    BY,
    COS,
    FAR,
    GROUND_FACE,
    HALF,
    LIVE_1,
    LIVE_2,
    MX,
    MY,
    NX,
    NY,
    ONE,
    Q1X,
    Q1Y,
    Q2X,
    Q2Y,
    R1X,
    R1Y,
    R2X,
    R2Y,
    SIN,
    SKINS,
    TRIG_ROWS,
    ZERO,
    F,
)
from teacherstudent.envs.walkers.physics.rig import (
    BODY_ROWS,
    FEATURE_1,
    FEATURE_2,
    HALF_HEIGHT,
    HALF_WIDTH,
    X,
    Y,
)
from teacherstudent.simulation.kernels import kernel

_RELATIVE = F(0.98)  # a face of the other polygon must be better by that much
_ABSOLUTE = F(0.001)  # and by that
_GROUND_CORNER = 16  # this and the next two: numbers of features
_BODY_CORNER = 32
_CUT = 64
_NONE = -1


@kernel
def place_part(rig: Any, state: Any, work: Any, body: Any, lane: Any, shape: Any) -> None:
    """Put a leg part's four corners and normals into ``shape``."""
    x, y = state[BODY_ROWS * body + X, lane], state[BODY_ROWS * body + Y, lane]
    c, s = work[TRIG_ROWS * body + COS, lane], work[TRIG_ROWS * body + SIN, lane]
    width, height = rig.bodies[body, HALF_WIDTH], rig.bodies[body, HALF_HEIGHT]
    # Half sides turned with the body: corners are sums of them, and the body's axes are the normals.
    cw = c * width
    sw = s * width
    ch = c * height
    sh = s * height
    shape[0, 0], shape[0, 1], shape[0, 2], shape[0, 3] = x - cw + sh, y - sw - ch, s, -c
    shape[1, 0], shape[1, 1], shape[1, 2], shape[1, 3] = x + cw + sh, y + sw - ch, c, s
    shape[2, 0], shape[2, 1], shape[2, 2], shape[2, 3] = x + cw - sh, y + sw + ch, -s, c
    shape[3, 0], shape[3, 1], shape[3, 2], shape[3, 3] = x - cw - sh, y - sw + ch, -c, -s


@kernel
def place_hull(rig: Any, state: Any, work: Any, lane: Any, shape: Any) -> None:
    """Put the hull's corners and normals into ``shape``."""
    x = state[X, lane]
    y = state[Y, lane]
    c = work[COS, lane]
    s = work[SIN, lane]
    n = len(rig.hull)
    for i in range(n):
        a = rig.hull[i, 0]
        b = rig.hull[i, 1]
        shape[i, 0], shape[i, 1] = x + c * a - s * b, y + s * a + c * b
    # All corners come first, since a normal needs both ends of its side.
    for i in range(n):
        # The last side ends at the first corner.
        j = i + 1 if i + 1 < n else 0
        dx, dy = shape[j, 0] - shape[i, 0], shape[j, 1] - shape[i, 1]
        scale = ONE / math.sqrt(dx * dx + dy * dy)
        shape[i, 2], shape[i, 3] = dy * scale, -dx * scale


@kernel
def bounds(shape: Any, n: Any) -> Any:
    """Return left end, right end and bottom of a polygon, skins included."""
    left = shape[0, 0]
    right = shape[0, 0]
    bottom = shape[0, 1]
    for i in range(1, n):
        left, right = min(left, shape[i, 0]), max(right, shape[i, 0])
        bottom = min(bottom, shape[i, 1])
    # Box2D's polygons touch when their skins do.
    return left - SKINS, right + SKINS, bottom - SKINS


@kernel
def first_edge(tracks: Any, slot: Any, x: Any) -> Any:
    """Return the last edge of the ground that starts at or before ``x``; 0 if none does."""
    # Bisection works, since the ground is a polyline from left to right.
    low, high = 0, tracks.lengths[slot, 0] - 2
    while low < high:
        middle = (low + high + 1) >> 1
        if tracks.x[slot, middle] <= x:
            low = middle
        else:
            high = middle - 1
    return low


@kernel
def first_obstacle(tracks: Any, slot: Any, x: Any) -> Any:
    """Return the first obstacle whose right end is at or behind ``x``; their number if none's is."""
    # Right ends are sorted too, so bisection works here as well.
    low, high = 0, tracks.lengths[slot, 1]
    while low < high:
        middle = (low + high) >> 1
        if tracks.reach[slot, middle, 1] >= x:
            high = middle
        else:
            low = middle + 1
    return low


@kernel
def _cut(
    ax: Any, ay: Any, a: Any, bx: Any, by: Any, b: Any, sx: Any, sy: Any, limit: Any, corner: Any
) -> Any:
    """Cut the segment a-b where ``s . p`` exceeds the limit; a cut end comes last, named by the corner."""
    # How far either end is beyond the limit; if both are, nothing of the segment is left.
    over_a, over_b = sx * ax + sy * ay - limit, sx * bx + sy * by - limit
    if over_a > ZERO and over_b > ZERO:
        return False, ax, ay, a, bx, by, b
    if over_a * over_b < ZERO:
        # One end is beyond: the crossing takes its place, and the other end comes first.
        t = over_a / (over_a - over_b)
        cx, cy = ax + t * (bx - ax), ay + t * (by - ay)
        if over_a > ZERO:
            ax = bx
            ay = by
            a = b
        bx = cx
        by = cy
        b = _CUT + corner
    return True, ax, ay, a, bx, by, b


@kernel
def _put(
    state: Any,
    work: Any,
    row: Any,
    body: Any,
    lane: Any,
    ground_face: Any,
    normal: Any,
    face: Any,
    first: Any,
    second: Any,
    two: Any,
) -> None:
    """Write a manifold: normal and a point of the reference face, and one or two points of the other."""
    nx, ny = normal
    px, py = face
    x, y = state[BODY_ROWS * body + X, lane], state[BODY_ROWS * body + Y, lane]
    c, s = work[TRIG_ROWS * body + COS, lane], work[TRIG_ROWS * body + SIN, lane]
    ax, ay = first
    bx, by = second
    # A contact point lies halfway between the two surfaces, as in b2WorldManifold.
    depth_a, depth_b = HALF * ((ax - px) * nx + (ay - py) * ny), HALF * ((bx - px) * nx + (by - py) * ny)
    # Arms from the body's centre, for the velocity solver.
    work[row + R1X, lane], work[row + R1Y, lane] = ax - depth_a * nx - x, ay - depth_a * ny - y
    work[row + R2X, lane], work[row + R2Y, lane] = bx - depth_b * nx - x, by - depth_b * ny - y
    # The rest is for the position solver, in the frame of the face's owner, as bodies still move then.
    ax = ax - x
    ay = ay - y
    bx = bx - x
    by = by - y
    px = px - x
    py = py - y
    work[row + LIVE_1, lane], work[row + LIVE_2, lane] = ONE, ONE if two else ZERO
    if ground_face:
        # The ground owns the face: the normal stays as it is, and the points turn with the body.
        work[row + GROUND_FACE, lane] = ONE
        work[row + NX, lane], work[row + NY, lane] = nx, ny
        work[row + MX, lane], work[row + MY, lane] = nx, ny
        work[row + AX, lane], work[row + AY, lane] = c * ax + s * ay, c * ay - s * ax
        work[row + BX, lane], work[row + BY, lane] = c * bx + s * by, c * by - s * bx
        work[row + Q1X, lane], work[row + Q1Y, lane] = px + x, py + y
        work[row + Q2X, lane], work[row + Q2Y, lane] = px + x, py + y
    else:
        # The body owns the face: normal and face turn with it, and the points are the ground's.
        work[row + GROUND_FACE, lane] = ZERO
        work[row + NX, lane], work[row + NY, lane] = -nx, -ny
        work[row + MX, lane], work[row + MY, lane] = c * nx + s * ny, c * ny - s * nx
        work[row + AX, lane], work[row + AY, lane] = c * px + s * py, c * py - s * px
        work[row + BX, lane], work[row + BY, lane] = c * px + s * py, c * py - s * px
        work[row + Q1X, lane], work[row + Q1Y, lane] = ax + x, ay + y
        work[row + Q2X, lane], work[row + Q2Y, lane] = bx + x, by + y


@kernel
def _manifold(
    state: Any,
    work: Any,
    row: Any,
    body: Any,
    lane: Any,
    mark: Any,
    ground_face: Any,
    normal: Any,
    face_start: Any,
    face_end: Any,
    corners: Any,
    a: Any,
    a_number: Any,
    b: Any,
    b_number: Any,
) -> Any:
    """Clip the incident side a-b at the ends of the reference face; write what is within the skins."""
    nx, ny = normal
    fx, fy = face_start
    gx, gy = face_end
    ax, ay = a
    bx, by = b
    # The tangent runs from the face's end to its start.
    sx, sy = ny, -nx
    left, right = sx * fx + sy * fy, -(sx * gx + sy * gy)
    # the side planes: nothing before the face's start, nothing behind its end
    inside, ax, ay, a_number, bx, by, b_number = _cut(
        ax, ay, a_number, bx, by, b_number, sx, sy, left, corners[0]
    )
    if not inside:
        return False
    inside, ax, ay, a_number, bx, by, b_number = _cut(
        ax, ay, a_number, bx, by, b_number, -sx, -sy, right, corners[1]
    )
    if not inside:
        return False
    # A point farther from the face than the skins is no contact.
    near_a = nx * (ax - fx) + ny * (ay - fy) <= SKINS
    near_b = nx * (bx - fx) + ny * (by - fy) <= SKINS
    if not near_a:
        ax = bx
        ay = by
        a_number = b_number
    if not near_b:
        # A single point is written twice; the second one gets no mass.
        bx, by = ax, ay
    two = near_a and near_b
    if near_a or near_b:
        _put(state, work, row, body, lane, ground_face, normal, face_start, (ax, ay), (bx, by), two)
        mark[FEATURE_1] = a_number
        mark[FEATURE_2] = b_number if two else _NONE
    return near_a or near_b


@kernel
def _least_opposed(shape: Any, n: Any, nx: Any, ny: Any) -> Any:
    """Return the side of a polygon whose normal points most against a direction."""
    best = FAR
    side = 0
    for i in range(n):
        along = nx * shape[i, 2] + ny * shape[i, 3]
        if along < best:
            best = along
            side = i
    return side


@kernel
def support(shape: Any, n: Any, nx: Any, ny: Any, px: Any, py: Any) -> Any:
    """Return how far a polygon's nearest corner is from a plane, along its normal."""
    least = FAR
    for i in range(n):
        least = min(least, nx * (shape[i, 0] - px) + ny * (shape[i, 1] - py))
    return least


@kernel
def touch_edge(
    shape: Any, n: Any, ends: Any, state: Any, work: Any, row: Any, body: Any, lane: Any, mark: Any
) -> Any:
    """Find the manifold of a polygon and an edge of the ground, from the side on which the body is."""
    ax, ay, bx, by = ends
    dx, dy = bx - ax, by - ay
    scale = ONE / math.sqrt(dx * dx + dy * dy)
    nx, ny = -dy * scale, dx * scale
    x, y = state[BODY_ROWS * body + X, lane], state[BODY_ROWS * body + Y, lane]
    # Turn the edge around for a body below it: Box2D's edges collide from both sides.
    if nx * (x - ax) + ny * (y - ay) < ZERO:  # from below
        ax, ay, bx, by, nx, ny = bx, by, ax, ay, -nx, -ny
    edge = support(shape, n, nx, ny, ax, ay)
    if edge > SKINS:
        return False
    # Of the polygon's sides, the one that keeps the edge farthest away.
    best = -FAR
    side = 0
    for i in range(n):
        px = shape[i, 0]
        py = shape[i, 1]
        sx = shape[i, 2]
        sy = shape[i, 3]
        gap = min(sx * (ax - px) + sy * (ay - py), sx * (bx - px) + sy * (by - py))
        if gap > best:
            best = gap
            side = i
    if best > SKINS:
        return False
    # The polygon's side must be clearly better: a contact that changes its face would lose its impulses.
    if best > _RELATIVE * edge + _ABSOLUTE:
        j = side + 1 if side + 1 < n else 0
        return _manifold(
            state, work, row, body, lane, mark, False, (shape[side, 2], shape[side, 3]),
            (shape[side, 0], shape[side, 1]), (shape[j, 0], shape[j, 1]), (side, j),
            (ax, ay), _GROUND_CORNER, (bx, by), _GROUND_CORNER + 1,
        )  # fmt: skip
    # The edge is the reference face: clip the polygon's side that is turned towards it.
    i = _least_opposed(shape, n, nx, ny)
    j = i + 1 if i + 1 < n else 0
    return _manifold(
        state, work, row, body, lane, mark, True, (nx, ny), (bx, by), (ax, ay), (1, 0),
        (shape[i, 0], shape[i, 1]), _BODY_CORNER + i, (shape[j, 0], shape[j, 1]), _BODY_CORNER + j,
    )  # fmt: skip


@kernel
def touch_obstacle(
    shape: Any, n: Any, solid: Any, m: Any, state: Any, work: Any, row: Any, body: Any, lane: Any, mark: Any
) -> Any:
    """Find the manifold of a polygon and a convex obstacle of ``m`` sides."""
    # Any side that separates the two ends the search: most pairs are done quickly.
    best_a = -FAR
    side_a = 0
    for i in range(m):
        gap = support(shape, n, solid[i, 2], solid[i, 3], solid[i, 0], solid[i, 1])
        if gap > SKINS:
            return False
        if gap > best_a:
            best_a = gap
            side_a = i
    # The same with the roles exchanged.
    best_b = -FAR
    side_b = 0
    for i in range(n):
        gap = support(solid, m, shape[i, 2], shape[i, 3], shape[i, 0], shape[i, 1])
        if gap > SKINS:
            return False
        if gap > best_b:
            best_b = gap
            side_b = i
    # The body's side must be clearly better, as in b2CollidePolygons: contacts that change faces tremble.
    if best_b > _RELATIVE * best_a + _ABSOLUTE:
        i = _least_opposed(solid, m, shape[side_b, 2], shape[side_b, 3])
        j = i + 1 if i + 1 < m else 0
        k = side_b + 1 if side_b + 1 < n else 0
        return _manifold(
            state, work, row, body, lane, mark, False, (shape[side_b, 2], shape[side_b, 3]),
            (shape[side_b, 0], shape[side_b, 1]), (shape[k, 0], shape[k, 1]), (side_b, k),
            (solid[i, 0], solid[i, 1]), _GROUND_CORNER + i, (solid[j, 0], solid[j, 1]), _GROUND_CORNER + j,
        )  # fmt: skip
    i = _least_opposed(shape, n, solid[side_a, 2], solid[side_a, 3])
    j = i + 1 if i + 1 < n else 0
    k = side_a + 1 if side_a + 1 < m else 0
    return _manifold(
        state, work, row, body, lane, mark, True, (solid[side_a, 2], solid[side_a, 3]),
        (solid[side_a, 0], solid[side_a, 1]), (solid[k, 0], solid[k, 1]), (side_a, k),
        (shape[i, 0], shape[i, 1]), _BODY_CORNER + i, (shape[j, 0], shape[j, 1]), _BODY_CORNER + j,
    )  # fmt: skip
