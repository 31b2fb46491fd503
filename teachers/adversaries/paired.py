"""PAIRED: an adversary that learns to build the tasks on which the student has most regret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym

from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.types import Outcomes, Seed
from teacherstudent.teachers.adversaries.ppo import AdversaryOptions
from teacherstudent.teachers.adversaries.teacher import PairTeacher


@TEACHERS.register("paired")
class PAIRED(PairTeacher):
    """Builds tasks by a learned adversary whose reward is the student's regret against an antagonist.

    Dennis et al. 2020, "Emergent complexity and zero-shot transfer via unsupervised environment design",
    https://arxiv.org/abs/2012.02096, algorithm 1 (protagonist antagonist induced regret environment design).

    The student has two members: member 0 is the protagonist, member 1 the antagonist. Each task is built by
    an episode of the adversary (`teacherstudent.contract.tasks.builder`) and played by both, one row each.
    Its regret is the reward of the adversary's last action, and PPO updates it when all rows of a batch have
    come back. A member without a completed episode in its rollout counts with its return so far.

    Deviations from the paper: the adversary has no recurrent state, and its networks are as
    `teacherstudent.teachers.adversaries.network.AdversaryNetwork` says; noise is drawn anew for each action,
    as in the successors' code; on a box the adversary draws from a squashed Gaussian with the density of what
    is drawn, which that code leaves out. Rows that never come back are left out of the update.

    Args:
        space: a box, or levels with a method ``builder``.
        seed: an integer of at least 0 or a ``SeedSequence``.
        estimator: of regret: ``"paired"`` (best return of the antagonist less mean return of the protagonist,
            at least 0; algorithm 1), ``"flexible"`` (whoever has the better best return on a task is the
            antagonist), ``"population"`` (best of both less mean of both), ``"unclipped"`` (as ``"paired"``,
            also below 0).
        adversary: its networks and PPO, `AdversaryOptions` or some of them by name.
        builder: options of the space's builder.
        device: of the networks.

    Raises:
        TypeError: if nothing can be built in the space, there is no such option, or the seed is no integer.
        ValueError: if an option is out of range, or the space is empty or unbounded.
    """

    def __init__(
        self,
        space: gym.Space[Any],
        *,
        seed: Seed,
        estimator: str = "paired",
        adversary: AdversaryOptions | Mapping[str, Any] | None = None,
        builder: Mapping[str, Any] | None = None,
        device: str = "cpu",
    ) -> None:
        super().__init__(
            space, seed=seed, estimator=estimator, adversary=adversary, builder=builder, device=device
        )

    def _tell(self, outcomes: Outcomes) -> None:
        # Both members' rows are told as they come; `_reward` waits for the partner.
        mean, best = self._returns(outcomes)
        self._reward(outcomes.ids, mean, best)
