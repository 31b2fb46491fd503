"""Test episodes of tensors: as on the host, and errors named."""

import numpy as np
import pytest
import torch
from grids import CPU, grid

from teacherstudent import envs
from teacherstudent.envs.walkers.slots import WalkerSlots
from teacherstudent.slots.narrowing import LiveSlots
from teacherstudent.slots.tensor_envs import make_tensor_envs
from teacherstudent.students.rollouts.play import EpisodeError, play
from teacherstudent.students.rsl_rl.play import play_tensors


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


def test_slots_that_wait_cost_nothing_and_change_nothing(monkeypatch):
    widths = []
    step = WalkerSlots.step

    def counted(self, actions):
        widths.append(self.num_envs)
        return step(self, actions)

    monkeypatch.setattr(WalkerSlots, "step", counted)
    family = envs.make("stump-tracks", solver="fast", stuck=(60, 0.5))
    tasks = family.test_tasks()[:11]
    weights = torch.from_numpy(np.random.default_rng(0).normal(size=(24, 4)).astype(np.float32))

    def played():
        widths.clear()
        slots = make_tensor_envs(family, 16, CPU)
        found = [
            play_tensors(slots, lambda obs, first: (obs @ weights).tanh(), tasks, np.arange(11), mastered=0.0)
            for _ in range(2)
        ]
        return found, sum(widths)

    narrow, few = played()
    monkeypatch.setattr(LiveSlots, "narrows", False)
    whole, _ = played()
    for mine, theirs in zip(narrow, whole, strict=True):
        assert mine.score.tolist() == theirs.score.tolist()
        assert mine.cost.tolist() == theirs.cost.tolist()
    assert len(set(narrow[0].cost.tolist())) > 1
    assert few == sum(found.cost.sum() for found in narrow)
