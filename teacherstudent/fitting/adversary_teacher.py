"""What the teachers have in common whose tasks are built by an adversary that learns."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from teacherstudent.fitting.adversary import Adversary
from teacherstudent.fitting.adversary_ppo import AdversaryOptions
from teacherstudent.spaces import Box, Levels
from teacherstudent.teacher import Teacher
from teacherstudent.types import (
    Assignment,
    FloatArray,
    Granularity,
    IntArray,
    Outcomes,
    Seed,
    State,
    check_names,
)


class AdversaryTeacher(Teacher[gym.Space[Any]]):
    """Base of teachers whose adversary builds every task, and learns from the reward of each row told of.

    Attributes:
        paired: whether the student is a pair; the rows of an ask are then in two halves that hold the same
            tasks, the protagonist's and the antagonist's, see `first_half`.

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
    granularity: ClassVar[Granularity] = "rollout"
    paired: ClassVar[bool] = False

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
        rows = np.arange(len(ids))
        task = rows % first_half(len(ids)) if self.paired else rows
        return Assignment(ids=ids, tasks=self._adversary.build(ids, task))

    @abstractmethod
    def _reward(self, outcomes: Outcomes) -> FloatArray:
        """Return the adversary's reward for each row, ``(n,)``."""

    def _tell(self, outcomes: Outcomes) -> None:
        self._adversary.tell(outcomes.ids, self._reward(outcomes))

    def _drop(self, ids: IntArray) -> None:
        self._adversary.drop(ids)

    def spent(self) -> dict[str, float]:
        """Return the adversary's steps: ``adversary``."""
        return self._adversary.spent()

    def metrics(self) -> dict[str, float]:
        """Return tasks built, steps, updates, and of the last update mean reward, losses and entropy."""
        return self._adversary.metrics()

    def _state(self) -> State:
        return {"adversary": self._adversary.state_dict()}

    def _load(self, state: State) -> None:
        check_names("adversary teacher: state", ("adversary",), state)
        self._adversary.load_state_dict(state["adversary"])


def first_half(n: int) -> int:
    """Return how many of ``n`` rows are the protagonist's: of an odd number the longer half."""
    return (n + 1) // 2
