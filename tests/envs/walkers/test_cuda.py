"""Walkers on a GPU, as far as they can be tested without one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from cuda_simulator import cuda_modules, needs_numba_cuda, simulate

from teacherstudent import spaces
from teacherstudent.envs.walkers.slots import WalkerSlots
from teacherstudent.envs.walkers.stump_tracks import stump_tracks

SIMULATED = Path(__file__).with_name("cuda_simulated.py")
TOLERANCE = 2e-4
"""Of observations after 14 steps: compiled code fuses products and sums, plain Python does not."""


@pytest.fixture(scope="module", name="runs")
def _runs(tmp_path_factory):
    return simulate(SIMULATED, tmp_path_factory.mktemp("runs"))


@needs_numba_cuda
def test_simulated_kernels(runs):
    done, _ = runs
    assert done.returncode == 0, done.stdout[-6000:]
    assert " passed" in done.stdout


@needs_numba_cuda
@pytest.mark.parametrize("name", ["stumps", "hexagons", "sequence", "levels", "seeded-levels"])
def test_compiled_kernels_agree_with_simulated_ones(runs, name):
    with np.load(runs[1] / f"{name}.npz") as file:
        run = dict(file)
    space = spaces.Parameters(**{f"p{i}": (0, 9) for i in range(run["tasks"].shape[1])})
    slots = WalkerSlots(
        2, space=space, kind=int(run["kind"]), walker=str(run["walker"]), solver=str(run["solver"]), threads=1
    )
    for t, actions in enumerate(run["actions"]):
        if t in (0, run["restart"]):
            mask = np.array([t == 0, True])
            options = {"reset_mask": mask, "task": run["tasks"]}
            slots.reset(seed=np.where(mask, run["seeds"] + t, -1), options=options)
        observations, rewards, *_ = slots.step(actions)
        np.testing.assert_allclose(run["observations"][t], observations, atol=TOLERANCE, rtol=0)
        np.testing.assert_allclose(run["rewards"][t], rewards, atol=TOLERANCE, rtol=0)


def test_box2d_stays_on_the_cpu():
    assert stump_tracks(simulator="box2d").make_tensors(2, torch.device("cuda")) is None


def test_nothing_imports_numba_cuda_before_it_is_needed():
    code = "from teacherstudent.envs.walkers.stump_tracks import stump_tracks; stump_tracks().make_vec(1)"
    assert cuda_modules(code) == []
