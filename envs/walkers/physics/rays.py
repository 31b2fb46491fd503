"""The batched walkers' range finder: ten rays against the ground and convex obstacles."""

from __future__ import annotations

from typing import Any

import numpy as np

from teacherstudent.envs.walkers.physics.collision import first_edge, first_obstacle
from teacherstudent.envs.walkers.physics.constants import RAYS
from teacherstudent.envs.walkers.physics.layout import LIDAR_RANGE, ONE, ZERO, F
from teacherstudent.simulation.kernels import kernel

# `walker_lidar.DIRECTIONS` in float32, coordinate by coordinate, as kernels read them.
_ACROSS = (LIDAR_RANGE * np.sin(1.5 * np.arange(RAYS) / RAYS)).astype(np.float32)
_UP = (-LIDAR_RANGE * np.cos(1.5 * np.arange(RAYS) / RAYS)).astype(np.float32)
_PARALLEL = F(1e-9)


@kernel
def _hit_ground(tracks: Any, slot: Any, edge: Any, x: Any, y: Any, dx: Any, dy: Any) -> Any:
    """Return at which share of the ray it hits the ground, 1 if it does not; edges are met in their order."""
    end = tracks.lengths[slot, 0] - 1
    reach = x + dx
    # Edges go from left to right, and rays do too: the first hit is the nearest.
    while edge < end and tracks.x[slot, edge] <= reach:
        px, py = tracks.x[slot, edge] - x, tracks.y[slot, edge] - y
        ex, ey = (
            tracks.x[slot, edge + 1] - tracks.x[slot, edge],
            tracks.y[slot, edge + 1] - tracks.y[slot, edge],
        )
        across = dx * ey - dy * ex
        if abs(across) > _PARALLEL:
            # t is how far along the ray, u how far along the edge the two lines cross.
            t = (px * ey - py * ex) / across
            u = (px * dy - py * dx) / across
            if t >= ZERO and t <= ONE and u >= ZERO and u <= ONE:
                return t
        edge += 1
    return ONE


@kernel
def _hit_obstacle(solid: Any, m: Any, x: Any, y: Any, dx: Any, dy: Any, free: Any) -> Any:
    """Return at which share of the ray it enters a convex obstacle, ``free`` if not before that."""
    # Sides that face the ray move its entry ahead, the others its exit back, as in b2PolygonShape::RayCast.
    enter = ZERO
    leave = free
    hit = False
    for i in range(m):
        nx, ny = solid[i, 2], solid[i, 3]
        ahead = nx * (solid[i, 0] - x) + ny * (solid[i, 1] - y)
        slope = nx * dx + ny * dy
        if slope < ZERO and ahead < enter * slope:
            enter = ahead / slope
            hit = True
        elif slope > ZERO and ahead < leave * slope:
            leave = ahead / slope
        elif slope == ZERO and ahead < ZERO:
            return free  # beside this side, parallel to it
        if leave < enter:
            return free
    return enter if hit else free


@kernel
def cast_rays(tracks: Any, slot: Any, x: Any, y: Any, out: Any) -> None:
    """Write for each ray from ``(x, y)`` the share of its length that is free, 1 if it hits nothing."""
    # All rays start here: the searches are the same for all of them.
    edge = first_edge(tracks, slot, x)
    obstacle = first_obstacle(tracks, slot, x)
    n = tracks.lengths[slot, 1]
    for k in range(RAYS):
        dx, dy = _ACROSS[k], _UP[k]
        # The ground comes first: obstacles behind its hit need no test.
        free = _hit_ground(tracks, slot, edge, x, y, dx, dy)
        i = obstacle
        while i < n and tracks.reach[slot, i, 0] <= x + free * dx:
            # An obstacle whose top is below the ray's end cannot be hit.
            if tracks.reach[slot, i, 2] >= y + free * dy:
                free = _hit_obstacle(tracks.corners[slot, i], tracks.sides[slot, i], x, y, dx, dy, free)
            i += 1
        out[k] = free
