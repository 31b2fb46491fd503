import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm

from teacherstudent.comparing.detail.probabilities import probability_of_improvement, score_distribution


def test_a_distribution_counts_the_tasks_above_each_threshold():
    scores = np.array([[0.0, 1.0, 1.0, 2.0], [2.0, 2.0, 2.0, 2.0]])
    found = score_distribution(scores, np.array([-1.0, 0.0, 0.5, 1.0, 2.0]))
    assert found.tolist() == [[1.0, 0.75, 0.75, 0.25, 0.0], [1.0, 1.0, 1.0, 1.0, 0.0]]


def test_what_is_no_number_is_above_nothing():
    assert score_distribution(np.array([[np.nan, 0.0]]), np.array([-1.0, 1e9])).tolist() == [[0.5, 0.0]]


def test_a_probability_counts_pairs_and_half_of_the_ties():
    # Of six pairs three are won and one is a tie.
    found = probability_of_improvement(np.array([1.0, 3.0, 2.0]), np.array([2.0, 1.5]))
    assert found.value == pytest.approx((3 + 0.5) / 6)


def test_a_probability_is_the_mann_whitney_statistic():
    rng = np.random.default_rng(0)
    one = rng.normal(size=9)
    two = rng.normal(size=7)
    wins = mannwhitneyu(one, two).statistic
    assert probability_of_improvement(one, two).value == pytest.approx(wins / 63)


def test_an_interval_of_runs_that_all_win_is_no_point():
    found = probability_of_improvement(np.arange(5.0) + 10.0, np.arange(5.0))
    lost = probability_of_improvement(np.arange(5.0), np.arange(5.0) + 10.0)
    assert (found.value, found.high) == (1.0, 1.0)
    assert 0.5 < found.low < 0.8
    assert (lost.value, lost.low) == (0.0, 0.0)
    assert lost.high == pytest.approx(1.0 - found.low)


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("seeds", [5, 10])
def test_intervals_cover(seeds, shift):
    truth = norm.cdf(shift / np.sqrt(2.0))
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(400):
        found = probability_of_improvement(rng.normal(shift, size=seeds), rng.normal(size=seeds))
        hits += found.low <= truth <= found.high
    # Three standard errors of a share of 0.95 in 400 draws are 0.033.
    assert hits / 400 > 0.917


def test_nothing_is_said_without_runs_or_of_what_is_no_number():
    assert np.isnan(probability_of_improvement(np.zeros(0), np.ones(3)).value)
    assert np.isnan(probability_of_improvement(np.array([1.0, np.nan]), np.ones(3)).value)
    one = probability_of_improvement(np.ones(1), np.zeros(1))
    assert one.value == 1.0
    assert np.isnan(one.low)
