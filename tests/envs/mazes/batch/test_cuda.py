"""Mazes on a GPU: in Numba's simulator, and on a real one where there is one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from cuda_simulator import cuda_modules, needs_numba_cuda, simulate

from teacherstudent.envs.mazes.batch.slots import MazeSlots, limits_of
from teacherstudent.envs.mazes.family import Maze
from teacherstudent.envs.mazes.space import MazeLevels

SIMULATED = Path(__file__).with_name("cuda_simulated.py")


@pytest.fixture(scope="module", name="runs")
def _runs(tmp_path_factory):
    return simulate(SIMULATED, tmp_path_factory.mktemp("runs"))


@needs_numba_cuda
def test_simulated_kernels(runs):
    done, _ = runs
    assert done.returncode == 0, done.stdout[-6000:]
    assert " passed" in done.stdout


@needs_numba_cuda
def test_compiled_kernels_agree_with_simulated_ones_to_the_last_bit(runs):
    with np.load(runs[1] / "run.npz") as file:
        run = dict(file)
    limits = limits_of(run["levels"], np.array([250, 12, 484, 20]))
    slots = MazeSlots(4, space=MazeLevels(), limits=limits, threads=1)
    for t, actions in enumerate(run["actions"]):
        if run["started"][t].any():
            slots.reset(options={"reset_mask": run["started"][t], "task": run["levels"]})
        observations, rewards, terminated, truncated, _ = slots.step(actions)
        np.testing.assert_array_equal(run["observations"][t], observations)
        np.testing.assert_array_equal(run["rewards"][t], rewards.astype(np.float32))
        np.testing.assert_array_equal(run["terminated"][t], terminated)
        np.testing.assert_array_equal(run["truncated"][t], truncated)


@needs_numba_cuda
def test_only_cuda_devices():
    with pytest.raises(ValueError, match="device: expected one of type 'cuda', got 'cpu'"):
        Maze().make_tensors(2, torch.device("cpu"))


def test_nothing_imports_numba_cuda_before_it_is_needed():
    code = "from teacherstudent.envs.mazes.family import Maze; Maze().make_vec(1)"
    assert cuda_modules(code) == []


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@needs_numba_cuda
def test_a_gpu_agrees_with_the_cpu():
    n, family = 500, Maze(suite="accel-12", repeats=20)
    gpu, cpu = family.make_tensors(n, torch.device("cuda")), family.make_vec(n)
    rng = np.random.default_rng(0)
    levels = np.concatenate([family.test_tasks(), family.space.draw(rng, n)])[:n]
    done, seeds = np.ones(n, np.bool_), torch.zeros(n, dtype=torch.int64, device="cuda")
    for _ in range(600):
        got = gpu.start(torch.from_numpy(done).cuda(), torch.from_numpy(levels).cuda(), seeds).cpu().numpy()
        if done.any():
            expected, _ = cpu.reset(options={"reset_mask": done, "task": levels})
        np.testing.assert_array_equal(got, expected)
        actions = rng.choice(3, n, p=[0.2, 0.2, 0.6])
        observations, rewards, *flags = (v.cpu().numpy() for v in gpu.step(torch.from_numpy(actions).cuda()))
        expected, paid, *theirs, _ = cpu.step(actions)
        np.testing.assert_array_equal(observations, expected)
        np.testing.assert_allclose(rewards, paid, rtol=1e-6)
        np.testing.assert_array_equal(flags, theirs)
        done = np.logical_or(*flags)
