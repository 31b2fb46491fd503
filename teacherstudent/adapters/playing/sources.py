"""Where the tasks of slots come from: a teacher, which hears what came of them, or a list, which does not."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from teacherstudent.adapters.serving.client import TeacherClient
from teacherstudent.adapters.serving.server import reachable
from teacherstudent.adapters.watching import AnyTeacher, asked, check_budget, check_teacher, let_travel
from teacherstudent.contract.types import Array, IntArray, Outcomes, Seed
from teacherstudent.slots.fixed_tasks import FixedTasks


class Source(Protocol):
    """Gives tasks to slots."""

    def take(self, slots: IntArray) -> tuple[IntArray, Array]:
        """Return an id ``(k,)`` and a task ``(k, *space.shape)`` for each of these slots."""

    def tell(self, outcomes: Outcomes) -> None:
        """Take in what came of some."""

    def drop(self, ids: IntArray) -> None:
        """Take in that nothing will come of these."""

    def rewind(self) -> bool:
        """Begin anew, as all slots do; return whether tasks that were taken and not begun count no longer."""


class FromTeacher:
    """Tasks that a teacher chooses, of episodes.

    Attributes:
        teacher: the teacher, or a client of one.
        budget: steps over which its progress goes from 0 to 1; infinite for none.
        steps: steps so far, of all slots together.

    Args:
        teacher: see `TeacherEnv`.
        mastered: whether the adapter says of every episode if it succeeded.
        budget: see `TeacherEnv`.
        where: the adapter, for messages.
    """

    def __init__(
        self, teacher: AnyTeacher, *, mastered: float | None, budget: float | None, where: str
    ) -> None:
        teacher = reachable(teacher)
        check_teacher(teacher, mastered, where)
        self.teacher: AnyTeacher = teacher
        self.budget = check_budget(budget)
        self.steps = 0
        self._where = where
        let_travel(teacher, lambda: (self.budget, self.steps))

    def take(self, slots: IntArray) -> tuple[IntArray, Array]:
        """Ask for a task for each slot (raises as `asked`)."""
        # Without a budget this divides by infinity, and the progress stays 0.
        progress = min(1.0, self.steps / self.budget)
        assignment = asked(self.teacher, len(slots), progress, self._where)
        return assignment.ids, assignment.tasks

    def tell(self, outcomes: Outcomes) -> None:
        """Tell the teacher."""
        self.teacher.tell(outcomes)

    def drop(self, ids: IntArray) -> None:
        """Drop tasks whose episodes are given up."""
        self.teacher.drop(ids)

    def rewind(self) -> bool:
        """Go on: the teacher's tasks count wherever they begin."""
        return False

    @property
    def elsewhere(self) -> bool:
        """Whether the teacher is in another process."""
        return isinstance(self.teacher, TeacherClient)


class FromList:
    """Given tasks in turn, the same after every reset of all slots; nobody is told of them."""

    def __init__(self, tasks: npt.ArrayLike, slots: int, *, seed: Seed = 0) -> None:
        self._fixed = FixedTasks(np.asarray(tasks), slots, seed=seed)

    def take(self, slots: IntArray) -> tuple[IntArray, Array]:
        """Return the slots' next tasks and their places in the list."""
        return self._fixed.take(slots)

    def tell(self, outcomes: Outcomes) -> None:
        """Let test episodes go, which their player reads from the infos."""

    def drop(self, ids: IntArray) -> None:
        """Let episodes that were not finished go."""

    def rewind(self) -> bool:
        """Begin with the first tasks."""
        self._fixed.rewind()
        return True
