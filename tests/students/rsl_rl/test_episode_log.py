import numpy as np
import pytest
import torch

from teacherstudent.students.rollouts.signals import RolloutSignals
from teacherstudent.students.rsl_rl.episode_log import EpisodeLog

CPU = torch.device("cpu")


def fill(log, rewards, terminated, truncated=None, rows=None):
    for t in range(len(rewards)):
        over = torch.zeros(log.done.shape[1], dtype=torch.bool) if truncated is None else truncated[t]
        log.record(t, rewards[t], terminated[t], over, torch.zeros(1) if rows is None else rows[t])


def test_returns_and_lengths_by_hand_over_two_rollouts():
    log = EpisodeLog(3, 2, discount=0.5, device=CPU)
    rewards = torch.tensor([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])
    ends = torch.tensor([[False, False], [True, False], [False, False]])
    fill(log, rewards, ends, rows=torch.tensor([[3, 4], [3, 4], [5, 4]]))
    found = log.close(torch.zeros(3, 2))
    assert (found.returns.tolist(), found.lengths.tolist(), found.rows.tolist()) == ([3.0], [2], [3])
    ends = torch.tensor([[True, False], [True, True], [False, True]])
    fill(log, rewards, ends, rows=torch.tensor([[0, 1], [7, 1], [8, 9]]))
    found = log.close(torch.zeros(3, 2))
    # slot 0: 4 carried + 1; 2. slot 1: 10 + 20 + 40 carried + 10 + 20; 40. In order of time, then slot
    assert found.returns.tolist() == [5.0, 2.0, 100.0, 40.0]
    assert found.lengths.tolist() == [2, 1, 5, 1]
    assert found.rows.tolist() == [0, 7, 1, 9]


def test_an_episode_that_ends_by_itself_at_the_time_limit_was_not_cut():
    log = EpisodeLog(1, 4, discount=0.5, device=CPU)
    terminated = torch.tensor([[False, True, False, True]])
    truncated = torch.tensor([[False, False, True, True]])
    fill(log, torch.zeros(1, 4), terminated, truncated)
    assert log.done.tolist() == [[False, True, True, True]]
    assert log.cut.tolist() == [[False, False, True, False]]


@pytest.mark.parametrize("chance", [0.0, 0.05, 0.4, 1.0])
def test_signals_equal_those_of_the_host(chance):
    rng = np.random.default_rng(0)
    steps, slots = 12, 7
    log, signals = EpisodeLog(steps, slots, discount=0.9, device=CPU), RolloutSignals(slots, 0.9)
    started = np.ones(slots, bool)
    for _ in range(6):
        advantages, ends = rng.normal(size=(steps, slots)), rng.random((steps, slots)) < chance
        starts = np.vstack([started[None], ends[:-1]])
        expected = signals.update(advantages, starts, ends[-1])
        started = ends[-1]
        fill(log, torch.zeros(steps, slots), torch.from_numpy(ends))
        found = log.close(torch.from_numpy(advantages))
        assert list(found.signals) == list(expected)
        for name, values in expected.items():
            np.testing.assert_allclose(found.signals[name], values, rtol=1e-12, atol=1e-14)
        state = log.state_dict()
        log = EpisodeLog(steps, slots, discount=0.9, device=CPU)
        log.load_state_dict(state)


def test_reset_forgets_what_was_carried():
    log = EpisodeLog(2, 1, discount=0.5, device=CPU)
    fill(log, torch.ones(2, 1), torch.zeros(2, 1, dtype=torch.bool))
    log.close(torch.zeros(2, 1))
    log.reset()
    fill(log, torch.ones(2, 1), torch.tensor([[False], [True]]))
    assert log.close(torch.zeros(2, 1)).lengths.tolist() == [2]


def test_the_environment_s_word_on_success_comes_first():
    log = EpisodeLog(1, 4, discount=0.5, device=CPU)
    log.told[0] = torch.tensor([1, 0, -1, -1])
    fill(log, torch.tensor([[0.0, 5.0, 0.0, 5.0]]), torch.ones(1, 4, dtype=torch.bool))
    found = log.close(torch.zeros(1, 4))
    assert found.succeeded(1.0).tolist() == [True, False, False, True]
