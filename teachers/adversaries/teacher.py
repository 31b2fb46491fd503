"""What the teachers have in common whose tasks are built by an adversary that learns, alone or for a pair."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from teacherstudent.contract.checks import check_names
from teacherstudent.contract.spaces import Box, Levels
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import (
    Assignment,
    BoolArray,
    FloatArray,
    Granularity,
    IntArray,
    Outcomes,
    Seed,
    State,
)
from teacherstudent.teachers.adversaries.learner import Adversary, check_rewards, reward_of
from teacherstudent.teachers.adversaries.ppo import AdversaryOptions
from teacherstudent.teachers.adversaries.regret import ANTAGONIST, PROTAGONIST, Regret


class AdversaryTeacher(Teacher[gym.Space[Any]]):
    """Base of teachers whose adversary builds every task; they write `_tell`, which gives it its rewards.

    Args:
        space: a box, or levels with a method ``builder``.
        seed: an integer of at least 0 or a ``SeedSequence``.
        adversary: its networks and PPO, `AdversaryOptions` or some of them by name.
        builder: options of the space's builder.
        device: of the networks.

    Raises:
        TypeError: if nothing can be built in the space, there is no such option, or the seed is no integer.
        ValueError: if an option is out of range, or the space is empty or unbounded.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Box, Levels)
    granularity: Granularity = "rollout"

    def __init__(
        self,
        space: gym.Space[Any],
        *,
        seed: Seed,
        adversary: AdversaryOptions | Mapping[str, Any] | None = None,
        builder: Mapping[str, Any] | None = None,
        device: str = "cpu",
    ) -> None:
        super().__init__(space, seed=seed)
        self._adversary = Adversary(space, self.rng, options=adversary, builder=builder, device=device)

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        return Assignment(ids=ids, tasks=self._adversary.build(ids, np.arange(len(ids))))

    def _drop(self, ids: IntArray) -> None:
        self._adversary.drop(ids)

    def spent(self) -> dict[str, float]:
        """Return the adversary's steps: ``adversary``."""
        return self._adversary.spent()

    def decisions(self) -> int:
        """Return how often the adversary has learnt."""
        return self._adversary.updates

    def steered(self, assignment: Assignment) -> BoolArray:
        """Return ``(n,)`` whether the rows were built by an adversary that has learnt."""
        return np.full(len(assignment), self._adversary.updates > 0)

    def metrics(self) -> dict[str, float]:
        """Return tasks built, steps, updates, and of the last update mean reward, losses and entropy."""
        return self._adversary.metrics()

    def _state(self) -> State:
        return {"adversary": self._adversary.state_dict()}

    def _load(self, state: State) -> None:
        check_names("adversary teacher: state", ("adversary",), state)
        self._adversary.load_state_dict(state["adversary"])


class PairTeacher(AdversaryTeacher):
    """Base of teachers whose tasks are played by two members, a protagonist and an antagonist.

    The first half of the rows of an ask are the protagonist's (member 0), the others the antagonist's (member
    1); of an odd number the first half is the longer one. Both halves hold the same tasks, each built by an
    episode of the adversary. Its reward is the regret of the task
    (`teacherstudent.teachers.adversaries.regret.Regret`), known when both rows have come back. A task of
    which a row never comes back is left out of its update, and so is the row of the longer half that has no
    partner.

    Args:
        space, seed, adversary, builder, device: as of `AdversaryTeacher`.
        estimator: of regret.

    Raises:
        TypeError, ValueError: as of `AdversaryTeacher`; if there is no such estimator.
    """

    needs = frozenset({"max_return"})
    members = 2

    def __init__(
        self,
        space: gym.Space[Any],
        *,
        seed: Seed,
        estimator: str,
        adversary: AdversaryOptions | Mapping[str, Any] | None,
        builder: Mapping[str, Any] | None,
        device: str,
    ) -> None:
        super().__init__(space, seed=seed, adversary=adversary, builder=builder, device=device)
        self._regret = Regret(type(self).__name__, estimator)

    def _halves(self, ids: IntArray) -> tuple[IntArray, IntArray]:
        """Return the protagonist's and the antagonist's rows."""
        # The protagonist has the longer half, so every row of the antagonist has a partner.
        first = (len(ids) + 1) // 2
        return ids[:first], ids[first:]

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        mine, other = self._halves(ids)
        # Row i of the second half plays the same task as row i of the first half.
        task = np.arange(len(ids)) % len(mine)
        tasks = self._adversary.build(ids, task)
        self._regret.pair(mine, other)
        member = np.repeat([PROTAGONIST, ANTAGONIST], [len(mine), len(other)])
        return Assignment(ids=ids, tasks=tasks, member=member)

    def _returns(self, outcomes: Outcomes) -> tuple[FloatArray, FloatArray]:
        """Return mean and highest return of rows, ``(n,)`` each.

        Raises:
            ValueError: if one is too large for a reward of the adversary.
        """
        return check_rewards("score", outcomes.score), reward_of(outcomes, "max_return")

    def _reward(self, ids: IntArray, mean: FloatArray, best: FloatArray) -> None:
        """Give the adversary the regret of the tasks both of whose rows have come back."""
        # Rows without a partner are found first: `take` forgets the pairs that are complete.
        alone = ids[~self._regret.holds(ids)]
        self._adversary.tell(*self._regret.take(ids, mean, best))
        self._adversary.drop(alone)

    def _drop(self, ids: IntArray) -> None:
        # The partner of a dropped row can have no regret any more, so it is dropped too.
        super()._drop(np.concatenate([ids, self._regret.drop(ids)]))

    def _state(self) -> State:
        return {**super()._state(), "regret": self._regret.state()}

    def _load(self, state: State) -> None:
        check_names("adversary teacher: state", ("adversary", "regret"), state)
        super()._load({"adversary": state["adversary"]})
        self._regret.load(state["regret"])
