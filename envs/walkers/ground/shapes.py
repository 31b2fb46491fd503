"""What tracks are made of, written into a slot's arrays: corners of the ground, convex obstacles."""

from __future__ import annotations

import math
from typing import Any

from teacherstudent.envs.walkers.physics.layout import ONE
from teacherstudent.simulation.kernels import kernel


@kernel
def corner(tracks: Any, slot: Any, x: Any, y: Any) -> None:
    """Lengthen the ground."""
    # The number of corners is where the next one goes: kernels cannot lengthen arrays.
    n = tracks.lengths[slot, 0]
    tracks.x[slot, n], tracks.y[slot, n] = x, y
    tracks.lengths[slot, 0] = n + 1


@kernel
def close_obstacle(tracks: Any, slot: Any, sides: Any) -> None:
    """Take in an obstacle whose corners have been written behind the last one."""
    n = tracks.lengths[slot, 1]
    solid = tracks.corners[slot, n]
    left = solid[0, 0]
    right = solid[0, 0]
    top = solid[0, 1]
    for i in range(sides):
        # The last side ends at the first corner.
        j = i + 1 if i + 1 < sides else 0
        dx, dy = solid[j, 0] - solid[i, 0], solid[j, 1] - solid[i, 1]
        scale = ONE / math.sqrt(dx * dx + dy * dy)
        # Corners go counter-clockwise, so that outside is to the right of a side.
        solid[i, 2], solid[i, 3] = dy * scale, -dx * scale
        left = min(left, solid[i, 0])
        right = max(right, solid[i, 0])
        top = max(top, solid[i, 1])
    # Searches look at these three before any corner.
    tracks.reach[slot, n, 0], tracks.reach[slot, n, 1], tracks.reach[slot, n, 2] = left, right, top
    tracks.sides[slot, n] = sides
    tracks.lengths[slot, 1] = n + 1


@kernel
def box(tracks: Any, slot: Any, left: Any, right: Any, low: Any, high: Any) -> None:
    """Add an upright rectangle."""
    # Corners go behind the last obstacle; `close_obstacle` counts them in.
    solid = tracks.corners[slot, tracks.lengths[slot, 1]]
    solid[0, 0] = left
    solid[0, 1] = low
    solid[1, 0] = right
    solid[1, 1] = low
    solid[2, 0] = right
    solid[2, 1] = high
    solid[3, 0] = left
    solid[3, 1] = high
    close_obstacle(tracks, slot, 4)
