"""The motorised, limited hinges of Box2D's b2RevoluteJoint, on one lane or on all of them (``at``)."""

from __future__ import annotations

from typing import Any

from teacherstudent.envs.walkers.physics.layout import (
    ANGULAR_SLOP,
    ARM_AX,
    ARM_AY,
    ARM_BX,
    ARM_BY,
    COS,
    DT,
    HALF,
    K13,
    K23,
    LINEAR_SLOP,
    M11,
    M12,
    M22,
    MAX_ANGULAR_CORRECTION,
    MOTOR_MASS,
    N11,
    N12,
    N13,
    N22,
    N23,
    N33,
    ONE,
    SIN,
    STRENGTH,
    TRIG_ROWS,
    WANTED,
    ZERO,
)
from teacherstudent.envs.walkers.physics.rig import (
    ANCHOR_AX,
    ANCHOR_AY,
    ANCHOR_BX,
    ANCHOR_BY,
    ANGLE,
    BODY_ROWS,
    HIGH,
    INV_INERTIA,
    INV_MASS,
    LOW,
    MOTOR,
    PUSH_X,
    PUSH_Y,
    REFERENCE,
    SIDE,
    SPEED,
    SPIN,
    STOP,
    VX,
    VY,
    X,
    Y,
)
from teacherstudent.simulation.kernels import kernel
from teacherstudent.simulation.lanes import any_lane, clamp, larger, load, select, size, store
from teacherstudent.simulation.trigonometry import cosine_sine


@kernel
def turned(rows: Any, body: Any, x: Any, y: Any, at: Any) -> Any:
    """Return a vector of a body's frame in the world."""
    c, s = load(rows, TRIG_ROWS * body + COS, at), load(rows, TRIG_ROWS * body + SIN, at)
    return c * x - s * y, s * x + c * y


@kernel
def set_angle(rows: Any, body: Any, angle: Any, at: Any) -> None:
    """Keep a body's cosine and sine."""
    c, s = cosine_sine(angle)
    store(rows, TRIG_ROWS * body + COS, at, c)
    store(rows, TRIG_ROWS * body + SIN, at, s)


@kernel
def prepare_joint(
    rig: Any, state: Any, rows: Any, joint: Any, row: Any, kept: Any, action: Any, at: Any
) -> None:
    """Compute a joint's masses, limit and motor, and apply the impulses kept from the last step.

    Args:
        rig: the walker.
        state: ``(rows, lanes)``.
        rows: scratch, likewise.
        joint: its number.
        row: its first scratch row.
        kept: its first row in the state.
        action: the motor's command, -1 to 1.
        at: the lane, or None.
    """
    a = rig.parents[joint]
    b = joint + 1
    ma = rig.bodies[a, INV_MASS]
    ia = rig.bodies[a, INV_INERTIA]
    mb = rig.bodies[b, INV_MASS]
    ib = rig.bodies[b, INV_INERTIA]
    anchors = rig.joints[joint]
    ax, ay = turned(rows, a, anchors[ANCHOR_AX], anchors[ANCHOR_AY], at)
    bx, by = turned(rows, b, anchors[ANCHOR_BX], anchors[ANCHOR_BY], at)
    # b2RevoluteJoint's mass matrix: 1 and 2 are the anchor's coordinates, 3 is the angle.
    k11 = ma + mb + ay * ay * ia + by * by * ib
    k22 = ma + mb + ax * ax * ia + bx * bx * ib
    k12 = -ay * ax * ia - by * bx * ib
    k13 = -ay * ia - by * ib
    k23 = ax * ia + bx * ib
    k33 = ia + ib
    inverse = ONE / (k11 * k22 - k12 * k12)
    store(rows, row + M11, at, inverse * k22)
    store(rows, row + M12, at, -inverse * k12)
    store(rows, row + M22, at, inverse * k11)
    c11, c12, c13 = k22 * k33 - k23 * k23, k13 * k23 - k12 * k33, k12 * k23 - k13 * k22
    inverse = ONE / (k11 * c11 + k12 * c12 + k13 * c13)
    store(rows, row + N11, at, inverse * c11)
    store(rows, row + N12, at, inverse * c12)
    store(rows, row + N13, at, inverse * c13)
    store(rows, row + N22, at, inverse * (k11 * k33 - k13 * k13))
    store(rows, row + N23, at, inverse * (k12 * k13 - k11 * k23))
    store(rows, row + N33, at, inverse * (k11 * k22 - k12 * k12))
    store(rows, row + ARM_AX, at, ax)
    store(rows, row + ARM_AY, at, ay)
    store(rows, row + ARM_BX, at, bx)
    store(rows, row + ARM_BY, at, by)
    store(rows, row + K13, at, k13)
    store(rows, row + K23, at, k23)
    store(rows, row + MOTOR_MASS, at, ONE / k33)

    first = BODY_ROWS * a
    second = BODY_ROWS * b
    angle = load(state, second + ANGLE, at) - load(state, first + ANGLE, at) - anchors[REFERENCE]
    side = select(angle <= anchors[LOW], -ONE, select(angle >= anchors[HIGH], ONE, ZERO))
    same = (side == load(state, kept + SIDE, at)) & (size(side) > HALF)
    stop = select(same, load(state, kept + STOP, at), ZERO)
    store(state, kept + SIDE, at, side)
    store(state, kept + STOP, at, stop)
    direction = select(action > ZERO, ONE, select(action < ZERO, -ONE, ZERO))
    store(rows, row + WANTED, at, anchors[SPEED] * direction)
    store(rows, row + STRENGTH, at, DT * rig.power[0] * clamp(size(action), ZERO, ONE))

    px, py = load(state, kept + PUSH_X, at), load(state, kept + PUSH_Y, at)
    turn = stop + load(state, kept + MOTOR, at)
    store(state, first + VX, at, load(state, first + VX, at) - ma * px)
    store(state, first + VY, at, load(state, first + VY, at) - ma * py)
    store(state, first + SPIN, at, load(state, first + SPIN, at) - ia * (ax * py - ay * px + turn))
    store(state, second + VX, at, load(state, second + VX, at) + mb * px)
    store(state, second + VY, at, load(state, second + VY, at) + mb * py)
    store(state, second + SPIN, at, load(state, second + SPIN, at) + ib * (bx * py - by * px + turn))


@kernel
def _limited(rows: Any, row: Any, old: Any, side: Any, c1: Any, c2: Any, c3: Any, at: Any) -> Any:
    """Return the impulses of a joint at its limit: both coordinates of the push, and the stop."""
    n12 = load(rows, row + N12, at)
    n13 = load(rows, row + N13, at)
    n23 = load(rows, row + N23, at)
    px = -(load(rows, row + N11, at) * c1 + n12 * c2 + n13 * c3)
    py = -(n12 * c1 + load(rows, row + N22, at) * c2 + n23 * c3)
    pz = -(n13 * c1 + n23 * c2 + load(rows, row + N33, at) * c3)
    loose = (old + pz) * side > ZERO  # the limit would pull: it lets go
    # Then the anchor is solved alone, with the stop's impulse taken back, as in Box2D.
    h1, h2 = old * load(rows, row + K13, at) - c1, old * load(rows, row + K23, at) - c2
    m12 = load(rows, row + M12, at)
    px = select(loose, load(rows, row + M11, at) * h1 + m12 * h2, px)
    py = select(loose, m12 * h1 + load(rows, row + M22, at) * h2, py)
    return px, py, select(loose, -old, pz)


@kernel
def joint_velocity(
    bodies: Any, a: Any, state: Any, rows: Any, joint: Any, row: Any, kept: Any, at: Any, active: Any
) -> Any:
    """Do one velocity iteration of a joint and return its largest change of an impulse (N s, N m s)."""
    b = joint + 1
    ma, ia = bodies[a, INV_MASS], bodies[a, INV_INERTIA]
    mb, ib = bodies[b, INV_MASS], bodies[b, INV_INERTIA]
    first = BODY_ROWS * a
    second = BODY_ROWS * b
    vax = load(state, first + VX, at)
    vay = load(state, first + VY, at)
    wa = load(state, first + SPIN, at)
    vbx = load(state, second + VX, at)
    vby = load(state, second + VY, at)
    wb = load(state, second + SPIN, at)
    ax, ay = load(rows, row + ARM_AX, at), load(rows, row + ARM_AY, at)
    bx, by = load(rows, row + ARM_BX, at), load(rows, row + ARM_BY, at)

    # The motor comes first, then limit and anchor, as in b2RevoluteJoint.
    strength = load(rows, row + STRENGTH, at)
    old = load(state, kept + MOTOR, at)
    wanted = old - load(rows, row + MOTOR_MASS, at) * (wb - wa - load(rows, row + WANTED, at))
    turn = select(active, clamp(wanted, -strength, strength), old) - old
    store(state, kept + MOTOR, at, old + turn)
    wa, wb = wa - ia * turn, wb + ib * turn

    # How fast the anchors part.
    c1, c2 = vbx - wb * by - vax + wa * ay, vby + wb * bx - vay - wa * ax
    m12 = load(rows, row + M12, at)
    px = -(load(rows, row + M11, at) * c1 + m12 * c2)
    py = -(m12 * c1 + load(rows, row + M22, at) * c2)
    side = load(state, kept + SIDE, at)
    at_limit = size(side) > HALF
    change = size(turn)
    # Joints are seldom at a limit: most of the time the larger system need not be solved.
    if any_lane(at_limit):
        stop = load(state, kept + STOP, at)
        lx, ly, lz = _limited(rows, row, stop, side, c1, c2, wb - wa, at)
        px, py = select(at_limit, lx, px), select(at_limit, ly, py)
        pz = select(at_limit & active, lz, ZERO)
        store(state, kept + STOP, at, stop + pz)
        wa, wb = wa - ia * pz, wb + ib * pz
        change = larger(change, size(pz))
    # Walkers that have converged are not pushed.
    px, py = select(active, px, ZERO), select(active, py, ZERO)
    store(state, kept + PUSH_X, at, load(state, kept + PUSH_X, at) + px)
    store(state, kept + PUSH_Y, at, load(state, kept + PUSH_Y, at) + py)
    store(state, first + VX, at, vax - ma * px)
    store(state, first + VY, at, vay - ma * py)
    store(state, first + SPIN, at, wa - ia * (ax * py - ay * px))
    store(state, second + VX, at, vbx + mb * px)
    store(state, second + VY, at, vby + mb * py)
    store(state, second + SPIN, at, wb + ib * (bx * py - by * px))
    return larger(change, larger(size(px), size(py)))


@kernel
def joint_position(
    rig: Any, state: Any, rows: Any, joint: Any, row: Any, kept: Any, at: Any, active: Any
) -> Any:
    """Do one position iteration of a joint and return whether it was out of place."""
    a = rig.parents[joint]
    b = joint + 1
    ma, ia = rig.bodies[a, INV_MASS], rig.bodies[a, INV_INERTIA]
    mb, ib = rig.bodies[b, INV_MASS], rig.bodies[b, INV_INERTIA]
    first = BODY_ROWS * a
    second = BODY_ROWS * b
    anchors = rig.joints[joint]
    angle_a, angle_b = load(state, first + ANGLE, at), load(state, second + ANGLE, at)
    side = load(state, kept + SIDE, at)
    # past the limit: positive
    over = side * (angle_b - angle_a - anchors[REFERENCE] - select(side > ZERO, anchors[HIGH], anchors[LOW]))
    over = select(size(side) > HALF, over, ZERO)
    # Box2D leaves a slop, and corrects a limit by at most eight degrees at once.
    turn = side * clamp(over - ANGULAR_SLOP, ZERO, MAX_ANGULAR_CORRECTION)
    turn = select(active, -load(rows, row + MOTOR_MASS, at) * turn, ZERO)
    angle_a, angle_b = angle_a - ia * turn, angle_b + ib * turn
    # Both arms at the angles as they are corrected.
    ca, sa = cosine_sine(angle_a)
    cb, sb = cosine_sine(angle_b)
    x, y = anchors[ANCHOR_AX], anchors[ANCHOR_AY]
    ax, ay = ca * x - sa * y, sa * x + ca * y
    x, y = anchors[ANCHOR_BX], anchors[ANCHOR_BY]
    bx, by = cb * x - sb * y, sb * x + cb * y
    x_a, y_a = load(state, first + X, at), load(state, first + Y, at)
    x_b, y_b = load(state, second + X, at), load(state, second + Y, at)
    c1, c2 = x_b + bx - x_a - ax, y_b + by - y_a - ay
    # The 2 x 2 system again, as the arms have turned.
    k11 = ma + mb + ia * ay * ay + ib * by * by
    k22 = ma + mb + ia * ax * ax + ib * bx * bx
    k12 = -ia * ax * ay - ib * bx * by
    scale = select(active, ONE / (k11 * k22 - k12 * k12), ZERO)
    px, py = -scale * (k22 * c1 - k12 * c2), -scale * (k11 * c2 - k12 * c1)
    angle_a = angle_a - ia * (ax * py - ay * px)
    angle_b = angle_b + ib * (bx * py - by * px)
    store(state, first + X, at, x_a - ma * px)
    store(state, first + Y, at, y_a - ma * py)
    store(state, first + ANGLE, at, angle_a)
    store(state, second + X, at, x_b + mb * px)
    store(state, second + Y, at, y_b + mb * py)
    store(state, second + ANGLE, at, angle_b)
    set_angle(rows, a, angle_a, at)
    set_angle(rows, b, angle_b, at)
    # Anchors that are apart, or an angle past its limit: another iteration is needed.
    return (c1 * c1 + c2 * c2 > LINEAR_SLOP * LINEAR_SLOP) | (over > ANGULAR_SLOP)
