"""Numbers that follow from a seed, an episode and a place."""

from __future__ import annotations

import numpy as np
import pytest

from teacherstudent.simulation.counters import uniform_array


def test_draws_are_uniform_and_follow_from_seed_episode_and_number():
    seeds = np.arange(1000, dtype=np.uint64)[:, None, None]
    episodes, draws = np.arange(3)[None, :, None], np.arange(4)[None, None, :]
    numbers = uniform_array(seeds, episodes, draws)
    assert numbers.shape == (1000, 3, 4)
    assert len(np.unique(numbers)) == numbers.size
    assert np.histogram(numbers, 10, (0, 1))[0] == pytest.approx(1200, abs=150)
    assert abs(np.corrcoef(numbers.reshape(1000, 12).T) - np.eye(12)).max() < 0.15
    assert uniform_array(seeds[7:8], episodes, draws)[0].tolist() == numbers[7].tolist()
