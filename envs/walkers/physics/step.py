"""One step of the world for one walker or for all lanes of a group, in the order of Box2D's b2World::Step."""

from __future__ import annotations

from typing import Any

from teacherstudent.envs.walkers.physics.contacts import contact_position, contact_velocity, prepare_contact
from teacherstudent.envs.walkers.physics.impact import stop_at_impact
from teacherstudent.envs.walkers.physics.joints import (
    joint_position,
    joint_velocity,
    prepare_joint,
    set_angle,
)
from teacherstudent.envs.walkers.physics.layout import (
    CONTACT_WORK,
    CORRECTION,
    DT,
    GRAVITY,
    JOINT_WORK,
    LINEAR_SLOP,
    MAX_ROTATION,
    MAX_TRANSLATION,
    ONE,
    TRIG_ROWS,
    ZERO,
    F,
)
from teacherstudent.envs.walkers.physics.rig import ANGLE, BODY_ROWS, INV_MASS, JOINT_ROWS, SPIN, VX, VY, X, Y
from teacherstudent.envs.walkers.physics.touch import (
    contact_row,
    flag_foot,
    hull_touches,
    keep_impulses,
    meet,
)
from teacherstudent.simulation.kernels import kernel, large_kernel
from teacherstudent.simulation.lanes import (
    any_lane,
    clamp,
    end_lane,
    first_lane,
    larger,
    load,
    root,
    select,
    size,
    smaller,
    store,
)

_DEEP = F(-3)  # slops


@large_kernel
def advance(
    rig: Any,
    rows: Any,
    solver: Any,
    tracks: Any,
    state: Any,
    ints: Any,
    work: Any,
    actions: Any,
    first: Any,
    count: Any,
    at: Any,
) -> None:
    """Step walkers for a fiftieth of a second.

    Args:
        rig: the walker.
        rows: layout of its state.
        solver: iterations and tolerance.
        tracks: every slot's ground.
        state: ``(rows, lanes)``.
        ints: likewise.
        work: scratch.
        actions: ``(parts, lanes)``: the motors' commands, -1 to 1.
        first: slot of the first lane that is stepped.
        count: number of lanes that hold a walker.
        at: the lane, or None for all.
    """
    parts = len(rig.parents)
    # Contacts and joints need the angles' cosines and sines: compute them once.
    for body in range(parts + 1):
        set_angle(work.rows, body, load(state, BODY_ROWS * body + ANGLE, at), at)
    # Contacts are those of the poses before the step, as in b2World::Step.
    for i in range(count):
        _meet_ground(rig, rows, tracks, state, ints, work, first + i, first_lane(at) + i)
    # All lanes go through as many contacts as the lane with most: those they lack must do nothing.
    _clear_missing(parts, work, count, at)
    # Continuous collision goes back to where the bodies were.
    _note_poses(parts, state, work, count, at)
    _accelerate(rig, rows, state, count, at)
    _prepare(rig, rows, state, work, actions, at)
    _solve_velocities(rig, rows, solver, state, work, at)
    # Kept before positions are corrected, as in b2Island::Solve: corrections are no impulses.
    for i in range(count):
        for part in range(parts):
            keep_impulses(rig, rows, state, work, part, first_lane(at) + i)
    for body in range(parts + 1):
        _integrate(state, work, body, at)
    _solve_positions(rig, rows, solver, state, work, at)
    # Impacts come last, as in b2World::Step: one body after the other.
    for i in range(count):
        _stop_at_impacts(rig, rows, solver, tracks, state, ints, work, first + i, i, first_lane(at) + i)


@kernel
def _note_poses(parts: Any, state: Any, work: Any, count: Any, at: Any) -> None:
    """Note where the bodies are before the step."""
    for i in range(count):
        for body in range(parts + 1):
            # The first three rows are position and angle.
            for k in range(3):
                work.before[i, body, k] = state[BODY_ROWS * body + k, first_lane(at) + i]


@kernel
def _meet_ground(
    rig: Any, rows: Any, tracks: Any, state: Any, ints: Any, work: Any, slot: Any, lane: Any
) -> None:
    """Find the contacts of one walker."""
    ints[rows.fallen, lane] = 1 if hull_touches(rig, tracks, state, work, slot, lane) else 0
    for part in range(len(rig.parents)):
        ended, began = meet(rig, rows, tracks, state, ints, work, part, slot, lane)
        flag_foot(rows, ints, part, lane, ended, began)


@kernel
def _stop_at_impacts(
    rig: Any,
    rows: Any,
    solver: Any,
    tracks: Any,
    state: Any,
    ints: Any,
    work: Any,
    slot: Any,
    i: Any,
    lane: Any,
) -> None:
    """Stop the parts of one walker where they met the ground during the step."""
    for part in range(len(rig.parents)):
        stop_at_impact(rig, rows, solver, tracks, state, ints, work, part, slot, i, lane)


@kernel
def _clear_missing(parts: Any, work: Any, count: Any, at: Any) -> None:
    """Clear the scratch rows of contacts that a lane lacks and another one has."""
    for part in range(parts):
        # The lane with most contacts decides how many all go through.
        most = 0
        for i in range(first_lane(at), first_lane(at) + count):
            most = max(most, work.counts[part, i])
        work.most[part] = most
        for lane in range(first_lane(at), end_lane(at)):
            # Lanes without a walker have no contacts.
            there = work.counts[part, lane] if lane < first_lane(at) + count else 0
            for k in range(there, most):
                row = contact_row(parts, part, k)
                for i in range(CONTACT_WORK):
                    work.rows[row + i, lane] = ZERO


@kernel
def _accelerate(rig: Any, rows: Any, state: Any, count: Any, at: Any) -> None:
    """Apply gravity, and the force on the hull, which acts for one step."""
    for i in range(first_lane(at), first_lane(at) + count):
        for body in range(len(rig.parents) + 1):
            state[BODY_ROWS * body + VY, i] += DT * GRAVITY
        # The push acts on the hull, and once only.
        state[VX, i] += DT * rig.bodies[0, INV_MASS] * state[rows.force, i]
        state[rows.force, i] = ZERO


@kernel
def _joint_work(parts: Any, joint: Any) -> Any:
    """Return the first scratch row of a joint."""
    return TRIG_ROWS * (parts + 1) + JOINT_WORK * joint


@large_kernel
def _prepare(rig: Any, rows: Any, state: Any, work: Any, actions: Any, at: Any) -> None:
    """Compute masses and start from the impulses kept: contacts, then joints."""
    parts = len(rig.parents)
    # In Box2D's order: an impulse changes what the next one sees, so results depend on it.
    for part in rig.part_order:
        for k in range(work.most[part]):
            prepare_contact(rig.bodies, state, work.rows, contact_row(parts, part, k), part + 1, at)
    for joint in rig.joint_order:
        kept = rows.joints + JOINT_ROWS * joint
        action = load(actions, joint, at)
        prepare_joint(rig, state, work.rows, joint, _joint_work(parts, joint), kept, action, at)


@large_kernel
def _solve_velocities(rig: Any, rows: Any, solver: Any, state: Any, work: Any, at: Any) -> None:
    """Iterate over joints and contacts until no impulse of a walker changes by the tolerance."""
    parts = len(rig.parents)
    bodies = rig.bodies
    scratch = work.rows
    # A value equals itself: True for one lane, or for every lane, whichever is asked for.
    active = load(state, X, at) == load(state, X, at)
    for _ in range(solver.velocity_iterations):
        # Likewise a zero for one lane, or for every lane.
        change = size(load(state, X, at)) * ZERO
        for joint in rig.joint_order:
            kept = rows.joints + JOINT_ROWS * joint
            row = _joint_work(parts, joint)
            change = larger(
                change,
                joint_velocity(bodies, rig.parents[joint], state, scratch, joint, row, kept, at, active),
            )
        for part in rig.part_order:
            for k in range(work.most[part]):
                row = contact_row(parts, part, k)
                change = larger(change, contact_velocity(bodies, state, scratch, row, part + 1, at, active))
        # A walker stops when it has converged, though its neighbours go on: it moves as it would alone.
        active = active & (change >= solver.tolerance)
        if not any_lane(active):
            break


@kernel
def _integrate(state: Any, work: Any, body: Any, at: Any) -> None:
    """Move a body; it neither moves nor turns further in a step than Box2D allows."""
    first = BODY_ROWS * body
    vx = load(state, first + VX, at)
    vy = load(state, first + VY, at)
    spin = load(state, first + SPIN, at)
    # Squares are compared, so that a root is needed only for what is too fast.
    way = DT * DT * (vx * vx + vy * vy)
    far = way > MAX_TRANSLATION * MAX_TRANSLATION
    if any_lane(far):
        # Lanes within the limit divide by 1.
        scale = select(far, MAX_TRANSLATION * (ONE / root(select(far, way, ONE))), ONE)
        vx, vy = vx * scale, vy * scale
        store(state, first + VX, at, vx)
        store(state, first + VY, at, vy)
    spin = clamp(spin, -MAX_ROTATION / DT, MAX_ROTATION / DT)
    store(state, first + SPIN, at, spin)
    # The new velocity moves the body: semi-implicit Euler, as in Box2D.
    store(state, first + X, at, load(state, first + X, at) + DT * vx)
    store(state, first + Y, at, load(state, first + Y, at) + DT * vy)
    angle = load(state, first + ANGLE, at) + DT * spin
    store(state, first + ANGLE, at, angle)
    set_angle(work.rows, body, angle, at)


@large_kernel
def _solve_positions(rig: Any, rows: Any, solver: Any, state: Any, work: Any, at: Any) -> None:
    """Iterate over contacts and joints until both are in place."""
    parts = len(rig.parents)
    active = load(state, X, at) == load(state, X, at)
    for _ in range(solver.position_iterations):
        # Like `change` above, a zero for one lane, or for every lane.
        gap = size(load(state, X, at)) * ZERO
        # Contacts before joints, as in b2Island::Solve.
        for part in rig.part_order:
            for k in range(work.most[part]):
                row = contact_row(parts, part, k)
                gap = smaller(
                    gap, contact_position(rig.bodies, state, work.rows, row, part + 1, at, CORRECTION, active)
                )
        # Box2D is content with three slops of penetration.
        wrong = gap < _DEEP * LINEAR_SLOP
        for joint in rig.joint_order:
            kept = rows.joints + JOINT_ROWS * joint
            row = _joint_work(parts, joint)
            wrong = wrong | joint_position(rig, state, work.rows, joint, row, kept, at, active)
        active = active & wrong
        if not any_lane(active):
            break
