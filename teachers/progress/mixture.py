"""Gaussian mixtures for teachers: the number of components chosen by an information criterion.

`fit_mixture` fits mixtures of all sizes at once (`teacherstudent.teachers.progress.expectation`);
`fit_reference` does what the papers' code does, with scikit-learn, one mixture after the other.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cache
from typing import Literal, TypeAlias, cast

import numpy as np
from threadpoolctl import ThreadpoolController, threadpool_limits  # type: ignore[import-untyped]

from teacherstudent.contract.types import FloatArray
from teacherstudent.teachers.progress.expectation import Mixture, assign, first_centres, maximise

Criterion: TypeAlias = Literal["aic", "bic", "aicc"]


def parameters(k: int, d: int) -> int:
    """Return the number of free parameters of ``k`` Gaussians with full covariances in ``d`` dimensions."""
    return k * ((d + 1) * (d + 2) // 2) - 1


def penalty(criterion: Criterion, free: FloatArray, n: int) -> FloatArray:
    """Return what a criterion adds to -2 log likelihood for ``free`` parameters and ``n`` rows.

    Akaike 1974 (aic), Schwarz 1978 (bic), Hurvich and Tsai 1989 (aicc; infinite if ``free >= n - 1``).
    """
    if criterion == "bic":
        return free * float(np.log(n))
    if criterion == "aic":
        return 2 * free
    left = n - free - 1
    correction = 2 * free * (free + 1) / np.where(left > 0, left, 1)
    return cast("FloatArray", np.where(left > 0, 2 * free + correction, np.inf))


def fit_mixture(
    rows: FloatArray, counts: Sequence[int], criterion: Criterion, rng: np.random.Generator
) -> Mixture:
    """Fit a mixture for each of ``counts`` and return the best.

    As with scikit-learn's defaults (full covariances, k-means first, the same tolerance, iterations and
    regularisation), but for these points: two k-means++ sequences serve all counts, and a mixture takes the
    first centres of one; k-means makes 6 iterations; a mixture that falls behind is given up; no mixture gets
    more components than there are different rows; a column whose range exceeds 1 is divided by it for the
    fit; a component that has lost all rows is dropped. It keeps to one thread: the products are small.

    Args:
        rows: ``(n, d)``, finite, at least one.
        counts: ascending numbers of components, at least 1.
        criterion: what to minimise; if it is infinite for all counts, the smallest is taken.
        rng: draws the first centres.
    """
    n, d = rows.shape
    # A column of a wide range would outweigh all others in k-means.
    ranges = np.ptp(rows, axis=0)
    scale = np.where(ranges > 1, ranges, 1.0)
    # The mean of equal numbers is off by a rounding error, which for numbers of 1e100 is no small one.
    shift = np.where(ranges > 0, rows.mean(axis=0), rows[0])
    points = (rows - shift) / scale
    centres = first_centres(points, max(counts), rng)
    # If every count exceeds the number of different rows, that number is tried.
    allowed = [k for k in counts if k <= centres.shape[1]] or [centres.shape[1]]
    costs = penalty(criterion, np.array([parameters(k, d) for k in allowed], np.float64), n)
    # There are too few rows for aicc at any count, so no criterion is left: the smallest count is taken.
    if not np.isfinite(costs).any():
        allowed = allowed[:1]
        costs = np.zeros(1)
    with _threads().limit(limits=1, user_api="blas"):
        fits = maximise(points, allowed, assign(points, centres, allowed), costs=costs)
    values = [
        np.inf if fit is None else -2 * n * fit.bound + cost for fit, cost in zip(fits, costs, strict=True)
    ]
    best = fits[int(np.argmin(values))]
    assert best is not None
    mixture = best.mixture
    # A component that holds less than a billionth of a row has lost all of them.
    alive = mixture.weights * n > 1e-9
    if not alive.all():
        weights = mixture.weights[alive]
        mixture = Mixture(weights / weights.sum(), mixture.means[alive], mixture.covariances[alive])
    return mixture.moved(shift, scale)


@cache
def _threads() -> ThreadpoolController:
    return ThreadpoolController()


def fit_reference(
    rows: FloatArray,
    counts: Sequence[int],
    criterion: Criterion,
    seed: int,
    aicc_dimension: int | None = None,
) -> Mixture:
    """Fit one scikit-learn mixture for each of ``counts`` and return the best.

    Args:
        rows: ``(n, d)``.
        counts: numbers of components.
        criterion: what to minimise.
        seed: ``random_state`` of every fit.
        aicc_dimension: dimensions from which aicc's correction counts parameters; None is ``d``.

    Raises:
        ValueError: if there are fewer rows than components.
    """
    # Imported here, because only the papers' variants need scikit-learn.
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    n, d = rows.shape
    values = []
    fits = []
    # A fit that stops before it has converged still counts, so its warning would only fill the log.
    with warnings.catch_warnings(), np.errstate(under="ignore"), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        for k in counts:
            fit = GaussianMixture(n_components=k, random_state=seed).fit(rows)
            fits.append(fit)
            values.append(fit.bic(rows) if criterion == "bic" else fit.aic(rows))
            # The authors count aicc's parameters over the task's coordinates alone.
            if criterion == "aicc":
                e = d if aicc_dimension is None else aicc_dimension
                p = k * ((e * e - e) / 2 + 2 * e + 1) - 1
                values[-1] += 2 * p * (p + 1) / (n - p - 1)
    best = fits[int(np.argmin(values))]
    return Mixture(best.weights_, best.means_, best.covariances_)


__all__ = ["Criterion", "Mixture", "fit_mixture", "fit_reference", "parameters", "penalty"]
