"""What a command leaves out: the student, and options with which family and teacher fit each other."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from teacherstudent.contract.family import Family, ServesTeachers
from teacherstudent.contract.registry import FAMILIES, TEACHERS
from teacherstudent.running.experiment import PLAYERS, Experiment

FORMS = frozenset({"knobs", "stages"})
"""Options of a family that say what form its tasks have: who gives one wants that one."""


def with_defaults(experiment: Experiment, *, student_given: bool) -> Experiment:
    """Return an experiment with what the family says where the user has said nothing.

    The student is the family's usual one. A family of several forms of tasks (`ServesTeachers`) takes the
    form that the teacher needs, as a `family_overrides`, so that teachers can be compared; what it tells the
    teacher becomes one of its options.

    Args:
        experiment: what the user has given.
        student_given: whether the student is the user's choice.

    Raises:
        ValueError, TypeError: if a name is unknown, or the family cannot be made.
    """
    FAMILIES.check_options(experiment.family, experiment.family_options)
    family = FAMILIES.make(experiment.family, **experiment.family_options)
    # What is no family is refused, with words, where the experiment is checked.
    if not isinstance(family, Family):
        return experiment
    if not student_given:
        experiment = dataclasses.replace(experiment, student=family.usual_student or PLAYERS[0])
    if not isinstance(family, ServesTeachers):
        return experiment
    options = experiment.student_options
    served = family.serving(TEACHERS.get(experiment.teacher), experiment.teacher_options, options)
    teacher = {**served.teacher, **experiment.teacher_options}
    overrides = experiment.family_overrides
    if not FORMS & {*experiment.family_options, *overrides}:
        overrides = {**served.family, **overrides}
    return dataclasses.replace(experiment, teacher_options=teacher, family_overrides=overrides)


def said(before: Experiment, after: Experiment) -> str:
    """Return in words what was added to an experiment, as options of the command line; empty if nothing."""
    parts = []
    if after.student != before.student:
        parts.append(f"--student {after.student}")
    for name in ("family_overrides", "teacher_options"):
        added = _added(getattr(before, name), getattr(after, name))
        if added:
            role = name.partition("_")[0]
            parts.append(f"--{role}-options {' '.join(added)}")
    if not parts:
        return ""
    return f"{after.teacher} on {after.family} by default: {' '.join(parts)}"


def _added(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [f"'{name}={json.dumps(value)}'" for name, value in after.items() if name not in before]
