"""TSCL window: prefer the arm whose last scores have the steepest slope."""

from __future__ import annotations

import numpy as np

from teacherstudent.contract.checks import check_names, check_whole
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Discrete
from teacherstudent.contract.stored.saved import saved_fifo
from teacherstudent.contract.types import FloatArray, Outcomes, Seed, State
from teacherstudent.teachers.bandits.arms import Moves, Reward, Rules, push, slopes
from teacherstudent.teachers.bandits.policies import Policy, check_policy, choose
from teacherstudent.teachers.bandits.teacher import Bandit

POLICIES = {"epsilon": 0.1, "boltzmann": 4e-4}


@TEACHERS.register("tscl-window")
class TSCLWindow(Bandit):
    """Prefers the arm with the steepest slope over its last scores (TSCL, window algorithm).

    Matiisen, Oliver, Cohen and Schulman 2017, "Teacher-student curriculum learning",
    https://arxiv.org/abs/1707.00183, algorithm "Window".

    Each arm keeps its last ``window`` scores with their times. Q is their least-squares slope, 1 while there
    are fewer than two, which is optimistic where scores have a range of 1 (see ``score_range``). Policies
    compare ``|Q|`` (not for other values of ``reward`` than ``"progress"``). The time is the count of all
    outcomes, or their cost for ``per_cost``.

    Deviations from the paper:

    - one outcome tells of its own arm only; the authors' supervised experiments score all arms at once;
    - for ``reward="score"`` the curve is the sum of the arm's gains over its own outcomes or cost, and
      begins at the oldest gain of the window: this one is not part of the slope;
    - a slope over points of the same time (all of cost 0) is 0.

    A batch told at once gives the state of its rows told one by one.

    Args:
        space: the arms.
        seed: an integer of at least 0 or a ``SeedSequence``.
        reward, per_cost, moves, final, score_range: see `teacherstudent.teachers.bandits.arms.Rules`. For a
            stage's gain: ``reward="score", per_cost=True``.
        window: scores kept for each arm, at least 2.
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
        super().__init__(space, seed=seed, rules=rules, who="tscl-window")
        self.policy = check_policy("tscl-window", policy, POLICIES)
        shape = (2, self._arms.k, check_whole("tscl-window: window", window, 2, 10**6))
        self._times, self._curves = np.full(shape, np.nan)
        # The slope of each arm: it follows from the two above, so it is not saved.
        self._slope = np.ones(self._arms.k)

    def _probabilities(self, progress: float) -> FloatArray:
        return choose(self.policy, self._arms.appeal(self._values()), self._arms.allowed(progress))

    def _values(self) -> FloatArray:
        return self._slope

    def _tell(self, outcomes: Outcomes) -> None:
        told = self._arms.take(outcomes)
        rows = ~np.isnan(told.curve)
        push(self._times, told.arm[rows], told.time[rows])
        push(self._curves, told.arm[rows], told.curve[rows])
        # Only arms with new points can have another slope.
        changed = np.unique(told.arm[rows])
        self._slope[changed] = slopes(self._times[changed], self._curves[changed])

    def _state(self) -> State:
        return {"arms": self._arms.state(), "times": self._times.copy(), "curves": self._curves.copy()}

    def _load(self, state: State) -> None:
        check_names("tscl-window: state", ("arms", "times", "curves"), state)
        self._arms.load(state["arms"])
        shape = self._times.shape
        self._times, self._curves = (
            saved_fifo(f"tscl-window: {name}", state[name], shape) for name in ("times", "curves")
        )
        if not np.array_equal(np.isnan(self._times), np.isnan(self._curves)):
            raise ValueError("tscl-window: times, curves: expected as many times as scores of each arm")
        self._slope = slopes(self._times, self._curves)
