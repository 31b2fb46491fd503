"""Steps of a Gaussian within a bound on the divergence: towards high scores, towards a target, or both."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy
from scipy.linalg import solve_triangular
from scipy.linalg.lapack import dtrtri, dtrtrs

from teacherstudent.contract.types import FloatArray
from teacherstudent.teachers.targets.batches import Rows
from teacherstudent.teachers.targets.gaussian import Gaussian

MOST_KL = 10.0
"""Largest bound on the divergence of a step."""
_SLACK = 1e-6  # of the solver's constraints, in nats and in standard deviations of the scores
_MOST_LOG = 50.0  # of a ratio of densities, whose exponential must not overflow
_HALVINGS = 40

Valued = tuple[float, FloatArray]
"""A number and its gradient."""


class Step:
    """What is known about Gaussians near to the present one, from rows that were drawn from that.

    A Gaussian p is described in the coordinates in which the present one, q, is the standard Gaussian: by a
    vector of its mean, the logarithms of its root's diagonal, and the rest of the root. There q is the zero
    vector.

    The expected score of p is estimated by importance weights (Klink et al. 2020):
    J(p) = b + mean((R - b) p(c) / q(c)), with the mean score b as a control variate, so that J(q) = b. The
    means are weighted by the rows' weights.

    Args:
        old: the present Gaussian, q.
        target: the Gaussian that is wanted, mu.
        rows: what stands for draws from q, with their scores R.
    """

    def __init__(self, old: Gaussian, target: Gaussian, rows: Rows) -> None:
        self.old = old
        self.target = target
        shares = rows.weights / rows.weights.sum()
        self.mean = float(shares @ rows.scores)
        # Scores are standardised, so that one tolerance suits all families; equal scores say nothing.
        centred = rows.scores - self.mean
        self.deviation = float(np.sqrt(shares @ centred**2))
        self._scores = np.zeros(len(centred))
        if self.deviation > 1e-12 * max(1.0, abs(self.mean)):
            self._scores = shares * centred / self.deviation
        else:
            self.deviation = 0.0
        self._points = old.whitened(rows.points).T
        d = len(old.mean)
        self._d = d
        self._below = np.tril_indices(d, -1)
        # The target in these coordinates: KL(p || mu) is a norm of these.
        self._to_target = solve_triangular(target.root, old.root, lower=True)
        self._shift = solve_triangular(target.root, old.mean - target.mean, lower=True)
        self._logs = float(np.log(np.diag(target.root)).sum() - np.log(np.diag(old.root)).sum())

    def gaussian(self, x: FloatArray) -> Gaussian:
        """Return the Gaussian that a vector describes."""
        mean, root = self._parts(x)
        return Gaussian(self.old.mean + self.old.root @ mean, self.old.root @ root)

    def _parts(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        d = self._d
        root = np.diag(np.exp(x[d : 2 * d]))
        root[self._below] = x[2 * d :]
        return x[:d], root

    def _vector(self, mean: FloatArray, root: FloatArray, diagonal: FloatArray) -> FloatArray:
        """Return a gradient from those by mean and root, and by the logarithms of the diagonal besides."""
        logs = np.diag(root) * diagonal
        return np.concatenate([mean, logs, root[self._below]])

    def divergence(self, x: FloatArray) -> Valued:
        """Return KL(q || p), how far p is from the present Gaussian."""
        mean, root = self._parts(x)
        # LAPACK's own functions: scipy's checks would cost several times as much as these small systems.
        inverse = dtrtri(root, lower=1)[0]
        shift = inverse @ mean
        value = x[self._d : 2 * self._d].sum() + ((inverse**2).sum() + shift @ shift - self._d) / 2
        by_root = -inverse.T @ (inverse @ inverse.T + np.outer(shift, shift))
        gradient = self._vector(inverse.T @ shift, by_root, np.diag(root))
        gradient[self._d : 2 * self._d] += 1.0
        return float(value), gradient

    def to_target(self, x: FloatArray) -> Valued:
        """Return KL(p || mu), how far p is from the target."""
        mean, root = self._parts(x)
        scaled = self._to_target @ root
        shift = self._to_target @ mean + self._shift
        logs = self._logs - x[self._d : 2 * self._d].sum()
        value = logs + ((scaled**2).sum() + shift @ shift - self._d) / 2
        gradient = self._vector(self._to_target.T @ shift, self._to_target.T @ scaled, np.diag(root))
        gradient[self._d : 2 * self._d] -= 1.0
        return float(value), gradient

    def gain(self, x: FloatArray) -> Valued:
        """Return (J(p) - J(q)) / the standard deviation of the scores; 0 where all scores are equal."""
        mean, root = self._parts(x)
        away = dtrtrs(root, self._points - mean[:, None], lower=1)[0]
        logs = ((self._points**2).sum(axis=0) - (away**2).sum(axis=0)) / 2
        logs -= x[self._d : 2 * self._d].sum()
        weights = np.exp(np.minimum(logs, _MOST_LOG)) * self._scores
        # The derivative of log p(c) by the mean, for each row.
        pull = dtrtrs(root, away, lower=1, trans=1)[0]
        gradient = self._vector(pull @ weights, (pull * weights) @ away.T, np.diag(root))
        gradient[self._d : 2 * self._d] -= weights.sum()
        return float(weights.sum()), gradient

    def expected(self, x: FloatArray) -> float:
        """Return J(p)."""
        return self.mean + self.deviation * self.gain(x)[0]

    def maximise(self, max_kl: float, least_std: float | None) -> FloatArray:
        """Return the vector with the greatest J within ``max_kl`` of the present Gaussian.

        Args:
            max_kl: bound on KL(q || p), in nats.
            least_std: least diagonal entry of a root; None for no limit.
        """
        return self._solve(lambda x: _scaled(self.gain(x), -1.0), max_kl, least_std, None)

    def approach(self, max_kl: float, least_std: float | None, line: float) -> FloatArray:
        """Return the vector nearest to the target, KL(p || mu), with J of at least ``line``."""
        scale = 1.0 / max(1.0, abs(self.to_target(self._zero())[0]))
        needed: float | None = None
        # Where all scores are equal J is a constant, which nothing changes.
        if self.deviation:
            needed = (line - self.mean) / self.deviation
        return self._solve(lambda x: _scaled(self.to_target(x), scale), max_kl, least_std, needed)

    def balance(self, max_kl: float, least_std: float | None, alpha: float) -> FloatArray:
        """Return the vector with the greatest J(p) - alpha KL(p || mu) within ``max_kl`` (see above)."""
        unit = max(self.deviation, alpha * max(1.0, abs(self.to_target(self._zero())[0])), 1e-300)

        def objective(x: FloatArray) -> Valued:
            value, slope = _scaled(self.gain(x), -self.deviation / unit)
            far, further = _scaled(self.to_target(x), alpha / unit)
            return value + far, slope + further

        return self._solve(objective, max_kl, least_std, None)

    def _zero(self) -> FloatArray:
        return np.zeros(self._d * (self._d + 3) // 2)

    def _solve(
        self,
        objective: Callable[[FloatArray], Valued],
        max_kl: float,
        least_std: float | None,
        needed: float | None,
    ) -> FloatArray:
        """Return the minimum of an objective within the bound; what the solver found, if it is usable."""

        def margins(x: FloatArray) -> tuple[FloatArray, FloatArray]:
            far, slope = self.divergence(x)
            if needed is None:
                return np.array([max_kl - far]), -slope[None]
            more, rise = self.gain(x)
            return np.array([max_kl - far, more - needed]), np.stack([-slope, rise])

        once = _Remembered(margins)
        found = scipy.optimize.minimize(
            objective,
            self._zero(),
            jac=True,
            method="SLSQP",
            bounds=self._bounds(max_kl, least_std),
            constraints={"type": "ineq", "fun": lambda x: once(x)[0], "jac": lambda x: once(x)[1]},
            options={"maxiter": 100, "ftol": 1e-7},
        ).x
        if not np.isfinite(found).all():
            return self._zero()
        return self._within(np.asarray(found), max_kl)

    def _bounds(self, max_kl: float, least_std: float | None) -> list[tuple[float, float]]:
        """Return limits that the bound on the divergence implies, so that the solver tries nothing absurd."""
        # KL is a sum of ln s + (s^-2 - 1) / 2 over the singular values s of the root, and of half the squared
        # length of the mean: each part is at least 0, and so at most max_kl.
        widest = max_kl + 0.5
        most = float(np.exp(widest))
        limits = [(-most * np.sqrt(2 * max_kl), most * np.sqrt(2 * max_kl))] * self._d
        for width in np.diag(self.old.root):
            lowest = -np.sqrt(max_kl)
            if least_std is not None:
                # One that is below the limit already may stay as it is.
                lowest = max(lowest, min(0.0, np.log(least_std / width)))
            limits.append((lowest, widest))
        return limits + [(-most, most)] * len(self._below[0])

    def _within(self, x: FloatArray, max_kl: float) -> FloatArray:
        """Return the vector, or the longest part of the way to it that keeps the bound."""
        if self.divergence(x)[0] <= max_kl + _SLACK:
            return x
        low = 0.0
        high = 1.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            if self.divergence(middle * x)[0] <= max_kl:
                low = middle
            else:
                high = middle
        return low * x


def interpolated(old: Gaussian, target: Gaussian, max_kl: float) -> Gaussian:
    """Return the Gaussian on the way to the target that is ``max_kl`` away, KL(old || p), or the target.

    On the way, natural parameters are mixed linearly: the precisions, and the precisions times the means. So
    every p minimises (1 - a) KL(p || old) + a KL(p || target).
    """
    if old.kl(target) <= max_kl:
        return target
    precisions = [np.linalg.inv(each.covariance) for each in (old, target)]
    pulls = [precision @ each.mean for precision, each in zip(precisions, (old, target), strict=True)]

    def mixed(a: float) -> Gaussian:
        covariance = np.linalg.inv((1 - a) * precisions[0] + a * precisions[1])
        mean = covariance @ ((1 - a) * pulls[0] + a * pulls[1])
        # The inverse of a symmetric matrix is so only up to rounding.
        return Gaussian(mean, np.asarray(np.linalg.cholesky((covariance + covariance.T) / 2)))

    low = 0.0
    high = 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if old.kl(mixed(middle)) <= max_kl:
            low = middle
        else:
            high = middle
    return mixed(low)


def _scaled(valued: Valued, factor: float) -> Valued:
    """Return a number times a factor, with its gradient."""
    value, gradient = valued
    return factor * value, factor * gradient


class _Remembered:
    """A function whose last value is kept: the solver asks for numbers and gradients one by one."""

    def __init__(self, function: Callable[[FloatArray], tuple[FloatArray, FloatArray]]) -> None:
        self._function = function
        self._at: bytes | None = None
        self._value: tuple[FloatArray, FloatArray] = (np.empty(0), np.empty(0))

    def __call__(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        at = x.tobytes()
        if at != self._at:
            self._value = self._function(x)
            self._at = at
        return self._value
