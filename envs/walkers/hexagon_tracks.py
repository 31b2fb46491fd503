"""Hexagon tracks: a walker, and hexagons whose corners are moved by the twelve numbers of the task."""

from __future__ import annotations

import numpy as np
from gymnasium.envs.box2d.bipedal_walker import TERRAIN_HEIGHT, TERRAIN_STEP
from gymnasium.utils import EzPickle

from teacherstudent.contract import spaces
from teacherstudent.contract.registry import FAMILIES
from teacherstudent.contract.types import Array
from teacherstudent.envs.walkers.box2d.environment import Polygon, WalkerTrack
from teacherstudent.envs.walkers.family import WalkerFamily, published_test_tasks
from teacherstudent.envs.walkers.ground.tracks import HEXAGONS

HEXAGON = np.array([(-0.5, 0.0), (-0.5, 0.25), (-0.25, 0.5), (0.25, 0.5), (0.5, 0.25), (0.5, 0.0)])
"""Corners of the hexagon that is deformed, ``(6, 2)`` in terrain steps; first and last are on the ground."""

MAX_OFFSET = 4.0  # terrain steps
WIDTH = 1.0  # m: what a hexagon counts for, however far it reaches


class HexagonTracksEnv(WalkerTrack):
    """A walker on a track of hexagons; the task is six offsets (right, up) of their corners.

    Offsets are in terrain steps (0.47 m). Each hexagon draws its own from ``N(task, 0.1)``. First and last
    corner stay on the ground: their upward offsets do nothing. Box2D makes the corners' convex hull solid. A
    hexagon stands every 9 m.

    Args:
        embodiment: "default", "short" or "quadruped".
        render_mode: "human", "rgb_array" or None.

    Raises:
        ValueError: if there is no such walker.
    """

    def __init__(self, embodiment: str = "default", render_mode: str | None = None) -> None:
        super().__init__(_space(), embodiment, render_mode)
        EzPickle.__init__(self, embodiment, render_mode)

    def group(self, task: Array, x: float) -> tuple[list[Polygon], float]:
        """Return one hexagon."""
        offsets = self.np_random.normal(task.reshape(6, 2), 0.1)
        # Noise would lift the first and the last corner too, but they stand on the ground.
        offsets[[0, -1], 1] = 0.0
        # Offsets are in terrain steps, the world is in metres.
        corners = np.array([x, TERRAIN_HEIGHT]) + (HEXAGON + offsets) * TERRAIN_STEP
        return [[(float(a), float(b)) for a, b in corners]], x + WIDTH


@FAMILIES.register("hexagon-tracks")
def hexagon_tracks(
    *, embodiment: str = "default", simulator: str = "compiled", solver: str = "default"
) -> WalkerFamily:
    """A walker climbs over hexagons whose corners vary in twelve dimensions (Portelas et al. 2019).

    Args:
        embodiment: "default", "short" or "quadruped".
        simulator: "compiled", or "box2d": the authors' own, a tenth as fast.
        solver: "default", "exact" or "fast", see `teacherstudent.envs.walkers.slots.SOLVERS`.

    Raises:
        ValueError: if there is no such walker, simulator or solver.
    """
    space = _space()
    return WalkerFamily(
        HexagonTracksEnv,
        {"embodiment": embodiment},
        kind=HEXAGONS,
        name="hexagon-tracks",
        space=space,
        test_tasks=published_test_tasks([(0.0, MAX_OFFSET)] * 12),
        test_set=f"teachDeepRL/poly_shape0_{MAX_OFFSET}",
        difficulty_step=(0.1,) * 12,
        simulator=simulator,
        solver=solver,
    )


def _space() -> spaces.Parameters:
    # right0, up0, right1, ...: `group` reshapes a task to six pairs.
    ranges = {f"{axis}{corner}": (0.0, MAX_OFFSET) for corner in range(6) for axis in ("right", "up")}
    return spaces.Parameters(**ranges)
