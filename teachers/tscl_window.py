"""TSCL window: prefer the arm whose last scores have the steepest slope."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from teacherstudent.fitting.arms import Arms, Moves, Reward, Rules, push, slopes
from teacherstudent.fitting.policies import Policy, check_policy, choose, draw
from teacherstudent.registry import TEACHERS
from teacherstudent.spaces import Discrete
from teacherstudent.teacher import Teacher
from teacherstudent.types import Array, Assignment, FloatArray, IntArray, Outcomes, Seed, State, check_names

POLICIES = {"epsilon": 0.1, "boltzmann": 4e-4}


@TEACHERS.register("tscl-window")
class TSCLWindow(Teacher[Discrete]):
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
        reward, per_cost, moves, final, score_range: see `teacherstudent.fitting.arms.Rules`. For a stage's
            gain: ``reward="score", per_cost=True``.
        window: scores kept for each arm, at least 2.
        policy: ``("epsilon", share of uniform draws)`` or ``("boltzmann", temperature)``; a name alone takes
            the authors' 0.1 and 0.0004.

    Raises:
        TypeError: if the space is not discrete, or the seed is no integer.
        ValueError: if an option is out of range.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Discrete,)

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
        super().__init__(space, seed=seed)
        self.differences = reward != "score"
        rules = Rules(reward=reward, per_cost=per_cost, moves=moves, final=final, score_range=score_range)
        self._arms = Arms(space, rules, "tscl-window")
        if window < 2:
            raise ValueError(f"tscl-window: window: expected at least 2 scores, got {window}")
        self.policy = check_policy("tscl-window", policy, POLICIES)
        self._times, self._curves = np.full((2, self._arms.k, window), np.nan)

    def _probabilities(self, progress: float) -> FloatArray:
        value = slopes(self._times, self._curves)
        return choose(self.policy, self._arms.appeal(value), self._arms.allowed(progress))

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        arms = draw(self.rng, self._probabilities(progress), len(ids))
        return self._arms.hand(ids, arms, progress)

    def _tell(self, outcomes: Outcomes) -> None:
        told = self._arms.take(outcomes)
        rows = ~np.isnan(told.curve)
        push(self._times, told.arm[rows], told.time[rows])
        push(self._curves, told.arm[rows], told.curve[rows])

    def metrics(self) -> dict[str, float]:
        """Return where the probabilities lie (see `Arms.metrics`) and the greatest slope."""
        probabilities = self._probabilities(self._arms.progress)
        value = slopes(self._times, self._curves)
        return self._arms.metrics(probabilities) | {"value_max": float(value.max())}

    def snapshot(self) -> dict[str, Array]:
        """Return `Arms.snapshot`; the value is the slope."""
        value = slopes(self._times, self._curves)
        return self._arms.snapshot(self._probabilities(self._arms.progress), value)

    def _state(self) -> State:
        return {"arms": self._arms.state(), "times": self._times.copy(), "curves": self._curves.copy()}

    def _load(self, state: State) -> None:
        check_names("tscl-window: state", ("arms", "times", "curves"), state)
        self._arms.load(state["arms"])
        self._times, self._curves = (np.array(state[name], np.float64) for name in ("times", "curves"))
