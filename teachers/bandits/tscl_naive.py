"""TSCL naive: train one arm for a block, take the slope of its scores."""

from __future__ import annotations

import numpy as np

from teacherstudent.contract.checks import check_names, check_whole, is_number
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Discrete
from teacherstudent.contract.stored.saved import saved_array, saved_whole
from teacherstudent.contract.types import Assignment, FloatArray, IntArray, Outcomes, Seed, State
from teacherstudent.teachers.bandits.arms import Moves, Reward, Rules, slopes
from teacherstudent.teachers.bandits.policies import Policy, check_policy, choose, draw
from teacherstudent.teachers.bandits.teacher import Bandit

POLICIES = {"epsilon": 0.1, "boltzmann": 4e-4}


@TEACHERS.register("tscl-naive")
class TSCLNaive(Bandit):
    """Trains an arm for a block and keeps a running mean of its slopes over blocks (TSCL, naive algorithm).

    Matiisen, Oliver, Cohen and Schulman 2017, "Teacher-student curriculum learning",
    https://arxiv.org/abs/1707.00183, algorithm "Naive".

    An arm is chosen and handed out ``window`` times. Whenever an arm has had ``window`` outcomes, the
    least-squares slope of its scores over their times updates ``Q += rate (slope - Q)``, from 0, and the
    arm's next block begins. Policies compare ``|Q|`` (not for other values of ``reward`` than
    ``"progress"``). The time is the count of all outcomes, or their cost for ``per_cost``.

    Deviations from the paper, which trains one task after the other:

    - an ask of more than a block hands out several, each of an arm of its own; outcomes that come late count
      for their own arm's block;
    - for ``reward="score"`` the curve is the sum of the arm's gains over its own outcomes or cost, and
      begins at the first of them: the first gain of a block is not part of its slope.

    The outcomes of a batch count one after the other, in its order.

    Args:
        space: the arms.
        seed: an integer of at least 0 or a ``SeedSequence``.
        reward, per_cost, moves, final, score_range: see `teacherstudent.teachers.bandits.arms.Rules`. For a
            stage's gain: ``reward="score", per_cost=True``.
        rate: step of the running mean, in (0, 1].
        window: outcomes of a block, at least 2.
        policy: ``("epsilon", share of uniform draws)`` or ``("boltzmann", temperature)``; a name alone takes
            the authors' 0.1 and 0.0004.

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
        rate: float = 0.1,
        window: int = 10,
        policy: Policy | str = "epsilon",
    ) -> None:
        rules = Rules(
            reward=reward,
            per_cost=per_cost,
            moves=moves,
            final=final,
            score_range=score_range,
        )
        super().__init__(space, seed=seed, rules=rules, who="tscl-naive")
        if not (is_number(rate) and 0 < rate <= 1):
            raise ValueError(f"tscl-naive: rate: expected a step in (0, 1], got {rate!r}")
        self.rate, self.window = rate, check_whole("tscl-naive: window", window, 2, 10**6)
        self.policy = check_policy("tscl-naive", policy, POLICIES)
        self._value = np.zeros(self._arms.k)
        # How often the present arm is still handed out.
        self._rest = 0
        # Arm, time and curve of the blocks that are not complete.
        self._points = np.empty((0, 3))

    def _probabilities(self, progress: float) -> FloatArray:
        return choose(self.policy, self._arms.appeal(self._value), self._arms.allowed(progress))

    def _values(self) -> FloatArray:
        return self._value

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        n = len(ids)
        present = self._arms.position
        # A block goes on only while its arm is allowed.
        rest = 0
        if self._arms.allowed(progress)[present]:
            rest = min(self._rest, n)
        # The blocks that begin in this ask: (n - rest) / window, rounded up.
        blocks = -((rest - n) // self.window)
        arms = np.repeat(present, rest)
        # Within a block the arm is certain.
        propensity = np.ones(n)
        if blocks:
            probabilities = self._probabilities(progress)
            drawn = draw(self.rng, probabilities, blocks)
            arms = np.concatenate([arms, np.repeat(drawn, self.window)[: n - rest]])
            # Only the first row of a block was drawn.
            propensity[rest :: self.window] = probabilities[drawn]
            # What the last block has left goes over to the next ask.
            self._rest = rest + blocks * self.window - n
        else:
            self._rest -= n
        return self._arms.hand(ids, arms, progress, propensity)

    def _tell(self, outcomes: Outcomes) -> None:
        told = self._arms.take(outcomes)
        # A row without a curve has no point for a slope.
        new = np.column_stack([told.arm, told.time, told.curve])[~np.isnan(told.curve)]
        points = np.concatenate([self._points, new])
        left = np.ones(len(points), np.bool_)
        for arm in np.unique(new[:, 0]).astype(np.int64).tolist():
            rows = np.flatnonzero(points[:, 0] == arm)
            # Complete blocks only; the other points wait for more outcomes.
            rows = rows[: len(rows) // self.window * self.window]
            # One block a row: the slopes of all complete blocks come at once.
            _, times, curves = points[rows].T.reshape(3, -1, self.window)
            for slope in slopes(times, curves).tolist():
                self._value[arm] += self.rate * (slope - self._value[arm])
            left[rows] = False
        self._points = points[left]

    def _state(self) -> State:
        return {
            "arms": self._arms.state(),
            "value": self._value.copy(),
            "rest": self._rest,
            "points": self._points.copy(),
        }

    def _load(self, state: State) -> None:
        check_names("tscl-naive: state", ("arms", "value", "rest", "points"), state)
        self._arms.load(state["arms"])
        self._value = saved_array("tscl-naive: value", state["value"], np.float64, self._value.shape)
        self._rest = saved_whole("tscl-naive: rest", state["rest"], 0, self.window)
        self._points = saved_array("tscl-naive: points", state["points"], np.float64, (None, 3))
        arms = self._points[:, 0]
        if (arms % 1 != 0).any() or (arms < 0).any() or (arms >= self._arms.k).any():
            raise ValueError(f"tscl-naive: points: expected arms from 0 to {self._arms.k - 1}, got {arms}")
