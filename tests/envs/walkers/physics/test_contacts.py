"""Impulses of a contact, by hand: a leg's part that comes down flat."""

import numpy as np
import pytest
from parts import BODY, RIG, part

from teacherstudent.envs.walkers.physics.collision import place_part, touch_edge
from teacherstudent.envs.walkers.physics.contacts import contact_position, contact_velocity, prepare_contact
from teacherstudent.envs.walkers.physics.layout import CORRECTION, FRICTION, P1N, P1T, P2N, P2T, F
from teacherstudent.envs.walkers.physics.rig import BODY_ROWS, HALF_HEIGHT, INV_MASS, SPIN, VX, VY, Y
from teacherstudent.envs.walkers.physics.touch import contact_row

HEIGHT = RIG.bodies[BODY, HALF_HEIGHT]
MASS = 1 / RIG.bodies[BODY, INV_MASS]
ROW = contact_row(len(RIG.parents), 0, 0)
SPEEDS = BODY_ROWS * BODY + np.array([VX, VY, SPIN])


def landed(velocity, depth=0.0):
    """Return state and scratch of a part that stands upright on flat ground, with its contact."""
    state, work = part(0, HEIGHT - depth)
    state[SPEEDS, 0] = velocity
    place_part(RIG, state, work.rows, BODY, 0, work.shape)
    ends = F(-5), F(0), F(5), F(0)
    assert touch_edge(work.shape, 4, ends, state, work.rows, ROW, BODY, 0, work.marks[0])
    prepare_contact(RIG.bodies, state, work.rows, ROW, BODY, 0)
    return state, work


def iterate(state, work, active=True):
    return contact_velocity(RIG.bodies, state, work.rows, ROW, BODY, 0, active)


def test_both_points_share_the_impulse_that_stops_a_fall():
    state, work = landed([0, -2, 0])
    assert iterate(state, work) == pytest.approx(MASS, rel=1e-3)  # half of 2 m/s times the mass
    assert work.rows[ROW + np.array([P1N, P2N]), 0] == pytest.approx([MASS, MASS], rel=1e-3)
    assert state[SPEEDS, 0] == pytest.approx([0, 0, 0], abs=1e-4)


def test_a_part_that_leaves_is_not_held():
    state, work = landed([0, 2, 0])
    assert iterate(state, work) == 0
    assert state[SPEEDS, 0].tolist() == [0, 2, 0]


def test_friction_is_at_most_its_share_of_the_normal_impulse():
    state, work = landed([50, -2, 0])
    iterate(state, work)
    normal = work.rows[ROW + np.array([P1N, P2N]), 0].copy()
    iterate(state, work)  # friction follows the normal impulses of the iteration before
    assert work.rows[ROW + np.array([P1T, P2T]), 0] == pytest.approx(-FRICTION * normal, rel=1e-5)
    assert state[SPEEDS[0], 0] == pytest.approx(50 - FRICTION * normal.sum() / MASS, rel=1e-5)


def test_a_lane_that_is_done_keeps_its_impulses():
    state, work = landed([0, -2, 0])
    assert iterate(state, work, active=False) == 0
    assert state[SPEEDS, 0].tolist() == [0, -2, 0]


def test_a_part_in_the_ground_is_lifted_by_a_share_of_its_depth():
    state, work = landed([0, 0, 0], depth=0.03)
    gap = contact_position(RIG.bodies, state, work.rows, ROW, BODY, 0, CORRECTION, True)
    assert gap == pytest.approx(-0.05, abs=1e-5)  # the skins count
    lifted = state[BODY_ROWS * BODY + Y, 0] - (HEIGHT - 0.03)
    assert 0 < lifted < 0.05 - 0.005
    for _ in range(60):
        gap = contact_position(RIG.bodies, state, work.rows, ROW, BODY, 0, CORRECTION, True)
    assert gap == pytest.approx(-0.005, abs=5e-4)  # a little of it stays
