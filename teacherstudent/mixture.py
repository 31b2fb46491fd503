"""Gaussian mixtures for teachers: one EM over several numbers of components at once, and scikit-learn's.

`fit_mixture` fits a mixture for every number of components asked for, all in the same matrix products, and
returns the best by an information criterion. A Gaussian's log density is linear in the features (1, x_i,
x_i x_j), so that one product of parameters and features is the E step of all components of all mixtures, and
one product of responsibilities and features is their M step.

`fit_reference` does what the papers' code does, with scikit-learn: one mixture after the other.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar, cast

import numba
import numpy as np

from teacherstudent.types import Array, FloatArray, IntArray, State, check_names

F = TypeVar("F", bound=Callable[..., Any])

Criterion: TypeAlias = Literal["aic", "bic", "aicc"]

TOLERANCE, MAX_ITERATIONS, REGULARISATION = 1e-3, 100, 1e-6
"""EM's defaults in scikit-learn: smallest gain in the mean log likelihood, iterations, variance added."""
HORIZON = 40
"""A mixture is given up when this many more iterations like its last one would not make it the best."""
LLOYD, TRIALS = 6, 4
"""Iterations of k-means before EM, and candidates for each of its first centres."""


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """A Gaussian mixture.

    Attributes:
        weights: ``(k,)``, summing to 1.
        means: ``(k, d)``.
        covariances: ``(k, d, d)``.
    """

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray

    def __len__(self) -> int:
        return len(self.weights)

    def moved(self, shift: FloatArray, scale: FloatArray) -> Mixture:
        """Return the mixture of ``shift + scale * x``, coordinate by coordinate."""
        return Mixture(self.weights, shift + self.means * scale, self.covariances * (scale[:, None] * scale))

    def state(self) -> State:
        """Return the mixture as plain data; a copy."""
        return {name: getattr(self, name).copy() for name in ("weights", "means", "covariances")}

    @staticmethod
    def load(state: State) -> Mixture:
        """Return the mixture of `state`.

        Raises:
            ValueError: if an array is missing or the shapes do not fit.
        """
        check_names("mixture", ("weights", "means", "covariances"), state)
        w, m, c = (np.array(state[name], np.float64) for name in ("weights", "means", "covariances"))
        if w.ndim != 1 or m.ndim != 2 or len(m) != len(w) or c.shape != (*m.shape, m.shape[1]):
            raise ValueError(
                f"mixture: expected shapes (k,), (k, d), (k, d, d), got {w.shape, m.shape, c.shape}"
            )
        return Mixture(w, m, c)


class Fit(NamedTuple):
    """What EM reached for one number of components."""

    mixture: Mixture
    bound: float  # mean log likelihood at the last E step
    iterations: int


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

    As with scikit-learn (full covariances, k-means first, `TOLERANCE`, `MAX_ITERATIONS`, `REGULARISATION`),
    but for these points: all counts share one k-means++ sequence, of which a mixture takes the first centres;
    k-means makes `LLOYD` iterations; a mixture that cannot win is given up (`HORIZON`); no mixture gets more
    components than there are different rows; a column whose range exceeds 1 is divided by it for the fit; a
    component that has lost all rows is dropped.

    Args:
        rows: ``(n, d)``, finite, at least one.
        counts: ascending numbers of components, at least 1.
        criterion: what to minimise.
        rng: draws the first centres.
    """
    n, d = rows.shape
    ranges = np.ptp(rows, axis=0)
    scale = np.where(ranges > 1, ranges, 1.0)
    shift = rows.mean(axis=0)
    points = (rows - shift) / scale
    centres = first_centres(points, max(counts), rng)
    allowed = [k for k in counts if k <= len(centres)] or [len(centres)]
    start = assign(points, centres, allowed)
    costs = penalty(criterion, np.array([parameters(k, d) for k in allowed], np.float64), n)
    if not np.isfinite(costs).any():
        costs = np.arange(len(allowed), dtype=np.float64)
    fits = maximise(points, allowed, start, costs=costs)
    values = [
        np.inf if fit is None else -2 * n * fit.bound + cost for fit, cost in zip(fits, costs, strict=True)
    ]
    best = fits[int(np.argmin(values))]
    assert best is not None
    mixture = best.mixture
    alive = mixture.weights * n > 1e-9
    if not alive.all():
        weights = mixture.weights[alive]
        mixture = Mixture(weights / weights.sum(), mixture.means[alive], mixture.covariances[alive])
    return mixture.moved(shift, scale)


def first_centres(points: FloatArray, most: int, rng: np.random.Generator) -> FloatArray:
    """Draw centres by k-means++ (Arthur and Vassilvitskii 2007), each the best of `TRIALS` candidates.

    The first k of the sequence are k-means++ centres for k clusters.

    Args:
        points: ``(n, d)``.
        most: centres at most.
        rng: draws the candidates.

    Returns:
        ``(m, d)`` different points; fewer than ``most`` if there are no more (closer than 1e-6 is equal).
    """
    n = len(points)
    norms, columns = np.einsum("ij,ij->i", points, points), np.ascontiguousarray(points.T)
    draws = rng.random((most, TRIALS))
    chosen = [int(draws[0, 0] * n)]
    squares = norms - 2 * (points[chosen[0]] @ columns) + norms[chosen[0]]
    for k in range(1, most):
        squares[squares < 1e-12] = 0.0
        sums = np.add.accumulate(squares)
        if sums[-1] == 0:
            break
        tried = np.minimum(sums.searchsorted(draws[k] * sums[-1], side="right"), n - 1)
        trials = (-2 * points[tried]) @ columns
        trials += norms
        trials += norms[tried][:, None]
        np.minimum(trials, squares, out=trials)
        best = int(trials.sum(axis=1).argmin())
        chosen.append(int(tried[best]))
        squares = trials[best]
    return points[chosen]


def assign(points: FloatArray, centres: FloatArray, counts: Sequence[int]) -> FloatArray:
    """Run k-means from the first k centres for each k of ``counts`` and return who belongs to whom.

    Args:
        points: ``(n, d)``.
        centres: ``(m, d)``.
        counts: numbers of clusters, ``m`` at most.

    Returns:
        ``(sum(counts), n)`` responsibilities: 1 for a point's own cluster (shared among equals), else 0.
    """
    n, d = points.shape
    used = np.arange(max(counts)) < np.array(counts)[:, None]
    augmented = np.concatenate([np.ones((n, 1)), points], axis=1)
    columns = np.ascontiguousarray(augmented.T)
    place = np.repeat(centres[None, : max(counts)], len(counts), axis=0)
    score = np.empty((*used.shape, d + 1))
    for iteration in range(LLOYD + 1):
        score[..., 0] = np.where(used, -0.5 * np.einsum("kcd,kcd->kc", place, place), -1e300)
        score[..., 1:] = place
        near = (score.reshape(-1, d + 1) @ columns).reshape(*used.shape, n)
        mine = (near >= near.max(axis=1)[:, None]).astype(np.float64)
        if iteration < LLOYD:
            sums = (mine.reshape(-1, n) @ augmented).reshape(*used.shape, d + 1)
            np.divide(sums[..., 1:], sums[..., :1], out=place, where=sums[..., :1] > 0)
    mine /= mine.sum(axis=1)[:, None]
    return cast("FloatArray", mine[used])


class _Features(NamedTuple):
    """Index tables of the products (1, x)_i (1, x)_j with i <= j."""

    first: IntArray  # (f,) i
    second: IntArray  # (f,) j


@cache
def _features(d: int) -> _Features:
    first, second = np.triu_indices(d + 1)
    return _Features(first.astype(np.int64), second.astype(np.int64))


def _jit(function: F) -> F:
    return cast("F", numba.njit(cache=True)(function))


@_jit
def _invert(matrix: FloatArray) -> float:
    """Invert a positive definite matrix in place by elimination; return the logarithm of its determinant."""
    size, log_determinant = len(matrix), 0.0
    for k in range(size):
        pivot = matrix[k, k]
        log_determinant += np.log(pivot)
        matrix[k, k] = 1.0
        for j in range(size):
            matrix[k, j] /= pivot
        for i in range(size):
            if i != k:
                factor = matrix[i, k]
                matrix[i, k] = 0.0
                for j in range(size):
                    matrix[i, j] -= factor * matrix[k, j]
    return log_determinant


@_jit
def _solve(
    sums: FloatArray, n: int, regularisation: float, first: IntArray, second: IntArray
) -> tuple[FloatArray, FloatArray]:
    """M step: turn weighted sums of features into moments and into the log density's coefficients.

    With A = E[(1, x)(1, x)^T] plus the regularisation, (1, x) A^-1 (1, x)^T - 1 is the squared Mahalanobis
    distance of x from the mean, and det A is that of the covariance.

    Args:
        sums: ``(c, f)`` sums of the features, weighted by the responsibilities.
        n: rows.
        regularisation: added to the variances.
        first: as in `_Features`.
        second: as in `_Features`.

    Returns:
        ``(c, f)`` moments, whose first column holds the weights, and ``(c, f)`` coefficients.
    """
    components, features = sums.shape
    size = second[-1] + 1
    moments, coefficients = np.empty_like(sums), np.empty_like(sums)
    matrix = np.empty((size, size))
    for c in range(components):
        mass = sums[c, 0] + 10 * 2.220446049250313e-16  # as scikit-learn
        for f in range(features):
            value = sums[c, f] / mass if f else 1.0
            if f and first[f] == second[f]:
                value += regularisation
            matrix[first[f], second[f]] = matrix[second[f], first[f]] = moments[c, f] = value
        log_determinant = _invert(matrix)
        for f in range(features):
            share = -0.5 if first[f] == second[f] else -1.0
            coefficients[c, f] = share * matrix[first[f], second[f]]
        constant = 0.5 - 0.5 * (size - 1) * np.log(2 * np.pi)
        coefficients[c, 0] += constant + np.log(mass / n) - 0.5 * log_determinant
        moments[c, 0] = mass / n
    return moments, coefficients


class _Active:
    """The mixtures that EM still works on; components lie one below the other."""

    def __init__(self, counts: IntArray, which: IntArray) -> None:
        self.which = which
        self.owner = np.repeat(np.arange(len(which)), counts[which])
        self.member = (self.owner == np.arange(len(which))[:, None]).astype(np.float64)

    def expect(self, coefficients: FloatArray, features: FloatArray) -> tuple[FloatArray, FloatArray]:
        """E step: return responsibilities ``(c, n)`` and the mean log likelihood of each mixture."""
        density = coefficients @ features
        np.exp(density, out=density)
        total = self.member @ density
        if total.min() > 1e-250 and total.max() < 1e250:
            log_total = np.log(total)
        else:  # a density left the range of floating point: scale by the greatest component
            density = coefficients @ features
            top = np.stack([density[self.owner == i].max(axis=0) for i in range(len(self.which))])
            density -= top[self.owner]
            np.exp(density, out=density)
            total = self.member @ density
            log_total = np.log(total) + top
        np.reciprocal(total, out=total)
        density *= total[self.owner]
        return density, log_total.mean(axis=1)


def maximise(
    points: FloatArray,
    counts: Sequence[int],
    responsibilities: FloatArray,
    *,
    costs: FloatArray | None = None,
) -> list[Fit | None]:
    """Run EM for mixtures of several sizes at once until each converges.

    Given equal responsibilities it takes the steps of scikit-learn's ``GaussianMixture`` and stops with it.

    Args:
        points: ``(n, d)``, of a magnitude around 1.
        counts: components of each mixture.
        responsibilities: ``(sum(counts), n)`` to start from.
        costs: what each mixture adds to -2 log likelihood; a mixture that falls behind is then given up.

    Returns:
        What each mixture reached; None if it was given up.
    """
    n, d = points.shape
    first, second = _features(d)
    augmented = np.concatenate([np.ones((1, n)), points.T])
    features = augmented[first] * augmented[second]
    across = np.ascontiguousarray(features.T)
    sizes = np.array(counts)
    active = _Active(sizes, np.arange(len(sizes)))
    bounds = np.full(len(sizes), -np.inf)
    fits: list[Fit | None] = [None] * len(sizes)
    moments, coefficients = _solve(responsibilities @ across, n, REGULARISATION, first, second)
    for iteration in range(1, MAX_ITERATIONS + 1):
        responsibilities, bound = active.expect(coefficients, features)
        moments, coefficients = _solve(responsibilities @ across, n, REGULARISATION, first, second)
        gain = np.abs(bound - bounds[active.which])
        bounds[active.which] = bound
        done = (gain < TOLERANCE) | (iteration == MAX_ITERATIONS)
        leave = done if costs is None else done | _behind(bounds, gain, costs, active.which, n)
        if leave.any():
            for i in np.flatnonzero(done):
                mixture = _mixture(moments[active.owner == i], d)
                fits[active.which[i]] = Fit(mixture, float(bound[i]), iteration)
            if leave.all():
                break
            coefficients = coefficients[~leave[active.owner]]
            active = _Active(sizes, active.which[~leave])
    return fits


def _behind(bounds: FloatArray, gain: FloatArray, costs: FloatArray, which: IntArray, n: int) -> Array:
    """Return which mixtures would not be best after `HORIZON` more gains like the last."""
    values = -2 * n * bounds + costs
    reachable = values[which] - 2 * n * HORIZON * gain
    return cast("Array", reachable > values.min())


def _mixture(moments: FloatArray, d: int) -> Mixture:
    """Return the mixture with these moments."""
    first, second = _features(d)
    full = np.empty((len(moments), d + 1, d + 1))
    full[:, first, second] = full[:, second, first] = moments
    means = full[:, 0, 1:]
    weights = full[:, 0, 0]
    covariances = full[:, 1:, 1:] - means[:, :, None] * means[:, None]
    return Mixture(weights / weights.sum(), means.copy(), covariances)


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
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    n, d = rows.shape
    values, fits = [], []
    with warnings.catch_warnings(), np.errstate(under="ignore"):
        warnings.simplefilter("ignore", ConvergenceWarning)
        for k in counts:
            fit = GaussianMixture(n_components=k, random_state=seed).fit(rows)
            fits.append(fit)
            values.append(fit.bic(rows) if criterion == "bic" else fit.aic(rows))
            if criterion == "aicc":
                e = d if aicc_dimension is None else aicc_dimension
                p = k * ((e * e - e) / 2 + 2 * e + 1) - 1
                values[-1] += 2 * p * (p + 1) / (n - p - 1)
    best = fits[int(np.argmin(values))]
    return Mixture(best.weights_, best.means_, best.covariances_)
