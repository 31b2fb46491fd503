"""What the manifest of a user's own loop says: names, facts of the tests, and that the loop is not ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_mapping, check_real, check_whole, closest, is_finite
from teacherstudent.contract.family import Family, HasOutline
from teacherstudent.contract.registry import FAMILIES, TEACHERS
from teacherstudent.contract.stored.digests import quick_digest_of
from teacherstudent.contract.stored.settings import describe, settings_of
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Array

LOOP = "own"
"""The manifest's entry ``loop`` of a run whose loop is its user's; runs of ours have no such entry."""

FACTS: Mapping[str, Any] = {
    "mastered": None,
    "cost_unit": "environment steps",
    "score_name": "return",
    "test_names": None,
    "test_seed": 0,
}
"""What is told of a family that is only a name, with what holds where nothing is told."""

_PLAN = (
    "This loop is its user's own: what it trains on the tasks, when it tests, and what a test is are its "
    "affair. Rows, costs and the teacher's records are what the teacher was asked for and told."
)


@dataclass(frozen=True)
class Described:
    """What is known of an own loop before its first row.

    Attributes:
        manifest: as `teacherstudent.recording.recorder.Recorder` takes it.
        test_tasks: ``(m, *space.shape)`` the tasks that every test plays.
    """

    manifest: dict[str, Any]
    test_tasks: Array


def describe_loop(
    teacher: Teacher[Any],
    *,
    family: str | Family,
    student: str,
    seed: int,
    budget: float,
    test_tasks: npt.ArrayLike | None,
    settings: Mapping[str, Any] | None,
    label: str,
    facts: Mapping[str, Any],
) -> Described:
    """Return what is known of an own loop (arguments and errors as `Recorder.for_loop`)."""
    _check_teacher(teacher)
    check_whole("for_loop: seed", seed, 0)
    if not (is_finite(budget) and budget > 0):
        raise ValueError(f"for_loop: budget: expected a finite cost above 0, got {budget!r}")
    for name, text in (("student", student), ("label", label)):
        if not isinstance(text, str) or (name == "student" and not text):
            raise TypeError(f"for_loop: {name}: expected a name, got {text!r}")
    of_family = _facts(family, facts)
    tasks, test_set = _tests(teacher, family, test_tasks)
    name = TEACHERS.name_of(teacher) or type(teacher).__name__
    entry: dict[str, Any] = {"name": name, "options": settings_of(teacher) or {}}
    if label:
        entry["label"] = label
    options = describe(check_mapping("for_loop: settings", settings))
    manifest = {
        "loop": LOOP,
        "family": _family(family),
        "teacher": entry,
        "student": {"name": student, "options": options},
        "seed": int(seed),
        "budget": float(budget),
        "space": spaces.describe(teacher.space),
        "test_set": test_set,
        "settings": {"teacher": {"class": type(teacher).__name__, **(settings_of(teacher) or {})}},
        "plan_text": _PLAN,
        **of_family,
    }
    # Pictures of the run need not make the family again to draw its walls.
    if isinstance(family, HasOutline):
        manifest["walls"] = np.asarray(family.outline(), np.float64).round(6).tolist()
    return Described(manifest, tasks)


def _check_teacher(teacher: Any) -> None:
    """Raise unless this is a teacher of this process whose rows nobody records yet."""
    if not isinstance(teacher, Teacher):
        raise TypeError(
            f"for_loop: teacher: expected a Teacher of this process, got {teacher!r}: record in the process "
            "that made the teacher, where the rows of all workers pass"
        )
    if not teacher.at_home:
        raise RuntimeError(
            f"for_loop: expected to record {type(teacher).__name__} in the process that made it, got a fork "
            "of that process"
        )
    if teacher.listener is not None:
        raise ValueError(
            f"for_loop: teacher: expected one that nobody records yet, got one whose rows go to "
            f"{teacher.listener}: close that record first"
        )


def _family(family: str | Family) -> dict[str, Any]:
    """Return the manifest's entry of a family."""
    if isinstance(family, Family):
        name = FAMILIES.name_of(family) or type(family).__name__
        return {"name": name, "options": settings_of(family) or {}}
    return {"name": family, "options": {}}


def _facts(family: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what scores and costs of the family mean, for the manifest."""
    for name in given:
        if name not in FACTS:
            raise TypeError(
                f"for_loop: {name}: expected one of {list(FACTS)} beside its own arguments, got {name!r}"
                f"{closest(name, FACTS)}"
            )
    facts = dict(FACTS)
    if isinstance(family, Family):
        names = ("mastered", "cost_unit", "score_name", "test_names")
        facts |= {name: getattr(family, name) for name in names}
    elif not isinstance(family, str) or not family:
        raise TypeError(f"for_loop: family: expected a Family, or the name of one, got {family!r}")
    facts |= given
    if facts["mastered"] is not None:
        check_real("for_loop: mastered", facts["mastered"])
    check_whole("for_loop: test_seed", facts["test_seed"], 0)
    if facts["test_names"] is not None:
        facts["test_names"] = [str(name) for name in facts["test_names"]]
    return facts


def _tests(teacher: Teacher[Any], family: str | Family, given: npt.ArrayLike | None) -> tuple[Array, str]:
    """Return the test tasks, and what their set is called: equal for equal tasks only.

    Raises:
        TypeError: if there are none, and the family is only a name.
        ValueError: if they have not the shape of the teacher's tasks, or are no finite numbers.
    """
    space = teacher.space
    if given is None:
        if not isinstance(family, Family):
            raise TypeError(
                "for_loop: expected test_tasks, an array (m, *space.shape) that every test plays, or a "
                "Family, which has some, got neither"
            )
        return np.asarray(family.test_tasks()), family.test_set
    # They may lie outside the teacher's space: whether a student generalises is asked so.
    tasks = np.asarray(given)
    if tasks.dtype.kind not in "biuf" or tasks.ndim == 0 or not len(tasks) or tasks.shape[1:] != space.shape:
        shape = ", ".join(["m", *map(str, space.shape or ())])
        raise ValueError(
            f"for_loop: test_tasks: expected at least one task, numbers of shape ({shape}), got "
            f"{tasks.dtype} of shape {tasks.shape}"
        )
    if not np.isfinite(tasks).all():
        raise ValueError(f"for_loop: test_tasks: expected finite numbers, got {tasks}")
    tasks = tasks.astype(space.dtype)
    digest = quick_digest_of(np.ascontiguousarray(tasks).tobytes())[:8]
    return tasks, f"{len(tasks)} tasks, {digest}"
