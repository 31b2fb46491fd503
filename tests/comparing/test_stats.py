from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.stats

from teacherstudent.comparing import stats

FIVE = np.array([10.0, 20.0, 30.0, 40.0, 90.0])


def test_interquartile_mean_by_hand():
    assert stats.iqm(FIVE) == 30.0  # one value is cut at either end
    assert stats.iqm(np.array([1.0, 2.0, 6.0])) == 3.0  # nothing is cut from three
    eight = np.array([100.0, 1.0, 2.0, 3.0, 4.0, 5.0, -50.0, 0.0])
    assert stats.iqm(eight) == (1 + 2 + 3 + 4) / 4


def test_interval_equals_that_of_all_possible_resamples():
    resamples = np.sort(np.array(list(itertools.product(FIVE, repeat=5))), axis=1)
    exact = np.percentile(resamples[:, 1:4].mean(axis=1), (2.5, 97.5))
    found = stats.estimate([FIVE])
    assert (found.value, found.seeds) == (30.0, 5)
    # Two thousand of the 3 125 possible resamples: each end is one of a few neighbouring values.
    np.testing.assert_allclose((found.low, found.high), exact, atol=4.0)


def test_interval_is_reproducible_and_depends_on_the_seed():
    values = np.random.default_rng(0).normal(size=9)
    assert stats.estimate([values], seed=1) == stats.estimate([values], seed=1)
    assert stats.estimate([values], seed=1) != stats.estimate([values], seed=2)


def test_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    found = [stats.estimate([rng.normal(size=20)]) for _ in range(200)]
    covered = np.mean([e.low <= 0.0 <= e.high for e in found])
    assert 0.86 <= covered <= 0.99


def test_strata_are_resampled_apart():
    low, high = np.array([9.0, 10.0, 10.0, 11.0]), np.array([89.0, 90.0, 90.0, 91.0])
    apart = stats.estimate([low, high])
    mixed = stats.estimate([np.concatenate([low, high])])
    assert apart.value == mixed.value == 50.0
    assert apart.high - apart.low < 3.0
    assert mixed.high - mixed.low > 30.0


def test_one_seed_has_no_interval_and_equal_seeds_a_point():
    assert stats.estimate([np.array([5.0])]).value == 5.0
    assert math.isnan(stats.estimate([np.array([5.0])]).low)
    assert math.isnan(stats.estimate([np.array([5.0]), np.array([1.0, 2.0])]).low)
    equal = stats.estimate([np.full(6, 5.0)])
    assert (equal.low, equal.high) == (5.0, 5.0)


@pytest.mark.parametrize("values", [[], [np.nan, 1.0, 2.0]])
def test_nothing_and_nan_give_nan(values):
    found = stats.estimate([np.array(values)])
    assert math.isnan(found.value)
    assert math.isnan(found.low)
    assert math.isnan(stats.estimate_difference([np.array(values)], [FIVE]).value)


def test_difference_resamples_both_sides():
    other = np.array([0.0, 10.0, 20.0, 30.0, 80.0])
    found = stats.estimate_difference([FIVE], [other])
    assert found.value == 10.0
    one = stats.estimate([FIVE])
    assert found.high - found.low > one.high - one.low
    assert stats.estimate_difference([FIVE], [FIVE]).value == 0.0
    assert math.isnan(stats.estimate_difference([FIVE], [np.array([1.0])]).low)


def test_welch_by_hand():
    x, y = FIVE, np.array([10.0, 20.0, 30.0])
    # means 38 and 20, variances 970 and 100
    error = 970 / 5 + 100 / 3
    degrees = error**2 / ((970 / 5) ** 2 / 4 + (100 / 3) ** 2 / 2)
    p = 2 * scipy.stats.t.sf((38 - 20) / math.sqrt(error), degrees)
    assert stats.welch(x, y) == pytest.approx(p)
    assert math.isnan(stats.welch(x, y[:1]))
    assert math.isnan(stats.welch(np.ones(5), np.zeros(5)))


def test_paired_t_by_hand():
    differences = np.array([1.0, 2.0, 6.0])  # mean 3, variance 7, 2 degrees of freedom
    t = 3 / math.sqrt(7 / 3)
    p = 1 - t / math.sqrt(t**2 + 2)
    base = np.array([10.0, 70.0, 30.0])
    assert stats.paired_t(base + differences, base) == pytest.approx(p)
    assert math.isnan(stats.paired_t(base[:1], base[:1] + 1))
    assert math.isnan(stats.paired_t(base + 0.1, base))  # equal up to rounding


def test_paired_seeds_are_resampled_together():
    shifted = stats.estimate_difference([FIVE + 1.0], [FIVE], paired=True)
    assert (shifted.low, shifted.value, shifted.high) == (1.0, 1.0, 1.0)
    # three seeds: all 27 resamples of the differences 0, 0, 3, whose mean is 0 in 8 and 3 in 1 of 27
    few = stats.estimate_difference(
        [np.array([10.0, 50.0, 93.0])], [np.array([10.0, 50.0, 90.0])], paired=True
    )
    assert (few.low, few.value, few.high) == (0.0, 1.0, 3.0)
    both = stats.estimate_difference([FIVE + 1.0, FIVE[:3] + 1], [FIVE, FIVE[:3]], paired=True)
    assert (both.low, both.high, both.seeds) == (1.0, 1.0, 8)
    with pytest.raises(ValueError, match=r"paired: expected equally many seeds on both sides, got \[5\] and"):
        stats.estimate_difference([FIVE], [FIVE[:3]], paired=True)


def test_curves_are_estimated_point_by_point():
    curves = np.stack([FIVE, FIVE + 1.0, np.full(5, 7.0)], axis=1)
    middle, low, high = stats.estimate_curves(curves)
    np.testing.assert_allclose(middle, [30.0, 31.0, 7.0])
    np.testing.assert_allclose(low[1] - low[0], 1.0)
    assert (low[2], high[2]) == (7.0, 7.0)
    assert np.isnan(stats.estimate_curves(curves[:1])[1]).all()


def test_area_and_first_reached_by_hand():
    spent = np.array([0.0, 100.0, 300.0])
    curves = np.array([[0.0, 10.0, 10.0], [4.0, 4.0, 4.0]])
    np.testing.assert_allclose(stats.area(spent, curves), [(500 + 2000) / 300, 4.0])
    np.testing.assert_allclose(stats.area(spent[:1], curves[:, :1]), [0.0, 4.0])
    assert stats.first_reached(spent, curves[0], 10.0) == 100.0
    assert stats.first_reached(spent, curves[0], 10.1) == math.inf
