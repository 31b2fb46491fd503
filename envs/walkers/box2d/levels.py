"""Levels of rough ground in Box2D; their family is `teacherstudent.envs.walkers.bipedal_levels`."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from gymnasium.utils import EzPickle

from teacherstudent.contract.types import Array
from teacherstudent.envs.walkers.box2d.environment import EARTH, Point, WalkerGround
from teacherstudent.envs.walkers.ground.tracks import empty_tracks, lay_track, level_kind
from teacherstudent.envs.walkers.physics.constants import RAYS
from teacherstudent.envs.walkers.physics.layout import MAX_CORNERS, SHAPE_COLUMNS, Tracks
from teacherstudent.envs.walkers.physics.rays import cast_rays
from teacherstudent.envs.walkers.terrain import TerrainLevels


class BipedalLevelsEnv(WalkerGround):
    """A walker in Box2D on the ground of a level: the same ground as in the compiled simulator.

    Args:
        start: what levels are drawn from by a reset without one, "full" or "easy".
        parameters: 8, or 5 for levels without stairs.
        variant: "fixed" or "paper".
        embodiment: "default", "short" or "quadruped".
        render_mode: "human", "rgb_array" or None.

    Raises:
        ValueError: if there is no such start, variant or walker, or parameters are neither 5 nor 8.
    """

    def __init__(
        self,
        start: str = "full",
        parameters: int = 8,
        variant: str = "fixed",
        embodiment: str = "default",
        render_mode: str | None = None,
    ) -> None:
        kind = level_kind(variant)
        super().__init__(TerrainLevels(start, parameters), embodiment, render_mode)
        self._kind = kind
        EzPickle.__init__(self, start, parameters, variant, embodiment, render_mode)

    def _build_track(self, task: Array) -> None:
        """Lay the level with the compiled simulator's kernel, and put it into the world."""
        tracks = empty_tracks(1, self._kind)
        points = np.zeros((MAX_CORNERS, SHAPE_COLUMNS), np.float32)
        # The level brings its own terrain seed, so the stream, 0 here, draws nothing.
        lay_track(self._kind, task.astype(np.float32), np.uint64(0), tracks, 0, points)
        # The arrays have room for the largest track: only the first corners and sides belong to this level.
        corners, obstacles = tracks.lengths[0]
        ground = _points(np.stack([tracks.x[0, :corners], tracks.y[0, :corners]], axis=1))
        solids = [tracks.corners[0, i, : tracks.sides[0, i], :2] for i in range(obstacles)]
        self._put(ground, [_points(solid) for solid in solids])
        self.rays = _LevelRays(tracks)
        # gymnasium fills the ground edge by edge, down to height 0; a vertical edge has nothing below it.
        self.terrain_poly = [
            ([(left, up), (right, down), (right, 0.0), (left, 0.0)], EARTH)
            for (left, up), (right, down) in pairwise(ground)
            if right > left
        ]


def _points(corners: Array) -> list[Point]:
    return [(float(x), float(y)) for x, y in corners]


class _LevelRays:
    """The compiled walkers' range finder on one track."""

    def __init__(self, tracks: Tracks) -> None:
        self._tracks = tracks

    def cast(self, x: float, y: float) -> list[float]:
        free = np.ones(RAYS, np.float32)
        cast_rays(self._tracks, 0, np.float32(x), np.float32(y), free)
        return list(free.tolist())
