import gymnasium as gym
import numpy as np
import pytest

from teacherstudent import envs
from teacherstudent.slots.access import check_vector, goals_out_of_reach, slot_info


def test_infos_of_one_slot():
    infos = {
        "at": np.array([1, 2, 3]),
        "_at": np.array([True, False, True]),
        "all": np.array([[0.5, 1.0], [1.5, 2.0], [2.5, 3.0]]),
        "name": np.array(["a", None, "c"], object),
        "_name": np.array([True, False, True]),
        "nested": {"deep": np.array([7, 8, 9]), "_deep": np.array([False, False, True])},
        "_private": np.array([4, 5, 6]),
    }
    assert slot_info(infos, 1).keys() == {"all", "nested", "_private"}
    found = slot_info(infos, 2)
    assert (found["at"], found["name"], found["nested"], found["_private"]) == (3, "c", {"deep": 9}, 6)
    assert type(found["at"]) is int
    assert found["all"].tolist() == [2.5, 3.0]
    assert slot_info({}, 0) == {}


def test_only_vector_environments_that_wait_for_tasks_are_taken():
    family = envs.make("cartpole-parameters")
    check_vector(family.make_vec(2), "here")
    check_vector(gym.vector.VectorWrapper(family.make_vec(2)), "here")
    for wrong, error in ((family.make_env(), TypeError), (3, TypeError)):
        with pytest.raises(error, match="here: envs: expected a vector environment"):
            check_vector(wrong, "here")
    assert goals_out_of_reach(family.make_vec(1)) is None
