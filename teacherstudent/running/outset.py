"""Whether a budget lasts until its teacher begins to act on what it is told, said before it is spent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from teacherstudent.contract.student import Student, row_cost
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Wait

_LOOK = 0.02
"""Share of the budget after which rows are counted, where their cost is not known before."""


def too_short(teacher: Teacher[Any], student: Student, budget: float) -> str | None:
    """Return what to say of a budget that ends before the teacher acts; None if it lasts or nobody knows.

    Args:
        teacher: it says what it waits for (`Teacher.first_action`).
        student: it says what a row costs, if it knows.
        budget: the cost that the run itself may spend.
    """
    wait = teacher.first_action()
    cost = row_cost(student)
    if wait is None or cost is None or budget / cost > wait.rows:
        return None
    told = f"the budget of {budget:g} holds {budget / cost:.0f} of {cost:g} each: it never will"
    return _text(teacher, wait, told, cost)


class Outset:
    """Says once, as early as it can be known, that a budget ends before its teacher acts.

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

    def begin(self) -> None:
        """Look before the first round."""
        text = too_short(self._teacher, self._student, self._budget)
        if text is not None:
            self._say(text)

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
            # Before any row has come, the cost of one is at least all that was spent.
            self._say(_text(self._teacher, self._wait, told, self._cost / max(1, self._rows)))
        # The question is answered once, whatever the answer is.
        self._wait = None


def _text(teacher: Teacher[Any], wait: Wait, told: str, cost: float) -> str:
    return (
        f"{type(teacher).__name__}: {wait.what} begins after {wait.rows} outcomes at least, and {told}. "
        f"Expected a budget above {wait.rows * cost:.3g}, or {wait.remedy}"
    )
