"""How often a 95 % interval over seeds covers the truth: ``python benchmarks/intervals.py``.

Draws results of 3, 5 and 10 seeds from distributions whose truth is known, makes intervals in several ways,
and prints how many of 4 000 (of differences 1 000) hold the truth, in %, and their median width as a multiple
of that of the t interval. The truth is the interquartile mean of the distribution, or 0 for the difference of
two teachers that are alike and have the same seeds. Ways:

- ``percentile``, ``BCa``: bootstrap, by scipy;
- ``studentised``: bootstrap of the estimate over its Winsorised standard error;
- ``Yuen``: t interval of a trimmed mean, Winsorised standard error, as many degrees of freedom as values are
  left less one (Tukey and McLaughlin 1963, Yuen 1974);
- ``t``: the estimate -+ t s / sqrt(n) with the plain standard deviation;
- ``ours``: that of `teacherstudent.comparing.stats`, the farther end of ``t`` and ``percentile``;
- ``mean, t``: of the plain mean, whose truth is the mean, to compare with.

A third table is of the probability of improvement: normal results whose means lie 0 to 3 standard deviations
apart, intervals of the percentile bootstrap over both sides (rliable's way) and of
`teacherstudent.comparing.detail` (Newcombe's fifth method).

``--quick``: 200 of each. ``--only-probabilities``: the third table alone.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import scipy.stats

from teacherstudent.comparing import stats
from teacherstudent.comparing.detail.probabilities import probability_of_improvement
from teacherstudent.contract.types import Array, FloatArray, generator

TRIALS, PAIRS, QUICK_TRIALS = 4_000, 1_000, 200
SEEDS = (3, 5, 10)
RESAMPLES = 1_000
CHUNK = 400
LARGE = 2_000_000
"""Draws from which the truth of a distribution is taken."""

Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]
Ends = tuple[Array, Array]


def two_humps(rng: np.random.Generator, size: tuple[int, ...]) -> Array:
    """Return percent of 50 tests: one half of the seeds solves 70 % of them, the other half 20 %."""
    return 2.0 * rng.binomial(50, np.where(rng.random(size) < 0.5, 0.2, 0.7))


def near_the_end(rng: np.random.Generator, size: tuple[int, ...]) -> Array:
    """Return percent of 50 tests: most seeds solve nearly all."""
    return 2.0 * rng.binomial(50, rng.beta(4.0, 0.5, size))


DRAWS: dict[str, Draw] = {
    "normal": lambda rng, size: rng.normal(size=size),
    "skewed (lognormal, 0.5)": lambda rng, size: rng.lognormal(0.0, 0.5, size),
    "very skewed (lognormal, 1)": lambda rng, size: rng.lognormal(0.0, 1.0, size),
    "heavy tails (t of 3)": lambda rng, size: rng.standard_t(3, size),
    "success rates near 100 %": near_the_end,
    "success rates, two humps": two_humps,
}


def sampled(draw: Draw, rng: np.random.Generator, n: int, trials: int) -> FloatArray:
    """Return results ``(trials, n)``."""
    return np.asarray(draw(rng, (trials, n)), np.float64)


def quantile(freedom: int) -> float:
    """Return the quantile of the t distribution for a two-sided interval."""
    return float(scipy.stats.t.ppf((1.0 + stats.CONFIDENCE) / 2.0, freedom))


def winsorised(values: Array) -> tuple[Array, int]:
    """Return ``(..., n)`` values with the cut ones replaced by the nearest that is left, and how many are."""
    n, ordered = values.shape[-1], np.sort(values, axis=-1)
    cut = n // 4
    return np.clip(values, ordered[..., [cut]], ordered[..., [n - 1 - cut]]), n - 2 * cut


def winsorised_error(values: Array) -> tuple[Array, int]:
    """Return Yuen's standard error of the trimmed mean of ``(..., n)`` values, and its degrees of freedom."""
    held, left = winsorised(values)
    squares = held.var(axis=-1) * values.shape[-1]
    return np.sqrt(squares / (left * (left - 1))), left - 1


def trimmed(values: Array) -> Ends:
    """Return Yuen's intervals of ``(trials, n)`` values."""
    error, freedom = winsorised_error(values)
    return around(stats.iqm(values, axis=-1), quantile(freedom) * error)


def around(centre: Array, margin: Array) -> Ends:
    """Return centre less and plus margin."""
    return centre - margin, centre + margin


def plain_t(centre: Array, values: Array) -> Ends:
    """Return t intervals about centres with the plain standard deviation of ``(trials, n)`` values."""
    n = values.shape[-1]
    return around(centre, quantile(n - 1) * values.std(axis=-1, ddof=1) / np.sqrt(n))


def studentised(values: Array, rng: np.random.Generator) -> Ends:
    """Return studentised bootstrap intervals of ``(trials, n)`` values."""
    centre, (error, _) = stats.iqm(values, axis=-1), winsorised_error(values)
    which = rng.integers(values.shape[-1], size=(len(values), RESAMPLES, values.shape[-1]))
    drawn = np.take_along_axis(values[:, None, :], which, axis=-1)
    own, _ = winsorised_error(drawn)
    # resamples without spread say nothing about the ratio: they count as 0, or most would be infinite
    moved = stats.iqm(drawn, axis=-1) - centre[:, None]
    ratio = np.where(own > 0.0, moved / np.where(own > 0.0, own, 1.0), 0.0)
    low, high = np.quantile(ratio, [0.025, 0.975], axis=-1)
    return centre - high * error, centre - low * error


def bootstrapped(samples: tuple[Array, ...], statistic: object, method: str, seed: int) -> Ends:
    """Return scipy's intervals of samples ``(trials, n)`` that are resampled together."""
    with warnings.catch_warnings():  # equal values: BCa has no interval then, and counts as a miss
        warnings.simplefilter("ignore")
        found = scipy.stats.bootstrap(
            samples,
            statistic,
            n_resamples=RESAMPLES,
            batch=100,
            vectorized=True,
            paired=len(samples) > 1,
            axis=-1,
            method=method,
            random_state=generator(seed),
        ).confidence_interval
    return np.asarray(found.low), np.asarray(found.high)


def of_one(values: Array, rng: np.random.Generator) -> dict[str, Ends]:
    """Return intervals of the interquartile mean of ``(trials, n)`` values, by the way they are made."""
    centre, mean = stats.iqm(values, axis=-1), values.mean(axis=-1)
    _, low, high = stats.estimate_curves(np.ascontiguousarray(values.T))
    return {
        "percentile": bootstrapped((values,), stats.iqm, "percentile", 0),
        "BCa": bootstrapped((values,), stats.iqm, "BCa", 0),
        "studentised": studentised(values, rng),
        "Yuen": trimmed(values),
        "t": plain_t(centre, values),
        "ours": (low, high),
        "mean, t": plain_t(mean, values),
    }


def of_pairs(own: Array, other: Array) -> dict[str, Ends]:
    """Return intervals of the difference of two interquartile means, of ``(trials, n)`` pairs."""

    def difference(own: Array, other: Array, axis: int = -1) -> Array:
        return stats.iqm(own, axis=axis) - stats.iqm(other, axis=axis)

    # Yuen's for pairs: the same on differences of what is Winsorised on either side
    held, left = winsorised(own)
    squares = (held - winsorised(other)[0]).var(axis=-1) * own.shape[-1]
    margin = quantile(left - 1) * np.sqrt(squares / (left * (left - 1)))
    centre = difference(own, other)
    ours = [stats.estimate_difference([a], [b], paired=True) for a, b in zip(own, other, strict=True)]
    return {
        "percentile": bootstrapped((own, other), difference, "percentile", 0),
        "BCa": bootstrapped((own, other), difference, "BCa", 0),
        "Yuen": around(centre, margin),
        "t": plain_t(centre, own - other),
        "ours": (np.array([each.low for each in ours]), np.array([each.high for each in ours])),
        "mean, t": plain_t((own - other).mean(axis=-1), own - other),
    }


def measure(intervals: dict[str, Ends], truth: float, mean: float) -> dict[str, tuple[float, float]]:
    """Return for each way the percentage that holds the truth, and the median width over that of ``t``."""
    widths = {way: float(np.nanmedian(high - low)) for way, (low, high) in intervals.items()}
    found = {}
    for way, (low, high) in intervals.items():
        right = mean if way == "mean, t" else truth
        found[way] = 100.0 * float(np.mean((low <= right) & (right <= high))), widths[way] / widths["t"]
    return found


def in_chunks(trials: int, intervals: Callable[[int], dict[str, Ends]]) -> dict[str, Ends]:
    """Return the intervals of many trials, made from so many at a time that they fit into memory."""
    parts = [intervals(min(CHUNK, trials - start)) for start in range(0, trials, CHUNK)]
    return {
        way: (
            np.concatenate([part[way][0] for part in parts]),
            np.concatenate([part[way][1] for part in parts]),
        )
        for way in parts[0]
    }


def report(title: str, rows: dict[str, dict[str, tuple[float, float]]]) -> None:
    """Print a table in Markdown: coverage, and in brackets the width."""
    ways = list(next(iter(rows.values())))
    print(f"\n**{title}**\n\n| seeds, results | {' | '.join(ways)} |\n|---|{'---|' * len(ways)}")
    for name, found in rows.items():
        cells = [f"{covered:.1f} ({width:.2f})" for covered, width in found.values()]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def resampled(own: FloatArray, other: FloatArray, rng: np.random.Generator) -> tuple[float, float]:
    """Return the percentile bootstrap's interval of the probability that a result of one side is larger."""
    n, m = len(own), len(other)
    one = own[rng.integers(n, size=(RESAMPLES, n))]
    two = other[rng.integers(m, size=(RESAMPLES, m))]
    found = (one[:, :, None] > two[:, None, :]).mean(axis=(1, 2))
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def probabilities(trials: int) -> None:
    """Print the table of probabilities of improvement."""
    print(f"\n**Probability of improvement, {trials:,} of each**\n")
    print("| seeds, probability | percentile | ours |\n|---|---|---|")
    rng = generator(0)
    for shift in (0.0, 1.0, 2.0, 3.0):
        truth = float(scipy.stats.norm.cdf(shift / np.sqrt(2.0)))
        for n in SEEDS:
            held = np.zeros(2)
            for _ in range(trials):
                own, other = rng.normal(shift, size=n), rng.normal(size=n)
                found = probability_of_improvement(own, other)
                low, high = resampled(own, other, rng)
                held += low <= truth <= high, found.low <= truth <= found.high
            percentile, ours = 100.0 * held / trials
            print(f"| {n}, {truth:.3f} | {percentile:.1f} | {ours:.1f} |", flush=True)


def main() -> None:
    """Draw, count, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_TRIALS} trials")
    parser.add_argument("--only-probabilities", action="store_true", help="the third table alone")
    given = parser.parse_args()
    trials, pair_trials = TRIALS, PAIRS
    if given.quick:
        trials = pair_trials = QUICK_TRIALS
    if not given.only_probabilities:
        means(trials, pair_trials)
    probabilities(pair_trials)


def means(trials: int, pair_trials: int) -> None:
    """Print the tables of interquartile means and of their differences."""
    rng = generator(0)
    one, pairs = {}, {}
    for name, draw in DRAWS.items():
        large: FloatArray = np.asarray(draw(rng, (LARGE,)), np.float64)
        truth, mean = float(stats.iqm(large)), float(large.mean())
        for n in SEEDS:
            sample = partial(sampled, draw, rng, n)
            found = in_chunks(trials, lambda k, sample=sample: of_one(sample(k), rng))
            one[f"{n}, {name}"] = measure(found, truth, mean)
            found = in_chunks(pair_trials, lambda k, sample=sample: of_pairs(sample(k), sample(k)))
            pairs[f"{n}, {name}"] = measure(found, 0.0, 0.0)
    print("95 % intervals: % that hold the truth (median width, t = 1)")
    report(f"Interquartile mean over seeds, {trials:,} of each", one)
    report(f"Difference of two interquartile means, same seeds, {pair_trials:,} of each", pairs)


if __name__ == "__main__":
    main()
