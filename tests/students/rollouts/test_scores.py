"""What a bound slot reports, against numbers worked by hand."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from stable_baselines3.common.buffers import RolloutBuffer

from teacherstudent.contract.purposes import purposes
from teacherstudent.contract.types import Assignment
from teacherstudent.students.rollouts.scores import (
    BOUND_OFFERS,
    VALUE_SIGNALS,
    bound_outcomes,
    rollout_scores,
    tail_values,
)


def table(*columns, dtype=torch.float64):
    return torch.tensor(columns, dtype=dtype).T


REWARDS = table([1, 2, -4, 0, 7], [-1, -1, -1, -1, -1], [0, 0, 5, 1, 1])
ENDS = table([0, 1, 0, 1, 0], [0, 0, 0, 0, 0], [0, 0, 1, 0, 1], dtype=torch.bool)
ADVANTAGES = table([1, -2, 3, -1, 9], [1, -1, 2, -2, 4], [3, 0, -3, 1, 1])
VALUES = table([2, 4, 1, 3, 100], [1, 2, 3, 4, 5], [6, 6, 0, 2, 4])


def scores(**options):
    found = rollout_scores(REWARDS, ENDS, ADVANTAGES, VALUES, **{"discount": 0.5, **options})
    return {name: values.tolist() for name, values in found.items()}


def test_returns_of_completed_episodes_only():
    found = scores()
    assert found["score"] == [(3 - 4) / 2, -5, (5 + 2) / 2]  # the second slot finished nothing
    assert found["max_return"] == [3, -5, 5]
    assert found["episodes"] == [2, 0, 2]
    assert found["length"] == [2, 5, 2.5]
    assert "success" not in found


def test_value_signals_average_over_steps_then_over_episodes():
    found = scores()
    np.testing.assert_allclose(found["value_l1"], [(1.5 + 2) / 2, 2, (2 + 1) / 2])
    np.testing.assert_allclose(found["positive_value_loss"], [(0.5 + 1.5) / 2, 7 / 5, (1 + 1) / 2])
    np.testing.assert_allclose(found["mean_value"], [(3 + 2) / 2, 3, (4 + 3) / 2])
    # delta_t = A_t - 0.5 A_{t+1} within an episode: first slot 1+1, -2 | 3+0.5, -1
    first = ((2 + 2) / 2 + (3.5 + 1) / 2) / 2
    second = (1.5 + 2 + 3 + 4 + 4) / 5
    third = ((3 + 1.5 + 3) / 3 + (0.5 + 1) / 2) / 2
    np.testing.assert_allclose(found["td_error"], [first, second, third])


def test_success_is_a_share_and_the_environment_s_word_counts_first():
    assert scores(mastered=2.5)["success"] == [0.5, 0, 0.5]
    told = torch.full((5, 3), -1, dtype=torch.int8)
    told[3, 0] = told[4, 2] = 1
    told[2, 2] = 0
    told[4, 1] = 1  # no episode ends there
    assert scores(mastered=2.5, told=told)["success"] == [1, 0, 0.5]


def test_a_slot_that_completed_nothing_has_no_success():
    assert scores(mastered=-100.0)["success"] == [1, 0, 1]


def test_a_cut_episode_counts_with_what_its_rest_is_expected_to_bring():
    tail = tail_values(REWARDS, ADVANTAGES, VALUES)
    assert tail.tolist() == [9 + 100 - 7, 4 + 5 + 1, 1 + 4 - 1]
    found = scores(tail=tail, mastered=-100.0)
    assert found["cut"] == [0, 1, 0]
    # Only the second slot completed nothing: its rewards are -5, and the rest is worth 10.
    assert found["score"] == [(3 - 4) / 2, -5 + 10, (5 + 2) / 2]
    assert found["max_return"] == [3, 5, 5]
    assert found["episodes"] == [2, 0, 2]
    assert found["length"] == [2, 5, 2.5]
    assert found["success"] == [1, 0, 1], "an episode that only the rollout ended has not succeeded"
    without = scores(mastered=-100.0)
    assert without["cut"] == [0, 0, 0]
    for name in VALUE_SIGNALS:
        assert found[name] == without[name], "advantages are bootstrapped anyway"


def test_deltas_are_those_of_the_buffer_that_computed_the_advantages():
    rng = np.random.default_rng(0)
    steps, slots, gamma, lam = 30, 4, 0.9, 0.8
    buffer = RolloutBuffer(
        steps, Box(-1, 1, (1,)), Discrete(2), device="cpu", gamma=gamma, gae_lambda=lam, n_envs=slots
    )
    ends = rng.random((steps, slots)) < 0.1
    ends[:, 0] = False
    starts = np.concatenate([np.ones((1, slots), bool), ends[:-1]])
    for t in range(steps):
        value, log_prob = torch.from_numpy(rng.normal(size=slots)), torch.zeros(slots)
        buffer.add(
            np.zeros((slots, 1)), np.zeros((slots, 1)), rng.normal(size=slots), starts[t], value, log_prob
        )
    last = torch.from_numpy(rng.normal(size=slots))
    buffer.compute_returns_and_advantage(last, ends[-1])
    tables = (buffer.rewards, ends, buffer.advantages, buffer.values)
    found = rollout_scores(*map(torch.from_numpy, tables), discount=gamma * lam)
    goes_on = ~ends[-1]
    tail = tail_values(*map(torch.from_numpy, (buffer.rewards, buffer.advantages, buffer.values)))
    np.testing.assert_allclose(tail.numpy()[goes_on], gamma * last.numpy()[goes_on], atol=1e-5)
    following = np.concatenate([buffer.values[1:], last.numpy()[None]])
    delta = buffer.rewards + gamma * ~ends * following - buffer.values
    for slot in range(slots):
        bounds = [0, *(np.flatnonzero(ends[:, slot]) + 1)] if ends[:, slot].any() else [0, steps]
        parts = [slice(a, b) for a, b in pairwise(bounds)]
        for name, terms in {
            "td_error": np.abs(delta),
            "value_l1": np.abs(buffer.advantages),
            "positive_value_loss": np.maximum(buffer.advantages, 0),
            "mean_value": buffer.values,
        }.items():
            expected = np.mean([terms[part, slot].mean() for part in parts])
            assert found[name][slot].item() == pytest.approx(expected, abs=1e-5), (name, slot)
        returns = [buffer.rewards[part, slot].sum() for part in parts]
        assert found["score"][slot].item() == pytest.approx(np.mean(returns), abs=1e-5)
        assert found["max_return"][slot].item() == pytest.approx(max(returns), abs=1e-5)


def test_outcomes_are_one_for_each_row():
    assignment = Assignment(
        ids=np.array([4, 9, 6]), tasks=np.arange(3.0)[:, None], purpose=purposes(np.array([1, 0, 1], bool))
    )
    found = bound_outcomes(assignment, rollout_scores(REWARDS, ENDS, ADVANTAGES, VALUES, discount=0.5), 5)
    assert found.ids.tolist() == [4, 9, 6]
    assert found.cost.tolist() == [5, 5, 5]
    assert found.score.tolist() == [-0.5, -5, 3.5]
    assert found.signals["cut"].tolist() == [0, 0, 0]
    assert found.signals["episodes"].dtype == np.int64
    assert found.signals.keys() == BOUND_OFFERS.keys() >= set(VALUE_SIGNALS)
