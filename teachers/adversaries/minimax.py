"""Minimax: an adversary that learns to build the tasks on which the student does worst."""

from __future__ import annotations

from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.types import Outcomes
from teacherstudent.teachers.adversaries.learner import reward_of
from teacherstudent.teachers.adversaries.teacher import AdversaryTeacher


@TEACHERS.register("minimax")
class Minimax(AdversaryTeacher):
    """Builds tasks by a learned adversary whose reward is minus the student's best return on a task.

    The baseline of Dennis et al. 2020, "Emergent complexity and zero-shot transfer via unsupervised
    environment design", https://arxiv.org/abs/2012.02096, section 4, after Pinto et al. 2017, "Robust
    adversarial reinforcement learning", https://arxiv.org/abs/1703.02702. It drifts to tasks that nobody can
    solve.

    A task is built by an episode of the adversary (`teacherstudent.contract.tasks.builder`); the student
    plays it for one rollout; minus the highest return of a completed episode (signal ``max_return``) is the
    reward of the adversary's last action, and PPO updates it when all tasks of a batch have come back. A row
    without a
    completed episode counts with its return so far, which is what students report for it: where rewards come
    at the end of an episode, as in mazes, that is a return of 0, the same as a failure's.

    Deviations from the paper: the adversary has no recurrent state; networks as
    `teacherstudent.teachers.adversaries.network.AdversaryNetwork` says; on a box it draws from a squashed
    Gaussian. Tasks that never come back are left out of the update.

    Args:
        space: a box, or levels with a method ``builder``.
        seed: an integer of at least 0 or a ``SeedSequence``.
        adversary, builder, device: as of `PAIRED`.

    Raises:
        TypeError: if nothing can be built in the space, there is no such option, or the seed is no integer.
        ValueError: if an option is out of range, or the space is empty or unbounded.
    """

    needs: frozenset[str] = frozenset({"max_return"})

    def _tell(self, outcomes: Outcomes) -> None:
        # The adversary is paid for the student's failure.
        self._adversary.tell(outcomes.ids, -reward_of(outcomes, "max_return"))
