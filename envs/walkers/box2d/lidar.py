"""The walker's range finder: ten rays against flat ground and convex obstacles, compiled.

Box2D casts a ray by calling back into Python for every fixture on its way, which is a third of a whole step.
Here the same tests (``b2PolygonShape::RayCast`` and ``b2EdgeShape::RayCast``) run over plain arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from teacherstudent.contract.types import FloatArray, IntArray
from teacherstudent.envs.walkers.physics.constants import LIDAR_RANGE, RAYS
from teacherstudent.simulation.compiled import compiled

DIRECTIONS: FloatArray = LIDAR_RANGE * np.stack(
    [np.sin(1.5 * np.arange(RAYS) / RAYS), -np.cos(1.5 * np.arange(RAYS) / RAYS)], axis=1
)
"""``(10, 2)``: from straight down to 77 degrees ahead, as long as the rays reach."""


class Lidar:
    """Rays against one track.

    Args:
        ground: left end, right end and height of the flat ground.
        fixtures: Box2D fixtures of the obstacles, convex polygons of a body at the origin.
    """

    def __init__(self, ground: tuple[float, float, float], fixtures: list[Any]) -> None:
        self._ground = np.array(ground)
        shapes = [fixture.shape for fixture in fixtures]
        corners = [np.array(shape.vertices, np.float64) for shape in shapes]
        normals = [np.array(shape.normals, np.float64) for shape in shapes]
        # one row an edge: a point of it and its outer normal; obstacle i has rows first[i] to first[i + 1]
        self._edges: FloatArray = np.concatenate(
            [np.hstack(pair) for pair in zip(corners, normals, strict=True)] or [np.zeros((0, 4))]
        )
        self._first: IntArray = np.cumsum([0, *map(len, corners)])
        self._reach: FloatArray = np.array([(c[:, 0].min(), c[:, 0].max()) for c in corners]).reshape(-1, 2)

    def cast(self, x: float, y: float) -> list[float]:
        """Return for each ray from ``(x, y)`` the share of its length that is free, 1 if it hits nothing."""
        fractions = _cast(x, y, self._ground, self._edges, self._first, self._reach, DIRECTIONS)
        return list(fractions.tolist())


@compiled
def _cast(
    x: float,
    y: float,
    ground: FloatArray,
    edges: FloatArray,
    first: IntArray,
    reach: FloatArray,
    directions: FloatArray,
) -> FloatArray:
    fractions = np.ones(len(directions))
    for k in range(len(directions)):
        dx, dy = directions[k]
        # The ground: a horizontal line, hit from both sides.
        if dy != 0.0:
            t = (ground[2] - y) / dy
            if 0.0 <= t <= 1.0 and ground[0] <= x + t * dx <= ground[1]:
                fractions[k] = t
    for i in range(len(reach)):
        # The obstacle lies behind, or beyond the ray that reaches farthest ahead.
        if reach[i, 1] < x or reach[i, 0] > x + directions[-1, 0]:
            continue
        for k in range(len(directions)):
            dx, dy = directions[k]
            fractions[k] = _free(x, y, dx, dy, edges[first[i] : first[i + 1]], fractions[k])
    return fractions


@compiled
def _free(x: float, y: float, dx: float, dy: float, edges: FloatArray, leave: float) -> float:
    """Return at which share of the ray it enters a convex polygon, or ``leave`` if not before that."""
    free = leave
    enter = 0.0
    hit = False
    # Sides that face the ray move its entry ahead, the others its exit back, as in b2PolygonShape::RayCast.
    for e in range(len(edges)):
        ahead = edges[e, 2] * (edges[e, 0] - x) + edges[e, 3] * (edges[e, 1] - y)
        slope = edges[e, 2] * dx + edges[e, 3] * dy
        if slope == 0.0:
            if ahead < 0.0:
                return free  # parallel to this side and outside of it
        elif slope < 0.0 and ahead < enter * slope:
            enter = ahead / slope
            hit = True
        elif slope > 0.0 and ahead < leave * slope:
            leave = ahead / slope
        # It would leave before it enters: a miss.
        if leave < enter:
            return free
    return enter if hit else free
