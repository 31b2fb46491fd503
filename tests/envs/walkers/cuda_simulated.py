"""The walkers' CUDA kernels in Numba's simulator, as plain Python: `test_cuda` runs this file apart.

What the simulator computes has no fused products, like the CPU's kernels in plain Python: both must agree to
the last bit, though one steps a walker at a time and the other whole NumPy rows. Every run is kept for a
comparison with the compiled kernels.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from cuda_simulator import runs_folder
from numba.cuda.simulator.kernelapi import FakeCUDALocal

from teacherstudent import spaces
from teacherstudent.envs.walkers.cuda import CudaWalkers
from teacherstudent.envs.walkers.ground.tracks import GIVEN, HEXAGONS, LEVELS, PAPER_LEVELS, SEQUENCE, STUMPS
from teacherstudent.envs.walkers.physics.rig import Y
from teacherstudent.envs.walkers.slots import WalkerSlots
from teacherstudent.envs.walkers.stump_tracks import stump_tracks

CPU = torch.device("cpu")
CASES = {
    "stumps": (STUMPS, "default", "default", [1.0, 3.0]),
    "hexagons": (HEXAGONS, "short", "fast", np.linspace(0.0, 1.0, 12)),
    "sequence": (SEQUENCE, "quadruped", "fast", np.linspace(0.1, 1.0, 10)),
    "levels": (LEVELS, "default", "fast", [1.0, 1.0, 2.0, 0.3, 0.5, 0.2, 0.4, 3.0]),
    "seeded-levels": (PAPER_LEVELS, "default", "fast", [1.0, 1.0, 2.0, 0.3, 0.5, 0.2, 0.4, 6.0, 8.0]),
}
STEPS, RESTART = 14, 9


@pytest.fixture(autouse=True)
def _dirty_memory(monkeypatch):
    """Local memory of a GPU holds anything."""
    monkeypatch.setattr(FakeCUDALocal, "array", lambda self, shape, dtype: np.full(shape, 1e30).astype(dtype))


def space_of(task):
    return spaces.Parameters(**{f"p{i}": (0, 9) for i in range(len(task))})


def stumps(n, **options):
    return CudaWalkers(n, device=CPU, space=space_of([1, 3]), kind=STUMPS, solver="fast", **options)


def start(walkers, mask=None, tasks=((1.0, 3.0), (2.0, 4.0)), seeds=(5, 6)):
    mask = [True] * walkers.num_envs if mask is None else mask
    return walkers.start(torch.tensor(mask), torch.tensor(tasks), torch.tensor(seeds)).clone()


def copied(results):
    return [values.clone() for values in results]


def test_stuck_walkers_are_cut_as_on_the_cpu():
    options = {"space": space_of([1, 3]), "kind": STUMPS, "solver": "fast", "stuck": (3, 1.0)}
    gpu, cpu = CudaWalkers(2, device=CPU, **options), WalkerSlots(2, threads=1, **options)
    start(gpu)
    cpu.reset(seed=[5, 6], options={"task": [(1.0, 3.0), (2.0, 4.0)]})
    for step in range(3):
        got = [values.tolist() for values in gpu.step(torch.zeros(2, 4))[2:]]
        assert got == [values.tolist() for values in cpu.step(np.zeros((2, 4)))[2:4]]
        assert got == [[False] * 2, [step == 2] * 2]


def test_compiling_leaves_walkers_as_they_are():
    walkers = stumps(2)
    start(walkers)
    walkers.step(torch.zeros(2, 4))
    before = walkers.get_state()
    walkers.compile()
    for name, values in walkers.get_state().items():
        np.testing.assert_array_equal(values, before[name])


@pytest.mark.parametrize("name", CASES)
def test_agrees_with_the_cpu_to_the_last_bit(name):
    kind, walker, solver, task = CASES[name]
    options = {"space": space_of(task), "kind": kind, "walker": walker, "solver": solver, "max_steps": STEPS}
    gpu, cpu = CudaWalkers(2, device=CPU, **options), WalkerSlots(2, threads=1, **options)
    rng = np.random.default_rng(0)
    tasks, seeds = np.array([task, np.multiply(task, 0.5)]), np.array([3, 2**31 - 1])
    actions = rng.uniform(-1.2, 1.2, (STEPS, 2, *gpu.single_action_space.shape)).astype(np.float32)
    everything = []
    for t in range(STEPS):
        if t in (0, RESTART):
            mask = np.array([t == 0, True])
            got = gpu.start(torch.tensor(mask), torch.tensor(tasks), torch.tensor(seeds + t)).numpy()
            expected, _ = cpu.reset(
                seed=np.where(mask, seeds + t, -1), options={"reset_mask": mask, "task": tasks}
            )
            np.testing.assert_array_equal(got, expected, strict=True)
        results = [values.numpy().copy() for values in gpu.step(torch.tensor(actions[t]))]
        for got, expected in zip(results, cpu.step(actions[t]), strict=False):
            np.testing.assert_array_equal(got, expected)
        everything.append(results)
    assert results[3].tolist() == [True, False]  # the second walker began later
    assert np.isfinite(results[0]).all()
    assert (gpu.get_state()["ints"] != 0).sum() > 4  # some contacts
    observations, rewards, *_ = (np.stack(values) for values in zip(*everything, strict=True))
    np.savez(
        runs_folder() / f"{name}.npz", kind=kind, walker=walker, solver=solver, tasks=tasks,
        seeds=seeds, actions=actions, restart=RESTART, observations=observations, rewards=rewards,
    )  # fmt: skip


def test_a_state_continues_exactly():
    first, actions = stumps(2), torch.linspace(-1, 1, 4 * 2 * 4).reshape(4, 2, 4)
    start(first)
    first.step(actions[0])
    state = first.get_state()
    expected = [copied(first.step(action)) for action in actions[1:]]
    second = stumps(2)
    second.set_state(state)
    for action, one in zip(actions[1:], expected, strict=True):
        for got, wanted in zip(second.step(action), one, strict=True):
            assert torch.equal(got, wanted)
    with pytest.raises(ValueError, match="floats: expected shape"):
        stumps(3).set_state(state)
    with pytest.raises(ValueError, match="walker state"):
        second.set_state({name: values for name, values in state.items() if name != "done"})


def test_only_the_mask_starts():
    walkers = stumps(2)
    first = start(walkers)
    observations, rewards, terminated, truncated = copied(walkers.step(torch.full((2, 4), 0.5)))
    assert not torch.equal(first, observations)
    assert (rewards.dtype, terminated.dtype, truncated.dtype) == (torch.float32, torch.bool, torch.bool)
    assert torch.equal(start(walkers, [False, False]), observations)
    again = start(walkers, [False, True])
    assert torch.equal(again[0], observations[0])
    assert torch.equal(again[1], first[1])


def test_a_fall_ends_an_episode():
    walkers = stumps(2)
    start(walkers)
    state = walkers.get_state()
    state["floats"][Y, 0] -= 2.2  # the hull into the ground
    walkers.set_state(state)
    _, rewards, terminated, truncated = walkers.step(torch.zeros(2, 4))
    assert terminated.tolist() == [True, False]
    assert not truncated.any()
    assert rewards[0] == -100.0
    assert abs(rewards[1]) < 10.0
    _, rewards, terminated, _ = walkers.step(torch.zeros(2, 4))  # the first one must be started before that
    assert rewards.isnan().tolist() == [True, False]
    assert not terminated.any()


def test_what_a_device_cannot_raise_is_not_a_number():
    walkers = stumps(2)
    observations = start(walkers, tasks=((1.0, 10.0), (2.0, 4.0)))
    assert observations.isnan().all(dim=1).tolist() == [True, False]
    actions = torch.zeros(2, 4)
    assert walkers.step(actions)[1].isnan().tolist() == [True, False]
    start(walkers)
    actions[1, 3] = torch.inf
    assert walkers.step(actions)[1].isnan().tolist() == [False, True]
    start(walkers, tasks=((1.0, torch.nan), (2.0, 4.0)))
    assert walkers.get_state()["done"].tolist() == [True, False]


def test_wrong_arguments():
    walkers = stumps(2)
    with pytest.raises(ValueError, match=r"actions: expected shape \(2, 4\) on cpu"):
        walkers.step(torch.zeros(2, 3))
    with pytest.raises(ValueError, match="actions: expected"):
        walkers.step(torch.zeros(2, 4, device="meta"))
    with pytest.raises(ValueError, match=r"task: expected shape \(2, 2\)"):
        start(walkers, tasks=((1.0, 3.0),))
    with pytest.raises(TypeError, match="boolean mask"):
        start(walkers, mask=[1, 1])
    with pytest.raises(TypeError, match="whole seeds"):
        start(walkers, seeds=(1.0, 2.0))
    for options, message in (
        ({"walker": "horse"}, "horse"),
        ({"kind": GIVEN}, "GIVEN"),
        ({"solver": "none"}, "solver"),
        ({"device": torch.device("meta")}, "simulator is on"),
    ):
        arguments = {"device": CPU, "space": space_of([1, 3]), "kind": STUMPS} | options
        with pytest.raises(ValueError, match=message):
            CudaWalkers(2, **arguments)
    with pytest.raises(ValueError, match="slot"):
        stumps(0)


def test_a_family_makes_them():
    family = stump_tracks(embodiment="quadruped")
    walkers = family.make_tensors(2, CPU)
    assert isinstance(walkers, CudaWalkers)
    assert walkers.single_action_space.shape == (8,)
    assert start(walkers).shape == (2, *walkers.single_observation_space.shape)
    walkers.close()
