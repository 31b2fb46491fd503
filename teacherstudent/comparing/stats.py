"""Statistics over seeds: interquartile mean, bootstrap interval, difference to a baseline.

The seed is the unit: every function takes one number for each seed, already averaged over test tasks.
Following Agarwal et al. (2021), *Deep Reinforcement Learning at the Edge of the Statistical Precipice*
(https://arxiv.org/abs/2108.13264): interquartile mean (trimmed by ``int(n / 4)`` values at either end, as in
the authors' library), and percentile bootstrap intervals that resample seeds within each stratum (family).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.integrate
import scipy.stats

from teacherstudent.types import Array, FloatArray

RESAMPLES = 2_000
CONFIDENCE = 0.95
TRUSTED = 5
"""With fewer seeds an interval is reported but not to be trusted; with one there is none."""


@dataclass(frozen=True)
class Estimate:
    """An interquartile mean over seeds with its interval.

    Attributes:
        value: the interquartile mean; NaN if there is no seed.
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
        p: of the paired t-test then, of Welch's otherwise; NaN if there is none.
    """

    paired: bool = False
    p: float = float("nan")


def iqm(values: Array, axis: int = 0) -> Array:
    """Return the mean of the middle half along ``axis``: ``int(n / 4)`` values are cut off at either end."""
    return np.asarray(scipy.stats.trim_mean(values, 0.25, axis=axis))


def _pooled_iqm(*strata: Array, axis: int = -1) -> Array:
    return iqm(np.concatenate(strata, axis=axis), axis=axis)


def _interval(samples: Sequence[FloatArray], statistic: object, seed: int) -> tuple[Array, Array]:
    """Return the ends of the interval; seeds are resampled within each sample along the first axis."""
    grid = int(np.prod(samples[0].shape[1:]))
    seeds = sum(len(sample) for sample in samples)
    with warnings.catch_warnings():  # equal numbers in all seeds: the interval is a point, as it should be
        warnings.simplefilter("ignore", scipy.stats.DegenerateDataWarning)
        found = scipy.stats.bootstrap(
            samples,
            statistic,
            n_resamples=RESAMPLES,
            batch=max(1, 4_000_000 // (grid * seeds)),
            vectorized=True,
            axis=0,
            confidence_level=CONFIDENCE,
            method="percentile",
            random_state=np.random.Generator(np.random.PCG64(seed)),
        ).confidence_interval
    return np.asarray(found.low), np.asarray(found.high)


def estimate_curves(curves: FloatArray, *, seed: int = 0) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return interquartile mean and interval at each point of curves.

    Args:
        curves: ``(seeds, points)``.
        seed: of the resampling.

    Returns:
        Three arrays ``(points,)``: mean, lower and upper end. The ends are NaN if there is one seed.
    """
    middle = iqm(curves).astype(np.float64)
    if len(curves) < 2 or not np.isfinite(curves).all():
        nothing = np.full(middle.shape, np.nan)
        return middle, nothing, nothing
    low, high = _interval([curves], _pooled_iqm, seed)
    return middle, low, high


def estimate(strata: Sequence[FloatArray], *, seed: int = 0) -> Estimate:
    """Return the interquartile mean over all seeds, with an interval that resamples within each stratum.

    Args:
        strata: one array ``(seeds,)`` for each family; a single one for a single family.
        seed: of the resampling.
    """
    strata = [np.asarray(values, np.float64) for values in strata]
    pooled = np.concatenate(strata) if strata else np.zeros(0)
    if len(pooled) == 0 or not np.isfinite(pooled).all():
        return Estimate(np.nan, np.nan, np.nan, len(pooled))
    value = float(iqm(pooled))
    if min(map(len, strata)) < 2:
        return Estimate(value, np.nan, np.nan, len(pooled))
    low, high = _interval(strata, _pooled_iqm, seed)
    return Estimate(value, float(low), float(high), len(pooled))


def estimate_difference(
    treated: Sequence[FloatArray], baseline: Sequence[FloatArray], *, paired: bool = False, seed: int = 0
) -> Estimate:
    """Return the difference of two interquartile means; seeds are resampled within each stratum.

    Args:
        treated: one array ``(seeds,)`` for each family.
        baseline: as many arrays.
        paired: whether both sides have the same seeds in the same order: they are resampled together then,
            and each on its own otherwise.
        seed: of the resampling.

    Raises:
        ValueError: if sides that are paired have different numbers of seeds.
    """
    if paired and [len(values) for values in treated] != [len(values) for values in baseline]:
        raise ValueError(
            f"paired: expected equally many seeds on both sides, got {[len(v) for v in treated]} and "
            f"{[len(v) for v in baseline]}"
        )
    count = len(treated)

    def difference(*strata: Array, axis: int = -1) -> Array:
        return _pooled_iqm(*strata[:count], axis=axis) - _pooled_iqm(*strata[count:], axis=axis)

    def of_rows(*rows: Array, axis: int = -1) -> Array:
        drawn = zip(strata, (*rows, *rows), strict=True)
        return difference(*(values[which.astype(np.intp)] for values, which in drawn), axis=axis)

    strata = [np.asarray(values, np.float64) for values in (*treated, *baseline)]
    seeds = min(sum(map(len, treated)), sum(map(len, baseline)))
    if seeds == 0 or not np.isfinite(np.concatenate(strata)).all():
        return Estimate(np.nan, np.nan, np.nan, seeds)
    value = float(difference(*strata))
    if min(map(len, strata)) < 2:
        return Estimate(value, np.nan, np.nan, seeds)
    if paired:
        low, high = _interval([np.arange(len(values), dtype=np.float64) for values in treated], of_rows, seed)
    else:
        low, high = _interval(strata, difference, seed)
    return Estimate(value, float(low), float(high), seeds)


def welch(treated: FloatArray, baseline: FloatArray) -> float:
    """Return the two-sided p-value of Welch's t-test; NaN with fewer than two seeds or no spread at all."""
    if min(len(treated), len(baseline)) < 2 or (np.ptp(treated) == 0.0 and np.ptp(baseline) == 0.0):
        return float("nan")
    with warnings.catch_warnings():  # SciPy warns where one side has no spread, which is harmless here
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(scipy.stats.ttest_ind(treated, baseline, equal_var=False).pvalue)


def paired_t(treated: FloatArray, baseline: FloatArray) -> float:
    """Return the two-sided p-value of the paired t-test of the same seeds.

    It is NaN with fewer than two seeds, or if all differences are equal up to rounding.
    """
    differences = np.asarray(treated) - np.asarray(baseline)
    if len(differences) < 2 or np.ptp(differences) <= 1e-12 * np.abs([treated, baseline]).max():
        return float("nan")
    return float(scipy.stats.ttest_rel(treated, baseline).pvalue)


def area(spent: FloatArray, curves: FloatArray) -> FloatArray:
    """Return the mean height ``(seeds,)`` of curves ``(seeds, points)`` over cost (area divided by width)."""
    if len(spent) < 2:
        return np.asarray(curves.mean(axis=1), np.float64)
    width = float(spent[-1] - spent[0])
    return np.asarray(scipy.integrate.trapezoid(curves, spent, axis=1) / width, np.float64)


def first_reached(spent: FloatArray, curve: FloatArray, threshold: float) -> float:
    """Return the cost at which a curve first reaches ``threshold``; infinite if it never does."""
    reached = np.flatnonzero(curve >= threshold)
    return float(spent[reached[0]]) if reached.size else float("inf")
