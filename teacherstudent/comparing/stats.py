"""Statistics over seeds: interquartile mean, its interval, difference to a baseline.

The seed is the unit: every function takes one number for each seed, already averaged over test tasks.
The interquartile mean is that of Agarwal et al. (2021), *Deep Reinforcement Learning at the Edge of the
Statistical Precipice* (https://arxiv.org/abs/2108.13264): ``int(n / 4)`` values are cut off at either end, as
in the authors' library.

Every interval of this package is made here, in one way: at either end the one that lies farther out of

- the percentile bootstrap interval, which resamples seeds within each stratum (family), and
- the t interval ``value -+ t s / sqrt(n)`` with the plain standard deviation, the margin of the t-test whose
  p stands beside a difference (paired, or Welch's).

The first alone, which the library of Agarwal et al. uses, is too narrow for few seeds, the second alone
where results have two humps. ``benchmarks/intervals.py`` measures both, and others; docs/statistics.md has
the table.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

# SciPy loads its parts when they are first used: `scipy.stats` here would cost every reader of runs a second.
import scipy

from teacherstudent.contract.types import Array, FloatArray

RESAMPLES = 2_000
CONFIDENCE = 0.95
TRUSTED = 5
"""With fewer seeds an interval covers less than it says if results have two humps; with one there is none."""

PERCENT = (0.0, 100.0)
"""The range of a percentage: an interval does not leave it."""

Range = tuple[float, float]
Statistic = Literal["iqm", "mean"]


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds with its interval.

    Attributes:
        value: the interquartile mean (or the mean, where a caller asked for it); NaN if there is no seed.
        low: lower end of the 95 % interval; NaN if there is none.
        high: upper end.
        seeds: how many numbers went in.
    """

    value: float
    low: float
    high: float
    seeds: int


@dataclass(frozen=True)
class Difference(Estimate):
    """A difference of two interquartile means over seeds.

    Attributes:
        paired: whether both sides have the same seeds, and were resampled together.
        p: of the paired t-test then, of Welch's otherwise, both on plain means; NaN if there is none.
        holm: p corrected for the comparisons beside it by Holm's method; NaN if there is no p.
    """

    paired: bool = False
    p: float = float("nan")
    holm: float = float("nan")


def iqm(values: Array, axis: int = 0) -> Array:
    """Return the mean of the middle half along ``axis``: ``int(n / 4)`` values are cut off at either end."""
    return np.asarray(scipy.stats.trim_mean(values, 0.25, axis=axis))


def _mean(values: Array, axis: int = 0) -> Array:
    return np.asarray(np.mean(values, axis=axis))


CENTRES: dict[Statistic, Callable[..., Array]] = {"iqm": iqm, "mean": _mean}


def _pooled(statistic: Statistic) -> Callable[..., Array]:
    """Return the function that puts strata together and takes their centre."""
    centre = CENTRES[statistic]

    def pooled(*strata: Array, axis: int = -1) -> Array:
        return centre(np.concatenate(strata, axis=axis), axis=axis)

    return pooled


def _percentiles(samples: Sequence[FloatArray], statistic: object, seed: int) -> tuple[Array, Array]:
    """Return the percentile bootstrap interval; seeds are resampled within each sample, along axis 0."""
    grid = int(np.prod(samples[0].shape[1:]))
    seeds = sum(len(sample) for sample in samples)
    with warnings.catch_warnings():
        # equal numbers in all seeds: the interval is a point, as it should be
        warnings.simplefilter("ignore", scipy.stats.DegenerateDataWarning)
        # SciPy computes a standard error besides, of huge numbers an infinite one; it is not used
        warnings.filterwarnings("ignore", "overflow", RuntimeWarning)
        found = scipy.stats.bootstrap(
            samples,
            statistic,
            n_resamples=RESAMPLES,
            # Strata may be arrays of many points: batches keep memory within bounds.
            batch=max(1, 4_000_000 // (grid * seeds)),
            vectorized=True,
            axis=0,
            confidence_level=CONFIDENCE,
            method="percentile",
            # A generator of its own: the same numbers give the same interval.
            random_state=np.random.Generator(np.random.PCG64(seed)),
        ).confidence_interval
    return np.asarray(found.low), np.asarray(found.high)


def _margin(parts: Sequence[FloatArray]) -> FloatArray:
    """Return half the width of the t interval of a sum of means.

    Args:
        parts: independent samples ``(seeds, ...)`` whose means are added; degrees of freedom are Welch's and
            Satterthwaite's, which are ``seeds - 1`` for a single sample.
    """
    size = np.stack([np.abs(part).max(axis=0) for part in parts]).max(axis=0)
    # Squares of huge numbers overflow: divide by the largest, and multiply the margin by it.
    size = np.where(size > 0.0, size, 1.0)
    variances = np.stack([np.var(part / size, axis=0, ddof=1) / len(part) for part in parts])
    freedom = np.array([len(part) - 1.0 for part in parts]).reshape(-1, *[1] * (variances.ndim - 1))
    total = variances.sum(axis=0)
    shares = variances / np.where(total > 0.0, total, 1.0)
    # without any spread the degrees of freedom are 0 / 0, and the margin is 0 whatever they are
    degrees = 1.0 / np.maximum((shares**2 / freedom).sum(axis=0), np.finfo(float).tiny)
    quantile = scipy.stats.t.ppf((1.0 + CONFIDENCE) / 2.0, degrees)
    margin: FloatArray = np.where(total > 0.0, quantile * np.sqrt(total) * size, 0.0)
    return margin


def _interval(
    value: Array,
    samples: Sequence[FloatArray],
    statistic: object,
    parts: Sequence[FloatArray],
    within: Range | None,
    seed: int,
) -> tuple[Array, Array]:
    """Return the ends: at either the farther of the percentile bootstrap's and the t interval's.

    Args:
        value: what the interval is of.
        samples: what is resampled, and given to ``statistic``.
        statistic: see `scipy.stats.bootstrap`.
        parts: of `_margin`.
        within: a range that the ends do not leave.
        seed: of the resampling.
    """
    low, high = _percentiles(samples, statistic, seed)
    margin = _margin(parts)
    low, high = np.minimum(low, value - margin), np.maximum(high, value + margin)
    if within is None:
        return low, high
    # what is far outside was no such percentage: the value stays within its own interval
    return np.minimum(np.maximum(low, within[0]), value), np.maximum(np.minimum(high, within[1]), value)


def _weighted(strata: Sequence[FloatArray]) -> list[FloatArray]:
    """Return the strata times their share of all seeds: the sum of their means is the mean of all."""
    seeds = sum(map(len, strata))
    return [values * (len(values) / seeds) for values in strata]


def estimate_curves(
    curves: FloatArray, *, within: Range | None = None, seed: int = 0
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return interquartile mean and interval at each point of curves.

    Args:
        curves: ``(seeds, points)``.
        within: a range that the intervals do not leave: `PERCENT`.
        seed: of the resampling.

    Returns:
        Three arrays ``(points,)``: mean, lower and upper end. The ends are NaN if there is one seed, or if a
        value is not finite.
    """
    middle = iqm(curves).astype(np.float64)
    # Without a second seed, or with what is no number, there is nothing to resample.
    if len(curves) < 2 or not np.isfinite(curves).all():
        nothing = np.full(middle.shape, np.nan)
        return middle, nothing, nothing
    low, high = _interval(middle, [curves], _pooled("iqm"), [curves], within, seed)
    return middle, low, high


def estimate(
    strata: Sequence[FloatArray],
    *,
    statistic: Statistic = "iqm",
    within: Range | None = None,
    seed: int = 0,
) -> Estimate:
    """Return the interquartile mean over all seeds, with its interval (see this module's head).

    Args:
        strata: one array ``(seeds,)`` for each family; a single one for a single family.
        statistic: ``"iqm"``, or ``"mean"`` for the plain mean.
        within: a range that the interval does not leave: `PERCENT`.
        seed: of the resampling.
    """
    strata = [np.asarray(values, np.float64) for values in strata]
    pooled = np.concatenate([np.zeros(0), *strata])
    if len(pooled) == 0 or not np.isfinite(pooled).all():
        return Estimate(np.nan, np.nan, np.nan, len(pooled))
    value = CENTRES[statistic](pooled)
    # A single seed has no spread to resample.
    if min(map(len, strata)) < 2:
        return Estimate(float(value), np.nan, np.nan, len(pooled))
    low, high = _interval(value, strata, _pooled(statistic), _weighted(strata), within, seed)
    return Estimate(float(value), float(low), float(high), len(pooled))


def estimate_difference(
    treated: Sequence[FloatArray],
    baseline: Sequence[FloatArray],
    *,
    paired: bool = False,
    statistic: Statistic = "iqm",
    seed: int = 0,
) -> Estimate:
    """Return the difference of two interquartile means; seeds are resampled within each stratum.

    Args:
        treated: one array ``(seeds,)`` for each family.
        baseline: as many arrays.
        paired: whether both sides have the same seeds in the same order: they are resampled together then,
            and each on its own otherwise.
        statistic: ``"iqm"``, or ``"mean"`` for plain means.
        seed: of the resampling.

    Raises:
        ValueError: if there are different numbers of families, or sides that are paired have different
            numbers of seeds.
    """
    ours = [np.asarray(values, np.float64) for values in treated]
    theirs = [np.asarray(values, np.float64) for values in baseline]
    _check_sides(ours, theirs, paired)
    # One list, taken apart again by `count`: SciPy draws from each array in it on its own.
    strata = [*ours, *theirs]
    count = len(ours)
    pooled = _pooled(statistic)

    def difference(*strata: Array, axis: int = -1) -> Array:
        return pooled(*strata[:count], axis=axis) - pooled(*strata[count:], axis=axis)

    # Rows are drawn, not values, so that both sides take the same seeds.
    def of_rows(*rows: Array, axis: int = -1) -> Array:
        drawn = zip(strata, (*rows, *rows), strict=True)
        return difference(*(values[which.astype(np.intp)] for values, which in drawn), axis=axis)

    seeds = min(sum(map(len, ours)), sum(map(len, theirs)))
    if seeds == 0 or not np.isfinite(np.concatenate(strata)).all():
        return Estimate(np.nan, np.nan, np.nan, seeds)
    value = difference(*strata)
    if min(map(len, strata)) < 2:
        return Estimate(float(value), np.nan, np.nan, seeds)
    if paired:
        # The numbers of rows stand for the seeds of both sides.
        rows = [np.arange(len(values), dtype=np.float64) for values in ours]
        parts = _weighted([own - other for own, other in zip(ours, theirs, strict=True)])
        low, high = _interval(value, rows, of_rows, parts, None, seed)
    else:
        parts = [*_weighted(ours), *_weighted(theirs)]
        low, high = _interval(value, strata, difference, parts, None, seed)
    return Estimate(float(value), float(low), float(high), seeds)


def _check_sides(treated: Sequence[Array], baseline: Sequence[Array], paired: bool) -> None:
    ours = [len(values) for values in treated]
    theirs = [len(values) for values in baseline]
    if len(ours) != len(theirs):
        raise ValueError(f"expected equally many families on both sides, got {len(ours)} and {len(theirs)}")
    if paired and ours != theirs:
        raise ValueError(f"paired: expected equally many seeds on both sides, got {ours} and {theirs}")


def holm(p: FloatArray) -> FloatArray:
    """Return p-values ``(n,)`` corrected for being n by Holm's step-down method; NaN stays and counts not.

    Holm 1979, "A simple sequentially rejective multiple test procedure": with the k-th smallest of n times
    n - k + 1, and none below one before it.
    """
    corrected = np.full(len(p), np.nan)
    # Comparisons without a p do not count among those corrected for.
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    # The running maximum: a larger p never gets a smaller correction.
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return corrected


def welch(treated: FloatArray, baseline: FloatArray) -> float:
    """Return the two-sided p-value of Welch's t-test; NaN with fewer than two seeds or no spread at all."""
    if min(len(treated), len(baseline)) < 2 or (np.ptp(treated) == 0.0 and np.ptp(baseline) == 0.0):
        return float("nan")
    # Squares of huge numbers overflow.
    size = max(np.abs(treated).max(), np.abs(baseline).max())
    # SciPy warns where one side has no spread, which is harmless here.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(scipy.stats.ttest_ind(treated / size, baseline / size, equal_var=False).pvalue)


def paired_t(treated: FloatArray, baseline: FloatArray) -> float:
    """Return the two-sided p-value of the paired t-test of the same seeds.

    It is NaN with fewer than two seeds, or if all differences are equal up to rounding.
    """
    if len(treated) < 2:
        return float("nan")
    # Squares of huge numbers overflow.
    size = np.abs([treated, baseline]).max() or 1.0
    differences = np.asarray(treated) / size - np.asarray(baseline) / size
    # Rounding errors have a tiny spread, and would have a tiny p.
    if np.ptp(differences) <= 1e-12:
        return float("nan")
    return float(scipy.stats.ttest_1samp(differences, 0.0).pvalue)


def area(spent: FloatArray, curves: FloatArray) -> FloatArray:
    """Return the mean height ``(seeds,)`` of curves ``(seeds, points)`` over cost (area divided by width)."""
    if len(spent) < 2:
        return np.asarray(curves.mean(axis=1), np.float64)
    width = float(spent[-1] - spent[0])
    return np.asarray(scipy.integrate.trapezoid(curves, spent, axis=1) / width, np.float64)


def first_reached(spent: FloatArray, curve: FloatArray, threshold: float) -> float:
    """Return the cost at which a curve first reaches ``threshold``; infinite if it never does."""
    reached = np.flatnonzero(curve >= threshold)
    if reached.size == 0:
        return float("inf")
    return float(spent[reached[0]])
