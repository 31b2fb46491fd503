"""Cart-poles as slots: episodes, pushes, seeds, snapshots."""

from __future__ import annotations

import numpy as np
import pytest
from balancing import upright

from teacherstudent.contract.family import Snapshot
from teacherstudent.envs.cartpoles.family import CartPoleParameters


def test_the_pole_is_pushed_once_a_second_to_either_side():
    vec = CartPoleParameters().make_vec(64)
    task = np.tile([1.0, 10.0, 9.8, 0.5], (64, 1))
    calm = task * [1, 1, 1, 0]
    runs = []
    for tasks in (task, calm):
        observations, _ = vec.reset(seed=5, options={"task": tasks})
        spins = []
        for _ in range(50):
            observations = vec.step(upright(observations[:, :4]))[0]
            spins.append(observations[:, 3])
        runs.append(np.array(spins))
    change = runs[0] - runs[1]
    assert not change[:49].any()
    assert np.abs(change[49]) == pytest.approx(0.5, abs=1e-5)
    assert 10 < (change[49] > 0).sum() < 54


def test_a_slot_goes_on_with_its_own_stream_when_it_is_not_seeded():
    family, mask = CartPoleParameters(), np.array([True, False])
    tasks = family.test_tasks()[:2]
    vec = family.make_vec(2)
    first = vec.reset(seed=[3, 4], options={"task": tasks})[0]
    second = vec.reset(options={"task": tasks, "reset_mask": mask})[0]
    assert not np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])
    again = vec.reset(seed=[3, None], options={"task": tasks, "reset_mask": mask})[0]
    assert np.array_equal(again[0], first[0])
    assert np.array_equal(vec.reset(options={"task": tasks, "reset_mask": mask})[0][0], second[0])


def test_slots_that_were_never_seeded_differ():
    vec = CartPoleParameters().make_vec(2)
    starts = vec.reset(options={"task": np.tile([1.0, 10.0, 9.8, 0.0], (2, 1))})[0]
    assert not np.array_equal(starts[0], starts[1])


def test_a_seed_of_any_size_is_a_seed():
    vec = CartPoleParameters().make_vec(2)
    starts = vec.reset(seed=[2**70 + 1, 1])[0]
    assert np.array_equal(starts[0], starts[1])  # seeds count modulo 2**63


def test_without_a_task_each_slot_draws_its_own():
    vec = CartPoleParameters().make_vec(3)
    infos = vec.reset(seed=1)[1]
    assert all(vec.task_space.contains(task) for task in infos["task"])
    assert len(np.unique(infos["task"])) == 12
    assert np.array_equal(vec.reset(seed=1)[1]["task"], infos["task"])


def test_snapshots_cross_processes():
    vec = CartPoleParameters().make_vec(5, processes=2)
    assert isinstance(vec, Snapshot)
    begun = vec.reset(seed=1)[0]
    state = vec.get_state()
    first = [vec.step(np.ones(5, int))[0] for _ in range(4)]
    vec.set_state(state)
    assert all(np.array_equal(a, vec.step(np.ones(5, int))[0]) for a in first)
    vec.set_state(state)
    mask = np.array([True, False, False, False, False])
    assert np.array_equal(vec.reset(options={"reset_mask": mask})[0][1:], begun[1:])
    with pytest.raises(ValueError, match="expected 2 groups"):
        vec.set_state(state | {"groups": state["groups"][:1]})
    vec.close()


def test_a_bad_snapshot_is_refused():
    vec = CartPoleParameters().make_vec(2)
    state = vec.get_state()
    with pytest.raises(ValueError, match="missing"):
        vec.set_state({name: values for name, values in state.items() if name != "seed"})
    with pytest.raises(ValueError, match=r"expected shape \(2, 4\), got \(3, 4\)"):
        vec.set_state(CartPoleParameters().make_vec(3).get_state())


@pytest.mark.parametrize("actions", [[2], [0.5], [0, 1], [[0]], [np.nan]])
def test_bad_actions_are_refused(actions):
    vec = CartPoleParameters().make_vec(1)
    vec.reset(seed=0)
    with pytest.raises(ValueError, match="zeros and ones"):
        vec.step(actions)
