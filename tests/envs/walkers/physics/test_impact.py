"""When a part that moves into the ground touches it, by hand."""

import pytest
from parts import BODY, RIG, part, track

from teacherstudent.envs.walkers.physics.impact import _time_of_impact
from teacherstudent.envs.walkers.physics.rig import BODY_ROWS, HALF_HEIGHT, HALF_WIDTH, X, Y

FLAT = track([(0, 0), (20, 0)])


def time_of_impact(before, after, tracks=FLAT):
    """Return the share of the way from one place to another at which a part touches."""
    state, work = part(*after)
    work.before[0, BODY, :2] = before
    found = _time_of_impact(RIG, tracks, state, work, BODY, 0, 0, 0)
    row = BODY_ROWS * BODY
    assert state[[row + X, row + Y], 0] == pytest.approx(after)  # left at the end of its way
    return found


def test_a_fall_of_two_metres_ends_after_one():
    height = RIG.bodies[BODY, HALF_HEIGHT]
    found = time_of_impact((10, height + 1.005), (10, height - 0.995))  # it keeps 5 mm above the ground
    assert found == pytest.approx(0.5, abs=1 / 256)


def test_no_wall_is_passed_through():
    width = RIG.bodies[BODY, HALF_WIDTH]
    tracks = track([(0, 0), (20, 0)], [[(11, 0), (12, 0), (12, 5), (11, 5)]])
    found = time_of_impact((10 - width - 0.005, 3), (11.5, 3), tracks)
    assert found == pytest.approx(1 / (1.5 + width + 0.005), abs=1 / 128)


def test_a_free_way_and_a_part_that_was_inside():
    height = RIG.bodies[BODY, HALF_HEIGHT]
    assert time_of_impact((10, height + 2), (11, height + 1)) == 1
    assert time_of_impact((10, height - 0.1), (10, height - 0.2)) == -1
