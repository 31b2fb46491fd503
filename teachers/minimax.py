"""Minimax: an adversary that learns to build the tasks on which the student does worst."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from teacherstudent.fitting.adversary import Adversary, signal
from teacherstudent.fitting.adversary_ppo import AdversaryOptions
from teacherstudent.registry import TEACHERS
from teacherstudent.spaces import Box, Levels
from teacherstudent.teacher import Teacher
from teacherstudent.types import Assignment, Granularity, IntArray, Outcomes, Seed, State, check_names


@TEACHERS.register("minimax")
class Minimax(Teacher[gym.Space[Any]]):
    """Builds tasks by a learned adversary whose reward is minus the student's best return on a task.

    The baseline of Dennis et al. 2020, "Emergent complexity and zero-shot transfer via unsupervised
    environment design", https://arxiv.org/abs/2012.02096, section 4, after Pinto et al. 2017, "Robust
    adversarial reinforcement learning", https://arxiv.org/abs/1703.02702. It drifts to tasks that nobody can
    solve.

    A task is built by an episode of the adversary (`teacherstudent.builder`); the student plays it for one
    rollout; minus the highest return of a completed episode (signal ``max_return``) is the reward of the
    adversary's last action, and PPO updates it when all tasks of a batch have come back.

    Deviations from the paper: the adversary has no recurrent state; networks as
    `teacherstudent.fitting.adversary_network.AdversaryNetwork` says; on a box it draws from a squashed
    Gaussian. Tasks that never come back are left out of the update.

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
    needs: ClassVar[frozenset[str]] = frozenset({"max_return"})
    granularity: ClassVar[Granularity] = "rollout"

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

    def _tell(self, outcomes: Outcomes) -> None:
        self._adversary.tell(outcomes.ids, -signal(outcomes, "max_return"))

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
        check_names("minimax: state", ("adversary",), state)
        self._adversary.load_state_dict(state["adversary"])
