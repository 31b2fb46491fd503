import numpy as np
import pytest
from even_levels import Even

from teacherstudent.contract.spaces import Discrete, Mutable, OwnTasks, Parameters


def test_levels_are_a_gymnasium_space():
    space = Even()
    space.seed(3)
    assert space.contains(space.sample())
    assert not space.contains(np.array([1, 0, 0], np.int8))
    assert not space.contains(np.array([2, 0, 0], np.int64))
    assert not space.contains(np.zeros((1, 3), np.int8))
    assert not space.is_np_flattenable
    with pytest.raises(ValueError, match="expected no mask and no probability"):
        space.sample(mask=np.ones(3))


def test_levels_know_their_tasks_and_edit_them():
    assert isinstance(Even(), OwnTasks)
    assert isinstance(Even(), Mutable)
    for space in (Parameters(x=(0, 1)), Discrete(3)):
        assert not isinstance(space, OwnTasks)
        assert not isinstance(space, Mutable)
    assert Even(top=5).describe() == {"shape": [3], "dtype": "int8", "options": {"top": 5}}
