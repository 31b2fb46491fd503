"""Score distributions and probabilities of improvement, after Agarwal et al. 2021 (rliable).

"Deep reinforcement learning at the edge of the statistical precipice", https://arxiv.org/abs/2108.13264.

Deviations from their library: intervals are not the percentile bootstrap, which at three to ten seeds covers
too little (docs/statistics.md). Distributions have the intervals of this package's curves; a probability has
that of Newcombe, which does not shrink to a point where every run of one side beats every run of the other.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from scipy.optimize import brentq

from teacherstudent.comparing.stats import Estimate
from teacherstudent.contract.types import FloatArray

CONFIDENCE = 0.95

_EDGE = 1e-9


def score_distribution(scores: FloatArray, thresholds: FloatArray) -> FloatArray:
    """Return the share of test tasks whose score is above each threshold.

    Args:
        scores: ``(seeds, tasks)``.
        thresholds: ``(k,)``, ascending.

    Returns:
        ``(seeds, k)`` shares between 0 and 1.
    """
    # What is no number is above nothing.
    ordered = np.sort(np.where(np.isnan(scores), -np.inf, scores), axis=1)
    # Tasks at or below a threshold come before the place where it would be put in.
    below = np.stack([np.searchsorted(row, thresholds, side="right") for row in ordered])
    shares: FloatArray = 1.0 - below / scores.shape[1]
    return shares


def probability_of_improvement(treated: FloatArray, baseline: FloatArray) -> Estimate:
    """Return how likely a run of one side is to beat one of the other; ties count half.

    It is the Mann-Whitney statistic over the number of pairs. The interval is method 5 of Newcombe 2006,
    "Confidence intervals for an effect size measure based on the Mann-Whitney statistic. Part 2",
    https://doi.org/10.1002/sim.2324: the probabilities p at which the estimate lies ``z`` standard errors
    away, where the standard error is Hanley's and McNeil's at p, with both numbers of runs at their mean.

    Args:
        treated: ``(n,)`` results.
        baseline: ``(m,)`` results.

    Returns:
        The estimate; NaN without runs or with what is no number, and no interval with one run on a side.
    """
    n = len(treated)
    m = len(baseline)
    seeds = min(n, m)
    if seeds == 0 or not (np.isfinite(treated).all() and np.isfinite(baseline).all()):
        return Estimate(math.nan, math.nan, math.nan, seeds)
    better = treated[:, None] > baseline[None, :]
    equal = treated[:, None] == baseline[None, :]
    value = float((better + 0.5 * equal).mean())
    if seeds < 2:
        return Estimate(value, math.nan, math.nan, seeds)
    z = NormalDist().inv_cdf((1.0 + CONFIDENCE) / 2.0)

    def beyond(p: float) -> float:
        """Return by how much p lies farther from the estimate than the interval goes."""
        more = (n + m) / 2.0 - 1.0
        variance = p * (1.0 - p) * (1.0 + more * ((1.0 - p) / (2.0 - p) + p / (1.0 + p))) / (n * m)
        return abs(p - value) - z * math.sqrt(variance)

    # At 0 and at 1 the variance is 0: there the equation has a solution that is no end of the interval.
    inside = min(max(value, _EDGE), 1.0 - _EDGE)
    low = 0.0
    if value > 0.0:
        low = float(brentq(beyond, 0.0, inside))
    high = 1.0
    if value < 1.0:
        high = float(brentq(beyond, inside, 1.0))
    return Estimate(value, low, high, seeds)
