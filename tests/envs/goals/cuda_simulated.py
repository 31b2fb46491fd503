"""The CUDA kernels of points in Numba's simulator, as plain Python: `test_cuda` runs this file apart.

What is rounded is rounded in the same way on every device: they must agree with the CPU's to the last bit.
Every run is kept for a comparison with the compiled kernels.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from cuda_simulator import runs_folder

from teacherstudent import spaces
from teacherstudent.envs.goals.cuda import CudaPoints
from teacherstudent.envs.goals.family import GoalMaze

CPU = torch.device("cpu")
STEPS = 30
N = 8
FORMS = {
    "plain": {"margin": 1.0, "max_steps": 12},
    "tolerance": {"tolerance": True, "walls": "touch", "margin": 1.0, "start": "anywhere"},
    "start": {"start": "task", "layout": "spiral", "margin": 0.0, "max_steps": 20},
}


def tensors(mask, tasks, seeds):
    return torch.tensor(mask), torch.from_numpy(tasks), torch.from_numpy(seeds)


@pytest.mark.parametrize("form", FORMS)
def test_agrees_with_the_cpu_to_the_last_bit(form):
    family = GoalMaze(**FORMS[form])
    gpu, cpu = family.make_tensors(N, CPU), family.make_vec(N)
    assert isinstance(gpu, CudaPoints)
    rng = np.random.default_rng(1)
    tasks = np.concatenate(
        [family.easy(rng, N // 2), spaces.sample(family.space, rng, N - N // 2)], dtype=np.float64
    )
    actions = rng.uniform(-1.5, 1.5, (STEPS, N, 2)).astype(np.float32)
    done, everything, ends = np.ones(N, np.bool_), [], set()
    for t in range(STEPS):
        seeds = rng.integers(2**31, size=N)
        got = gpu.start(*tensors(done.tolist(), tasks, seeds)).numpy()
        if done.any():
            expected, _ = cpu.reset(seed=seeds, options={"reset_mask": done, "task": tasks})
        np.testing.assert_array_equal(got, expected, strict=True)
        observations, rewards, *flags = (v.numpy().copy() for v in gpu.step(torch.from_numpy(actions[t])))
        expected, paid, *theirs, _ = cpu.step(actions[t])
        np.testing.assert_array_equal(observations, expected, strict=True)
        np.testing.assert_array_equal(rewards, paid.astype(np.float32), strict=True)
        np.testing.assert_array_equal(flags, theirs, strict=True)
        everything.append((observations, rewards, *flags, done, seeds))
        ends |= {bool(flags[0][e]) for e in np.flatnonzero(np.logical_or(*flags))}
        done = np.logical_or(*flags)
    assert True in ends
    assert form == "tolerance" or ends == {True, False}
    names = ("observations", "rewards", "terminated", "truncated", "started", "seeds")
    columns = dict(zip(names, (np.stack(values) for values in zip(*everything, strict=True)), strict=True))
    np.savez(runs_folder() / f"{form}.npz", tasks=tasks, actions=actions, **columns)


def started(family=None, n=4):
    family = family or GoalMaze()
    points = family.make_tensors(n, CPU)
    tasks = family.target(np.random.default_rng(0), n)
    points.start(*tensors([True] * n, tasks, np.arange(n)))
    return points, tasks


def test_a_state_continues_exactly():
    first, _ = started()
    actions = torch.rand(6, 4, 2, generator=torch.Generator().manual_seed(0))
    first.step(actions[0])
    state = first.get_state()
    expected = [[v.clone() for v in first.step(a)] for a in actions[1:]]
    second = GoalMaze().make_tensors(4, CPU)
    second.set_state(state)
    for action, one in zip(actions[1:], expected, strict=True):
        assert all(map(torch.equal, second.step(action), one))
    with pytest.raises(ValueError, match="task: expected shape"):
        GoalMaze().make_tensors(3, CPU).set_state(state)
    with pytest.raises(ValueError, match="goal maze state"):
        second.set_state({name: values for name, values in state.items() if name != "done"})


def test_what_is_aimed_at_follows_from_the_tasks_of_a_state():
    family = GoalMaze()
    one, other = family.make_tensors(1, CPU), family.make_tensors(1, CPU)
    for points, goal in ((one, [0.6, 0.6]), (other, [9.5, 9.5])):
        points.start(*tensors([True], np.array([goal]), np.zeros(1, np.int64)))
    other.set_state(one.get_state())
    assert other.step(torch.zeros(1, 2))[2].all()


def test_only_the_mask_starts():
    points, tasks = started()
    first = points.get_state()["observation"]
    seen = points.step(torch.ones(4, 2))[0].clone()
    assert torch.equal(points.start(*tensors([False] * 4, tasks, np.arange(4))), seen)
    again = points.start(*tensors([False, True, False, False], tasks, np.arange(4))).numpy()
    assert np.array_equal(again[[0, 2, 3]], seen[[0, 2, 3]].numpy())
    assert np.array_equal(again[1], first[1])


def test_what_a_device_cannot_raise_is_not_a_number():
    points, tasks = started()
    tasks[1] = 22.0, 0.0
    seen = points.start(*tensors([True] * 4, tasks, np.arange(4)))
    assert seen.isnan().all(dim=1).tolist() == [False, True, False, False]
    actions = torch.zeros(4, 2)
    actions[2, 1], actions[3, 0] = np.nan, np.inf
    rewards, terminated = points.step(actions)[1:3]
    assert rewards.isnan().tolist() == [False, True, True, True]
    assert not terminated[1]
    assert not torch.from_numpy(points.get_state()["place"]).isnan().any()


def test_wrong_arguments():
    points, tasks = started(n=2)
    with pytest.raises(ValueError, match=r"actions: expected shape \(2, 2\) on cpu"):
        points.step(torch.zeros(3, 2))
    with pytest.raises(ValueError, match=r"task: expected shape \(2, 2\)"):
        points.start(*tensors([True] * 2, tasks[:1], np.arange(2)))
    with pytest.raises(TypeError, match="boolean mask and whole seeds"):
        points.start(*tensors([1, 1], tasks, np.arange(2)))
    with pytest.raises(TypeError, match="boolean mask and whole seeds"):
        points.start(*tensors([True] * 2, tasks, np.zeros(2)))
    with pytest.raises(ValueError, match="expected at least 1 slot"):
        GoalMaze().make_tensors(0, CPU)
    points.close()
