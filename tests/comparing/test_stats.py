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


def t_margin(values, n):
    """Return half the width of the t interval, by hand: the plain standard deviation of ``n`` seeds."""
    return scipy.stats.t.ppf(0.975, n - 1) * np.std(values, ddof=1) / math.sqrt(n)


def test_an_interval_ends_at_the_farther_of_bootstrap_and_t():
    resamples = np.sort(np.array(list(itertools.product(FIVE, repeat=5))), axis=1)
    bootstrap = np.percentile(resamples[:, 1:4].mean(axis=1), (2.5, 97.5))
    margin = t_margin(FIVE, 5)
    assert bootstrap[0] > 30.0 - margin
    assert bootstrap[1] > 30.0 + margin
    found = stats.estimate([FIVE])
    assert (found.value, found.seeds) == (30.0, 5)
    assert found.low == pytest.approx(30.0 - margin)
    # Two thousand of the 3 125 possible resamples: the end is one of a few neighbouring values.
    assert found.high == pytest.approx(bootstrap[1], abs=4.0)


def test_of_two_seeds_the_t_interval_is_all_there_is():
    found = stats.estimate([np.array([1.0, 3.0])])
    assert (found.low, found.high) == pytest.approx((2 - 12.7062, 2 + 12.7062), abs=1e-3)


def test_of_many_seeds_with_two_humps_the_bootstrap_is_wider():
    values = np.repeat([0.0, 100.0], 10)
    found = stats.estimate([values])
    assert found.value == 50.0
    assert found.high - 50.0 > 1.2 * t_margin(values, 20)


def test_an_interval_does_not_leave_the_range_that_is_given():
    values = np.array([90.0, 100.0, 100.0, 100.0, 100.0])
    assert stats.estimate([values]).high > 100.0
    held = stats.estimate([values], within=stats.PERCENT)
    assert (held.value, held.high) == (100.0, 100.0)
    assert held.low == stats.estimate([values]).low
    curves = np.stack([values, 100.0 - values], axis=1)
    _, low, high = stats.estimate_curves(curves, within=stats.PERCENT)
    assert (low[1], high[0]) == (0.0, 100.0)


def test_interval_is_reproducible_and_depends_on_the_seed():
    values = np.repeat([0.0, 1.0, 30.0], 12) + np.arange(36)  # wide humps: the ends are the bootstrap's
    assert stats.estimate([values], seed=1) == stats.estimate([values], seed=1)
    assert stats.estimate([values], seed=1) != stats.estimate([values], seed=2)


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_interval_covers_the_truth_as_often_as_it_says(seeds):
    rng = np.random.default_rng(0)
    for draw in (rng.normal, lambda size: rng.lognormal(0.0, 0.5, size)):
        truth = stats.iqm(draw(size=200_000))
        _, low, high = stats.estimate_curves(draw(size=(seeds, 1_000)))
        covered = np.mean((low <= truth) & (truth <= high))
        assert 0.92 <= covered <= 0.98  # of 1 000; the percentile bootstrap has 0.90 at 5 seeds, 0.75 at 3


def test_of_a_hundred_seeds_bootstrap_and_t_agree():
    values = np.random.default_rng(0).normal(size=100)
    found = stats.estimate([values])
    half = (found.high - found.low) / 2
    assert t_margin(values, 100) <= half <= 1.3 * t_margin(values, 100)


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_interval_of_a_paired_difference_covers_too(seeds):
    rng = np.random.default_rng(1)
    found = []
    for _ in range(400):
        base = rng.normal(size=seeds)
        own = base + 0.5 * rng.normal(size=seeds)
        found.append(stats.estimate_difference([own], [base], paired=True))
    covered = np.mean([each.low <= 0.0 <= each.high for each in found])
    assert 0.91 <= covered <= 0.985  # three standard errors about 0.95


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
    # the margin is that of the paired t-test: of the differences, not of the sides
    few = stats.estimate_difference(
        [np.array([10.0, 50.0, 93.0])], [np.array([10.0, 50.0, 90.0])], paired=True
    )
    margin = t_margin([0.0, 0.0, 3.0], 3)
    assert (few.low, few.value, few.high) == pytest.approx((1.0 - margin, 1.0, 1.0 + margin))
    both = stats.estimate_difference([FIVE + 1.0, FIVE[:3] + 1], [FIVE, FIVE[:3]], paired=True)
    assert (both.low, both.high, both.seeds) == (1.0, 1.0, 8)
    with pytest.raises(ValueError, match=r"paired: expected equally many seeds on both sides, got \[5\] and"):
        stats.estimate_difference([FIVE], [FIVE[:3]], paired=True)
    with pytest.raises(ValueError, match="expected equally many families on both sides, got 2 and 1"):
        stats.estimate_difference([FIVE, FIVE], [FIVE])


def test_interval_and_welch_s_test_have_the_same_margin_of_means():
    ours, theirs = FIVE, np.array([5.0, 21.0, 33.0])
    found = stats.estimate_difference([ours], [theirs], statistic="mean")
    test = scipy.stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.95)
    assert found.value == pytest.approx(ours.mean() - theirs.mean())
    assert (found.low, found.high) == pytest.approx((test.low, test.high))


def test_means_instead_of_interquartile_means():
    found = stats.estimate([FIVE], statistic="mean")
    assert found.value == 38.0
    assert found.low == pytest.approx(38.0 - t_margin(FIVE, 5))


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_tiny_and_huge_results_are_estimated_like_others(scale):
    other = np.array([12.0, 18.0, 37.0, 40.0, 60.0])
    for paired in (False, True):
        usual = stats.estimate_difference([FIVE], [other], paired=paired)
        found = stats.estimate_difference([scale * FIVE], [scale * other], paired=paired)
        assert (found.low / scale, found.high / scale) == pytest.approx((usual.low, usual.high))
    assert stats.welch(scale * FIVE, scale * other) == pytest.approx(stats.welch(FIVE, other))
    assert stats.paired_t(scale * FIVE, scale * other) == pytest.approx(stats.paired_t(FIVE, other))


def test_holm_by_hand():
    p = np.array([0.04, np.nan, 0.01, 0.03, 0.5])
    np.testing.assert_allclose(stats.holm(p), [0.09, np.nan, 0.04, 0.09, 0.5])
    np.testing.assert_allclose(stats.holm(np.array([0.9, 0.8])), [1.0, 1.0])
    assert stats.holm(np.array([0.2])) == [0.2]
    assert np.isnan(stats.holm(np.array([np.nan]))).all()


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
