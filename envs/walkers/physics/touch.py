"""Which parts of a walker touch the ground: manifolds, the impulses kept for them, and the feet's flags."""

from __future__ import annotations

from typing import Any

from teacherstudent.envs.walkers.physics.collision import (
    bounds,
    first_edge,
    first_obstacle,
    place_hull,
    place_part,
    touch_edge,
    touch_obstacle,
)
from teacherstudent.envs.walkers.physics.layout import CONTACT_WORK, JOINT_WORK, P1N, TRIG_ROWS, ZERO
from teacherstudent.envs.walkers.physics.rig import FEATURE_1, IMPULSE_ROWS, KEY, MANIFOLDS, MARK_ROWS
from teacherstudent.simulation.kernels import kernel

_OBSTACLE = 1 << 20  # keys of obstacles start here, those of edges at 0


@kernel
def contact_row(parts: Any, part: Any, k: Any) -> Any:
    """Return the first scratch row of a part's contact number ``k``."""
    # Scratch has rows for bodies, then for joints, then for as many contacts of each part as it can have.
    first = TRIG_ROWS * (parts + 1) + JOINT_WORK * parts
    return first + CONTACT_WORK * (MANIFOLDS * part + k)


@kernel
def hull_touches(rig: Any, tracks: Any, state: Any, work: Any, slot: Any, lane: Any) -> Any:
    """Return whether the hull touches the ground; the rows of the first contact are scratch."""
    n = len(rig.hull)
    shape = work.shape
    mark = work.marks[0]
    row = contact_row(len(rig.parents), 0, 0)
    place_hull(rig, state, work.rows, lane, shape)
    left, right, bottom = bounds(shape, n)
    edge = first_edge(tracks, slot, left)
    # One contact is enough, whichever it is: the episode ends.
    while edge < tracks.lengths[slot, 0] - 1 and tracks.x[slot, edge] <= right:
        ends = (
            tracks.x[slot, edge],
            tracks.y[slot, edge],
            tracks.x[slot, edge + 1],
            tracks.y[slot, edge + 1],
        )
        # Heights are compared first, which is cheap, and rules out most edges.
        if bottom <= max(ends[1], ends[3]) and touch_edge(
            shape, n, ends, state, work.rows, row, 0, lane, mark
        ):
            return True
        edge += 1
    i = first_obstacle(tracks, slot, left)
    while i < tracks.lengths[slot, 1] and tracks.reach[slot, i, 0] <= right:
        solid = tracks.corners[slot, i]
        m = tracks.sides[slot, i]
        if bottom <= tracks.reach[slot, i, 2] and touch_obstacle(
            shape, n, solid, m, state, work.rows, row, 0, lane, mark
        ):
            return True
        i += 1
    return False


@kernel
def find_contacts(rig: Any, tracks: Any, state: Any, work: Any, part: Any, slot: Any, lane: Any) -> Any:
    """Write the manifolds of a leg part into scratch, their keys into ``work.marks``; return their number.

    They are solved in this order. Box2D's is the newest contact first: mostly edges of the ground from right
    to left, then obstacles from right to left.
    """
    parts = len(rig.parents)
    shape = work.shape
    body = part + 1
    place_part(rig, state, work.rows, body, lane, shape)
    left, right, bottom = bounds(shape, 4)
    count = 0
    edge = first_edge(tracks, slot, right)
    # From right to left, as Box2D solves them (see above).
    while edge >= 0 and tracks.x[slot, edge + 1] >= left and count < MANIFOLDS:
        ends = (
            tracks.x[slot, edge],
            tracks.y[slot, edge],
            tracks.x[slot, edge + 1],
            tracks.y[slot, edge + 1],
        )
        if bottom <= max(ends[1], ends[3]):
            row = contact_row(parts, part, count)
            mark = work.marks[count]
            if touch_edge(shape, 4, ends, state, work.rows, row, body, lane, mark):
                # By its key the contact is found again in the next step.
                mark[KEY] = edge
                count += 1
        edge -= 1
    first = first_obstacle(tracks, slot, left)
    i = first
    # Go to the last obstacle that can touch, and back from there.
    while i < tracks.lengths[slot, 1] and tracks.reach[slot, i, 0] <= right:
        i += 1
    while i > first and count < MANIFOLDS:
        i -= 1
        if bottom <= tracks.reach[slot, i, 2]:
            row = contact_row(parts, part, count)
            mark = work.marks[count]
            solid = tracks.corners[slot, i]
            m = tracks.sides[slot, i]
            if touch_obstacle(shape, 4, solid, m, state, work.rows, row, body, lane, mark):
                mark[KEY] = _OBSTACLE + i
                count += 1
    return count


@kernel
def _known(ints: Any, first: Any, count: Any, key: Any, lane: Any) -> Any:
    """Return which of a part's former contacts has this key; -1 if none."""
    for k in range(count):
        if ints[first + MARK_ROWS * k + KEY, lane] == key:
            return k
    return -1


@kernel
def _kept_impulse(ints: Any, mark: Any, state: Any, kept: Any, feature: Any, lane: Any) -> Any:
    """Return the impulses (normal, friction) of a former contact's point with this feature, or zeros."""
    # Points are told apart by the features that make them, as in Box2D.
    if feature >= 0:
        for p in range(2):
            if ints[mark + FEATURE_1 + p, lane] == feature:
                return state[kept + 2 * p, lane], state[kept + 2 * p + 1, lane]
    return ZERO, ZERO


@kernel
def meet(
    rig: Any, rows: Any, tracks: Any, state: Any, ints: Any, work: Any, part: Any, slot: Any, lane: Any
) -> Any:
    """Find a part's contacts and carry over the impulses of those that it had.

    Returns whether a contact ended, and whether one began.

    As in gymnasium, a foot's flag follows its last event: standing on two edges and leaving one clears it.
    """
    parts = len(rig.parents)
    marks = work.marks
    count = find_contacts(rig, tracks, state, work, part, slot, lane)
    # Where keys and impulses of the last step are.
    first = rows.marks + MARK_ROWS * MANIFOLDS * part
    kept = rows.impulses + IMPULSE_ROWS * MANIFOLDS * part
    before = ints[rows.counts + part, lane]
    began = False
    stayed = 0
    # All impulses are carried over before any key is written: contacts may have changed places.
    for k in range(count):
        row = contact_row(parts, part, k)
        old = _known(ints, first, before, marks[k, KEY], lane)
        for p in range(2):
            normal = ZERO
            friction = ZERO
            if old >= 0:
                mark = first + MARK_ROWS * old
                impulses = kept + IMPULSE_ROWS * old
                normal, friction = _kept_impulse(ints, mark, state, impulses, marks[k, FEATURE_1 + p], lane)
            work.rows[row + P1N + 2 * p, lane] = normal
            work.rows[row + P1N + 2 * p + 1, lane] = friction
        if old < 0:
            began = True
        else:
            stayed += 1
    # Now this step's keys can take the place of the last one's.
    for k in range(count):
        for i in range(MARK_ROWS):
            ints[first + MARK_ROWS * k + i, lane] = marks[k, i]
    ints[rows.counts + part, lane] = count
    work.counts[part, lane] = count
    # If fewer stayed than there were, one has ended.
    return stayed < before, began


@kernel
def keep_impulses(rig: Any, rows: Any, state: Any, work: Any, part: Any, lane: Any) -> None:
    """Keep the impulses of a part's contacts for the next step."""
    kept = rows.impulses + IMPULSE_ROWS * MANIFOLDS * part
    for k in range(work.counts[part, lane]):
        row = contact_row(len(rig.parents), part, k)
        for i in range(IMPULSE_ROWS):
            state[kept + IMPULSE_ROWS * k + i, lane] = work.rows[row + P1N + i, lane]


@kernel
def flag_foot(rows: Any, ints: Any, part: Any, lane: Any, ended: Any, began: Any) -> None:
    """Set or clear the flag of the foot that a part is; only lower legs are feet."""
    # Odd parts are lower legs.
    if part & 1:
        if began:
            ints[rows.feet + (part >> 1), lane] = 1
        # The older contact: Box2D comes to it last.
        if ended:
            ints[rows.feet + (part >> 1), lane] = 0
