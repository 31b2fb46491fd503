"""Whether a family, a teacher and a student can work together, looked at before the first step."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from teacherstudent.contract import spaces
from teacherstudent.contract.demand import Demand, check_offers
from teacherstudent.contract.family import Family
from teacherstudent.contract.purposes import Purpose
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.student import Student, TakesWeights, lacks
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.weigher import Weigher


def _check_prices(family: Family) -> None:
    """Raise ValueError if costs have a price by which students plan their rates and rounds as they are."""
    priced = sorted(family.prices.keys() & {purpose.cost for purpose in Purpose})
    if priced:
        raise ValueError(
            f"run: {type(family).__name__}.prices: expected prices of further costs only, since students "
            f"plan by what they train and measure, got a price of {priced[0]!r}"
        )


def _check_measured(teacher: Teacher[Any], student: Student) -> None:
    """Raise ValueError if rows that are only measured would lack a signal that they must carry."""
    # A teacher that declares nothing of measured rows may have none: then what it needs is of trained ones.
    if not teacher.measures:
        return
    lacking = {
        granularity: sorted(
            name
            for name in teacher.needs | teacher.measures
            if name not in signals or not signals[name].measured
        )
        for granularity, signals in student.offers.items()
    }
    missing = lacking[teacher.granularity]
    if not missing:
        return
    fine = sorted(granularity for granularity, names in lacking.items() if not names)
    remedy = "a student whose measured rows carry it, or a teacher that does not measure"
    if fine:
        remedy = (
            f"a teacher that binds a task for one {' or '.join(fine)} (granularity = {fine[0]!r}), where "
            f"{type(student).__name__}'s measured rows carry it, or one that does not measure"
        )
    raise ValueError(
        f"run: {type(teacher).__name__} measures rows, which must carry the signal "
        f"{', '.join(map(repr, missing))}; those of {type(student).__name__} do not where a task binds it "
        f"for one {teacher.granularity}: expected {remedy}"
    )


def _served(family: Family, student: Student) -> str:
    """Return which teachers the student can serve as they are, as the end of a message."""
    found = []
    for entry in TEACHERS.entries():
        # A teacher's options may say what it needs, so it is made; some cannot be made without options.
        try:
            teacher = TEACHERS.make(entry.name, family, seed=0)
        except (TypeError, ValueError, ImportError):
            continue
        offered = student.offers.get(teacher.granularity, {})
        there = (teacher.needs | teacher.measures) <= offered.keys()
        if there and teacher.members == 1 and all(offered[name].measured for name in teacher.measures):
            found.append(entry.name)
    if not found:
        return ""
    return f"; teachers that it serves as they are: {', '.join(sorted(found))}"


def check_fit(family: Family, teacher: Teacher[Any], student: Student, signals: Collection[str] = ()) -> None:
    """Raise unless the three can work together, and bind the student; `run` calls it before the first step.

    Args:
        family: gives the tasks.
        teacher: chooses them.
        student: trains on them.
        signals: what the student is to report beside what the teacher needs (`Plan.signals`).

    Raises:
        TypeError: if one of them is of the wrong kind.
        ValueError: if the teacher's space is not the family's, or the student lacks a signal, a granularity
            or a member that the teacher needs, or its measured rows a signal that these must carry, or it
            cannot weigh examples as the teacher wants; if the family names some of its test tasks only.
    """
    for thing, kind in ((family, Family), (teacher, Teacher), (student, Student)):
        if not isinstance(thing, kind):
            raise TypeError(f"run: expected a {kind.__name__}, got {thing!r}{lacks(thing, kind)}")
    check_offers(student.offers, f"run: {type(student).__name__}")
    _check_prices(family)
    # Descriptions are compared, not objects: the user may have made the space a second time for the teacher.
    if spaces.describe(teacher.space) != spaces.describe(family.space):
        raise ValueError(f"run: expected a teacher of the family's space {family.space}, got {teacher.space}")
    names = family.test_names
    # Making the test tasks may take time, so they are made only where there are names to count.
    if names is not None and len(names) != (tasks := len(family.test_tasks())):
        raise ValueError(f"run: test_names: expected a name for each of {tasks} test tasks, got {len(names)}")
    if teacher.granularity not in student.offers:
        raise ValueError(
            f"run: {type(teacher).__name__} binds a task for one {teacher.granularity}, which "
            f"{type(student).__name__} cannot (it can for: {sorted(student.offers)})"
            f"{_served(family, student)}"
        )
    offered = student.offers[teacher.granularity]
    needed = teacher.needs | teacher.measures
    for who, wanted in ((f"{type(teacher).__name__} needs", needed), ("the plan names", signals)):
        missing = sorted(set(wanted) - offered.keys())
        if missing:
            raise ValueError(
                f"run: {who} the signal {', '.join(map(repr, missing))}, which {type(student).__name__} does "
                f"not offer (it offers {sorted(offered)}){_served(family, student)}"
            )
    _check_measured(teacher, student)
    # What a teacher only reads is asked for where it is offered; what it needs has been checked above.
    asked = needed | (teacher.reads & offered.keys()) | frozenset(signals)
    student.bind(Demand(granularity=teacher.granularity, signals=asked, members=teacher.members))
    # The student knows whether its scores are gains only once it is bound.
    if teacher.differences and getattr(student, "gains", False):
        raise ValueError(
            f"run: {type(teacher).__name__} takes differences of scores, and {type(student).__name__}'s "
            "scores are differences already: expected a student whose score is a level (score='level'), or "
            "a bandit with reward='score'"
        )
    if isinstance(teacher, Weigher) and not isinstance(student, TakesWeights):
        raise ValueError(
            f"run: {type(teacher).__name__} weighs examples in the loss, which {type(student).__name__} "
            f"cannot (expected a student with the attribute 'weigher')"
        )
