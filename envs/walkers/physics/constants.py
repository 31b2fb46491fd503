"""The constants of gymnasium's BipedalWalker, under gymnasium's names.

gymnasium keeps them in a module that imports Box2D, which the compiled walkers do not need. A test compares
them with gymnasium's.
"""

from __future__ import annotations

from typing import Final

FPS: Final = 50
SCALE: Final = 30.0  # pixels to the metre of the simulation

SPEED_HIP: Final = 4  # rad/s
SPEED_KNEE: Final = 6  # rad/s
LIDAR_RANGE: Final = 160 / SCALE  # m
INITIAL_RANDOM: Final = 5  # N, at most: sideways on the hull in the first step

HULL_POLY: Final = ((-30, 9), (6, 9), (34, 1), (34, -8), (-30, -8))  # pixels
LEG_DOWN: Final = -8 / SCALE  # m: how far below the hull's origin the hips are

VIEWPORT_W: Final = 600  # pixels
VIEWPORT_H: Final = 400  # pixels

TERRAIN_STEP: Final = 14 / SCALE  # m between the corners of the ground
TERRAIN_LENGTH: Final = 200  # terrain steps
TERRAIN_HEIGHT: Final = VIEWPORT_H / SCALE / 4  # m
TERRAIN_GRASS: Final = 10  # terrain steps
TERRAIN_STARTPAD: Final = 20  # terrain steps

RAYS: Final = 10
"""Rays of the range finder; gymnasium has no name for their number."""
