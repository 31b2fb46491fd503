"""Progress Thompson: follow each arm's progress with a Kalman filter, and play what might be the best."""

from __future__ import annotations

import numpy as np

from teacherstudent.fitting.arms import Moves, Reward, Rules
from teacherstudent.fitting.bandit import Bandit
from teacherstudent.fitting.policies import simulated, winners
from teacherstudent.registry import TEACHERS
from teacherstudent.spaces import Discrete
from teacherstudent.types import (
    Array,
    Assignment,
    BoolArray,
    FloatArray,
    IntArray,
    Outcomes,
    Seed,
    State,
    check_names,
    is_finite,
    is_number,
)

MEMORY = 100
"""Pairs of successive rewards that the estimate of their noise looks back on."""


@TEACHERS.register("progress-thompson")
class ProgressThompson(Bandit):
    """Tracks each arm's progress per cost with a Kalman filter and plays the best of a posterior draw.

    This project's own, for few decisions with noisy rewards: training stages whose reward is the gain on a
    held-out probe. Thompson sampling (Thompson 1933, https://doi.org/10.1093/biomet/25.3-4.285) on a filter
    (Kalman 1960, https://doi.org/10.1115/1.3662552) of means that walk at random, as in restless bandits.

    ``noise``, a variance, is half the mean square of the difference between two successive rewards of an arm,
    over all arms and the last 100 such pairs or so. The mean square of the rewards before the first pair
    counts as one more.

    The mean rewards of the arms are a vector that takes a Gaussian step before every reward. Its variance is
    ``drift * noise`` in every arm; the share ``common`` of it is one and the same step for all arms, so that
    what slows the whole training down (an annealed learning rate, say) is learnt from whichever arm is
    played and is no reason to leave it. With ``common=0`` the arms' filters are independent.

    A reward is its arm's mean plus Gaussian noise. For ``reward="score"``, its standard deviation is the
    signal ``score_se`` where the student gives it, the paired standard error of the gain on the probe
    (divided by the cost as the reward is). Else its variance is ``noise``; the standard error of a level says
    little about that of a change.

    An arm that has no reward yet has an infinite variance: it is played before any other, and its first
    reward is its mean, with the variance of the noise. All arms are so played once (those within reach for
    ``moves="advance"``). Then each task is the arm that is greatest in one draw of the posterior; for
    ``reward="progress"`` the greatest in absolute value, so that forgotten arms are played again.

    The defaults of ``drift`` and ``common`` were chosen on the planted learners of benchmarks/bandits.py.

    The outcomes of a batch count one after the other, in its order. Scores may have any scale.

    Args:
        space: the arms.
        seed: an integer of at least 0 or a ``SeedSequence``.
        reward, per_cost, moves, final: see `teacherstudent.fitting.arms.Rules`. A stage's gain: ``"score"``.
        drift: variance of a step, in units of ``noise``; at least 0.
        common: share of it that all arms have in common, in [0, 1].

    Raises:
        TypeError: if the space is not discrete, or the seed is no integer.
        ValueError: if an option is out of range; from `tell`, if a ``score_se`` is negative or not finite.
    """

    def __init__(
        self,
        space: Discrete,
        *,
        seed: Seed,
        reward: Reward = "progress",
        per_cost: bool = True,
        moves: Moves = "free",
        final: tuple[int, float] | None = None,
        drift: float = 0.01,
        common: float = 0.9,
    ) -> None:
        rules = Rules(reward=reward, per_cost=per_cost, moves=moves, final=final)
        super().__init__(space, seed=seed, rules=rules, who="progress-thompson")
        if not (is_finite(drift) and drift >= 0):
            raise ValueError(f"progress-thompson: drift: expected a variance of at least 0, got {drift!r}")
        if not (is_number(common) and 0 <= common <= 1):
            raise ValueError(f"progress-thompson: common: expected a share in [0, 1], got {common!r}")
        self.drift, self.common = drift, common
        k = self._arms.k
        self._step = drift * (common * np.ones((k, k)) + (1 - common) * np.eye(k))
        self._mean = np.full(k, np.nan)  # NaN: no reward yet
        self._covariance = np.zeros((k, k))
        self._noise = _Noise(k)

    def _winners(self, rng: np.random.Generator, n: int, allowed: BoolArray) -> IntArray:
        """Return ``(n,)`` arms, each the greatest of one draw of the posterior."""
        fresh = np.isnan(self._mean)
        root = _root(self._covariance)
        drawn = np.where(fresh, 0.0, self._mean) + rng.standard_normal((n, self._arms.k)) @ root.T
        return winners(rng, np.where(fresh, np.inf, self._arms.appeal(drawn)), allowed)

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        arms = self._winners(self.rng, len(ids), self._arms.allowed(progress))
        return self._arms.hand(ids, arms, progress, self._probabilities(progress)[arms])

    def _tell(self, outcomes: Outcomes) -> None:
        error = _standard_error(outcomes) if self._arms.rules.reward == "score" else None
        told = self._arms.take(outcomes)
        rows = np.flatnonzero(~np.isnan(told.gain))
        if error is not None and self._arms.rules.per_cost:
            error[rows] /= outcomes.cost[rows]
        for row in rows.tolist():
            arm, gain = int(told.arm[row]), float(told.gain[row])
            self._noise.add(arm, gain)
            variance = self._noise.variance if error is None else float(error[row]) ** 2
            self._covariance += self._noise.variance * self._step * np.outer(*[~np.isnan(self._mean)] * 2)
            if np.isnan(self._mean[arm]):
                self._mean[arm], self._covariance[arm, arm] = gain, variance
            else:
                self._mean, self._covariance = kalman(self._mean, self._covariance, arm, gain, variance)

    def _probabilities(self, progress: float) -> FloatArray:
        """Return ``(k,)``, an estimate (see `simulated`)."""
        return simulated(self._winners, self._arms.allowed(progress))

    def _values(self) -> FloatArray:
        """Return ``(k,)`` the posterior's mean."""
        return self._mean

    def metrics(self) -> dict[str, float]:
        """Return the metrics of every `Bandit`, and the noise."""
        return super().metrics() | {"noise": float(np.sqrt(self._noise.variance))}

    def snapshot(self) -> dict[str, Array]:
        """Return the snapshot of every `Bandit`, and ``deviation (k,)``; NaN where there is no reward yet."""
        found = super().snapshot()
        deviation = np.sqrt(np.maximum(self._covariance.diagonal(), 0.0))
        return found | {"deviation": np.where(np.isnan(self._mean), np.nan, deviation)}

    def _state(self) -> State:
        return {
            "arms": self._arms.state(),
            "mean": self._mean.copy(),
            "covariance": self._covariance.copy(),
            "noise": self._noise.state(),
        }

    def _load(self, state: State) -> None:
        check_names("progress-thompson: state", ("arms", "mean", "covariance", "noise"), state)
        self._arms.load(state["arms"])
        self._mean, self._covariance = (np.array(state[x], np.float64) for x in ("mean", "covariance"))
        self._noise.load(state["noise"])


class _Noise:
    """Estimates the variance of rewards about their arm's mean, from differences of successive ones.

    Attributes:
        variance: the estimate; 0 before there is a reward.
    """

    def __init__(self, k: int) -> None:
        self.variance = 0.0
        self._last = np.full(k, np.nan)
        self._singles = self._pairs = 0

    def add(self, arm: int, reward: float) -> None:
        """Take in a reward."""
        before, self._last[arm] = self._last[arm], reward
        if np.isnan(before):
            self._singles += 1
            if not self._pairs:
                self.variance += (reward**2 - self.variance) / self._singles
            return
        self._pairs += 1
        square = float(reward - before) ** 2 / 2
        self.variance += (square - self.variance) / min(self._pairs + 1, MEMORY)

    def state(self) -> State:
        return {
            "variance": self.variance,
            "last": self._last.copy(),
            "singles": self._singles,
            "pairs": self._pairs,
        }

    def load(self, state: State) -> None:
        check_names("progress-thompson: noise", ("variance", "last", "singles", "pairs"), state)
        self.variance, self._last = float(state["variance"]), np.array(state["last"], np.float64)
        self._singles, self._pairs = int(state["singles"]), int(state["pairs"])


def kalman(
    mean: FloatArray, covariance: FloatArray, arm: int, reward: float, noise: float
) -> tuple[FloatArray, FloatArray]:
    """Return mean ``(k,)`` and covariance ``(k, k)`` after one arm's reward with noise of a variance."""
    total = covariance[arm, arm] + noise
    if total <= 0:  # both are certain
        return mean, covariance
    gain = covariance[:, arm] / total
    after = covariance - np.outer(gain, covariance[arm])
    return mean + gain * (reward - mean[arm]), (after + after.T) / 2


def _root(covariance: FloatArray) -> FloatArray:
    """Return a matrix whose square (times its transpose) is the covariance, which may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def _standard_error(outcomes: Outcomes) -> FloatArray | None:
    """Return a copy of the signal ``score_se`` ``(n,)``, None if there is none.

    Raises:
        ValueError: if it has another shape, is negative, or not finite.
    """
    if "score_se" not in outcomes.signals:
        return None
    error = np.array(outcomes.signals["score_se"], np.float64)
    if error.shape != (len(outcomes),) or not np.isfinite(error).all() or (error < 0).any():
        raise ValueError(
            f"progress-thompson: score_se: expected ({len(outcomes)},) finite numbers >= 0, got {error}"
        )
    return error
