"""Kernels of points in mazes: moves, walls and goals worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from teacherstudent.envs.goals.family import GoalMaze
from teacherstudent.envs.goals.kernels import AIM, REACH, act, aim, is_open, see, stand

F = np.float32


def world(**options):
    return GoalMaze(layout=["..#", "..#", "S.."], margin=2.0, **options)._world


def moved(start, action, **options):
    """Return where a point is after one move."""
    place, target = np.array(start, F), np.zeros(AIM, F)
    act(world(**options), place, target, 1, np.array(action, F))
    return place.tolist()


def reached(place, goal, **options):
    """Return whether a point that stays where it is has reached a goal."""
    target = np.zeros(AIM, F)
    aim(world(**options), np.array(goal, np.float64), target)
    return act(world(**options), np.array(place, F), target, 1, np.zeros(2, F))[0]


def test_only_free_cells_are_open():
    free = world().free
    assert [is_open(free, F(x), F(0.5)) for x in (-0.01, 0.0, 2.99, 3.0)] == [False, True, True, False]
    assert is_open(free, F(1.99), F(2.5))
    assert not is_open(free, F(2.0), F(2.5))
    for wrong in (np.nan, np.inf, -np.inf, 1e30):
        assert not is_open(free, F(wrong), F(0.5))


def test_a_move_by_hand():
    assert moved([0.5, 0.5], [0.5, -0.25]) == [0.75, 0.375]
    assert moved([0.5, 0.5], [7.0, 1.0]) == [1.0, 1.0]


def test_walls_stop_one_direction_and_let_the_other_go_on():
    assert moved([1.75, 1.25], [1.0, 1.0]) == [1.75, 1.75]
    assert moved([0.25, 0.25], [-1.0, 1.0]) == [0.25, 0.75]
    # along x first: this way round the corner of the wall is free
    assert moved([1.75, 0.75], [1.0, 1.0]) == [2.25, 0.75]


def test_what_starts_in_a_wall_stays_there_and_reaches_nothing():
    assert moved([2.1, 1.5], [-1.0, 0.0]) == pytest.approx([2.1, 1.5])
    assert not reached([2.1, 1.5], [1.9, 1.5])
    assert reached([1.95, 1.5], [1.9, 1.5])


def test_a_goal_counts_nearer_than_the_radius():
    assert reached([0.5, 0.5], [0.75, 0.75])
    assert not reached([0.5, 0.5], [1.0, 0.5])
    assert reached([0.5, 0.5], [1.0, 0.5], radius=0.51)
    assert not reached([0.5, 0.5], [0.9, 0.9])


@pytest.mark.parametrize("goal", [[2.2, 1.5], [1.5, 3.2]])
def test_a_goal_in_a_wall_or_outside_counts_only_where_walls_may_be_touched(goal):
    beside = [1.9, 1.5] if goal[0] > 2 else [1.5, 2.9]
    assert not reached(beside, goal)
    assert reached(beside, goal, walls="touch")
    assert not reached([0.5, 0.5], goal, walls="touch")


def test_a_task_s_own_tolerance_counts():
    assert reached([0.5, 0.5], [1.5, 1.5, 1.5], tolerance=True)
    assert not reached([0.5, 0.5], [1.5, 1.5, 1.4], tolerance=True)
    target = np.zeros(AIM, F)
    aim(world(tolerance=True), np.array([2.5, 1.5, 3.0]), target)
    assert target[REACH] == 0


def test_time_is_up_at_the_limit_unless_the_goal_is_reached():
    here = world(max_steps=3)
    target = np.zeros(AIM, F)
    ends = []
    for goal in ([1.5, 0.5], [0.5, 0.5]):
        aim(here, np.array(goal), target)
        ends.append([act(here, np.array([0.5, 0.5], F), target, t, np.zeros(2, F)) for t in (2, 3)])
    assert ends == [[(False, False), (False, True)], [(True, False), (True, False)]]


def test_starts_are_the_middles_of_cells_and_close_to_them():
    here = GoalMaze(start=[(0, 0), (9, 3)])._world
    places = np.zeros((2000, 2), F)
    for seed, place in enumerate(places):
        stand(here, np.zeros(2), seed, 0, place)
    first = places[:, 0] < 5
    assert first.mean() == pytest.approx(0.5, abs=0.05)
    for chosen, middle in ((first, [0.5, 0.5]), (~first, [9.5, 3.5])):
        off = places[chosen] - middle
        assert np.abs(off).max() <= 0.1
        assert off.std(axis=0) == pytest.approx(0.2 / np.sqrt(12), rel=0.1)


def test_a_task_s_own_start_is_exact():
    place = np.zeros(2, F)
    stand(GoalMaze(start="task")._world, np.array([1.0, 2.0, 3.25, 4.5]), 0, 0, place)
    assert place.tolist() == [3.25, 4.5]


def test_observations_go_from_one_side_of_the_maze_to_the_other():
    here = GoalMaze(layout="rooms", size=(8, 16), tolerance=True)._world
    target, seen = np.zeros(AIM, F), np.zeros(5, F)
    aim(here, np.array([8.0, -4.0, 2.0]), target)
    see(here, np.array([4.0, 16.0], F), target, seen)
    assert seen.tolist() == [0.0, 1.0, 1.0, -1.5, 0.5]
