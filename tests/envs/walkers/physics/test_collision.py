"""Contacts of a leg's part with the ground, by hand."""

import numpy as np
import pytest
from parts import BODY, RIG, part, track

from teacherstudent.envs.walkers.physics.collision import (
    bounds,
    first_edge,
    first_obstacle,
    place_part,
    support,
    touch_edge,
    touch_obstacle,
)
from teacherstudent.envs.walkers.physics.layout import LIVE_1, LIVE_2, NX, NY, R1X, R1Y, R2X, R2Y, SKINS, F
from teacherstudent.envs.walkers.physics.rig import HALF_HEIGHT, HALF_WIDTH
from teacherstudent.envs.walkers.physics.touch import contact_row

WIDTH, HEIGHT = RIG.bodies[BODY, [HALF_WIDTH, HALF_HEIGHT]]
ROW = contact_row(len(RIG.parents), 0, 0)


def placed(x, y, angle=0.0):
    state, work = part(x, y, angle)
    place_part(RIG, state, work.rows, BODY, 0, work.shape)
    return state, work


def test_a_part_lies_on_its_side_after_a_quarter_turn():
    _, work = placed(2, 3, np.pi / 2)
    assert bounds(work.shape, 4) == pytest.approx((2 - HEIGHT - SKINS, 2 + HEIGHT + SKINS, 3 - WIDTH - SKINS))
    assert work.shape[0] == pytest.approx([2 + HEIGHT, 3 - WIDTH, 1, 0], abs=1e-6)  # bottom left, before
    assert support(work.shape, 4, F(0), F(1), F(0), F(-1)) == pytest.approx(4 - WIDTH)


def test_what_lies_below_is_found_by_bisection():
    walls = [[(x, 0), (x + 1, 0), (x + 1, 1), (x, 1)] for x in (1, 4, 7)]
    tracks = track([(0, 0), (1, 0), (3, 0), (9, 0)], walls)
    assert [first_edge(tracks, 0, F(x)) for x in (-1, 0.5, 1, 2.9, 3, 99)] == [0, 0, 1, 1, 2, 2]
    assert [first_obstacle(tracks, 0, F(x)) for x in (0, 2, 2.1, 5, 7.5, 8.1)] == [0, 0, 1, 1, 2, 3]


def test_a_part_that_stands_has_two_points_halfway_into_the_ground():
    state, work = placed(0, HEIGHT - 0.01)  # 1 cm deep
    ends = F(-5), F(0), F(5), F(0)
    assert touch_edge(work.shape, 4, ends, state, work.rows, ROW, BODY, 0, work.marks[0])
    found = work.rows[ROW + np.array([NX, NY, LIVE_1, LIVE_2]), 0]
    assert found == pytest.approx([0, 1, 1, 1], abs=1e-6)
    arms = work.rows[ROW + np.array([R1X, R1Y, R2X, R2Y]), 0].reshape(2, 2)
    assert sorted(arms[:, 0]) == pytest.approx([-WIDTH, WIDTH])
    assert arms[:, 1] == pytest.approx([0.005 - HEIGHT] * 2, abs=1e-6)


def test_skins_touch_and_nothing_farther():
    ends = F(-5), F(0), F(5), F(0)
    for gap, touches in ((SKINS - 1e-4, True), (SKINS + 1e-4, False)):
        state, work = placed(0, HEIGHT + gap)
        assert touch_edge(work.shape, 4, ends, state, work.rows, ROW, BODY, 0, work.marks[0]) == touches


def test_a_wall_pushes_aside():
    tracks = track([(0, 0), (9, 0)], [[(3, 0), (4, 0), (4, 9), (3, 9)]])
    state, work = placed(3 - WIDTH + 0.01, 5)
    solid = tracks.corners[0, 0]
    assert touch_obstacle(work.shape, 4, solid, 4, state, work.rows, ROW, BODY, 0, work.marks[0])
    assert work.rows[ROW + np.array([NX, NY]), 0] == pytest.approx([-1, 0], abs=1e-6)
