import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete

from teacherstudent import teachers
from teacherstudent.contract.spaces import Parameters
from teacherstudent.contract.types import Outcomes
from teacherstudent.teachers.random import UniformTeacher


def test_tasks_are_uniform_over_a_box():
    teacher = UniformTeacher(Parameters(height=(0, 3), spacing=(-2, 6)), seed=0)
    tasks = teacher.ask(20_000).tasks
    assert tasks.shape == (20_000, 2)
    assert tasks.dtype == np.float64
    for column, (low, high) in zip(tasks.T, ((0, 3), (-2, 6)), strict=True):
        counts = np.histogram(column, bins=10, range=(low, high))[0]
        assert counts.sum() == 20_000
        assert np.abs(counts - 2000).max() < 250  # 2000 +- 42 (one standard deviation)


def test_every_discrete_task_comes():
    counts = np.bincount(UniformTeacher(Discrete(5, start=2), seed=0).ask(5000).tasks)
    assert counts[:2].tolist() == [0, 0]
    assert len(counts) == 7
    assert counts[2:].min() > 850


def test_outcomes_change_nothing():
    space = Parameters(x=(0, 1))
    told, silent = UniformTeacher(space, seed=3), UniformTeacher(space, seed=3)
    first = told.ask(10)
    silent.ask(10)
    told.tell(Outcomes(ids=first.ids, tasks=first.tasks, score=np.arange(10.0), cost=np.ones(10)))
    assert np.array_equal(told.ask(5).tasks, silent.ask(5).tasks)


def test_snapshot_is_the_whole_space():
    snapshot = UniformTeacher(Parameters(height=(0, 3), spacing=(-2, 6)), seed=0).snapshot()
    assert snapshot["low"].tolist() == [[0.0, -2.0]]
    assert snapshot["high"].tolist() == [[3.0, 6.0]]
    snapshot = UniformTeacher(Discrete(5, start=2), seed=0).snapshot()
    assert (snapshot["low"].tolist(), snapshot["high"].tolist()) == ([[2.0]], [[6.0]])


def test_the_snapshot_does_not_hand_out_the_space():
    space = Parameters(x=(0, 1))
    UniformTeacher(space, seed=0).snapshot()["high"][:] = 5
    assert space.high.tolist() == [1.0]


def test_other_spaces_are_refused_with_both_names():
    with pytest.raises(TypeError, match=r"UniformTeacher: expected .*Box or Discrete or Levels, got Dict"):
        UniformTeacher(Dict({"x": Discrete(2)}), seed=0)


def test_an_empty_range_is_refused():
    with pytest.raises(ValueError, match=r"x0: expected finite low < high, got \(1.0, 1.0\)"):
        UniformTeacher(Box(np.ones(1), np.ones(1), dtype=np.float64), seed=0)


def test_the_module_name_does_not_hide_the_standard_library():
    import random

    assert hasattr(random, "Random")
    assert teachers.get("random") is UniformTeacher
