"""Whether a budget lasts until its teacher begins to act, counted in a run's first rounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from teacherstudent.contract.student import Student, row_cost
from teacherstudent.contract.teacher import Teacher
from teacherstudent.running.acting.outline import waiting

_LOOK = 0.02
"""Share of the budget after which rows are counted, where their cost is not known before."""


class Outset:
    """Says once, as early as it can be known, that a budget ends before its teacher acts.

    What is known before the run says `teacherstudent.running.acting.outline.Outline`.

    Args:
        teacher: of the run.
        student: of the run, bound as the teacher wants it.
        budget: the cost that the run itself may spend.
        say: is given the text.
    """

    def __init__(
        self, teacher: Teacher[Any], student: Student, budget: float, say: Callable[[str], None]
    ) -> None:
        self._teacher = teacher
        self._student = student
        self._budget = budget
        self._say = say
        # Only where the cost of a row is not known before do rows have to be counted.
        self._wait = teacher.first_action() if row_cost(student) is None else None
        self._rows = 0
        self._cost = 0.0

    def round(self, rows: int, cost: float) -> None:
        """Count a round's rows, and look once a small share of the budget is spent.

        By then few rows may have come: their number is taken as two standard errors higher than it is.
        """
        if self._wait is None:
            return
        self._rows += rows
        self._cost += cost
        if self._cost < _LOOK * self._budget:
            return
        # The estimate is generous (two standard errors, and one row more): a warning should not be wrong.
        likely = (self._rows + 2 * self._rows**0.5 + 1) * self._budget / self._cost
        if likely <= self._wait.rows:
            about = self._rows * self._budget / self._cost
            told = (
                f"the budget of {self._budget:g} holds about {about:.0f}, by the first {self._rows} of them: "
                "at this rate it never will"
            )
            name = type(self._teacher).__name__
            # Before any row has come, the cost of one is at least all that was spent.
            self._say(waiting(name, self._wait, told, self._cost / max(1, self._rows)))
        # The question is answered once, whatever the answer is.
        self._wait = None
