"""The room and its gate: steps worked by hand."""

import numpy as np
import pytest

from teacherstudent.envs.point_mass.physics import GOAL, START, SUBSTEPS, Gates, advance, distance

QUIET = np.zeros((SUBSTEPS, 1, 2))


def gates(position=0.0, width=2.0, friction=0.0):
    return Gates(np.array([position]), np.array([width]), np.array([friction]))


def step(state, action=(0.0, 0.0), noise=QUIET, **gate):
    after, crashed = advance(np.array([state], float), np.array([action], float), gates(**gate), noise)
    return after[0].tolist(), bool(crashed[0])


def test_a_push_from_rest_by_hand():
    # 1.5 * 10 N = 15 m/s^2 over 10 substeps of 0.01 s: 1.5 m/s; the way is 0.01 * 0.15 * (0 + 1 + ... + 9).
    assert step(START, (1.0, 0.0)) == (pytest.approx([0.0675, 1.5, 3.0, 0.0]), False)
    assert step(START, (0.0, -1.0)) == (pytest.approx([0.0, 0.0, 2.9325, -1.5]), False)


def test_friction_takes_a_share_of_the_velocity():
    state, _ = step((0, 2.0, 3, 0), friction=4.0)
    assert state[1] == pytest.approx(2.0 * 0.96**10)
    assert state[0] == pytest.approx(0.01 * 2.0 * (1 - 0.96**10) / 0.04)


def test_noise_is_added_to_the_acceleration():
    noise = np.zeros((SUBSTEPS, 1, 2))
    noise[3, 0] = (100.0, -200.0)
    state, _ = step(START, noise=noise)
    # 1 and -2 m/s after the fourth substep, and six substeps of way with it.
    assert state == pytest.approx([0.06, 1.0, 3.0 - 0.12, -2.0])


def test_the_room_ends_at_four_metres():
    state, crashed = step((3.99, 5.0, 3.0, 0.0))
    assert state == pytest.approx([4.0, 5.0, 3.0, 0.0])
    assert not crashed


def test_the_gate_lets_through_and_the_wall_does_not():
    falling = (0.9, 1.0, 0.05, -2.0)
    state, crashed = step(falling, position=0.0, width=2.0)
    assert not crashed
    assert state == pytest.approx([1.0, 1.0, -0.15, -2.0])
    # The third substep crosses y = 0 in its middle, at x = 0.925, beside a gate that ends at 0.9.
    assert step(falling, position=0.0, width=1.8) == (pytest.approx([0.925, 0.0, 0.0, 0.0]), True)
    # From below the wall is as hard; y = -0.05 + 0.02 k meets 0 after 2.5 substeps, too.
    assert step((0.9, 1.0, -0.05, 2.0), width=1.8) == (pytest.approx([0.925, 0.0, 0.0, 0.0]), True)
    assert not step((0.9, 1.0, -0.05, 2.0), position=0.9, width=0.1)[1]


def test_rows_do_not_touch_each_other():
    rng = np.random.default_rng(0)
    n = 64
    state = rng.uniform(-1, 1, (n, 4)) * [4, 6, 1, 6]
    actions = rng.uniform(-1, 1, (n, 2))
    all_gates = Gates(rng.uniform(-4, 4, n), rng.uniform(0.5, 8, n), rng.uniform(0, 4, n))
    noise = rng.standard_normal((SUBSTEPS, n, 2))
    together, crashed = advance(state, actions, all_gates, noise)
    assert 0 < crashed.sum() < n
    for i in range(n):
        row = slice(i, i + 1)
        alone, hit = advance(
            state[row], actions[row], Gates(*(part[row] for part in all_gates)), noise[:, row]
        )
        assert np.array_equal(alone[0], together[i])
        assert hit[0] == crashed[i]


def test_the_distance_is_to_the_goal():
    assert distance(np.array([START, (3.0, 9.0, 1.0, 9.0)])).tolist() == [6.0, 5.0]
    assert GOAL == (0.0, -3.0)
