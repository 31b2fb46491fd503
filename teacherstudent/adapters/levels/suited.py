"""Which teachers whole rollouts serve, and how long their buffers are to be."""

from __future__ import annotations

import warnings
from typing import Any

from teacherstudent.adapters.serving.client import TeacherClient, name_of
from teacherstudent.adapters.watching import AnyTeacher
from teacherstudent.contract.teacher import Teacher, fit_options
from teacherstudent.students.rollouts.scores import playing_offers

TOLD: frozenset[str] = frozenset(playing_offers(True)["rollout"])
"""Signals of a rollout."""


def needed(teacher: AnyTeacher) -> frozenset[str]:
    """Return the signals that rows of a teacher must carry, measured or not."""
    return teacher.needs | teacher.measures


def check_suited(teacher: Any, discount: float | None, where: str) -> None:
    """Raise unless rounds of whole rollouts serve the teacher.

    Raises:
        TypeError: if it is no teacher.
        ValueError: if it binds tasks for another time, has rows for several models, or needs other signals;
            if it needs ``td_error`` and there is no discount.
    """
    if not isinstance(teacher, Teacher | TeacherClient):
        raise TypeError(f"{where}: teacher: expected a Teacher or a TeacherClient, got {teacher!r}")
    name = name_of(teacher)
    if teacher.granularity != "rollout":
        raise ValueError(
            f"{where}: expected a teacher of levels, whose tasks bind a slot for a whole rollout, such as "
            f"'plr', 'robust-plr', 'accel' or 'sfl', got {name}, of one {teacher.granularity}: "
            "TeacherVectorEnv and TeacherVecEnv serve teachers of episodes"
        )
    if teacher.members != 1:
        raise ValueError(
            f"{where}: expected a teacher of one model, got {name}, whose rows are for {teacher.members} "
            "members; use run(family, teacher, Members([...]), folder, plan)"
        )
    missing = sorted(needed(teacher) - TOLD)
    if missing:
        raise ValueError(f"{where}: {name} needs {missing}; a rollout tells {sorted(TOLD)}")
    if "td_error" in needed(teacher) and discount is None:
        raise ValueError(
            f"{where}: discount: expected gamma x lambda of the advantages, as {name} needs td_error, got "
            "None"
        )


def fit(teacher: AnyTeacher, budget: float, steps: int, slots: int, where: str) -> None:
    """Let a teacher that was never asked choose its open options by the length of the run.

    It warns if the budget ends before the teacher first acts.

    Args:
        teacher: chooses, if it can (`Scales`).
        budget: environment steps of all slots.
        steps: of a rollout, in each slot.
        slots: rows of an ask.
        where: starts the message.
    """
    rows = max(1, int(budget / steps))
    if not isinstance(teacher, Teacher):
        return
    # A buffer that is in use must stay as it is.
    fresh = teacher.state_dict()["ids"]["next"] == 0
    if fresh:
        fit_options(teacher, rows, slots)
    wait = teacher.first_action()
    if wait is not None and rows <= wait.rows:
        warnings.warn(
            f"{where}: {name_of(teacher)}: {wait.what} begins after {wait.rows} rollouts of a slot at least, "
            f"and the budget of {budget:g} steps holds {rows} of {steps} steps: it never will; {wait.remedy} "
            "lets it begin earlier",
            stacklevel=4,
        )
