"""The contact solver of Box2D's b2ContactSolver: friction, then both points of a manifold at once.

Everything here works on one lane or on all of them (``at``); a lane without this contact has zeros in its
rows, which give zero impulses. A manifold of one point is one whose second point has no mass.
"""

from __future__ import annotations

from typing import Any

from teacherstudent.envs.walkers.physics.joints import set_angle
from teacherstudent.envs.walkers.physics.layout import (
    AX,
    AY,
    B11,
    B12,
    B22,
    BX,
    BY,
    COS,
    FRICTION,
    GROUND_FACE,
    HALF,
    I11,
    I12,
    I22,
    LINEAR_SLOP,
    LIVE_1,
    LIVE_2,
    MAX_CORRECTION,
    MN1,
    MN2,
    MT1,
    MT2,
    MX,
    MY,
    NX,
    NY,
    ONE,
    P1N,
    P1T,
    P2N,
    P2T,
    Q1X,
    Q1Y,
    Q2X,
    Q2Y,
    R1X,
    R1Y,
    R2X,
    R2Y,
    RN1,
    RN2,
    RT1,
    RT2,
    SIN,
    SKINS,
    TRIG_ROWS,
    ZERO,
    F,
)
from teacherstudent.envs.walkers.physics.rig import (
    ANGLE,
    BODY_ROWS,
    INV_INERTIA,
    INV_MASS,
    SPIN,
    VX,
    VY,
    X,
    Y,
)
from teacherstudent.simulation.kernels import kernel
from teacherstudent.simulation.lanes import clamp, larger, load, select, size, smaller, store

_WORST = F(1000)  # condition number above which Box2D drops the second point


@kernel
def prepare_contact(bodies: Any, state: Any, rows: Any, row: Any, body: Any, at: Any) -> None:
    """Compute a contact's masses, and apply the impulses that it starts with."""
    im, ii = bodies[body, INV_MASS], bodies[body, INV_INERTIA]
    nx, ny = load(rows, row + NX, at), load(rows, row + NY, at)
    r1x, r1y = load(rows, row + R1X, at), load(rows, row + R1Y, at)
    r2x, r2y = load(rows, row + R2X, at), load(rows, row + R2Y, at)
    live_1, live_2 = load(rows, row + LIVE_1, at) > HALF, load(rows, row + LIVE_2, at) > HALF
    # How much an impulse along the normal, or along the tangent, turns the body.
    n1, n2 = r1x * ny - r1y * nx, r2x * ny - r2y * nx
    t1, t2 = -r1x * nx - r1y * ny, -r2x * nx - r2y * ny
    # The ground does not move: of Box2D's matrices only the body's terms are left.
    k11 = im + ii * n1 * n1
    k22 = im + ii * n2 * n2
    k12 = im + ii * n1 * n2
    det = k11 * k22 - k12 * k12
    # Box2D drops the second point where both say nearly the same: the matrix cannot be inverted well.
    two = live_2 & (k11 * k11 < _WORST * det)
    # Lanes that do not use the result divide by 1.
    inverse = ONE / select(two, det, ONE)
    store(rows, row + RN1, at, n1)
    store(rows, row + RT1, at, t1)
    store(rows, row + RN2, at, n2)
    store(rows, row + RT2, at, t2)
    # A point that does not exist has no mass: its impulses stay 0 without any branch.
    store(rows, row + MN1, at, select(live_1, ONE / k11, ZERO))
    store(rows, row + MN2, at, select(two, ONE / k22, ZERO))
    store(rows, row + MT1, at, select(live_1, ONE / (im + ii * t1 * t1), ZERO))
    store(rows, row + MT2, at, select(two, ONE / (im + ii * t2 * t2), ZERO))
    store(rows, row + B11, at, select(live_1, k11, ZERO))
    store(rows, row + B12, at, select(two, k12, ZERO))
    store(rows, row + B22, at, select(two, k22, ZERO))
    store(rows, row + I11, at, select(two, inverse * k22, select(live_1, ONE / k11, ZERO)))
    store(rows, row + I12, at, select(two, -inverse * k12, ZERO))
    store(rows, row + I22, at, select(two, inverse * k11, ZERO))
    # Warm start: the last step's impulses act at once, as in b2ContactSolver::WarmStart.
    pn = load(rows, row + P1N, at)
    pt = load(rows, row + P1T, at)
    qn = select(two, load(rows, row + P2N, at), ZERO)
    qt = select(two, load(rows, row + P2T, at), ZERO)
    store(rows, row + P2N, at, qn)
    store(rows, row + P2T, at, qt)
    first = BODY_ROWS * body
    push = im * (pn + qn)
    drag = im * (pt + qt)
    store(state, first + VX, at, load(state, first + VX, at) + push * nx + drag * ny)
    store(state, first + VY, at, load(state, first + VY, at) + push * ny - drag * nx)
    turn = n1 * pn + t1 * pt + n2 * qn + t2 * qt
    store(state, first + SPIN, at, load(state, first + SPIN, at) + ii * turn)


@kernel
def contact_velocity(bodies: Any, state: Any, rows: Any, row: Any, body: Any, at: Any, active: Any) -> Any:
    """Do one velocity iteration of a contact and return its largest change of an impulse (N s)."""
    im, ii = bodies[body, INV_MASS], bodies[body, INV_INERTIA]
    first = BODY_ROWS * body
    vx = load(state, first + VX, at)
    vy = load(state, first + VY, at)
    spin = load(state, first + SPIN, at)
    nx, ny = load(rows, row + NX, at), load(rows, row + NY, at)
    t1, t2 = load(rows, row + RT1, at), load(rows, row + RT2, at)
    n1, n2 = load(rows, row + RN1, at), load(rows, row + RN2, at)
    a1, a2 = load(rows, row + P1N, at), load(rows, row + P2N, at)

    # friction, point after point; the tangent is (ny, -nx)
    old_1, old_2 = load(rows, row + P1T, at), load(rows, row + P2T, at)
    slide = vx * ny - vy * nx
    limit = FRICTION * a1
    new_1 = clamp(old_1 - load(rows, row + MT1, at) * (slide + spin * t1), -limit, limit)
    # Lanes that have converged keep their impulses.
    d1 = select(active, new_1, old_1) - old_1
    spin = spin + ii * t1 * d1
    limit = FRICTION * a2
    new_2 = clamp(old_2 - load(rows, row + MT2, at) * (slide + im * d1 + spin * t2), -limit, limit)
    d2 = select(active, new_2, old_2) - old_2
    spin = spin + ii * t2 * d2
    change = larger(size(d1), size(d2))
    d = im * (d1 + d2)
    vx, vy = vx + d * ny, vy - d * nx
    store(rows, row + P1T, at, old_1 + d1)
    store(rows, row + P2T, at, old_2 + d2)

    # normal impulses of both points (b2ContactSolver's four cases, the last one first)
    k11 = load(rows, row + B11, at)
    k12 = load(rows, row + B12, at)
    k22 = load(rows, row + B22, at)
    along = vx * nx + vy * ny
    # Velocities as they would be without the impulses so far: these are found anew as totals.
    b1 = along + spin * n1 - (k11 * a1 + k12 * a2)
    b2 = along + spin * n2 - (k12 * a1 + k22 * a2)
    # Cases are tried from the last to the first: one that holds overwrites those before.
    open_both = (b1 >= ZERO) & (b2 >= ZERO)
    x1, x2 = select(open_both, ZERO, a1), select(open_both, ZERO, a2)
    only_2 = -load(rows, row + MN2, at) * b2
    case = (only_2 >= ZERO) & (k12 * only_2 + b1 >= ZERO)
    x1, x2 = select(case, ZERO, x1), select(case, only_2, x2)
    only_1 = -load(rows, row + MN1, at) * b1
    case = (only_1 >= ZERO) & (k12 * only_1 + b2 >= ZERO)
    x1, x2 = select(case, only_1, x1), select(case, ZERO, x2)
    i12 = load(rows, row + I12, at)
    both_1 = -(load(rows, row + I11, at) * b1 + i12 * b2)
    both_2 = -(i12 * b1 + load(rows, row + I22, at) * b2)
    case = (both_1 >= ZERO) & (both_2 >= ZERO)
    x1, x2 = select(case, both_1, x1), select(case, both_2, x2)
    d1, d2 = select(active, x1, a1) - a1, select(active, x2, a2) - a2
    store(rows, row + P1N, at, a1 + d1)
    store(rows, row + P2N, at, a2 + d2)
    d = im * (d1 + d2)
    store(state, first + VX, at, vx + d * nx)
    store(state, first + VY, at, vy + d * ny)
    store(state, first + SPIN, at, spin + ii * (n1 * d1 + n2 * d2))
    return larger(change, larger(size(d1), size(d2)))


@kernel
def _correct_point(
    bodies: Any,
    state: Any,
    rows: Any,
    row: Any,
    body: Any,
    at: Any,
    columns: Any,
    share: Any,
    active: Any,
) -> Any:
    """Push one point of a contact out of the ground; return how far apart the skins were (m)."""
    px, py, qx, qy, live = columns
    im, ii = bodies[body, INV_MASS], bodies[body, INV_INERTIA]
    first = BODY_ROWS * body
    x = load(state, first + X, at)
    y = load(state, first + Y, at)
    angle = load(state, first + ANGLE, at)
    c, s = load(rows, TRIG_ROWS * body + COS, at), load(rows, TRIG_ROWS * body + SIN, at)
    ax, ay = load(rows, row + px, at), load(rows, row + py, at)
    mx, my = load(rows, row + MX, at), load(rows, row + MY, at)
    # Bodies have moved since the contact was found: its points are placed again.
    dx, dy = load(rows, row + qx, at) - x, load(rows, row + qy, at) - y
    ground_face = load(rows, row + GROUND_FACE, at) > HALF
    ax, ay = c * ax - s * ay, s * ax + c * ay
    # The normal away from the ground; the body's own one is turned with it, and reversed.
    nx = select(ground_face, mx, s * my - c * mx)
    ny = select(ground_face, my, -(s * mx + c * my))
    gap = (ax - dx) * nx + (ay - dy) * ny - SKINS
    rx, ry = select(ground_face, ax, dx), select(ground_face, ay, dy)
    # A little penetration stays, so that contacts do not come and go; and no correction is large.
    depth = clamp(share * (gap + LINEAR_SLOP), -MAX_CORRECTION, ZERO)
    arm = rx * ny - ry * nx
    there = active & (load(rows, row + live, at) > HALF)
    push = select(there, -depth / (im + ii * arm * arm), ZERO)
    angle = angle + ii * arm * push
    store(state, first + X, at, x + im * push * nx)
    store(state, first + Y, at, y + im * push * ny)
    store(state, first + ANGLE, at, angle)
    # What comes next works with the new angle.
    set_angle(rows, body, angle, at)
    return select(there, gap, ZERO)


@kernel
def contact_position(
    bodies: Any, state: Any, rows: Any, row: Any, body: Any, at: Any, share: Any, active: Any
) -> Any:
    """Do one position iteration of a contact; return the least gap between its skins, at most 0 (m)."""
    # One point after the other, as in Box2D: the second one sees what the first has moved.
    gap = _correct_point(bodies, state, rows, row, body, at, (AX, AY, Q1X, Q1Y, LIVE_1), share, active)
    other = _correct_point(bodies, state, rows, row, body, at, (BX, BY, Q2X, Q2Y, LIVE_2), share, active)
    return smaller(smaller(gap, other), ZERO)
