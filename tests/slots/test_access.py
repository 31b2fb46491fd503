import gymnasium as gym
import numpy as np
import pytest

from teacherstudent import envs
from teacherstudent.slots.access import check_vector, goals_out_of_reach, slot_info
from teacherstudent.slots.fixed_tasks import FixedTasks


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


@pytest.mark.parametrize(("tasks", "slots"), [(1, 1), (7, 3), (7, 7), (3, 5), (50, 8)])
def test_fixed_tasks_are_dealt_in_blocks_of_as_many_episodes_as_sb3_counts(tasks, slots):
    fixed = FixedTasks(np.arange(tasks)[:, None], slots, seed=0)
    targets = [(tasks + i) // slots for i in range(slots)]  # of evaluate_policy
    for _ in range(2):
        played = [fixed.take(np.array([slot]))[0][0] for slot in range(slots) for _ in range(targets[slot])]
        assert sorted(played) == list(range(tasks))
        fixed.rewind()
    places, found = fixed.take(np.arange(slots))
    assert found[:, 0].tolist() == places.tolist()
    assert len(np.unique(fixed.seeds(np.arange(tasks)))) == tasks
