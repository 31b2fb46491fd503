"""The family `point-mass`: its target, its tests, and that only the gate leads to mastery."""

import numpy as np
import pytest
from gate_pilot import pilot, play

from teacherstudent import envs, teachers
from teacherstudent.contract.family import HasEasy, HasTarget
from teacherstudent.envs.point_mass.family import PointMass


def test_who_passes_the_gate_masters_the_task_and_nobody_else():
    for family in (PointMass(), PointMass(friction=True), PointMass(sparse=True)):
        tasks = family.test_tasks()
        score, success, _ = play(family.make_vec(len(tasks)), tasks, pilot)
        assert success.all()
        assert (score > family.mastered).all()
        assert score.max() <= family.score_range[1]
    # The best place above the wall is right before it, 3 m from the goal, from the first step on.
    assert 100 * np.exp(-0.6 * 3) < PointMass().mastered


def test_the_target_is_two_narrow_gates():
    family = PointMass()
    assert isinstance(family, HasTarget)
    tasks = family.target(np.random.default_rng(0), 4_000)
    assert np.abs(tasks[:, 0]).mean() == pytest.approx(3.0, abs=0.001)
    assert np.abs(tasks[:, 0]).std() == pytest.approx(0.01, rel=0.05)
    assert (tasks[:, 0] < 0).mean() == pytest.approx(0.5, abs=0.03)
    # Half of the widths would lie below the box.
    assert (tasks[:, 1] == 0.5).mean() == pytest.approx(0.5, abs=0.03)
    third = PointMass(friction=True).target(np.random.default_rng(0), 4_000)
    assert third.mean(axis=0) == pytest.approx([2.5, 0.5015, 0.0008], abs=0.001)


def test_easy_tasks_are_wide_gates():
    family = PointMass(friction=True)
    assert isinstance(family, HasEasy)
    tasks = family.easy(np.random.default_rng(0), 4_000)
    assert np.median(tasks, axis=0) == pytest.approx([0.0, 4.25, 2.0], abs=0.15)
    assert all(map(family.space.contains, tasks[:50]))


def test_the_test_set_is_fixed():
    family = PointMass()
    assert family.test_tasks()[0] == pytest.approx([-2.9836270263061024, 0.5])
    assert family.test_set == "point-mass/2d-dense_target50_seed4222"
    assert PointMass(friction=True, sparse=True).test_set == "point-mass/3d-sparse_target50_seed4222"
    assert np.array_equal(PointMass(sparse=True).test_tasks(), family.test_tasks())


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match=r"noise: expected a finite number of at least 0, got -1"):
        PointMass(noise=-1)
    with pytest.raises(ValueError, match="friction: expected True or False, got 2"):
        PointMass(friction=2)


def test_teachers_of_parameters_take_it():
    family = envs.make("point-mass")
    assert teachers.make("alp-gmm", family, seed=0).ask(3).tasks.shape == (3, 2)


def test_the_single_environment_is_a_slot():
    family = PointMass()
    tasks = family.test_tasks()[:2]
    slots = family.make_vec(2)
    seen, _ = slots.reset(seed=[5, 6], options={"task": tasks})
    env = family.make_env()
    first, _ = env.reset(seed=6, options={"task": tasks[1]})
    assert np.array_equal(first, seen[1])
    for _ in range(100):
        actions = pilot(seen)
        seen, rewards, terminated, truncated, _ = slots.step(actions)
        observation, reward, *ends, _ = env.step(actions[1])
        assert np.array_equal(observation, seen[1])
        assert (reward, ends) == (rewards[1], [terminated[1], truncated[1]])
    assert ends == [False, True]
