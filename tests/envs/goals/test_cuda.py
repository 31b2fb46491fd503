"""Points in mazes on a GPU: in Numba's simulator, and on a real one where there is one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from cuda_simulator import cuda_modules, needs_numba_cuda, simulate

from teacherstudent import spaces
from teacherstudent.envs.goals.family import GoalMaze

SIMULATED = Path(__file__).with_name("cuda_simulated.py")
FORMS = {
    "plain": {"margin": 1.0, "max_steps": 12},
    "tolerance": {"tolerance": True, "walls": "touch", "margin": 1.0, "start": "anywhere"},
    "start": {"start": "task", "layout": "spiral", "margin": 0.0, "max_steps": 20},
}
"""As in the simulated file, which only the simulator can import."""


@pytest.fixture(scope="module", name="runs")
def _runs(tmp_path_factory):
    return simulate(SIMULATED, tmp_path_factory.mktemp("runs"))


@needs_numba_cuda
def test_simulated_kernels(runs):
    done, _ = runs
    assert done.returncode == 0, done.stdout[-6000:]
    assert " passed" in done.stdout


@needs_numba_cuda
@pytest.mark.parametrize("form", FORMS)
def test_compiled_kernels_agree_with_simulated_ones_to_the_last_bit(runs, form):
    with np.load(runs[1] / f"{form}.npz") as file:
        run = dict(file)
    slots = GoalMaze(**FORMS[form]).make_vec(len(run["tasks"]))
    for t, actions in enumerate(run["actions"]):
        if run["started"][t].any():
            slots.reset(seed=run["seeds"][t], options={"reset_mask": run["started"][t], "task": run["tasks"]})
        observations, rewards, terminated, truncated, _ = slots.step(actions)
        np.testing.assert_array_equal(run["observations"][t], observations)
        np.testing.assert_array_equal(run["rewards"][t], rewards.astype(np.float32))
        np.testing.assert_array_equal(run["terminated"][t], terminated)
        np.testing.assert_array_equal(run["truncated"][t], truncated)


@needs_numba_cuda
def test_only_cuda_devices():
    with pytest.raises(ValueError, match="device: expected one of type 'cuda', got 'cpu'"):
        GoalMaze().make_tensors(2, torch.device("cpu"))


def test_nothing_imports_numba_cuda_before_it_is_needed():
    code = "from teacherstudent.envs.goals.family import GoalMaze; GoalMaze().make_vec(1)"
    assert cuda_modules(code) == []


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@needs_numba_cuda
@pytest.mark.parametrize("form", FORMS)
def test_a_gpu_agrees_with_the_cpu(form):
    n, family = 500, GoalMaze(**FORMS[form])
    gpu, cpu = family.make_tensors(n, torch.device("cuda")), family.make_vec(n)
    rng = np.random.default_rng(0)
    tasks = np.concatenate([family.easy(rng, n // 2), spaces.sample(family.space, rng, n // 2)])
    done = np.ones(n, np.bool_)
    for _ in range(300):
        seeds = rng.integers(2**31, size=n)
        asked = (torch.from_numpy(part).cuda() for part in (done, tasks, seeds))
        got = gpu.start(*asked).cpu().numpy()
        if done.any():
            expected, _ = cpu.reset(seed=seeds, options={"reset_mask": done, "task": tasks})
        np.testing.assert_array_equal(got, expected)
        actions = rng.uniform(-1.5, 1.5, (n, 2)).astype(np.float32)
        observations, rewards, *flags = (v.cpu().numpy() for v in gpu.step(torch.from_numpy(actions).cuda()))
        expected, paid, *theirs, _ = cpu.step(actions)
        np.testing.assert_array_equal(observations, expected)
        np.testing.assert_array_equal(rewards, paid.astype(np.float32))
        np.testing.assert_array_equal(flags, theirs)
        done = np.logical_or(*flags)
