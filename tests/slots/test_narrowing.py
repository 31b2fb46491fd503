"""Slots that wait: what is stepped, and what the others see."""

import numpy as np
import pytest
from gymnasium.spaces import Box
from gymnasium.vector import VectorEnv
from gymnasium.vector.utils import batch_space

from teacherstudent.slots.narrowing import LiveSlots


class Counters(VectorEnv):
    """Slots that show their own number and how often they were stepped."""

    def __init__(self, numbers):
        self.numbers = np.asarray(numbers)
        self.num_envs = len(self.numbers)
        self.single_observation_space = Box(-np.inf, np.inf, (2,))
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.steps = np.zeros(self.num_envs)

    def reset(self, *, seed=None, options=None):
        self.steps[:] = 0
        return self.seen(), {}

    def seen(self):
        return np.stack([self.numbers, self.steps], axis=1)

    def step(self, actions):
        self.steps = self.steps + 1
        over = actions > 5
        info = {"is_success": over.copy(), "deep": {"number": self.numbers.copy()}}
        return self.seen(), actions * 1.0, over, ~over, info

    def narrowed(self, slots):
        part = Counters(self.numbers[slots])
        part.steps = self.steps[slots]
        return part


class Wide(Counters):
    narrowed = None


def test_only_slots_that_go_on_are_stepped_and_all_keep_their_places():
    live = LiveSlots(Counters(range(5)))
    assert live.narrows
    live.reset(seed=None, options={})
    first = live.step(np.arange(5))[0]
    live.leave(np.array([False, True, False, False, False]))
    seen, rewards, terminated, truncated, info = live.step(np.array([1, 2, 3, 4, 6]))
    assert seen.tolist() == [[0, 2], [1, 1], [2, 2], [3, 2], [4, 2]]
    assert first[:, 1].tolist() == [1] * 5  # what was returned before stays
    assert rewards.tolist() == [1, 0, 3, 4, 6]
    assert terminated.tolist() == [False, False, False, False, True]
    assert truncated.tolist() == [True, False, True, True, False]
    assert info["is_success"].tolist() == terminated.tolist()
    assert info["deep"]["number"].tolist() == [0, 0, 2, 3, 4]
    # Those that were left before need not be named again.
    live.leave(np.array([True, False, False, False, True]))
    assert live.step(np.full(5, 1))[0][:, 1].tolist() == [2, 1, 3, 3, 2]
    assert live.observations[:, 1].tolist() == [2, 1, 3, 3, 2]


def test_one_slot_goes_on_in_any_case_and_a_reset_brings_all_back():
    live = LiveSlots(Counters(range(2)))
    live.reset(seed=None, options={})
    live.leave(np.array([True, False]))
    live.leave(np.array([False, True]))
    assert live.step(np.ones(2))[0][:, 1].tolist() == [0, 1]
    live.reset(seed=None, options={})
    assert live.step(np.ones(2))[0][:, 1].tolist() == [1, 1]


@pytest.mark.parametrize("n", [1, 4])
def test_what_cannot_be_narrowed_is_stepped_as_it_is(n):
    live = LiveSlots(Wide(range(n)))
    assert not live.narrows
    live.reset(seed=None, options={})
    assert live.step(np.ones(n))[0][:, 1].tolist() == [1] * n
