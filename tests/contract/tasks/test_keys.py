import numpy as np
from even_levels import Even

from teacherstudent import spaces
from teacherstudent.contract.spaces import Box, Discrete, Parameters


def test_keys_of_boxes():
    space = Box(-1.0, 1.0, (2, 3), np.float32)
    tasks = space.low + np.random.default_rng(0).random((500, 2, 3), np.float32)
    keys = spaces.keys(space, tasks)
    assert keys.dtype == np.int64
    assert len(np.unique(keys)) == 500
    assert np.array_equal(keys[::2], spaces.keys(space, tasks[::2]))
    swapped = spaces.keys(space, tasks[:, ::-1])
    assert not np.isin(swapped, keys).any()
    zeros = np.zeros((2, 2, 3), np.float32)
    zeros[1] = -0.0
    assert len(np.unique(spaces.keys(space, zeros))) == 1
    assert spaces.keys(Discrete(5, start=3), np.array([4, 7])).tolist() == [4, 7]


def test_different_tasks_are_counted():
    assert spaces.count(Discrete(7, start=3)) == 7
    assert spaces.count(Box(0, 2, (3,), np.int8)) == 27
    assert spaces.count(Parameters(legs=spaces.whole(2, 5), ground=spaces.choice("a", "b"))) == 8
    for space in (Parameters(x=(0, 1)), Even()):
        assert spaces.count(space) == np.inf


def test_features_are_coordinates_by_their_names():
    found = spaces.features(Parameters(x=(0, 1), y=(0, 9)), np.array([[0.5, 3.0], [1.0, 4.0]]))
    assert {name: values.tolist() for name, values in found.items()} == {"x": [0.5, 1.0], "y": [3.0, 4.0]}
    assert spaces.features(Discrete(4), np.array([2]))["task"].tolist() == [2.0]
    assert spaces.features(Even(), np.zeros((2, 3), np.int8)) == {}
