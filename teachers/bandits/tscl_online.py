"""TSCL online: prefer the arm whose score changes most, by a running mean of changes."""

from __future__ import annotations

import numpy as np

from teacherstudent.contract.checks import check_names, is_number
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Discrete
from teacherstudent.contract.stored.saved import saved_array
from teacherstudent.contract.types import FloatArray, Outcomes, Seed, State
from teacherstudent.teachers.bandits.arms import Moves, Reward, Rules
from teacherstudent.teachers.bandits.policies import Policy, check_policy, choose
from teacherstudent.teachers.bandits.teacher import Bandit

POLICIES = {"epsilon": 0.1, "boltzmann": 4e-4}


@TEACHERS.register("tscl-online")
class TSCLOnline(Bandit):
    """Keeps a running mean of each arm's score changes and prefers the greatest (TSCL, online algorithm).

    Matiisen, Oliver, Cohen and Schulman 2017, "Teacher-student curriculum learning",
    https://arxiv.org/abs/1707.00183, algorithm "Online".

    An outcome's reward is the arm's score less its last one; ``Q += rate (reward - Q)``, from 0. Policies
    compare ``|Q|``, so that an arm that is being forgotten is trained again (not for other values of
    ``reward`` than ``"progress"``, where a negative reward is a harm).

    Deviations from the paper:

    - an arm's first score has nothing to be compared with and leaves Q at 0; the authors' code takes 0 as the
      score before it (``reward="signed"``);
    - one outcome tells of its own arm only; the authors' supervised experiments score all arms at once.

    The outcomes of a batch count one after the other, in its order.

    Args:
        space: the arms.
        seed: an integer of at least 0 or a ``SeedSequence``.
        reward, per_cost, moves, final, score_range: see `teacherstudent.teachers.bandits.arms.Rules`. For a
            stage's gain: ``reward="score", per_cost=True``.
        rate: step of the running mean, in (0, 1].
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
        policy: Policy | str = "epsilon",
    ) -> None:
        rules = Rules(
            reward=reward,
            per_cost=per_cost,
            moves=moves,
            final=final,
            score_range=score_range,
        )
        super().__init__(space, seed=seed, rules=rules, who="tscl-online")
        if not (is_number(rate) and 0 < rate <= 1):
            raise ValueError(f"tscl-online: rate: expected a step in (0, 1], got {rate!r}")
        self.rate, self.policy = rate, check_policy("tscl-online", policy, POLICIES)
        self._value = np.zeros(self._arms.k)

    def _probabilities(self, progress: float) -> FloatArray:
        return choose(self.policy, self._arms.appeal(self._value), self._arms.allowed(progress))

    def _values(self) -> FloatArray:
        return self._value

    def _tell(self, outcomes: Outcomes) -> None:
        told = self._arms.take(outcomes)
        rows = np.flatnonzero(~np.isnan(told.gain))
        # One after the other: every step starts from the value before it.
        for arm, gain in zip(told.arm[rows].tolist(), told.gain[rows].tolist(), strict=True):
            self._value[arm] += self.rate * (gain - self._value[arm])

    def _state(self) -> State:
        return {"arms": self._arms.state(), "value": self._value.copy()}

    def _load(self, state: State) -> None:
        check_names("tscl-online: state", ("arms", "value"), state)
        self._arms.load(state["arms"])
        self._value = saved_array("tscl-online: value", state["value"], np.float64, self._value.shape)
