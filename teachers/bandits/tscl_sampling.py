"""TSCL sampling: prefer the arm whose randomly chosen past score change is greatest."""

from __future__ import annotations

import numpy as np

from teacherstudent.contract.checks import check_names, check_whole
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Discrete
from teacherstudent.contract.stored.saved import saved_fifo
from teacherstudent.contract.types import Assignment, BoolArray, FloatArray, IntArray, Outcomes, Seed, State
from teacherstudent.teachers.bandits.arms import Moves, Reward, Rules, push
from teacherstudent.teachers.bandits.best_of import best_of_values
from teacherstudent.teachers.bandits.policies import Policy, check_policy, choose, draw, explore, winners
from teacherstudent.teachers.bandits.teacher import Bandit

CHUNK = 2**22
"""Numbers drawn at once, at most (but one for each arm at least)."""
POLICIES = {"thompson": 0.1, "epsilon": 0.1, "boltzmann": 4e-4}


@TEACHERS.register("tscl-sampling")
class TSCLSampling(Bandit):
    """Draws one of the last score changes of every arm and takes the greatest (TSCL, sampling algorithm).

    Matiisen, Oliver, Cohen and Schulman 2017, "Teacher-student curriculum learning",
    https://arxiv.org/abs/1707.00183, algorithm "Sampling".

    Each arm keeps its last ``window`` score changes. For every task, one of them is drawn for each arm, 1 for
    an arm that has none, which is optimistic where scores have a range of 1 (see ``score_range``); the arm
    with the greatest ``|change|`` is played (the greatest change for other values of ``reward`` than
    ``"progress"``), any of them where several are equal.

    Deviations from the paper:

    - with the share 0.1 the arm is uniform, as in the authors' code; the paper's text has no such share
      (``policy=("thompson", 0)``), and then an arm whose changes are all 0 may never be played again;
    - one outcome tells of its own arm only; the authors' supervised experiments score all arms at once.

    A batch told at once gives the state of its rows told one by one.

    Args:
        space: the arms.
        seed: an integer of at least 0 or a ``SeedSequence``.
        reward, per_cost, moves, final, score_range: see `teacherstudent.teachers.bandits.arms.Rules`. For a
            stage's gain: ``reward="score", per_cost=True``.
        window: changes kept for each arm, at least 1.
        policy: ``("thompson", share of uniform draws)``; or ``("epsilon", share)`` or ``("boltzmann",
            temperature)`` on the mean of the changes. A name alone takes the authors' 0.1, 0.1 and 0.0004.

    Raises:
        TypeError: if the space is not discrete, or the seed is no integer.
        ValueError: if an option is out of range.
    """

    def __init__(
        self,
        space: Discrete,
        *,
        seed: Seed,
        reward: Reward = "progress",
        per_cost: bool = False,
        moves: Moves = "free",
        final: tuple[int, float] | None = None,
        score_range: tuple[float, float] | None = None,
        window: int = 10,
        policy: Policy | str = "thompson",
    ) -> None:
        rules = Rules(
            reward=reward,
            per_cost=per_cost,
            moves=moves,
            final=final,
            score_range=score_range,
        )
        super().__init__(space, seed=seed, rules=rules, who="tscl-sampling")
        self.policy = check_policy("tscl-sampling", policy, POLICIES)
        check_whole("tscl-sampling: window", window, 1, 10**6)
        self._changes = np.full((self._arms.k, window), np.nan)

    def _values(self) -> FloatArray:
        """Return ``(k,)`` the mean of the changes, 1 where there is none."""
        there = ~np.isnan(self._changes)
        total = np.where(there, self._changes, 0.0).sum(axis=1)
        count = there.sum(axis=1)
        # An arm without changes counts as 1, as in the draws.
        return np.where(count > 0, total / np.maximum(count, 1), 1.0)

    def _winners(self, n: int, allowed: BoolArray) -> IntArray:
        """Return ``(n,)`` arms, each the greatest of one change for every arm."""
        k, window = self._changes.shape
        count = (~np.isnan(self._changes)).sum(axis=1)
        size = max(1, CHUNK // k)
        found = []
        # One pass, unless there are so many arms that memory would not do.
        for start in range(0, n, size):
            # `back` counts from the newest change, so only places that are filled are drawn.
            back = (self.rng.random((min(size, n - start), k)) * count).astype(np.int64)
            drawn = np.where(count > 0, self._changes[np.arange(k), window - 1 - back], 1.0)
            found.append(winners(self.rng, self._arms.appeal(drawn), allowed))
        return np.concatenate(found)

    def _probabilities(self, progress: float) -> FloatArray:
        """Return ``(k,)``, exactly."""
        allowed = self._arms.allowed(progress)
        if self.policy[0] != "thompson":
            return choose(self.policy, self._arms.appeal(self._values()), allowed)
        # A mask makes a copy, so the next line leaves the record alone.
        changes = self._changes[allowed]
        changes[np.isnan(changes).all(axis=1), -1] = 1.0
        best = np.zeros(len(allowed))
        best[allowed] = best_of_values(self._arms.appeal(changes))
        return explore(best, self.policy[1], allowed)

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        if self.policy[0] != "thompson":
            return super()._ask(ids, progress)
        n = len(ids)
        allowed = self._arms.allowed(progress)
        arms = self._winners(n, allowed)
        # Uniform rows replace the winners, so the share is that of the policy whatever the changes are.
        anywhere = self.rng.random(n) < self.policy[1]
        arms[anywhere] = draw(self.rng, allowed / allowed.sum(), int(anywhere.sum()))
        return self._arms.hand(ids, arms, progress, self._probabilities(progress)[arms])

    def _tell(self, outcomes: Outcomes) -> None:
        told = self._arms.take(outcomes)
        rows = ~np.isnan(told.gain)
        push(self._changes, told.arm[rows], told.gain[rows])

    def _state(self) -> State:
        return {"arms": self._arms.state(), "changes": self._changes.copy()}

    def _load(self, state: State) -> None:
        check_names("tscl-sampling: state", ("arms", "changes"), state)
        self._arms.load(state["arms"])
        self._changes = saved_fifo("tscl-sampling: changes", state["changes"], self._changes.shape)
