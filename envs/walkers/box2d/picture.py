"""Pictures of batched walkers, drawn by gymnasium's BipedalWalker."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
from gymnasium.envs.box2d.bipedal_walker import BipedalWalker

from teacherstudent.contract.types import Array
from teacherstudent.envs.walkers.box2d import require
from teacherstudent.envs.walkers.box2d.body import HULL_COLOURS, PAIR_COLOURS
from teacherstudent.envs.walkers.box2d.environment import EARTH, GREEN, GREY, WHITE
from teacherstudent.envs.walkers.box2d.lidar import DIRECTIONS
from teacherstudent.envs.walkers.physics.constants import SCALE, VIEWPORT_W
from teacherstudent.envs.walkers.physics.rig import HALF_HEIGHT, HALF_WIDTH
from teacherstudent.envs.walkers.view import WalkerView

require("pygame")


class WalkerPicture(BipedalWalker):
    """Draws views.

    Args:
        render_mode: "rgb_array" or "human".
    """

    def draw(self, view: WalkerView) -> Any:
        """Return or show a frame."""
        rig = view.rig
        poses = view.poses
        corners = view.ground.tolist()
        edges = list(pairwise(corners))
        hull = _placed(rig.hull, poses[0])
        # Two parts a leg, and the legs of a pair have their colours in turn.
        parts = [
            _shape(_placed(_box(rig.bodies[i]), poses[i]), *PAIR_COLOURS[(i - 1) // 2 % 2])
            for i in range(1, len(poses))
        ]
        ground = [_shape(edge, GREEN, GREEN) for edge in edges]
        obstacles = [_shape(solid, WHITE, GREY) for solid in view.obstacles]
        self.drawlist: Any = [*obstacles, *ground, *parts, _shape(hull, *HULL_COLOURS)]
        # The ground is filled edge by edge, down to height 0; a vertical edge has nothing below it.
        self.terrain_poly = [([a, b, (b[0], 0.0), (a[0], 0.0)], EARTH) for a, b in edges if b[0] > a[0]]
        self.cloud_poly: Any = []
        # gymnasium scrolls with the hull's origin, poses are of its centre of mass.
        x, y = (poses[0][:2] - _turned(rig.origin[None], poses[0][2])[0]).tolist()
        self.scroll = x - VIEWPORT_W / SCALE / 5
        ends = np.array([x, y]) + view.rays[:, None] * DIRECTIONS
        self.lidar: Any = [SimpleNamespace(p1=(x, y), p2=tuple(end)) for end in ends]
        # gymnasium counts in it which ray to draw: it must be there before the first frame.
        self.lidar_render = getattr(self, "lidar_render", 0)
        return self.render()


def _turned(points: Array, angle: float) -> Array:
    c, s = np.cos(angle), np.sin(angle)
    return np.asarray(points @ np.array([[c, s], [-s, c]]))


def _placed(points: Array, pose: Array) -> Array:
    return _turned(points, pose[2]) + pose[:2]


def _box(body: Array) -> Array:
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    return np.asarray(corners * [body[HALF_WIDTH], body[HALF_HEIGHT]])


def _shape(corners: Any, fill: Any, border: Any) -> SimpleNamespace:
    """Return what gymnasium's drawing takes for a body: one polygon that is where it is."""
    shape = SimpleNamespace(vertices=[np.asarray(corner, float) for corner in corners])
    # Corners are in the world already: gymnasium multiplies them by the transform, and 1.0 leaves them.
    fixture = SimpleNamespace(shape=shape, body=SimpleNamespace(transform=1.0))
    return SimpleNamespace(fixtures=[fixture], color1=fill, color2=border)
