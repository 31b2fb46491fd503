"""FIGMN: a Gaussian mixture that learns row by row, with rank-one updates of its precision matrices."""

from __future__ import annotations

import numpy as np
from scipy.special import chdtri

from teacherstudent.contract.checks import check_names
from teacherstudent.contract.stored.saved import saved_array, saved_whole
from teacherstudent.contract.types import FloatArray, State
from teacherstudent.simulation.compiled import compiled
from teacherstudent.teachers.progress.expectation import Mixture

FLOOR = 1e-6
"""Least conditional variance of a coordinate, as the regularisation of EM in scikit-learn."""
_RIDGE = 1e-9  # added to correlations, so that a singular matrix has an inverse
_NAMES = ("count", "means", "covariances", "precisions", "log_determinants", "masses", "ages")


class Figmn:
    """A Gaussian mixture with full covariances that takes in one row after the other.

    Pinto and Engel 2015, "A fast incremental Gaussian mixture model", https://arxiv.org/abs/1506.04422, which
    makes the incremental mixture of Engel and Heinen 2010 cost O(K D^2) a row.

    A row x belongs to the mixture if its squared Mahalanobis distance to some component is below the quantile
    1 - ``novelty`` of chi-square with D degrees of freedom. Then every component j learns by its share p(j|x)
    of the row: its mass sp grows by p(j|x), and its mean moves by w e, with w = p(j|x) / sp and e = x - mean.
    A row that does not belong becomes a component of its own, of variances ``spread`` squared and mass 1. A
    component is dropped that has lived for more than ``patience`` rows and has a mass below D + 1.

    Deviations:

    - the authors' code and paper use e* = x - new mean in the covariance and so lose variance; here it is
      (1 - w) (C + w e e^T), which makes one component the exact mean and covariance of its rows (its first
      variances count as those of one row). The precision follows in one rank-one step, not in two;
    - ``memory``: before each row all masses shrink by 1 - 1 / memory, so that the mixture forgets;
    - ``patience`` is 2 D rows in the authors' code. Where one row in twenty tells of progress, no component
      of such rows reaches its mass in so short a life, and the mixture would never hold one;
    - ``most`` components; when there are as many, a row that does not belong is learnt as if it did;
    - the last component is never dropped; a component whose conditional variance of a coordinate falls below
      1e-6 gets as much added to all its variances;
    - determinants are kept as logarithms.

    Attributes:
        count: components now.

    Args:
        dimension: D, coordinates of a row.
        spread: ``(D,)`` standard deviations of a new component, above 0.
        novelty: between 0 and 1.
        most: components at most.
        memory: rows in which a mass shrinks by the factor e; None: it never does.
        patience: rows in which a new component may gain its mass.
    """

    def __init__(
        self,
        dimension: int,
        *,
        spread: FloatArray,
        novelty: float,
        most: int,
        memory: float | None,
        patience: float,
    ) -> None:
        self.count = 0
        self._patience = patience
        self._variances = spread**2
        # The quantile above which a share of `novelty` lies.
        self._threshold = float(chdtri(dimension, novelty))
        self._keep = 1.0 if memory is None else 1 - 1 / memory
        self._means = np.zeros((most, dimension))
        self._covariances = np.zeros((most, dimension, dimension))
        self._precisions = np.zeros((most, dimension, dimension))
        # One row each: log determinants of the covariances, masses, ages.
        self._numbers = np.zeros((3, most))

    def learn(self, rows: FloatArray) -> None:
        """Take in rows ``(n, D)``, finite, one after the other."""
        self.count = _learn(
            np.ascontiguousarray(rows, np.float64),
            self.count,
            self._means,
            self._covariances,
            self._precisions,
            self._numbers,
            self._variances,
            self._threshold,
            self._keep,
            self._patience,
        )

    def mixture(self) -> Mixture:
        """Return the components with their shares of all mass as weights; a copy."""
        masses = self._numbers[1, : self.count]
        return Mixture(
            masses / masses.sum(),
            self._means[: self.count].copy(),
            self._covariances[: self.count].copy(),
        )

    @property
    def precisions(self) -> FloatArray:
        """The inverses of the covariances, ``(k, D, D)``; a copy."""
        return self._precisions[: self.count].copy()

    @property
    def log_determinants(self) -> FloatArray:
        """The logarithms of the determinants of the covariances, ``(k,)``; a copy."""
        return self._numbers[0, : self.count].copy()

    def state(self) -> State:
        """Return the mixture as plain data; a copy."""
        k = self.count
        logs, masses, ages = self._numbers[:, :k].copy()
        return {
            "count": k,
            "means": self._means[:k].copy(),
            "covariances": self._covariances[:k].copy(),
            "precisions": self._precisions[:k].copy(),
            "log_determinants": logs,
            "masses": masses,
            "ages": ages,
        }

    def load(self, who: str, state: State) -> None:
        """Take over what `state` returned; raise ValueError if it is damaged."""
        check_names(who, _NAMES, state)
        most, d = self._means.shape
        k = saved_whole(f"{who}: count", state["count"], 0, most)
        masses = saved_array(f"{who}: masses", state["masses"], np.float64, (k,), low=0)
        ages = saved_array(f"{who}: ages", state["ages"], np.float64, (k,), low=1)
        logs = saved_array(f"{who}: log_determinants", state["log_determinants"], np.float64, (k,))
        means = saved_array(f"{who}: means", state["means"], np.float64, (k, d))
        covariances = saved_array(f"{who}: covariances", state["covariances"], np.float64, (k, d, d))
        precisions = saved_array(f"{who}: precisions", state["precisions"], np.float64, (k, d, d))
        if k:
            # A mixture's own checks: variances above 0, symmetry, no negative eigenvalue.
            if not masses.all():
                raise ValueError(f"{who}: masses: expected numbers above 0, got {masses}")
            share = {"weights": masses / masses.sum(), "means": means, "covariances": covariances}
            Mixture.load(share, d)
            self._check_precisions(who, precisions)
        self.count = k
        self._means[:k] = means
        self._covariances[:k] = covariances
        self._precisions[:k] = precisions
        self._numbers[:, :k] = np.stack([logs, masses, ages])

    def _check_precisions(self, who: str, precisions: FloatArray) -> None:
        """Raise ValueError unless these may be inverses of covariances."""
        if not (precisions.diagonal(axis1=1, axis2=2) > 0).all():
            raise ValueError(f"{who}: precisions: expected diagonals above 0")
        if not np.array_equal(precisions, precisions.transpose(0, 2, 1)):
            raise ValueError(f"{who}: precisions: expected symmetric matrices")


@compiled
def _learn(
    rows: FloatArray,
    count: int,
    means: FloatArray,
    covariances: FloatArray,
    precisions: FloatArray,
    numbers: FloatArray,
    variances: FloatArray,
    threshold: float,
    keep: float,
    patience: float,
) -> int:
    """Take in rows and return how many components there are; the arrays ``(most, ...)`` are changed."""
    most, d = means.shape
    logs = numbers[0]
    masses = numbers[1]
    ages = numbers[2]
    # Of each component: x - mean, the precision times it, the squared distance, and the share of the row.
    away = np.empty((most, d))
    turned = np.empty((most, d))
    squares = np.empty(most)
    shares = np.empty(most)
    for x in rows:
        nearest = np.inf
        for j in range(count):
            masses[j] *= keep
            squares[j] = _distance(x, means[j], precisions[j], away[j], turned[j])
            nearest = min(nearest, squares[j])
        if count == 0 or (nearest >= threshold and count < most):
            means[count] = x
            covariances[count] = np.diag(variances)
            precisions[count] = np.diag(1 / variances)
            logs[count] = np.log(variances).sum()
            masses[count] = 1.0
            ages[count] = 1.0
            count += 1
            continue
        _share(squares, logs, masses, count, shares)
        for j in range(count):
            ages[j] += 1
            masses[j] += shares[j]
            w = shares[j] / masses[j]
            # A share too small for a float changes nothing.
            if w == 0:
                continue
            _update(w, squares[j], means[j], covariances[j], precisions[j], away[j], turned[j])
            logs[j] += d * np.log(1 - w) + np.log(1 + w * squares[j])
            if _narrow(precisions[j]):
                logs[j] = _widen(covariances[j], precisions[j])
        count = _prune(count, means, covariances, precisions, numbers, patience)
    return count


@compiled
def _distance(
    x: FloatArray, mean: FloatArray, precision: FloatArray, away: FloatArray, turned: FloatArray
) -> float:
    """Fill in x - mean and the precision times it, and return the squared Mahalanobis distance."""
    d = len(x)
    for i in range(d):
        away[i] = x[i] - mean[i]
    square = 0.0
    for i in range(d):
        total = 0.0
        for k in range(d):
            total += precision[i, k] * away[k]
        turned[i] = total
        square += total * away[i]
    # Rounding may bring it below 0.
    return max(square, 0.0)


@compiled
def _share(squares: FloatArray, logs: FloatArray, masses: FloatArray, count: int, shares: FloatArray) -> None:
    """Fill in p(j|x), in proportion to density and mass."""
    top = -np.inf
    for j in range(count):
        shares[j] = np.log(masses[j]) - 0.5 * (squares[j] + logs[j])
        top = max(top, shares[j])
    total = 0.0
    # Less the greatest, so that not all of them are 0 far away from every component.
    for j in range(count):
        shares[j] = np.exp(shares[j] - top)
        total += shares[j]
    for j in range(count):
        shares[j] /= total


@compiled
def _update(
    w: float,
    square: float,
    mean: FloatArray,
    covariance: FloatArray,
    precision: FloatArray,
    away: FloatArray,
    turned: FloatArray,
) -> None:
    """Move a component by a share ``w`` of a row: C becomes (1 - w) (C + w e e^T)."""
    d = len(mean)
    # By Sherman and Morrison: P becomes (P - w (P e) (P e)^T / (1 + w e^T P e)) / (1 - w).
    step = w / (1 + w * square)
    for i in range(d):
        mean[i] += w * away[i]
        # Both halves get the same number, so that rounding makes no difference between them.
        for k in range(i, d):
            c = (1 - w) * (covariance[i, k] + w * away[i] * away[k])
            p = (precision[i, k] - step * turned[i] * turned[k]) / (1 - w)
            covariance[i, k] = covariance[k, i] = c
            precision[i, k] = precision[k, i] = p


@compiled
def _narrow(precision: FloatArray) -> bool:
    """Return whether a conditional variance, 1 / P_ii, is below the floor, or no variance at all."""
    narrow = False
    for i in range(len(precision)):
        narrow = narrow or not 0 < precision[i, i] <= 1 / FLOOR
    return narrow


@compiled
def _widen(covariance: FloatArray, precision: FloatArray) -> float:
    """Add the floor to the variances, invert anew, and return the logarithm of the determinant."""
    d = len(covariance)
    scale = np.empty(d)
    for i in range(d):
        covariance[i, i] += FLOOR
        scale[i] = np.sqrt(covariance[i, i])
    # Correlations have one size, whatever the units; a ridge keeps them invertible.
    correlation = np.empty((d, d))
    for i in range(d):
        for k in range(d):
            correlation[i, k] = covariance[i, k] / scale[i] / scale[k]
        correlation[i, i] = 1 + _RIDGE
    inverse = np.linalg.inv(correlation)
    total = np.linalg.slogdet(correlation)[1]
    for i in range(d):
        total += 2 * np.log(scale[i])
        # The mean of both halves, which differ by rounding.
        for k in range(i, d):
            entry = 0.5 * (inverse[i, k] + inverse[k, i]) / scale[i] / scale[k]
            precision[i, k] = precision[k, i] = entry
    return float(total)


@compiled
def _prune(
    count: int,
    means: FloatArray,
    covariances: FloatArray,
    precisions: FloatArray,
    numbers: FloatArray,
    patience: float,
) -> int:
    """Drop components that have lived long and have little mass; return how many are left."""
    d = means.shape[1]
    kept = 0
    left = count
    for j in range(count):
        # The last one stays whatever it is.
        if numbers[2, j] > patience and numbers[1, j] < d + 1 and left > 1:
            left -= 1
            continue
        if kept < j:
            means[kept] = means[j]
            covariances[kept] = covariances[j]
            precisions[kept] = precisions[j]
            numbers[:, kept] = numbers[:, j]
        kept += 1
    return kept
