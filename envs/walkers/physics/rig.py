"""A walker's measures as arrays: masses, joints, and the rows of the batched simulator's state."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from teacherstudent.contract.types import FloatArray, IntArray
from teacherstudent.envs.walkers.embodiments import Embodiment
from teacherstudent.envs.walkers.physics.constants import LEG_DOWN, SCALE

Float32Array = npt.NDArray[np.float32]
Int32Array = npt.NDArray[np.int32]

HULL_DENSITY = 5.0  # kg / m^2
LEG_DENSITY = 1.0  # kg / m^2
LOWER_WIDTH = 0.8  # of the upper leg's
HIP = (-0.8, 1.1, 4.0)  # rad, rad, rad/s: lower and upper angle, speed
KNEE = (-1.6, -0.1, 6.0)  # the same
LEAN: Final = 0.05  # rad: how far the two legs of a pair start apart

MANIFOLDS: Final = 8
"""Contacts that one part of a leg can have at once."""

# rows of a body: centre of mass (m), angle (rad), velocities (m/s, rad/s)
X, Y, ANGLE, VX, VY, SPIN, BODY_ROWS = range(7)
# rows of a joint: impulses (N s, N m s) kept for the next step, and which limit it is at: -1, 0 or 1
PUSH_X, PUSH_Y, STOP, MOTOR, SIDE, JOINT_ROWS = range(6)
# rows of a contact: impulses of its two points, kept for the next step
IMPULSE_ROWS: Final = 4
# integers of a contact: what it touches, and the features that make its two points
KEY, FEATURE_1, FEATURE_2, MARK_ROWS = range(4)
# columns of `Rig.bodies` and `Rig.joints`
INV_MASS, INV_INERTIA, HALF_WIDTH, HALF_HEIGHT = range(4)
ANCHOR_AX, ANCHOR_AY, ANCHOR_BX, ANCHOR_BY, LOW, HIGH, REFERENCE, SPEED = range(8)


class Rig(NamedTuple):
    """One embodiment; part ``i`` of the legs is body ``i + 1`` and hangs on joint ``i``; body 0 is the hull.

    Attributes:
        bodies: ``(1 + parts, 4)``: inverse mass (1/kg), inverse inertia, half width and height (m).
        joints: ``(parts, 8)``: anchors on both bodies (m, from their centres of mass), lower and upper angle,
            angle at which it reads 0 (rad), speed of its motor (rad/s).
        parents: ``(parts,)``: the body on which each part hangs.
        joint_order: ``(parts,)``: the order in which Box2D solves the joints.
        part_order: ``(parts,)``: the order in which Box2D solves the parts' contacts.
        hull: ``(corners, 2)``: corners of the hull, counter-clockwise, from its centre of mass (m).
        start: ``(1 + parts, 3)``: where the bodies' centres of mass start, from the start pad's middle on the
            ground (m), and at which angle.
        origin: ``(2,)``: the hull's centre of mass, from its origin (m).
        power: ``(2,)``: largest torque of a motor (N m), reward lost for it in a step.
    """

    bodies: Float32Array
    joints: Float32Array
    parents: IntArray
    joint_order: IntArray
    part_order: IntArray
    hull: Float32Array
    start: Float32Array
    origin: Float32Array
    power: Float32Array


class Rows(NamedTuple):
    """Where things are in the state of a walker with so many leg parts.

    Attributes:
        joints, impulses: first of their float rows.
        shaping, force, best: float rows: the reward's potential, the sideways force of the first step (N),
            where the hull was when it last got farther (m).
        floats: number of float rows.
        marks, counts, feet: first of their integer rows: contacts' keys, contacts of each part, feet's flags.
        fallen, steps, since: integer rows: whether it fell, steps so far, steps since it got farther.
        ints: number of integer rows.
    """

    joints: int
    impulses: int
    shaping: int
    force: int
    best: int
    floats: int
    marks: int
    counts: int
    feet: int
    fallen: int
    steps: int
    since: int
    ints: int


def rows_of(parts: int) -> Rows:
    """Return the layout of the state for so many leg parts."""
    joints = BODY_ROWS * (parts + 1)
    impulses = joints + JOINT_ROWS * parts
    floats = impulses + IMPULSE_ROWS * MANIFOLDS * parts
    counts = MARK_ROWS * MANIFOLDS * parts
    feet = counts + parts
    fallen = feet + parts // 2
    return Rows(
        joints=joints,
        impulses=impulses,
        shaping=floats,
        force=floats + 1,
        best=floats + 2,
        floats=floats + 3,
        marks=0,
        counts=counts,
        feet=feet,
        fallen=fallen,
        steps=fallen + 1,
        since=fallen + 2,
        ints=fallen + 3,
    )


def rig_of(measures: Embodiment) -> Rig:
    """Return an embodiment's arrays."""
    # The formulas for masses need corners that go counter-clockwise.
    corners = _counter_clockwise(np.array(measures.hull) / SCALE)
    hull_mass, centre, hull_inertia = _polygon_mass(corners, HULL_DENSITY)
    height = measures.leg_height / SCALE
    upper = measures.leg_width / SCALE
    bodies = [(1 / hull_mass, 1 / hull_inertia, 0.0, 0.0)]
    joints: list[tuple[float, ...]] = []
    parents: list[int] = []
    start = [(*centre, 0.0)]
    half_hull = (corners[:, 0].max() - corners[:, 0].min()) / 2
    for anchor in measures.anchors:
        leg_x = float(np.interp(anchor, [-1, 1], [-half_hull, half_hull]))
        for side in (-1, 1):
            # k = 0 is the upper part, on the hull; k = 1 the lower one, on the upper.
            for k, width in enumerate((upper, LOWER_WIDTH * upper)):
                mass = LEG_DENSITY * width * height
                # A rectangle's moment of inertia is m (w^2 + h^2) / 12.
                bodies.append((1 / mass, 12 / (mass * (width**2 + height**2)), width / 2, height / 2))
                # Anchors count from centres of mass, and the hull's is not at its origin.
                above = (anchor - centre[0], LEG_DOWN - centre[1]) if k == 0 else (0.0, -height / 2)
                # Box2D takes it from the angles at which the bodies start.
                reference = side * LEAN if k == 0 else 0.0
                low, high, speed = HIP if k == 0 else KNEE
                joints.append((*above, 0.0, height / 2, low, high, reference, speed))
                parents.append(0 if k == 0 else len(bodies) - 2)
                start.append((leg_x, -(k + 0.5) * height - LEG_DOWN, side * LEAN))
    parts = len(parents)
    # Box2D searches the bodies depth first from the newest one: in this order it meets the joints.
    hips = list(range(parts - 4, -1, -2))
    return Rig(
        bodies=np.array(bodies, np.float32),
        joints=np.array(joints, np.float32),
        parents=np.array(parents, np.int64),
        joint_order=np.array([parts - 1, parts - 2, *hips, *(i + 1 for i in reversed(hips))], np.int64),
        part_order=np.array([parts - 1, parts - 2, *range(parts - 2)], np.int64),
        hull=(corners - centre).astype(np.float32),
        start=np.add(start, [0.0, 2 * height, 0.0]).astype(np.float32),
        origin=centre.astype(np.float32),
        power=np.array([measures.torque, measures.torque_cost], np.float32),
    )


def _counter_clockwise(corners: FloatArray) -> FloatArray:
    following = np.roll(corners, -1, axis=0)
    # Twice the signed area: positive if corners go counter-clockwise.
    area = np.sum(corners[:, 0] * following[:, 1] - following[:, 0] * corners[:, 1])
    if area > 0:
        return corners
    return corners[::-1]


def _polygon_mass(corners: FloatArray, density: float) -> tuple[float, FloatArray, float]:
    """Return mass, centre of mass and moment of inertia about it, of a counter-clockwise polygon."""
    a = corners
    b = np.roll(corners, -1, axis=0)
    # Sums over the triangles between the origin and each side.
    cross = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    mass = density * cross.sum() / 2
    centre = np.asarray((cross[:, None] * (a + b)).sum(axis=0) / 3 / cross.sum())
    second = density / 12 * (cross * ((a * a).sum(axis=1) + (a * b).sum(axis=1) + (b * b).sum(axis=1))).sum()
    # Steiner's theorem moves the moment from the origin to the centre of mass.
    return float(mass), centre, float(second - mass * centre @ centre)
