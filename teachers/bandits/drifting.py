"""What a bandit knows of mean rewards that walk at random: Kalman filters, exact or linear in the arms.

Between two rewards the means of all arms that had one take a Gaussian step, a part of it in common.
`ExactFilter` keeps the covariance of all arms, ``k x k``. `FactorFilter` keeps, of each arm, a variance of
its own and how far it follows one common Gaussian: ``diag(own) + outer(follow, follow)``, which costs ``k``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.polynomial.hermite_e import hermegauss

from teacherstudent.contract.checks import check_names
from teacherstudent.contract.stored.saved import saved_array, saved_gaps
from teacherstudent.contract.types import BoolArray, FloatArray, IntArray, State
from teacherstudent.teachers.bandits.best_of import best_of_normals, independent_parts, spread_points
from teacherstudent.teachers.bandits.policies import draw, winners

POINTS = 128
MOST = 512
ERROR = 0.02
"""Points of the common part behind a probability: at first, and where its standard error would be above this
if the points were independent; they are spread (`spread_points`), which leaves less."""
NODES = 5
"""Of the common part of `FactorFilter`, by Gauss-Hermite quadrature."""


class Filter(ABC):
    """The mean rewards of ``k`` arms as they are known now; an arm without a reward may have any.

    Attributes:
        mean: ``(k,)``, NaN where there is no reward yet.

    Args:
        k: number of arms.
        drift: variance of a step, in units of the noise.
        common: share of it that all arms have in common.
        folded: whether an arm is the better, the greater its mean is in absolute value.
    """

    def __init__(self, k: int, *, drift: float, common: float, folded: bool) -> None:
        self.mean = np.full(k, np.nan)
        self.drift = drift
        self.common = common
        self.folded = folded

    @abstractmethod
    def step(self, noise: float) -> None:
        """Let the arms that had a reward walk a step; ``noise`` is the variance of a reward."""

    @abstractmethod
    def observe(self, arm: int, reward: float, noise: float) -> None:
        """Take in a reward with noise of a variance; the first one of an arm is its mean."""

    @abstractmethod
    def deviation(self) -> FloatArray:
        """Return ``(k,)`` standard deviations; 0 where there is no reward yet."""

    @abstractmethod
    def play(
        self, rng: np.random.Generator, n: int, allowed: BoolArray
    ) -> tuple[IntArray, FloatArray | None]:
        """Return ``(n,)`` arms, each the best of one draw, and ``(k,)`` their probabilities if known."""

    @abstractmethod
    def best(self, allowed: BoolArray, look: int) -> FloatArray:
        """Return ``(k,)`` how probable each arm, which all had a reward, is to be the best of one draw.

        Args:
            allowed: the arms that may be drawn.
            look: which look it is at the same knowledge; an estimate differs from look to look.
        """

    def probabilities(self, allowed: BoolArray, look: int) -> FloatArray:
        """Return ``(k,)`` how probable each arm is to be played: one without a reward before any other."""
        # The mean of an arm without a reward may be anything, so such arms are looked at first.
        fresh = np.isnan(self.mean) & allowed
        if fresh.any():
            return np.asarray(fresh / fresh.sum())
        return self.best(allowed, look)

    @abstractmethod
    def state(self) -> State:
        """Return the state as plain data; a copy."""

    @abstractmethod
    def load(self, state: State) -> None:
        """Take over what `state` returned; raise ValueError if it is damaged."""

    def _load_mean(self, state: State) -> FloatArray:
        """Return the means; raise ValueError if one is infinite."""
        expected = "finite numbers, or NaN where there is no reward"
        return saved_gaps("filter: mean", state["mean"], self.mean.shape, expected)


class ExactFilter(Filter):
    """Keeps the whole covariance: time and memory grow with the square of the arms.

    `best` is exact (quadrature to 1e-9) where arms are independent. Where they are correlated, it is the mean
    of exact probabilities given the common part, at random points of it: without bias, with a standard error
    of about 0.003 or less, 0.02 at worst (where hardly anything of the arms is independent; there an arm that
    no point has counts as half a point).
    """

    def __init__(self, k: int, *, drift: float, common: float, folded: bool) -> None:
        super().__init__(k, drift=drift, common=common, folded=folded)
        self.covariance = np.zeros((k, k))
        # The covariance of one step in units of the noise; it never changes.
        self._step = drift * (common * np.ones((k, k)) + (1 - common) * np.eye(k))

    def step(self, noise: float) -> None:
        """Add the step's covariance, of the arms that had a reward."""
        # Arms without a reward do not walk: the mask keeps their rows and columns at 0.
        self.covariance += noise * self._step * np.outer(*[~np.isnan(self.mean)] * 2)

    def observe(self, arm: int, reward: float, noise: float) -> None:
        """Take in a reward; an arm's first one is its mean."""
        if np.isnan(self.mean[arm]):
            # The first reward is all that is known of the arm, and the noise is its variance.
            self.mean[arm] = reward
            self.covariance[arm, arm] = noise
        else:
            self.mean, self.covariance = kalman(self.mean, self.covariance, arm, reward, noise)

    def deviation(self) -> FloatArray:
        """Return ``(k,)`` standard deviations; 0 where there is no reward yet."""
        return np.sqrt(np.maximum(self.covariance.diagonal(), 0.0))

    def play(self, rng: np.random.Generator, n: int, allowed: BoolArray) -> tuple[IntArray, None]:
        """Return ``(n,)`` arms, each the best of one draw of all."""
        fresh = np.isnan(self.mean)
        # Eigenvectors, because Cholesky's decomposition fails where the covariance is singular.
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        drawn = np.where(fresh, 0.0, self.mean) + rng.standard_normal((n, len(fresh))) @ root.T
        if self.folded:
            drawn = np.abs(drawn)
        # Arms without a reward win; ties among them are broken at random.
        return winners(rng, np.where(fresh, np.inf, drawn), allowed), None

    def best(self, allowed: BoolArray, look: int) -> FloatArray:
        """Return ``(k,)`` how probable each arm is to be the best of one draw."""
        arms = np.flatnonzero(allowed)
        mean = self.mean[arms]
        covariance = self.covariance[np.ix_(arms, arms)]
        found = np.zeros(len(allowed))
        # Without correlations the quadrature is exact and needs no random points.
        if np.count_nonzero(covariance - np.diag(covariance.diagonal())) == 0:
            share = best_of_normals(mean[None], self.deviation()[arms], folded=self.folded)[0]
            found[arms] = share / share.sum()
            return found
        # A generator of its own: a look for the log must not move the teacher's draws.
        rng = np.random.default_rng([look, arms.size])
        # Few points first, and more only where their answers scatter too much.
        for points in (POINTS, MOST):
            common, own = independent_parts(covariance, spread_points(rng, points, arms.size))
            each = best_of_normals(mean + common, own, folded=self.folded, tolerance=1e-5)
            error = each.std(axis=0).max() / np.sqrt(points)
            if error <= ERROR:
                break
        share = each.mean(axis=0)
        if error > ERROR:
            # Even the most points scatter: an arm that none of them chose keeps the share of half a point.
            share = np.maximum(share, 0.5 / MOST)
        found[arms] = share / share.sum()
        return found

    def state(self) -> State:
        """Return the state as plain data; a copy."""
        return {"mean": self.mean.copy(), "covariance": self.covariance.copy()}

    def load(self, state: State) -> None:
        """Take over what `state` returned; raise ValueError if it is damaged."""
        check_names("filter", ("mean", "covariance"), state)
        mean = self._load_mean(state)
        k = len(self.mean)
        covariance = saved_array("filter: covariance", state["covariance"], np.float64, (k, k))
        # Rounding may leave tiny negative eigenvalues, so the check below allows for some.
        least = np.linalg.eigvalsh(covariance).min()
        if not np.array_equal(covariance, covariance.T) or least < -1e-6 * np.abs(covariance).max():
            raise ValueError("filter: covariance: expected a symmetric matrix without negative eigenvalues")
        self.mean = mean
        self.covariance = covariance


class FactorFilter(Filter):
    """Keeps what is common to the arms as one Gaussian: time and memory grow with the arms.

    Rewards are taken in exactly. A common step adds a second common Gaussian; of the two the greater
    direction is kept, and the rest counts as the arms' own, so that a step adds the right variance to each
    arm and only correlations are not exact. With ``common`` of 0 nothing is left out.

    Arms are drawn from `best`, so that it is their probability: the best of independent Gaussians given the
    common one, which takes five values (Gauss-Hermite quadrature).
    """

    def __init__(self, k: int, *, drift: float, common: float, folded: bool) -> None:
        super().__init__(k, drift=drift, common=common, folded=folded)
        self.own, self.follow = np.zeros(k), np.zeros(k)

    def step(self, noise: float) -> None:
        """Add the step's variances, and merge its common part with the one that is kept."""
        seen = ~np.isnan(self.mean)
        variance = self.drift * noise
        self.own += variance * (1 - self.common) * seen
        columns = np.stack([self.follow, np.sqrt(variance * self.common) * seen])
        # The eigenvectors of this 2 x 2 matrix turn both columns into orthogonal ones without changing the
        # covariance that they make together. The greater one is kept.
        values, vectors = np.linalg.eigh(columns @ columns.T)
        rest, kept = (np.asarray(vectors[:, i] @ columns) for i in np.argsort(values))
        self.follow = kept
        self.own += rest**2

    def observe(self, arm: int, reward: float, noise: float) -> None:
        """Take in a reward; an arm's first one is its mean."""
        if np.isnan(self.mean[arm]):
            self.mean[arm] = reward
            self.own[arm] = noise
            self.follow[arm] = 0.0
            return
        # The Kalman update, written for `own` and `follow`, so that no k x k matrix is needed.
        own = self.own[arm]
        load = self.follow[arm]
        total = own + load**2 + noise
        if total <= 0:  # all is certain
            return
        gain = self.follow * (load / total)
        gain[arm] += own / total
        self.mean += gain * (reward - self.mean[arm])
        apart = own + noise  # what hides the common part in this reward
        left = noise / apart if apart > 0 else 0.0
        # A reward narrows the common Gaussian by apart / total in variance; the loads take this over.
        self.follow *= np.sqrt(apart / total)
        self.follow[arm] *= left
        self.own[arm] *= left

    def deviation(self) -> FloatArray:
        """Return ``(k,)`` standard deviations; 0 where there is no reward yet."""
        return np.sqrt(self.own + self.follow**2)

    def play(self, rng: np.random.Generator, n: int, allowed: BoolArray) -> tuple[IntArray, FloatArray]:
        """Return ``(n,)`` arms and the probabilities ``(k,)`` that they were drawn with."""
        probabilities = self.probabilities(allowed, 0)
        return draw(rng, probabilities, n), probabilities

    def best(self, allowed: BoolArray, look: int) -> FloatArray:
        """Return ``(k,)`` how probable each arm is to be the best of one draw."""
        del look  # nothing is estimated
        arms = np.flatnonzero(allowed)
        mean = self.mean[arms]
        load = self.follow[arms]
        # Arms that follow nothing are independent: one node is exact.
        nodes, weights = hermegauss(NODES if load.any() else 1)
        found = np.zeros(len(allowed))
        each = best_of_normals(
            mean + nodes[:, None] * load, np.sqrt(self.own[arms]), folded=self.folded, tolerance=1e-7
        )
        share = weights @ each
        found[arms] = share / share.sum()
        return found

    def state(self) -> State:
        """Return the state as plain data; a copy."""
        return {"mean": self.mean.copy(), "own": self.own.copy(), "follow": self.follow.copy()}

    def load(self, state: State) -> None:
        """Take over what `state` returned; raise ValueError if it is damaged."""
        check_names("filter", ("mean", "own", "follow"), state)
        mean = self._load_mean(state)
        k = len(self.mean)
        own = saved_array("filter: own", state["own"], np.float64, (k,), low=0)
        self.follow = saved_array("filter: follow", state["follow"], np.float64, (k,))
        self.mean = mean
        self.own = own


def kalman(
    mean: FloatArray, covariance: FloatArray, arm: int, reward: float, noise: float
) -> tuple[FloatArray, FloatArray]:
    """Return mean ``(k,)`` and covariance ``(k, k)`` after one arm's reward with noise of a variance."""
    total = covariance[arm, arm] + noise
    if total <= 0:  # both are certain
        return mean, covariance
    gain = covariance[:, arm] / total
    after = covariance - np.outer(gain, covariance[arm])
    # Rounding makes the matrix asymmetric, and the error would grow with every reward.
    return mean + gain * (reward - mean[arm]), (after + after.T) / 2
