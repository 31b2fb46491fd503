"""The mazes' CUDA kernels in Numba's simulator, as plain Python: `test_cuda` runs this file apart.

They are integer arithmetic but for the reward: they must agree with the CPU's to the last bit. Every run is
kept for a comparison with the compiled kernels.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from cuda_simulator import runs_folder

from teacherstudent.envs.mazes.batch.cuda import CudaMazes
from teacherstudent.envs.mazes.batch.slots import MazeSlots, limits_of
from teacherstudent.envs.mazes.codes import GOAL
from teacherstudent.envs.mazes.family import Maze
from teacherstudent.envs.mazes.layouts import MAZES
from teacherstudent.envs.mazes.solver import plan
from teacherstudent.envs.mazes.space import MazeLevels
from teacherstudent.envs.mazes.suites import make_suite

CPU = torch.device("cpu")
STEPS = 30
SPACE = MazeLevels(n_walls=25)


def levels():
    """Return two random mazes, one whose walls hide, and a named one."""
    suite = make_suite(["SimpleCrossing", "StandardMaze"])
    return np.concatenate([SPACE.draw(np.random.default_rng(0), 2), suite.levels])


def limits():
    return limits_of(levels(), np.array([250, 12, 484, 20]))


def tensors(mask, tasks):
    return torch.tensor(mask), torch.from_numpy(tasks), torch.zeros(len(tasks), dtype=torch.int64)


def started(n=4, **options):
    mazes = CudaMazes(n, device=CPU, space=SPACE, **options)
    mazes.start(*tensors([True] * n, levels()[:n]))
    return mazes


def test_agrees_with_the_cpu_to_the_last_bit():
    gpu = CudaMazes(4, device=CPU, space=SPACE, limits=limits())
    cpu = MazeSlots(4, space=SPACE, limits=limits(), threads=1)
    actions = np.random.default_rng(1).choice(7, (STEPS, 4), p=[0.2, 0.2, 0.5, 0.025, 0.025, 0.025, 0.025])
    way = plan(levels()[0])
    actions[: len(way), 0] = way
    done = np.ones(4, np.bool_)
    everything, ends = [], set()
    for t in range(STEPS):
        got = gpu.start(*tensors(done.tolist(), levels())).numpy()
        if done.any():
            expected, _ = cpu.reset(options={"reset_mask": done, "task": levels()})
        np.testing.assert_array_equal(got, expected, strict=True)
        observations, rewards, *flags = (v.numpy().copy() for v in gpu.step(torch.from_numpy(actions[t])))
        expected, paid, *theirs, _ = cpu.step(actions[t])
        np.testing.assert_array_equal(observations, expected, strict=True)
        np.testing.assert_array_equal(rewards, paid.astype(np.float32), strict=True)
        np.testing.assert_array_equal(flags, theirs, strict=True)
        everything.append((observations, rewards, *flags, done))
        done = np.logical_or(*flags)
        ends |= {(int(e), bool(flags[0][e])) for e in np.flatnonzero(done)}
    assert {(0, True), (1, False), (3, False)} <= ends
    names = ("observations", "rewards", "terminated", "truncated", "started")
    columns = dict(zip(names, (np.stack(values) for values in zip(*everything, strict=True)), strict=True))
    np.savez(runs_folder() / "run.npz", levels=levels(), actions=actions, **columns)


def test_a_state_continues_exactly():
    first, actions = started(), torch.randint(3, (6, 4), generator=torch.Generator().manual_seed(0))
    first.step(actions[0])
    state = first.get_state()
    expected = [[v.clone() for v in first.step(a)] for a in actions[1:]]
    second = CudaMazes(4, device=CPU, space=SPACE)
    second.set_state(state)
    for action, one in zip(actions[1:], expected, strict=True):
        assert all(map(torch.equal, second.step(action), one))
    with pytest.raises(ValueError, match="task: expected shape"):
        CudaMazes(3, device=CPU, space=SPACE).set_state(state)
    with pytest.raises(ValueError, match="maze state"):
        second.set_state({name: values for name, values in state.items() if name != "done"})


def test_only_the_mask_starts():
    mazes = started()
    first = mazes.get_state()["observation"]
    seen = mazes.step(torch.tensor([0, 1, 0, 1]))[0].clone()
    assert torch.equal(mazes.start(*tensors([False] * 4, levels())), seen)
    again = mazes.start(*tensors([False, True, False, False], levels())).numpy()
    assert np.array_equal(again[[0, 2, 3]], seen[[0, 2, 3]].numpy())
    assert np.array_equal(again[1], first[1])


def test_what_a_device_cannot_raise_is_not_a_number():
    bad = levels()
    bad[1][bad[1] == GOAL] = 0
    mazes = CudaMazes(4, device=CPU, space=SPACE, actions=3)
    assert mazes.start(*tensors([True] * 4, bad)).isnan().all(dim=1).tolist() == [False, True, False, False]
    rewards, terminated = mazes.step(torch.tensor([0, 0, 3, -1]))[1:3]
    assert rewards.isnan().tolist() == [False, True, True, True]
    assert not terminated.any()
    mazes.start(*tensors([True] * 4, levels()))
    assert not mazes.step(torch.tensor([0, 0, 1, 2]))[1].isnan().any()


def test_wrong_arguments():
    mazes = started(2)
    with pytest.raises(ValueError, match=r"actions: expected shape \(2,\) on cpu"):
        mazes.step(torch.zeros(3, dtype=torch.int64))
    with pytest.raises(TypeError, match="whole numbers, got"):
        mazes.step(torch.zeros(2))
    with pytest.raises(ValueError, match=r"task: expected shape \(2, 13, 13\)"):
        mazes.start(*tensors([True] * 2, levels()[:2, :12]))
    with pytest.raises(TypeError, match="boolean mask, uint8 levels"):
        mazes.start(*tensors([1, 1], levels()[:2]))
    with pytest.raises(TypeError, match=r"got torch.bool, torch.int64"):
        mazes.start(*tensors([True] * 2, levels()[:2].astype(int)))
    mask, tasks, seeds = tensors([True] * 2, levels()[:2])
    with pytest.raises(ValueError, match="seed: expected shape"):
        mazes.start(mask, tasks, seeds[:1])
    for arguments in ({"n": 0}, {"n": 2, "actions": 5}, {"n": 2, "device": torch.device("meta")}):
        with pytest.raises(ValueError, match="expected"):
            CudaMazes(**{"device": CPU, "space": SPACE} | arguments)


def test_a_family_makes_them():
    family = Maze(actions=3, suite=["Labyrinth"])
    mazes = family.make_tensors(1, CPU)
    assert isinstance(mazes, CudaMazes)
    assert mazes.single_action_space.n == 3
    assert family.make_tensors(1, CPU) is not mazes
    assert Maze(observation="dict").make_tensors(1, CPU) is None
    level = MAZES["Labyrinth"].make(np.random.default_rng(0))
    mazes.start(*tensors([True], level[None]))
    way = plan(level)
    for action in way:
        _, rewards, terminated, _ = mazes.step(torch.tensor([action]))
    assert terminated.all()
    assert rewards.item() == np.float32(1 - 0.9 * len(way) / 450)
    mazes.close()
