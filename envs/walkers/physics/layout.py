"""Where the batched walkers' scratch rows are, and Box2D's constants."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from teacherstudent.envs.walkers.physics import constants as walker
from teacherstudent.envs.walkers.physics.rig import MANIFOLDS, Float32Array, Int32Array

# Constants are float32: a Python number would make kernels compute in double precision.
F = np.float32

# Box2D 2.3's settings
LINEAR_SLOP: Final = F(0.005)  # m
ANGULAR_SLOP: Final = F(2 / 180 * math.pi)
SKINS: Final = F(0.02)  # m: the skins of two polygons
CORRECTION: Final = F(0.2)  # share of a penetration that one position iteration takes away
IMPACT_CORRECTION: Final = F(0.75)
MAX_CORRECTION = F(0.2)
MAX_ANGULAR_CORRECTION = F(8 / 180 * math.pi)
MAX_TRANSLATION = F(2.0)  # in one step
MAX_ROTATION = F(0.5 * math.pi)  # in one step
GRAVITY: Final = F(-10.0)
DT: Final = F(1 / walker.FPS)
FRICTION: Final = F(math.sqrt(0.2 * 2.5))  # legs' and ground's, mixed as Box2D does
ZERO = F(0)
HALF = F(0.5)
ONE = F(1)
TWO = F(2)
# Farther than anything on a track, and finite, since kernels compute with it.
FAR = F(1e9)

# gymnasium's BipedalWalker
SCALE: Final = F(walker.SCALE)  # pixels to the metre
STEP: Final = F(walker.TERRAIN_STEP)  # m between the corners of gymnasium's ground
GROUND: Final = F(walker.TERRAIN_HEIGHT)  # m: the height of the start pad
PAD: Final = F(walker.TERRAIN_STARTPAD * walker.TERRAIN_STEP)  # m: where the start pad ends
START: Final = F(walker.TERRAIN_STARTPAD * walker.TERRAIN_STEP / 2)
FINISH = F((walker.TERRAIN_LENGTH - walker.TERRAIN_GRASS) * walker.TERRAIN_STEP)
END = F(walker.TERRAIN_LENGTH * walker.TERRAIN_STEP)
LIDAR_RANGE: Final = F(walker.LIDAR_RANGE)
START_FORCE: Final = F(walker.INITIAL_RANDOM)  # N, at most: sideways on the hull in the first step

# scratch rows of a body
COS, SIN, TRIG_ROWS = range(3)

# scratch rows of a joint: arms on both bodies; inverse of the 2 x 2 mass matrix; its third column; inverse of
# the 3 x 3 one; what the motor wants, and its largest impulse
ARM_AX, ARM_AY, ARM_BX, ARM_BY = range(4)
M11, M12, M22, K13, K23, MOTOR_MASS = range(4, 10)
N11, N12, N13, N22, N23, N33 = range(10, 16)
WANTED, STRENGTH, JOINT_WORK = range(16, 19)

# scratch rows of a contact: normal; arms of its points, and their cross products with normal and tangent;
# masses along the tangent and the normal; the block solver's matrix and its inverse; impulses
NX, NY, R1X, R1Y, R2X, R2Y = range(6)
RN1, RT1, RN2, RT2, MT1, MT2, MN1, MN2 = range(6, 14)
B11, B12, B22, I11, I12, I22 = range(14, 20)
P1N, P1T, P2N, P2T = range(20, 24)
# for the position solver: points and normal in the frame of their owner, the other's points; whether the
# reference face is the ground's; whether the points exist
AX, AY, BX, BY, MX, MY, Q1X, Q1Y, Q2X, Q2Y, GROUND_FACE, LIVE_1, LIVE_2 = range(24, 37)
CONTACT_WORK: Final = 37

# columns of a polygon's scratch: corner and outward normal
SHAPE_COLUMNS: Final = 4
MAX_CORNERS: Final = 8


class Tracks(NamedTuple):
    """The ground of every slot.

    Attributes:
        x, y: ``(n, corners)``: a polyline from left to right (m).
        lengths: ``(n, 2)``: number of its corners, number of obstacles.
        corners: ``(n, obstacles, sides, 4)``: convex obstacles, counter-clockwise: corners (m) and the
            outward normals of the sides that start there; obstacles are in the order of their left ends and
            of their right ends.
        sides: ``(n, obstacles)``: number of sides.
        reach: ``(n, obstacles, 3)``: left end, right end, top (m).
    """

    x: Float32Array
    y: Float32Array
    lengths: Int32Array
    corners: Float32Array
    sides: Int32Array
    reach: Float32Array


class Work(NamedTuple):
    """Scratch of one thread, for the environments that it steps together.

    Attributes:
        rows: ``(work_rows(parts), lanes)``.
        counts: ``(parts, lanes)``: contacts of each part.
        shape: ``(8, 4)``: a polygon's corners and normals in the world.
        marks: ``(8, 3)``: keys of the contacts of one part.
        before: ``(lanes, 1 + parts, 3)``: where the bodies were before the step.
        most: ``(parts,)``: most contacts that a part has in any lane.
    """

    rows: Float32Array
    counts: Int32Array
    shape: Float32Array
    marks: Int32Array
    before: Float32Array
    most: Int32Array


class Solver(NamedTuple):
    """How exactly contacts and joints are solved.

    Attributes:
        velocity_iterations, position_iterations: at most so many.
        tolerance: velocity iterations of a walker end when no impulse changes by it (N s, N m s).
    """

    velocity_iterations: int
    position_iterations: int
    tolerance: np.float32


def work_rows(parts: int) -> int:
    """Return the number of scratch rows for so many leg parts."""
    return TRIG_ROWS * (parts + 1) + JOINT_WORK * parts + CONTACT_WORK * MANIFOLDS * parts
