import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete

from teacherstudent import envs
from teacherstudent.contract.family import Snapshot
from teacherstudent.contract.spaces import Parameters
from teacherstudent.slots.tensor_envs import HostTensorEnvs, TensorFamily, make_tensor_envs
from teacherstudent.slots.wrapping.family import family_from_gymnasium
from teacherstudent.students.rollouts.play import EpisodeError, play
from teacherstudent.students.rsl_rl.play import play_tensors

CPU = torch.device("cpu")


class Grid(gym.Env):
    """Observations of two dimensions in float64; says success at some steps only; ends after its task."""

    observation_space = Box(-10, 10, (2, 3), np.float64)
    action_space = Discrete(3)
    task_space = Parameters(steps=(1, 9))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left = int(options["task"][0])
        self.start = self.np_random.random()
        return np.full((2, 3), self.start), {}

    def step(self, action):
        self.left -= 1
        info = {"is_success": self.start > 0.5} if self.left == 0 else {}
        return np.full((2, 3), float(self.left)), float(action), False, self.left == 0, info


@pytest.fixture(scope="module")
def cartpole():
    return envs.make("cartpole-parameters")


def grid():
    return family_from_gymnasium(Grid, test_tasks=4, mastered=1.5)


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


def test_a_family_s_own_tensors_are_for_other_devices_than_the_cpu(cartpole, monkeypatch):
    asked = []
    monkeypatch.setattr(
        type(cartpole), "make_tensors", lambda self, n, device: asked.append((n, device)), raising=False
    )
    assert isinstance(cartpole, TensorFamily)
    assert isinstance(make_tensor_envs(cartpole, 2, CPU), HostTensorEnvs)
    assert not asked
    make_tensor_envs(cartpole, 2, torch.device("meta"))
    assert asked == [(2, torch.device("meta"))]


def test_observations_must_be_arrays():
    class Counts(Grid):
        observation_space = Discrete(4)

    vec = family_from_gymnasium(Counts, test_tasks=2, max_episode_steps=3).make_vec(1)
    with pytest.raises(TypeError, match=r"expected observations in a Box, got Discrete\(4\)"):
        HostTensorEnvs(vec, CPU)


@pytest.mark.parametrize("n", [1, 4, 11])
def test_play_equals_that_of_the_host(cartpole, n):
    tasks, seeds = cartpole.test_tasks()[:n], np.arange(n) + 100
    expected = play(
        cartpole.make_vec(4), lambda obs, first: (obs[:, 2] > 0).astype(int), tasks, seeds, mastered=20.0
    )
    slots = make_tensor_envs(cartpole, 4, CPU)
    found = play_tensors(slots, lambda obs, first: (obs[:, 2] > 0).long(), tasks, seeds, mastered=20.0)
    assert found.ids.tolist() == [-1] * n
    assert found.score.tolist() == expected.score.tolist()
    assert found.cost.tolist() == expected.cost.tolist()
    assert found.signals["success"].tolist() == expected.signals["success"].tolist()
    assert len({*found.cost.tolist()}) > 1 or n == 1
    again = play_tensors(
        make_tensor_envs(cartpole, 2, CPU),
        lambda obs, first: (obs[:, 2] > 0).long(),
        tasks,
        seeds,
        mastered=None,
    )
    assert again.score.tolist() == found.score.tolist()
    assert set(again.signals) == {"length"}


def test_play_prefers_the_environment_s_word_on_success():
    seeds = np.arange(6)
    word = [np.random.default_rng(int(seed)).random() > 0.5 for seed in seeds]
    found = play_tensors(
        make_tensor_envs(grid(), 2, CPU),
        lambda obs, first: torch.ones(2, dtype=torch.int64),
        np.array([[1.0], [2.0], [3.0], [4.0], [5.0], [1.0]]),
        seeds,
        mastered=1.5,
    )
    assert found.score.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 1.0]
    assert found.signals["success"].tolist() == word


def test_play_names_slot_and_task_of_a_reward_that_is_not_finite(cartpole):
    slots = make_tensor_envs(cartpole, 2, CPU)
    step = slots.step

    def broken(actions):
        obs, rewards, *ends = step(actions)
        rewards[1] = torch.nan
        return obs, rewards, *ends

    slots.step = broken
    task = cartpole.test_tasks()[1].tolist()
    with pytest.raises(EpisodeError, match="expected finite rewards, got nan") as caught:
        play_tensors(
            slots,
            lambda obs, first: torch.zeros(2, dtype=torch.int64),
            cartpole.test_tasks()[:2],
            np.zeros(2, int),
            mastered=None,
        )
    assert f"slot 1, task {task}" in str(caught.value)
