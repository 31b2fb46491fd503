"""Gaussian mixtures of several sizes, by one expectation maximisation for all of them.

A Gaussian's log density is linear in the features (1, x)_i (1, x)_j. So one product of coefficients and
features is the E step of all components of all mixtures, and one product of features and responsibilities is
their M step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple, cast

import numpy as np

from teacherstudent.contract.checks import check_names
from teacherstudent.contract.stored.saved import saved_array
from teacherstudent.contract.types import Array, FloatArray, IntArray, State
from teacherstudent.simulation.compiled import compiled

TOLERANCE = 1e-3
MAX_ITERATIONS = 100
REGULARISATION = 1e-6
"""EM's defaults in scikit-learn: smallest gain in the mean log likelihood, iterations, variance added."""
HORIZON = 40
"""A mixture is given up when this many more iterations like its last one would not make it the best."""
LLOYD = 6
TRIALS = 4
SEQUENCES = 2
"""Iterations of k-means before EM, candidates for each of its first centres, independent draws of centres."""


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
    def load(state: State, dimension: int) -> Mixture:
        """Return the mixture of `state` over so many coordinates.

        Raises:
            ValueError: if an array is missing, of another shape, or no mixture's.
        """
        check_names("mixture", ("weights", "means", "covariances"), state)
        w = saved_array("mixture: weights", state["weights"], np.float64, (None,), low=0, high=1 + 1e-6)
        k = len(w)
        d = dimension
        m = saved_array("mixture: means", state["means"], np.float64, (k, d))
        c = saved_array("mixture: covariances", state["covariances"], np.float64, (k, d, d))
        if not abs(w.sum() - 1) < 1e-6:
            raise ValueError(f"mixture: weights: expected a sum of 1, got {w.sum()}")
        variances = c.diagonal(axis1=1, axis2=2)
        if not (variances > 0).all():
            raise ValueError(f"mixture: covariances: expected variances above 0, got {variances.min()}")
        # Correlations have no unit, so one tolerance fits all coordinates.
        deviations = np.sqrt(variances)
        correlations = c / deviations[:, :, None] / deviations[:, None]
        if not np.allclose(correlations, correlations.transpose(0, 2, 1), rtol=0, atol=1e-6):
            raise ValueError("mixture: covariances: expected symmetric matrices")
        if np.linalg.eigvalsh(correlations).min() < -1e-6:
            raise ValueError("mixture: covariances: expected no negative eigenvalue")
        return Mixture(w, m, c)


class Fit(NamedTuple):
    """What EM reached for one number of components."""

    mixture: Mixture
    bound: float  # mean log likelihood at the last E step
    iterations: int


def first_centres(points: FloatArray, most: int, rng: np.random.Generator) -> FloatArray:
    """Draw centres by k-means++ (Arthur and Vassilvitskii 2007), each the best of `TRIALS` candidates.

    The first k of a sequence are k-means++ centres for k clusters.

    Args:
        points: ``(n, d)``.
        most: centres at most.
        rng: draws the candidates.

    Returns:
        ``(SEQUENCES, m, d)``: in each sequence different points, fewer than ``most`` if there are no more
        (closer than 1e-6 is equal).
    """
    n = len(points)
    each = np.arange(SEQUENCES)
    norms = np.einsum("ij,ij->i", points, points)
    columns = np.ascontiguousarray(points.T)
    # All random numbers come at once, so how many are drawn does not depend on the points.
    draws = rng.random((most, SEQUENCES, TRIALS))
    chosen = np.empty((SEQUENCES, most), np.int64)
    chosen[:, 0] = draws[0, :, 0] * n
    # The squares expand to |a|^2 - 2 a b + |b|^2, so one matrix product gives all distances.
    squares = norms - 2 * (points[chosen[:, 0]] @ columns) + norms[chosen[:, 0], None]
    for k in range(1, most):
        # Rounding may leave a tiny or negative square where a point equals a centre.
        squares[squares < 1e-12] = 0.0
        sums = np.add.accumulate(squares, axis=1)
        # In one sequence every point is a centre already: there are no more different points.
        if not sums[:, -1].all():
            return points[chosen[:, :k]]
        # A place in the running sums is drawn in proportion to the squared distances.
        found = [s.searchsorted(u * s[-1], side="right") for s, u in zip(sums, draws[k], strict=True)]
        tried = np.minimum(found, n - 1)
        trials = ((-2 * points[tried.ravel()]) @ columns).reshape(SEQUENCES, TRIALS, n)
        trials += norms
        trials += norms[tried][..., None]
        # A new centre can only bring points nearer. The best candidate leaves the least sum.
        np.minimum(trials, squares[:, None], out=trials)
        best = trials.sum(axis=2).argmin(axis=1)
        chosen[:, k] = tried[each, best]
        squares = trials[each, best]
    return points[chosen]


def assign(points: FloatArray, centres: FloatArray, counts: Sequence[int]) -> FloatArray:
    """Run k-means from the first k centres for each k of ``counts`` and return who belongs to whom.

    Args:
        points: ``(n, d)``.
        centres: ``(s, m, d)``; counts take the ``s`` sequences in turn.
        counts: numbers of clusters, ``m`` at most.

    Returns:
        ``(sum(counts), n)`` responsibilities: 1 for a point's own cluster (shared among equals), else 0.
    """
    n, d = points.shape
    # All mixtures are padded to the greatest number of clusters; `used` marks the real ones.
    used = np.arange(max(counts)) < np.array(counts)[:, None]
    # Half the bytes of float64, and as good a start for EM.
    augmented = np.ones((n, d + 1), np.float32)
    augmented[:, 1:] = points
    columns = np.ascontiguousarray(augmented.T)
    place = centres[np.arange(len(counts)) % len(centres), : max(counts)].astype(np.float32)
    score = np.empty((*used.shape, d + 1), np.float32)
    for iteration in range(LLOYD + 1):
        # The nearest centre has the greatest x c - |c|^2 / 2. A padding centre is never the nearest.
        score[..., 0] = np.where(used, -0.5 * np.einsum("kcd,kcd->kc", place, place), np.float32(-1e30))
        score[..., 1:] = place
        near = (score.reshape(-1, d + 1) @ columns).reshape(*used.shape, n)
        # A point at equal distance belongs to several clusters; its share is divided at the end.
        mine = (near >= near.max(axis=1)[:, None]).astype(np.float32)
        # After the last assignment the centres need not move any more.
        if iteration < LLOYD:
            sums = (mine.reshape(-1, n) @ augmented).reshape(*used.shape, d + 1)
            # A centre without points stays where it is.
            np.divide(sums[..., 1:], sums[..., :1], out=place, where=sums[..., :1] > 0)
    shares: FloatArray = mine[used].astype(np.float64) / np.repeat(mine.sum(axis=1), counts, axis=0)
    return shares


class _Features(NamedTuple):
    """Index tables of the features (1, x)_i (1, x)_j with i <= j."""

    first: IntArray  # (f,) i
    second: IntArray  # (f,) j
    place: IntArray  # (d + 1, d + 1) which feature


@cache
def _features(d: int) -> _Features:
    first, second = (index.astype(np.int64) for index in np.triu_indices(d + 1))
    place = np.empty((d + 1, d + 1), np.int64)
    # The product is symmetric, so (i, j) and (j, i) are one feature.
    place[first, second] = place[second, first] = np.arange(len(first))
    return _Features(first, second, place)


@compiled
def _eliminate(matrix: FloatArray, place: IntArray, k: int, row: FloatArray) -> None:
    """Subtract entry (i, k) entry (k, j) / pivot from the entries without k; ``row`` gets the quotients."""
    size, c = row.shape
    # All matrices lie side by side: every inner loop runs over them and is vectorised.
    for x in range(c):
        row[k, x] = 1 / matrix[place[k, k], x]
    for i in range(size):
        if i != k:
            for x in range(c):
                row[i, x] = matrix[place[i, k], x] * row[k, x]
    # The quotients above are complete before the first entry changes.
    for i in range(size):
        if i == k:
            continue
        for j in range(i, size):
            if j != k:
                entry = place[i, j]
                other = place[j, k]
                for x in range(c):
                    matrix[entry, x] -= row[i, x] * matrix[other, x]


@compiled
def _sweep(matrix: FloatArray, place: IntArray, log_determinant: FloatArray) -> None:
    """Turn symmetric positive definite matrices into minus their inverses, by sweeping every pivot.

    Args:
        matrix: ``(f, c)``; the entries i <= j of ``c`` matrices, in the order of `_Features`.
        place: as in `_Features`.
        log_determinant: ``(c,)``; filled in.
    """
    size = len(place)
    c = matrix.shape[1]
    row = np.empty((size, c))
    log_determinant[:] = 0
    for k in range(size):
        _eliminate(matrix, place, k, row)
        for x in range(c):
            log_determinant[x] += np.log(matrix[place[k, k], x])
            # The sign makes the sweep of all pivots minus the inverse, which the log density needs.
            row[k, x] = -row[k, x]
        for i in range(size):
            for x in range(c):
                matrix[place[i, k], x] = row[i, x]


@compiled
def _solve(
    sums: FloatArray, n: int, regularisation: float, first: IntArray, second: IntArray, place: IntArray
) -> tuple[FloatArray, FloatArray]:
    """M step: turn weighted sums of features into moments and into the log density's coefficients.

    With A = E[(1, x)(1, x)^T] plus the regularisation, (1, x) A^-1 (1, x)^T - 1 is the squared Mahalanobis
    distance of x from the mean, and det A is that of the covariance.

    Args:
        sums: ``(f, c)`` sums of the features, weighted by the responsibilities; overwritten by the moments,
            whose first row holds the weights.
        n: rows.
        regularisation: added to the variances.
        first: as in `_Features`.
        second: as in `_Features`.
        place: as in `_Features`.

    Returns:
        Moments and coefficients, ``(f, c)``.
    """
    features, components = sums.shape
    mass = np.empty(components)
    log_determinant = np.empty(components)
    for x in range(components):
        # As in scikit-learn: an empty component divides by this instead of 0.
        mass[x] = sums[0, x] + 10 * 2.220446049250313e-16
        sums[0, x] = mass[x]
    for f in range(features):
        # Only variances are regularised: the features x_i x_i, and not feature 0, the constant.
        added = regularisation if f and first[f] == second[f] else 0.0
        for x in range(components):
            sums[f, x] = sums[f, x] / mass[x] + added
    coefficients = sums.copy()
    _sweep(coefficients, place, log_determinant)
    for f in range(features):
        # A feature off the diagonal stands for two entries of the
        # quadratic form, so only the diagonal is halved.
        share = 0.5 if first[f] == second[f] else 1.0
        for x in range(components):
            coefficients[f, x] *= share
    # The first 0.5 takes off the 1 of (1, x) A^-1 (1, x)^T - 1.
    constant = 0.5 - 0.5 * (len(place) - 1) * np.log(2 * np.pi)
    for x in range(components):
        sums[0, x] = mass[x] / n
        coefficients[0, x] += constant + np.log(sums[0, x]) - 0.5 * log_determinant[x]
    return sums, coefficients


class _Active:
    """The mixtures that EM still works on; components lie one below the other."""

    def __init__(self, counts: IntArray, which: IntArray) -> None:
        self.which = which
        self.owner = np.repeat(np.arange(len(which)), counts[which])
        # Ones and zeros: one product sums the components of each mixture.
        self.member = (self.owner == np.arange(len(which))[:, None]).astype(np.float64)

    def expect(self, coefficients: FloatArray, features: FloatArray) -> tuple[FloatArray, FloatArray]:
        """E step: return responsibilities ``(c, n)`` and the mean log likelihood of each mixture."""
        density = coefficients.T @ features
        # Without a shift this is fastest, and it is exact enough while no total leaves the range of floats.
        np.exp(density, out=density)
        total = self.member @ density
        if total.min() > 1e-250 and total.max() < 1e250:
            log_total = np.log(total)
        else:
            # A density left the range of floats: the greatest component of each mixture is taken off first.
            density = coefficients.T @ features
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
    tables = _features(d)
    augmented = np.concatenate([np.ones((1, n)), points.T])
    features = augmented[tables.first] * augmented[tables.second]
    sizes = np.array(counts)
    active = _Active(sizes, np.arange(len(sizes)))
    bounds = np.full(len(sizes), -np.inf)
    fits: list[Fit | None] = [None] * len(sizes)
    # EM starts with an M step, because k-means gives responsibilities and no parameters.
    moments, coefficients = _solve(features @ responsibilities.T, n, REGULARISATION, *tables)
    for iteration in range(1, MAX_ITERATIONS + 1):
        responsibilities, bound = active.expect(coefficients, features)
        moments, coefficients = _solve(features @ responsibilities.T, n, REGULARISATION, *tables)
        # The first bound is minus infinity, so no mixture is done after one iteration.
        gain = np.abs(bound - bounds[active.which])
        bounds[active.which] = bound
        done = (gain < TOLERANCE) | (iteration == MAX_ITERATIONS)
        leave = done
        if costs is not None:
            leave = done | _behind(bounds, gain, costs, active.which, n)
        if leave.any():
            for i in np.flatnonzero(done):
                mixture = _mixture(moments[:, active.owner == i], d)
                fits[active.which[i]] = Fit(mixture, float(bound[i]), iteration)
            if leave.all():
                break
            # Only the others go on: the products shrink with every mixture that leaves.
            coefficients = coefficients[:, ~leave[active.owner]]
            active = _Active(sizes, active.which[~leave])
    return fits


def _behind(bounds: FloatArray, gain: FloatArray, costs: FloatArray, which: IntArray, n: int) -> Array:
    """Return which mixtures would not be best after `HORIZON` more gains like the last."""
    values = -2 * n * bounds + costs
    # EM's gains shrink as a rule, so this is more than the mixture can hope for.
    reachable = values[which] - 2 * n * HORIZON * gain
    return cast("Array", reachable > values.min())


def _mixture(moments: FloatArray, d: int) -> Mixture:
    """Return the mixture with these moments."""
    full = moments[_features(d).place.ravel()].T.reshape(-1, d + 1, d + 1)
    means = full[:, 0, 1:]
    weights = full[:, 0, 0]
    # The points lie around 0 with a size near 1, so that this difference keeps its digits.
    covariances = full[:, 1:, 1:] - means[:, :, None] * means[:, None]
    return Mixture(weights / weights.sum(), means.copy(), covariances)
