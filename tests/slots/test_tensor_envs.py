import numpy as np
import pytest
import torch
from grids import CPU, Grid, grid
from gymnasium.spaces import Dict as DictSpace
from gymnasium.spaces import Discrete, Text

from teacherstudent import envs
from teacherstudent.contract.family import Snapshot
from teacherstudent.slots.tensor_envs import HostTensorEnvs, TensorFamily, make_tensor_envs
from teacherstudent.slots.wrapping.family import family_from_gymnasium


@pytest.fixture(scope="module")
def cartpole():
    return envs.make("cartpole-parameters")


def test_host_environments_as_tensors():
    slots = make_tensor_envs(grid(), 3, CPU)
    assert not isinstance(slots, Snapshot)
    tasks = torch.tensor([[1.0], [3.0], [2.0]], dtype=torch.float64)
    obs = slots.start(torch.ones(3, dtype=torch.bool), tasks, torch.tensor([7, 8, 9]))
    assert obs.shape == (3, 6)
    assert obs.dtype == torch.float32
    begun = obs.clone()
    assert begun[0, 0] == np.float32(np.random.default_rng(7).random())
    obs, rewards, terminated, truncated = slots.step(torch.tensor([0, 1, 2]))
    assert obs[:, 0].tolist() == [0.0, 2.0, 1.0]
    assert rewards.tolist() == [0.0, 1.0, 2.0]
    assert not terminated.any()
    assert truncated.tolist() == [True, False, False]
    assert slots.success.tolist() == [int(begun[0, 0] > 0.5), -1, -1]
    obs = slots.start(truncated, tasks, torch.tensor([7, 0, 0]))
    assert obs[0].tolist() == begun[0].tolist()
    assert obs[1:, 0].tolist() == [2.0, 1.0]
    same = slots.start(torch.zeros(3, dtype=torch.bool), tasks, torch.zeros(3, dtype=torch.int64))
    assert torch.equal(same, obs)
    slots.step(torch.tensor([0, 0, 0]))
    slots.close()


def test_nothing_is_copied_on_the_cpu(cartpole):
    vec = cartpole.make_vec(2)
    step, given = vec.step, []

    def spy(actions):
        given.append(step(actions))
        return given[-1]

    vec.step = spy
    slots = HostTensorEnvs(vec, CPU)
    tasks = torch.from_numpy(cartpole.test_tasks()[:2])
    slots.start(torch.ones(2, dtype=torch.bool), tasks, torch.tensor([0, 1]))
    obs, rewards, *_ = slots.step(torch.tensor([0, 1]))
    assert np.shares_memory(obs.numpy(), given[0][0])
    assert np.shares_memory(rewards.numpy(), given[0][1])


def test_snapshots_pass_through(cartpole):
    one, two = (make_tensor_envs(cartpole, 3, CPU) for _ in range(2))
    assert isinstance(one, Snapshot)
    assert isinstance(two, Snapshot)
    tasks = torch.from_numpy(cartpole.test_tasks()[:3])
    for slots, seed in ((one, 0), (two, 5)):
        slots.start(torch.ones(3, dtype=torch.bool), tasks, torch.arange(3) + seed)
    two.set_state(one.get_state())
    for a, b in zip(one.step(torch.tensor([0, 1, 0])), two.step(torch.tensor([0, 1, 0])), strict=True):
        assert torch.equal(a, b)


def test_slots_may_be_spread_over_processes():
    slots = make_tensor_envs(grid(), 4, CPU, processes=2)
    try:
        tasks = torch.full((4, 1), 2.0, dtype=torch.float64)
        slots.start(torch.ones(4, dtype=torch.bool), tasks, torch.arange(4))
        assert slots.step(torch.arange(4) % 3)[1].tolist() == [0.0, 1.0, 2.0, 0.0]
    finally:
        slots.close()


def test_a_family_s_own_tensors_are_for_other_devices_than_the_cpu(cartpole):
    asked = []

    class OnDevices(type(cartpole)):
        def make_tensors(self, n, device):
            asked.append((n, device))

    family = OnDevices()
    assert isinstance(family, TensorFamily)
    assert isinstance(make_tensor_envs(family, 2, CPU), HostTensorEnvs)
    assert not asked
    make_tensor_envs(family, 2, torch.device("meta"))
    assert asked == [(2, torch.device("meta"))]


def test_observations_must_be_numbers():
    class Words(Grid):
        observation_space = DictSpace({"at": Discrete(4), "said": Text(5)})

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed, options=options)
            return {"at": 1, "said": "left"}, {}

    vec = family_from_gymnasium(Words, test_tasks=2, max_episode_steps=3).make_vec(1)
    with pytest.raises(TypeError, match=r"expected arrays of numbers, .* got Text\(1, 5.* in 'said'"):
        HostTensorEnvs(vec, CPU)
