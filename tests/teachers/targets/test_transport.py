from itertools import permutations

import numpy as np
import pytest

from teacherstudent.teachers.targets.transport import chosen, distance, pairing, sliced_step


def squares(source, goal):
    return ((source - goal) ** 2).sum()


@pytest.mark.parametrize("seed", range(5))
def test_a_plan_has_the_least_cost_of_all_plans(seed):
    source, goal = np.random.default_rng(seed).random((2, 6, 3))
    best = min(permutations(range(6)), key=lambda order: squares(source, goal[list(order)]))
    assert pairing(source, goal).tolist() == list(best)


def test_on_a_line_the_plan_keeps_the_order():
    source = np.array([[0.3], [0.1], [0.2]])
    goal = np.array([[0.9], [0.7], [0.8]])
    assert pairing(source, goal).tolist() == [0, 1, 2]
    assert pairing(source, goal[::-1]).tolist() == [2, 1, 0]
    # Every point moves by 0.6.
    assert distance(source, goal) == pytest.approx(0.6)


def test_a_plan_of_more_goals_takes_the_nearest_ones():
    source = np.array([[0.0], [1.0]])
    assert pairing(source, np.array([[5.0], [1.1], [0.2]])).tolist() == [2, 1]


@pytest.mark.parametrize("seed", range(5))
def test_the_candidates_chosen_are_the_nearest_set(seed):
    rng = np.random.default_rng(seed)
    candidates = rng.random((7, 2))
    goal = rng.random((3, 2))
    best = min(permutations(range(7), 3), key=lambda order: squares(candidates[list(order)], goal))
    assert chosen(candidates, goal).tolist() == sorted(best)


def test_on_a_line_a_sliced_step_is_the_whole_plan():
    source, goal = np.random.default_rng(0).random((2, 9, 1))
    np.testing.assert_allclose(
        sliced_step(source, goal, np.random.default_rng(1)), goal[pairing(source, goal)]
    )


def test_a_sliced_step_of_a_shift_is_that_shift_over_the_dimensions():
    source = np.random.default_rng(0).random((50, 2))
    shift = np.array([3.0, 4.0])
    # Each line sees the part of the shift along it; the mean of u u^T over lines is the identity over d.
    steps = [sliced_step(source, source + shift, np.random.default_rng(i)) - source for i in range(40)]
    np.testing.assert_allclose(np.mean(steps, axis=0), np.tile(shift / 2, (50, 1)), atol=0.1)


def test_sliced_steps_arrive():
    rng = np.random.default_rng(0)
    points = rng.random((60, 3))
    goal = 5 + rng.random((60, 3))
    for _ in range(60):
        points = sliced_step(points, goal, rng)
    assert distance(points, goal[pairing(points, goal)]) < 0.2
