"""Walkers on a real GPU against the same kernels on the CPU."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import torch

from teacherstudent.envs.walkers.slots import WalkerSlots
from teacherstudent.envs.walkers.stump_tracks import stump_tracks

N, STEPS = 256, 1000
TOLERANCE, SHARE = 1e-3, 0.999
"""One step from the same state: so many of the observations are as close as that. The rest are contacts that
one of the two has just made, and iterations that one has ended a round earlier."""

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    pytest.mark.skipif(importlib.util.find_spec("numba_cuda") is None, reason="needs numba-cuda"),
]


def pair(**options):
    """Return walkers on the GPU and on the CPU, started alike, and the tasks."""
    family = stump_tracks(**options)
    gpu, cpu = family.make_tensors(N, torch.device("cuda")), family.make_vec(N)
    assert isinstance(cpu, WalkerSlots)
    rng = np.random.default_rng(0)
    tasks = rng.uniform(family.space.low, family.space.high, (N, 2))
    return gpu, cpu, tasks, rng


def started(gpu, cpu, tasks, seeds, mask):
    """Start episodes in both and return both observations."""
    options = {"reset_mask": mask, "task": tasks}
    expected, _ = cpu.reset(seed=np.where(mask, seeds, -1), options=options)
    return gpu.start(*(torch.from_numpy(a).cuda() for a in (mask, tasks, seeds))).cpu().numpy(), expected


def lanes(groups):
    """Return a state of the CPU, ``(groups, rows, lanes)``, as the GPU has it, ``(rows, n)``."""
    return np.ascontiguousarray(groups.transpose(1, 0, 2).reshape(groups.shape[1], -1)[:, :N])


@pytest.mark.parametrize(
    ("embodiment", "solver"), [("default", "default"), ("short", "fast"), ("quadruped", "default")]
)
def test_a_thousand_steps_each_from_the_cpus_state(embodiment, solver):
    gpu, cpu, tasks, rng = pair(embodiment=embodiment, solver=solver)
    seeds = np.arange(N)
    got, expected = started(gpu, cpu, tasks, seeds, np.ones(N, np.bool_))
    assert np.abs(got - expected).max() < TOLERANCE
    near, ends = [], []
    for _ in range(STEPS):
        theirs, ours = cpu.get_state(), gpu.get_state()
        ours |= {name: lanes(theirs[name]) for name in ("floats", "ints")}
        gpu.set_state(ours)
        actions = rng.uniform(-1, 1, cpu.action_space.shape).astype(np.float32)
        obs, rewards, over, cut = (
            values.cpu().numpy() for values in gpu.step(torch.from_numpy(actions).cuda())
        )
        expected, wanted, ended, stopped, _ = cpu.step(actions)
        assert np.isfinite(obs).all()
        assert np.isfinite(rewards).all()
        same = over == ended
        close = np.abs(obs - expected).max(axis=1) < TOLERANCE
        near.append(close & same & (np.abs(rewards - wanted) < 10 * TOLERANCE))
        ends.append(ended | stopped)
        if (done := over | cut | ended | stopped).any():
            seeds = seeds + N
            started(gpu, cpu, tasks, seeds, done)
    assert np.sum(ends) > 10
    assert np.mean(near) > SHARE


def test_free_runs_fall_alike():
    gpu, cpu, tasks, rng = pair()
    seeds = np.arange(N)
    started(gpu, cpu, tasks, seeds, np.ones(N, np.bool_))
    totals, falls = np.zeros((2, N)), np.zeros((2, N))
    for _ in range(STEPS):
        actions = rng.uniform(-1, 1, cpu.action_space.shape).astype(np.float32)
        obs, *theirs = (values.cpu().numpy() for values in gpu.step(torch.from_numpy(actions).cuda()))
        assert np.isfinite(obs).all()
        ours = cpu.step(actions)[1:4]
        seeds = seeds + N
        for k, (rewards, over, cut) in enumerate((theirs, ours)):
            totals[k] += rewards
            falls[k] += over
            mask = over | cut
            if mask.any() and k:
                cpu.reset(seed=np.where(mask, seeds, -1), options={"reset_mask": mask, "task": tasks})
            elif mask.any():
                gpu.start(*(torch.from_numpy(a).cuda() for a in (mask, tasks, seeds)))
    for values in (totals, falls):
        error = np.sqrt(values.var(axis=1).sum() / N)
        assert abs(values[0].mean() - values[1].mean()) <= 4 * error


def test_a_state_continues_exactly_on_any_stream():
    gpu, cpu, tasks, rng = pair()
    started(gpu, cpu, tasks, np.arange(N), np.ones(N, np.bool_))
    actions = torch.from_numpy(rng.uniform(-1, 1, (100, N, 4)).astype(np.float32)).cuda()
    for action in actions[:50]:
        gpu.step(action)
    state = gpu.get_state()
    other, *_ = pair()
    other.set_state(state)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    for action in actions[50:]:
        expected = [values.clone() for values in gpu.step(action)]
        with torch.cuda.stream(side):
            got = [values.clone() for values in other.step(action)]
        side.synchronize()
        assert all(
            torch.equal(a.nan_to_num(7.0), b.nan_to_num(7.0)) for a, b in zip(got, expected, strict=True)
        )


def test_nothing_waits_for_the_device():
    gpu, cpu, tasks, _ = pair()
    started(gpu, cpu, tasks, np.arange(N), np.ones(N, np.bool_))
    gpu.step(torch.zeros(N, 4, device="cuda"))  # compiled by now
    table, seeds = torch.from_numpy(tasks).cuda(), torch.arange(N, device="cuda")
    actions = torch.zeros(N, 4, device="cuda")
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(20):
            obs, _, terminated, truncated = gpu.step(actions)
            gpu.start(terminated | truncated, table, seeds)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert obs.isfinite().all()


def test_other_devices():
    with pytest.raises(ValueError, match="expected one of type 'cuda'"):
        stump_tracks().make_tensors(2, torch.device("cpu"))
