"""The teacher that all bandits over discrete tasks are: it hands out arms and logs how probable each was."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from teacherstudent.contract.spaces import Discrete
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Array, Assignment, FloatArray, IntArray, Seed, Wait
from teacherstudent.teachers.bandits.arms import Arms, Rules
from teacherstudent.teachers.bandits.policies import draw


class Bandit(Teacher[Discrete]):
    """Plays arms. An author writes `_probabilities`, `_values`, `_tell`, `_state` and `_load`.

    Rows carry a note ``propensity``: the probability that the row's arm had when it was handed out, given all
    that was told before. The episodes file holds it too. It is what off-policy evaluation weighs rows with.

    Args:
        space: the arms.
        seed: an integer of at least 0 or a ``SeedSequence``.
        rules: the options that bandits have in common.
        who: the teacher's registered name, for messages.

    Raises:
        TypeError: if the space is not discrete, or the seed is no integer.
        ValueError: if an option is out of range.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Discrete,)

    def __init__(self, space: Discrete, *, seed: Seed, rules: Rules, who: str) -> None:
        super().__init__(space, seed=seed)
        # A teacher that takes differences needs scores that are not gains already.
        self.differences = rules.reward != "score"
        self._arms = Arms(space, rules, who)

    @abstractmethod
    def _probabilities(self, progress: float) -> FloatArray:
        """Return ``(k,)`` how probable each arm is in the next draw."""

    @abstractmethod
    def _values(self) -> FloatArray:
        """Return ``(k,)`` what each arm is held to be worth; NaN where nothing is known."""

    def first_action(self) -> Wait | None:
        """Return how many outcomes it takes until every arm can have been played; None after them."""
        if self._arms.told.sum() >= self._arms.k:
            return None
        return Wait(self._arms.k, "choosing among all arms, each played once,", "fewer arms")

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        probabilities = self._probabilities(progress)
        # All rows of an ask are drawn from the same probabilities, so each row's note is exact.
        arms = draw(self.rng, probabilities, len(ids))
        return self._arms.hand(ids, arms, progress, probabilities[arms])

    def _drop(self, ids: IntArray) -> None:
        self._arms.drop(ids)

    def metrics(self) -> dict[str, float]:
        """Return where the probabilities lie (see `Arms.metrics`) and the greatest value."""
        values = self._values()
        # The last ask's progress is used, so the log shows the probabilities that were played.
        found = self._arms.metrics(self._probabilities(self._arms.progress))
        if not np.isnan(values).all():
            found["value_max"] = float(np.nanmax(values))
        return found

    def snapshot(self) -> dict[str, Array]:
        """Return `Arms.snapshot`: each arm's task, next probability, value and outcomes told; ``(k,)``."""
        return self._arms.snapshot(self._probabilities(self._arms.progress), self._values())
