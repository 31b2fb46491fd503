"""Which tasks a wrapped family is tested on."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from ramps import SPACE, Arms, Ramp

from teacherstudent import spaces
from teacherstudent.slots.wrapping.family import family_from_gymnasium
from teacherstudent.testing.families import check_family


def test_test_tasks_may_lie_outside_the_space_that_teachers_choose_from():
    far = np.array([[0.0, 20.0], [-3.0, 5.0]])
    family = family_from_gymnasium(Ramp, test_tasks=far)
    assert family.space is SPACE
    assert np.array_equal(family.test_tasks(), far)
    assert family.test_space == spaces.Parameters(slope=(-3, 1), goal=(1, 20))
    check_family(lambda: family_from_gymnasium(Ramp, test_tasks=far))
    for processes in (1, 2):
        vec = family.make_vec(2, processes=processes)
        assert vec.reset(options={"task": far})[1]["begun"].all()
        with pytest.raises(ValueError, match="slot 0: expected a task in"):
            vec.reset(options={"task": far * 2})
        vec.close()


@pytest.mark.parametrize("dtype", [np.int8, np.float32])
def test_tests_outside_a_box_must_fit_its_type(dtype):
    class Anything(Ramp):
        def reset(self, *, seed=None, options=None):
            return super().reset(seed=seed, options={"task": np.ravel(options["task"]).astype(float)})

    space = Box(1, 9, (2, 1), dtype)
    family = family_from_gymnasium(Anything, space=space, test_tasks=[[[100], [3]]])
    assert family.test_tasks().dtype == dtype
    assert family.test_space.high.ravel().tolist() == [100, 9]
    if dtype == np.int8:
        with pytest.raises(ValueError, match="numbers that int8 holds"):
            family_from_gymnasium(Anything, space=space, test_tasks=[[[300], [3]]])


def test_drawn_tests_of_a_list_differ_from_each_other():
    family = family_from_gymnasium(Arms, space=Discrete(200), test_tasks=150)
    assert len(set(family.test_tasks().tolist())) == 150
    assert family.test_set == "Arms/different150_seed4222"
    assert family_from_gymnasium(Arms, space=Discrete(200), test_tasks=200).test_set == "Arms/all"


def test_a_split_is_a_space_of_tests_beside_the_teachers():
    split = Discrete(50, start=200)
    family = family_from_gymnasium(Arms, space=Discrete(200), test_space=split, test_tasks=30)
    assert family.space == Discrete(200)
    assert len(set(family.test_tasks().tolist())) == 30
    assert family.test_tasks().min() >= 200
    assert family.test_set == "Arms/different30_seed4222_of_test_space"
    family.make_vec(30).reset(options={"task": family.test_tasks()})
    check_family(lambda: family_from_gymnasium(Arms, space=Discrete(200), test_space=split))
    box = family_from_gymnasium(Ramp, test_space=spaces.Parameters(slope=(2, 3), goal=(1, 9)), test_tasks=9)
    assert box.test_tasks()[:, 0].min() >= 2


def test_test_tasks_follow_from_their_seed():
    same = [family_from_gymnasium(Ramp, test_tasks=7, test_seed=s).test_tasks() for s in (0, 0, 1)]
    assert np.array_equal(same[0], same[1])
    assert not np.array_equal(same[0], same[2])
