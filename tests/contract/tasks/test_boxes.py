import copy
import pickle

import gymnasium as gym
import numpy as np
import pytest

from teacherstudent import spaces
from teacherstudent.contract.spaces import Box, Parameters

NAMED = Parameters(height=(0, 3), spacing=(-2, 6))


def test_parameters_are_a_named_box():
    assert isinstance(NAMED, gym.spaces.Box)
    assert NAMED.names == ("height", "spacing")
    assert (NAMED.low.tolist(), NAMED.high.tolist()) == ([0.0, -2.0], [3.0, 6.0])
    assert (NAMED.dtype, NAMED.shape) == (np.float64, (2,))
    assert repr(NAMED) == "Parameters(height=(0, 3), spacing=(-2, 6))"
    assert Parameters(height=(0, 3), spacing=(-2, 6)) == NAMED
    assert Parameters(height=(0, 3), gap=(-2, 6)) != NAMED
    assert Parameters(height=(0, 3), spacing=(-2, 7)) != NAMED
    assert Box(NAMED.low, NAMED.high, dtype=np.float64) != NAMED
    assert NAMED.contains(NAMED.sample())


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda space: pickle.loads(pickle.dumps(space))])
def test_parameters_survive_copies(copier):
    assert copier(NAMED) == NAMED
    assert copier(NAMED).names == NAMED.names


@pytest.mark.parametrize(
    ("ranges", "error", "message"),
    [
        ({}, ValueError, "expected at least one name"),
        ({"x": (1, 1)}, ValueError, r"x: expected finite low < high, got \(1.0, 1.0\)"),
        ({"x": (2, 1)}, ValueError, r"x: expected finite low < high, got \(2.0, 1.0\)"),
        ({"x": (0, float("inf"))}, ValueError, r"x: expected finite low < high, got \(0.0, inf\)"),
        ({"x": (float("nan"), 1)}, ValueError, "x: expected finite low < high"),
        ({"x": 3}, TypeError, r"x: expected a pair \(low, high\), log\(low, high\), .*, got 3"),
        ({"x": (0, 1, 2)}, TypeError, "x: expected a pair"),
        ({"x": ("a", "b")}, TypeError, "x: expected a pair"),
    ],
)
def test_bad_ranges_are_refused(ranges, error, message):
    with pytest.raises(error, match="Parameters: .*" + message if ranges else message):
        Parameters(**ranges)


def test_uniform_points_give_whole_numbers_their_fair_share():
    space = Box(np.array([0, -1], np.int8), np.array([3, 1], np.int8), dtype=np.int8)
    grid = (np.arange(1200) + 0.5) / 1200
    tasks = spaces.from_unit(space, np.column_stack([grid, grid]))
    assert np.bincount(tasks[:, 0]).tolist() == [300, 300, 300, 300]
    assert np.bincount(tasks[:, 1] + 1).tolist() == [400, 400, 400]
    every = np.array([[0, -1], [1, 0], [2, 1], [3, 1]], np.int8)
    unit = spaces.to_unit(space, every)
    np.testing.assert_allclose(unit[:, 0], [1 / 8, 3 / 8, 5 / 8, 7 / 8])
    assert spaces.from_unit(space, unit).tolist() == every.tolist()
    assert [end.tolist() for end in spaces.edges(space)] == [[-0.5, -1.5], [3.5, 1.5]]
    assert [end.tolist() for end in spaces.edges(NAMED)] == [[0, -2], [3, 6]]


def test_unit_cube_by_hand():
    tasks = np.array([[0.0, -2.0], [3.0, 6.0], [1.5, 0.0]])
    unit = spaces.to_unit(NAMED, tasks)
    assert unit.tolist() == [[0.0, 0.0], [1.0, 1.0], [0.5, 0.25]]
    assert spaces.from_unit(NAMED, unit).tolist() == tasks.tolist()


def test_the_way_back_never_leaves_the_space():
    space = Box(np.array([0.1], np.float32), np.array([0.7], np.float32), dtype=np.float32)
    tasks = spaces.from_unit(space, np.array([[-0.5], [0.0], [1.0], [1.5]]))
    assert tasks.dtype == np.float32
    assert spaces.contains_each(space, tasks).all()
    assert tasks.ravel().tolist() == [space.low[0], space.low[0], space.high[0], space.high[0]]
    shaped = spaces.from_flat(Box(0, 1, (2, 2)), np.arange(8.0).reshape(2, 4) / 8)
    assert shaped.shape == (2, 2, 2)
    whole = spaces.from_flat(Box(0, 10, (1,), np.int64), np.array([[2.4], [2.6], [11.0]]))
    assert whole.ravel().tolist() == [2, 3, 10]
