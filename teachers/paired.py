"""PAIRED: an adversary that learns to build the tasks on which the student has most regret."""

from __future__ import annotations

from typing import ClassVar

from teacherstudent.fitting.adversary import reward_of
from teacherstudent.fitting.adversary_teacher import AdversaryTeacher
from teacherstudent.registry import TEACHERS
from teacherstudent.types import FloatArray, Outcomes


@TEACHERS.register("paired")
class PAIRED(AdversaryTeacher):
    """Builds tasks by a learned adversary whose reward is the student's regret against an antagonist.

    Dennis et al. 2020, "Emergent complexity and zero-shot transfer via unsupervised environment design",
    https://arxiv.org/abs/2012.02096, algorithm 1 (protagonist antagonist induced regret environment design).

    The student is a pair, protagonist and antagonist, that reports the signal ``regret``: in this package
    `antagonist`. It wants two rows for each of its n slots; rows 0 to n - 1 are the protagonist's, rows n to
    2 n - 1 the antagonist's, and here both halves hold the same n tasks, each built by an episode of the
    adversary (`teacherstudent.builder`). The mean regret of a task's rows is the reward of the adversary's
    last action, and PPO updates it when all rows of a batch have come back. Of an odd number of rows the
    first half is the longer one.

    A student without a completed episode in its rollout counts with its return so far in the regret.

    Which regret is the student's option: ``paired`` (best return of the antagonist less mean return of the
    protagonist, at least 0; algorithm 1), ``flexible`` (whoever has the better best return on a task is the
    antagonist), ``population`` (best of both less mean of both), ``unclipped`` (as ``paired``, also below 0).

    Deviations from the paper: the adversary has no recurrent state, and its networks are as
    `teacherstudent.fitting.adversary_network.AdversaryNetwork` says; noise is drawn anew for each action, as
    in the successors' code; on a box the adversary draws from a squashed Gaussian with the density of what is
    drawn, which that code leaves out. Rows that never come back are left out of the update.

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

    needs: ClassVar[frozenset[str]] = frozenset({"regret"})
    paired: ClassVar[bool] = True

    def _reward(self, outcomes: Outcomes) -> FloatArray:
        return reward_of(outcomes, "regret")
