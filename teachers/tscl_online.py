"""TSCL online: prefer the arm whose score changes most, by a running mean of changes."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from teacherstudent.fitting.arms import Arms, Moves, Reward, Rules
from teacherstudent.fitting.policies import Policy, check_policy, choose, draw
from teacherstudent.registry import TEACHERS
from teacherstudent.spaces import Discrete
from teacherstudent.teacher import Teacher
from teacherstudent.types import Array, Assignment, FloatArray, IntArray, Outcomes, Seed, State, check_names

POLICIES = {"epsilon": 0.1, "boltzmann": 4e-4}


@TEACHERS.register("tscl-online")
class TSCLOnline(Teacher[Discrete]):
    """Keeps a running mean of each arm's score changes and prefers the greatest (TSCL, online algorithm).

    Matiisen, Oliver, Cohen and Schulman 2017, "Teacher-student curriculum learning",
    https://arxiv.org/abs/1707.00183, algorithm "Online".

    An outcome's reward is the arm's score less its last one; ``Q += rate (reward - Q)``, from 0. Policies
    compare ``|Q|``, so that an arm that is being forgotten is trained again (not for other values of
    ``reward`` than ``"progress"``, where a negative reward is a harm).

    Deviations from the paper:

    - an arm's first score has nothing to be compared with and leaves Q at 0; the authors' code takes 0 as the
      score before it;
    - one outcome tells of its own arm only; the authors' supervised experiments score all arms at once.

    The outcomes of a batch count one after the other, in its order.

    Args:
        space: the arms.
        seed: an integer of at least 0 or a ``SeedSequence``.
        reward, per_cost, moves, final, score_range: see `teacherstudent.fitting.arms.Rules`. For a stage's
            gain: ``reward="score", per_cost=True``.
        rate: step of the running mean, in (0, 1].
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
        rate: float = 0.1,
        policy: Policy | str = "epsilon",
    ) -> None:
        super().__init__(space, seed=seed)
        self.differences = reward != "score"
        rules = Rules(reward=reward, per_cost=per_cost, moves=moves, final=final, score_range=score_range)
        self._arms = Arms(space, rules, "tscl-online")
        if not 0 < rate <= 1:
            raise ValueError(f"tscl-online: rate: expected a step in (0, 1], got {rate}")
        self.rate, self.policy = rate, check_policy("tscl-online", policy, POLICIES)
        self._value = np.zeros(self._arms.k)

    def _probabilities(self, progress: float) -> FloatArray:
        return choose(self.policy, self._arms.appeal(self._value), self._arms.allowed(progress))

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        arms = draw(self.rng, self._probabilities(progress), len(ids))
        return self._arms.hand(ids, arms, progress)

    def _tell(self, outcomes: Outcomes) -> None:
        told = self._arms.take(outcomes)
        rows = np.flatnonzero(~np.isnan(told.gain))
        for arm, gain in zip(told.arm[rows].tolist(), told.gain[rows].tolist(), strict=True):
            self._value[arm] += self.rate * (gain - self._value[arm])

    def metrics(self) -> dict[str, float]:
        """Return where the probabilities lie (see `Arms.metrics`) and the greatest value."""
        probabilities = self._probabilities(self._arms.progress)
        return self._arms.metrics(probabilities) | {"value_max": float(self._value.max())}

    def snapshot(self) -> dict[str, Array]:
        """Return `Arms.snapshot`; the value is Q."""
        return self._arms.snapshot(self._probabilities(self._arms.progress), self._value)

    def _state(self) -> State:
        return {"arms": self._arms.state(), "value": self._value.copy()}

    def _load(self, state: State) -> None:
        check_names("tscl-online: state", ("arms", "value"), state)
        self._arms.load(state["arms"])
        self._value = np.array(state["value"], np.float64)
