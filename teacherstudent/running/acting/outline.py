"""The plan of a run in plain words, before it begins: budget, tests, rows, when the teacher first acts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.contract.checks import check_mapping, check_whole, see
from teacherstudent.contract.family import Family, RLFamily
from teacherstudent.contract.student import AsksForMore, Student, row_cost
from teacherstudent.contract.teacher import Scales, Teacher, fit_options
from teacherstudent.contract.types import Assignment, Wait
from teacherstudent.running.budgets import plan_cost

LATE = 0.5
"""A teacher that first acts after this share of the budget is worth a note before the run."""

ANYWAY = "may_never_act=True of the plan (--may-never-act) lets the run begin all the same"


@dataclass(frozen=True, kw_only=True)
class Outline:
    """What is about to happen in a run.

    Attributes:
        teacher: its class's name.
        student: likewise.
        unit: what costs are counted in.
        budget: what the run itself may spend.
        planned: what it will spend, after rounding to whole rounds; None if rounds have no known price.
        round_cost: what a round costs; None likewise.
        tests: how often the test set is played, about.
        test_tasks: its size.
        test_steps: the most that all tests can cost, beside the budget; None if that is not known.
        slots: tasks that the student wants for the first round.
        per_row: what each row costs, or at most; None if neither is known.
        exact: whether each row costs exactly that.
        fitted: options of the teacher that follow the run's length (`contract.teacher.Scales`).
        acts: whether the teacher may act on what it is told (`Teacher.acts`).
        wait: what it waits for before it does.
    """

    teacher: str
    student: str
    unit: str
    budget: float
    planned: float | None
    round_cost: float | None
    tests: int
    test_tasks: int
    test_steps: float | None
    slots: int
    per_row: float | None
    exact: bool
    fitted: Mapping[str, Any]
    acts: bool
    wait: Wait | None

    @property
    def rows(self) -> float | None:
        """The rows that the budget holds, exactly or at least; None if that is not known."""
        if self.per_row is None:
            return None
        return self.budget / self.per_row

    @property
    def first_cost(self) -> float | None:
        """The cost at which the teacher first acts, or at the latest; None if that is not known, or never."""
        if self.wait is None or self.per_row is None:
            return None
        return self.wait.rows * self.per_row

    def refusal(self) -> str | None:
        """Return why the run cannot show anything of its teacher; None if it can, or nobody knows."""
        wait = self.wait
        if wait is None or self.per_row is None:
            return None
        # Where only the most that a row costs is known, each costs one unit at least: no more rows than that.
        least = self.per_row if self.exact else 1.0
        if self.budget / least > wait.rows:
            return None
        each = f"{least:g} each" if self.exact else f"{least:g} each at least"
        told = f"the budget of {self.budget:g} holds {self.budget / least:.0f} of {each}: it never will"
        return waiting(self.teacher, wait, told, least)

    def check(self, plan: Plan) -> None:
        """Refuse a run whose teacher cannot act, unless the plan allows it.

        Raises:
            ValueError: with the option to change.
        """
        text = self.refusal()
        if text is not None and not plan.may_never_act:
            raise ValueError(f"{text}; {ANYWAY}{see('when-a-curriculum-helps.md')}")

    def late(self) -> str | None:
        """Return what to say of a teacher that first acts late in the run; None if it does not."""
        if self.first_cost is None or not self.exact or self.first_cost <= LATE * self.budget:
            return None
        assert self.wait is not None
        return (
            f"{self.teacher}: {self.wait.what} begins after {self.wait.rows} outcomes at least, when "
            f"{self.first_cost / self.budget:.0%} of the budget are spent; {self.wait.remedy} lets it begin "
            "earlier"
        )

    def text(self) -> str:
        """Return the plan in plain words, several lines."""
        return "\n".join(
            [
                f"{self.teacher} teaches {self.student}",
                f"  budget        {self._budget()}",
                f"  tests         {self._tests()}",
                f"  rows          {self._rows()}",
                f"  tasks a round {self._tasks()}",
                f"  first action  {self._first()}",
            ]
        )

    def _budget(self) -> str:
        words = f"{self.budget:,.0f} {self.unit}"
        if self.planned is not None and self.round_cost is not None:
            rounds = math.ceil(self.planned / self.round_cost - 1e-9)
            words += f"; {self.planned:,.0f} in {rounds:,} whole rounds of {self.round_cost:,.0f}"
        return words

    def _tests(self) -> str:
        words = f"{self.tests} times {self.test_tasks} tasks, beside the budget"
        if self.test_steps is not None:
            share = self.test_steps / self.budget
            words += f": at most {self.test_steps:,.0f} {self.unit}, {share:.0%} of it"
        return words

    def _rows(self) -> str:
        if self.rows is None or self.per_row is None:
            return "not known before: what a row costs shows only in the run"
        if self.exact:
            return f"{self.rows:,.0f} of {self.per_row:,g} {self.unit} each"
        return f"at least {self.rows:,.0f}: an episode lasts at most {self.per_row:,.0f} {self.unit}"

    def _tasks(self) -> str:
        if self.exact:
            return f"{self.slots:,}"
        return f"{self.slots:,} at the start of the first one, and a new one whenever a slot is free"

    def _first(self) -> str:
        if not self.acts:
            return "none: this teacher does not act on what it is told"
        if self.wait is None:
            words = "with the first outcomes"
        else:
            words = f"{self.wait.what} after {self.wait.rows:,} rows"
            if self.first_cost is not None:
                latest = "" if self.exact else "at the latest "
                words += (
                    f", {latest}by {self.first_cost:,.0f} {self.unit}, {self.first_cost / self.budget:.0%}"
                )
                words += " of the budget"
        if self.fitted:
            chosen = ", ".join(f"{name}={value}" for name, value in self.fitted.items())
            words += f" (chosen by the budget: {chosen})"
        return words

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers as plain data, for the manifest."""
        first = None
        if self.wait is not None:
            first = {"what": self.wait.what, "rows": self.wait.rows, "cost": self.first_cost}
        return {
            "budget": self.budget,
            "planned": self.planned,
            "round_cost": self.round_cost,
            "tests": self.tests,
            "test_tasks": self.test_tasks,
            "test_steps_at_most": self.test_steps,
            "slots": self.slots,
            "row_cost": self.per_row,
            "row_cost_is_exact": self.exact,
            "rows": self.rows,
            "acts": self.acts,
            "first_action": first,
        }


@dataclass(frozen=True)
class Fitted:
    """By what a teacher's open options were chosen, and what they became.

    Attributes:
        rows: outcomes that the run's budget holds, at least.
        slots: rows of an ask.
        options: what was chosen, by name.
    """

    rows: int
    slots: int
    options: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data, for the manifest."""
        return {"rows": self.rows, "slots": self.slots, "options": dict(self.options)}


def fit(
    family: Family,
    teacher: Teacher[Any],
    student: Student,
    plan: Plan,
    manifest: Mapping[str, Any] | None = None,
) -> Fitted | None:
    """Let a teacher choose the options that its user has left open, by the length of the run.

    Args:
        family: knows how long an episode may last, perhaps.
        teacher: chooses, if it can (`Scales`).
        student: bound as the teacher wants it.
        plan: how long the run lasts.
        manifest: of the run that is resumed: what was chosen by then is chosen again; older runs, whose
            manifest has no such entry, chose nothing.

    Returns:
        What was chosen; None if nothing was.
    """
    if not isinstance(teacher, Scales):
        return None
    if manifest is not None:
        before = manifest.get("fitted")
        if before is None:
            return None
        given = check_mapping("manifest: fitted", before)
        rows = check_whole("manifest: fitted: rows", given.get("rows"), 1)
        slots = check_whole("manifest: fitted: slots", given.get("slots"), 1)
        return Fitted(rows, slots, fit_options(teacher, rows, slots))
    cost, _ = _row_cost(family, student)
    if cost is None:
        return None
    rows = max(1, int(plan.own / cost))
    slots = max(1, _first_wanted(student))
    return Fitted(rows, slots, fit_options(teacher, rows, slots))


def outline(
    family: Family,
    teacher: Teacher[Any],
    student: Student,
    plan: Plan,
    fitted: Fitted | None = None,
) -> Outline:
    """Return what is about to happen.

    Args:
        family: gives the test tasks.
        teacher: says what it waits for.
        student: bound as the teacher wants it.
        plan: how long the run lasts.
        fitted: what `fit` returned.
    """
    cost, exact = _row_cost(family, student)
    planned = plan_cost(student, plan)
    # The first test is that of the untrained student; the last one stands at the end of the run.
    every = plan.test_every or plan.budget / 20
    tests = 1 + math.ceil(plan.own / every - 1e-9)
    tasks = len(family.test_tasks())
    longest = family.max_steps if isinstance(family, RLFamily) else None
    return Outline(
        teacher=type(teacher).__name__,
        student=type(student).__name__,
        unit=family.cost_unit,
        budget=plan.own,
        planned=planned["planned_cost"] - plan.charged if planned else None,
        round_cost=planned["round_cost"] if planned else None,
        tests=tests,
        test_tasks=tasks,
        test_steps=None if longest is None else float(tests * tasks * longest),
        slots=_first_wanted(student),
        per_row=cost,
        exact=exact,
        fitted={} if fitted is None else fitted.options,
        acts=teacher.acts,
        wait=teacher.first_action(),
    )


def _first_wanted(student: Student) -> int:
    """Return how many tasks the student will want for its first round."""
    # One that can ask in the midst of a round asks for less beforehand; in a run there is somebody to ask.
    if isinstance(student, AsksForMore):
        student.ask_for_more(_too_early)
    return student.wants()


def _too_early(n: int) -> Assignment:
    raise RuntimeError(f"expected no task to be asked for before the run begins, got a request for {n}")


def _row_cost(family: Family, student: Student) -> tuple[float | None, bool]:
    """Return what a row costs, or at most, and whether exactly; None if neither is known."""
    cost = row_cost(student)
    if cost is not None:
        return cost, True
    # An episode is a row, and costs a unit for each step.
    if isinstance(family, RLFamily) and family.max_steps is not None:
        return float(family.max_steps), False
    return None, False


def waiting(teacher: str, wait: Wait, told: str, cost: float) -> str:
    """Return a sentence on a budget that ends before its teacher acts, with what would help."""
    return (
        f"{teacher}: {wait.what} begins after {wait.rows} outcomes at least, and {told}. "
        f"Expected a budget above {wait.rows * cost:.3g}, or {wait.remedy}"
    )
