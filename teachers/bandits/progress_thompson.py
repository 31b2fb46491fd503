"""Progress Thompson: follow each arm's progress with a Kalman filter, and play what might be the best."""

from __future__ import annotations

import numpy as np

from teacherstudent.contract.checks import check_names, is_finite, is_number
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Discrete
from teacherstudent.contract.stored.saved import saved_gaps, saved_number, saved_whole
from teacherstudent.contract.types import (
    LARGEST,
    Array,
    Assignment,
    FloatArray,
    IntArray,
    Outcomes,
    Seed,
    State,
)
from teacherstudent.teachers.bandits.arms import LARGEST_GAIN, Moves, Reward, Rules
from teacherstudent.teachers.bandits.drifting import ExactFilter, FactorFilter, Filter
from teacherstudent.teachers.bandits.teacher import Bandit

MEMORY = 100
"""Pairs of successive rewards that the estimate of their noise looks back on."""
EXACT = 128
"""Arms up to which the filter keeps the covariance of all of them."""


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

    Up to 128 arms the filter is exact (`teacherstudent.teachers.bandits.drifting.ExactFilter`) and costs the
    square of the arms; beyond, it costs as much as there are arms and keeps their correlations by one number
    each (`FactorFilter`). The column ``propensity`` is exact for independent arms (``common=0`` or
    ``drift=0``), and beyond 128 arms; else it is an estimate without bias, another one in every ask, with a
    standard error of about 0.003 or less.

    The defaults of ``drift`` and ``common`` were chosen on the planted learners of benchmarks/bandits.py.

    The outcomes of a batch count one after the other, in its order. Scores may have any scale.

    Args:
        space: the arms.
        seed: an integer of at least 0 or a ``SeedSequence``.
        reward, per_cost, moves, final: see `teacherstudent.teachers.bandits.arms.Rules`. A stage's gain:
            ``"score"``.
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
        self.drift = drift
        self.common = common
        k = self._arms.k
        folded = reward == "progress"
        # The exact filter costs the square of the arms, so many arms share one number for their correlations.
        kind = ExactFilter if k <= EXACT else FactorFilter
        self._filter: Filter = kind(k, drift=drift, common=common, folded=folded)
        self._noise = _Noise(k)

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        allowed = self._arms.allowed(progress)
        arms, probabilities = self._filter.play(self.rng, len(ids), allowed)
        # The exact filter draws without knowing probabilities. The first id numbers the look, so that every
        # ask has an estimate of its own.
        if probabilities is None:
            probabilities = self._filter.probabilities(allowed, int(ids[0]))
        return self._arms.hand(ids, arms, progress, probabilities[arms])

    def _tell(self, outcomes: Outcomes) -> None:
        # The standard error of a level says little about that of a change, so only gains use it.
        error = None
        if self._arms.rules.reward == "score":
            error = _standard_error(outcomes)
        told = self._arms.take(outcomes)
        rows = np.flatnonzero(~np.isnan(told.gain))
        if error is not None and self._arms.rules.per_cost:
            # Divided by the cost as the reward is; the limit keeps the square finite.
            error[rows] = np.minimum(error[rows] / outcomes.cost[rows], LARGEST_GAIN)
        for row in rows.tolist():
            arm = int(told.arm[row])
            gain = float(told.gain[row])
            self._noise.add(arm, gain)
            # The student's own error says how noisy this row is; without it all rows are equally noisy.
            variance = self._noise.variance
            if error is not None:
                variance = float(error[row]) ** 2
            # Means walk before every reward, so an arm that is not played becomes uncertain.
            self._filter.step(self._noise.variance)
            self._filter.observe(arm, gain, variance)

    def _probabilities(self, progress: float) -> FloatArray:
        """Return ``(k,)``; of up to 128 arms that are correlated, an estimate."""
        return self._filter.probabilities(self._arms.allowed(progress), 0)

    def _values(self) -> FloatArray:
        """Return ``(k,)`` the posterior's mean."""
        return self._filter.mean

    def metrics(self) -> dict[str, float]:
        """Return the metrics of every `Bandit`, and the noise."""
        return super().metrics() | {"noise": float(np.sqrt(self._noise.variance))}

    def snapshot(self) -> dict[str, Array]:
        """Return the snapshot of every `Bandit`, and ``deviation (k,)``; NaN where there is no reward yet."""
        found = super().snapshot()
        # A deviation of 0 stands for no reward here; the picture should not take it for certainty.
        deviation = np.where(np.isnan(self._filter.mean), np.nan, self._filter.deviation())
        return found | {"deviation": deviation}

    def _state(self) -> State:
        return {
            "arms": self._arms.state(),
            "noise": self._noise.state(),
            **self._filter.state(),
        }

    def _load(self, state: State) -> None:
        self._arms.load(state["arms"])
        self._noise.load(state["noise"])
        self._filter.load({name: part for name, part in state.items() if name not in ("arms", "noise")})


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
        before = self._last[arm]
        self._last[arm] = reward
        if np.isnan(before):
            self._singles += 1
            # Before the first pair the rewards themselves must do.
            if not self._pairs:
                self.variance += (reward**2 - self.variance) / self._singles
            return
        self._pairs += 1
        # The difference of two rewards has twice the variance of one.
        square = float(reward - before) ** 2 / 2
        # One more than the pairs, because the estimate before them counts as a pair.
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
        who = "progress-thompson: noise"
        expected = "finite numbers, or NaN where there is none"
        last = saved_gaps(f"{who}: last", state["last"], self._last.shape, expected)
        self.variance = saved_number(f"{who}: variance", state["variance"], 0)
        self._last = last
        self._singles = saved_whole(f"{who}: singles", state["singles"])
        self._pairs = saved_whole(f"{who}: pairs", state["pairs"])


def _standard_error(outcomes: Outcomes) -> FloatArray | None:
    """Return a copy of the signal ``score_se`` ``(n,)``, None if there is none.

    Raises:
        ValueError: if it has another shape, is negative, or not finite or beyond 1e100.
    """
    given = outcomes.signals.get("score_se")
    if given is None:
        return None
    numbers = given.dtype.kind in "biuf" and given.shape == (len(outcomes),)
    if not numbers or not ((given >= 0) & (given <= LARGEST)).all():
        raise ValueError(
            f"progress-thompson: score_se: expected ({len(outcomes)},) finite numbers >= 0, got {given}"
        )
    return np.array(given, np.float64)
