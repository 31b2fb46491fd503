"""What every manifest says about a run: its parts, their settings, the space and the plan."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.contract.family import Family, HasOutline
from teacherstudent.contract.stored.settings import settings_of
from teacherstudent.contract.student import Reports, Student
from teacherstudent.contract.teacher import Teacher
from teacherstudent.running.budgets import plan_cost

_LOG = logging.getLogger(__name__)


def describe_run(family: Family, teacher: Teacher[Any], student: Student, plan: Plan) -> dict[str, Any]:
    """Return what every manifest says about a run, whoever started it; seed -1 stands for "not told".

    ``settings`` are what family, teacher and student say of themselves
    (`teacherstudent.contract.stored.settings`), and ``student_report`` is there where the student gives one
    (`teacherstudent.contract.student.Reports`); ``walls`` are the rectangles of a family that has an outline
    (`teacherstudent.contract.family.HasOutline`).
    """
    more: dict[str, Any] = {}
    if isinstance(student, Reports):
        more["student_report"] = student.report()
    # Pictures of the run need not make the family again to draw its walls.
    if isinstance(family, HasOutline):
        more["walls"] = np.asarray(family.outline(), np.float64).round(6).tolist()
    return {
        "family": {"name": type(family).__name__},
        "teacher": {"name": type(teacher).__name__},
        "student": {"name": type(student).__name__},
        "seed": -1,
        "settings": {
            "family": _settings(family),
            "teacher": _settings(teacher),
            "student": _settings(student),
        },
        "space": spaces.describe(family.space),
        "test_set": family.test_set,
        "mastered": family.mastered,
        "cost_unit": family.cost_unit,
        "prices": dict(family.prices),
        "signal_units": {
            name: signal.unit for name, signal in student.offers[teacher.granularity].items() if signal.unit
        },
        "score_name": family.score_name,
        "test_names": family.test_names,
        **dataclasses.asdict(plan),
        **plan_cost(student, plan),
        **more,
    }


def _settings(part: Any) -> dict[str, Any]:
    """Return what a family, teacher or student says of itself, with the name of its class."""
    return {"class": type(part).__name__, **(settings_of(part) or {})}


def warn_of_silence(*parts: Any) -> None:
    """Warn of what says nothing of itself, so that other settings than the run's would not be noticed."""
    for part in parts:
        if settings_of(part) is None:
            _LOG.warning(
                "%s says nothing of its settings, so that they are not compared with those of the run to "
                "resume; a method settings() that returns names and values would let them be",
                type(part).__name__,
            )
