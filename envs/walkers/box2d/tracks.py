"""Tracks of stumps, hexagons and flights of stumps in Box2D; their families are in the folder above."""

from __future__ import annotations

import numpy as np
from gymnasium.utils import EzPickle

from teacherstudent.contract.types import Array
from teacherstudent.envs.walkers.box2d.environment import Polygon, WalkerTrack, box
from teacherstudent.envs.walkers.ground.tasks import STUMPS, hexagon_space, sequence_space, stump_space
from teacherstudent.envs.walkers.physics.constants import TERRAIN_HEIGHT, TERRAIN_STEP

MIN_SPACING = 0.01  # m

HEXAGON = np.array([(-0.5, 0.0), (-0.5, 0.25), (-0.25, 0.5), (0.25, 0.5), (0.5, 0.25), (0.5, 0.0)])
"""Corners of the hexagon that is deformed, ``(6, 2)`` in terrain steps; first and last are on the ground."""

WIDTH = 1.0  # m: what a hexagon counts for, however far it reaches


class StumpTracksEnv(WalkerTrack):
    """A walker on a track of stumps; the task is ``(stump_height, obstacle_spacing)``.

    Each stump is one terrain step (0.47 m) wide and ``max(0.05, N(stump_height, 0.1))`` terrain steps high;
    behind it lie ``max(0.01, obstacle_spacing)`` metres of flat ground.

    Args:
        embodiment: "default", "short" or "quadruped".
        max_height: upper end of the stump heights, in terrain steps.
        render_mode: "human", "rgb_array" or None.
        min_height: lower end of the stump heights.

    Raises:
        ValueError: if there is no such walker, or ``max_height`` is not above ``min_height``.
    """

    def __init__(
        self,
        embodiment: str = "default",
        max_height: float = 3.0,
        render_mode: str | None = None,
        min_height: float = 0.0,
    ) -> None:
        super().__init__(stump_space(max_height, min_height), embodiment, render_mode)
        EzPickle.__init__(self, embodiment, max_height, render_mode, min_height)

    def group(self, task: Array, x: float) -> tuple[list[Polygon], float]:
        """Return one stump."""
        # Noise may go below 0, and a stump has at least some height.
        height = max(0.05, self.np_random.normal(task[0], 0.1)) * TERRAIN_STEP
        return [box(x, x + TERRAIN_STEP, height)], x + TERRAIN_STEP

    def gap(self, task: Array) -> float:
        """Return the metres of flat ground between stumps."""
        return max(MIN_SPACING, float(task[1]))


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
        super().__init__(hexagon_space(), embodiment, render_mode)
        EzPickle.__init__(self, embodiment, render_mode)

    def group(self, task: Array, x: float) -> tuple[list[Polygon], float]:
        """Return one hexagon."""
        offsets = self.np_random.normal(task.reshape(6, 2), 0.1)
        # Noise would lift the first and the last corner too, but they stand on the ground.
        offsets[[0, -1], 1] = 0.0
        # Offsets are in terrain steps, the world is in metres.
        corners = np.array([x, TERRAIN_HEIGHT]) + (HEXAGON + offsets) * TERRAIN_STEP
        return [[(float(a), float(b)) for a, b in corners]], x + WIDTH


class StumpSequenceEnv(WalkerTrack):
    """A walker on a track of stump flights; the task is height and width of each of five stumps in turn.

    Heights are in terrain steps (0.47 m) and widths in metres, as in the authors' code; each is drawn from
    ``max(0.05, N(task, 0.1))``. The stumps of a flight stand side by side; behind it lie 8 m of flat ground.

    Args:
        embodiment: "default", "short" or "quadruped".
        render_mode: "human", "rgb_array" or None.

    Raises:
        ValueError: if there is no such walker.
    """

    def __init__(self, embodiment: str = "default", render_mode: str | None = None) -> None:
        super().__init__(sequence_space(), embodiment, render_mode)
        EzPickle.__init__(self, embodiment, render_mode)

    def group(self, task: Array, x: float) -> tuple[list[Polygon], float]:
        """Return one flight of stumps."""
        stumps = []
        # Stumps stand side by side: one begins where the last one ended.
        for height, width in task.reshape(STUMPS, 2):
            up = max(0.05, self.np_random.normal(height, 0.1)) * TERRAIN_STEP
            right = x + max(0.05, self.np_random.normal(width, 0.1))
            stumps.append(box(x, right, up))
            x = right
        return stumps, x
