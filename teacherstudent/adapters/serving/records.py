"""Assignments and outcomes as the arrays of a message, and back."""

from __future__ import annotations

from collections.abc import Mapping

from teacherstudent.adapters.serving.messages import Message, field
from teacherstudent.contract.types import Array, Assignment, Outcomes

_NOTE = "note:"
_SIGNAL = "signal:"


def assignment_arrays(assignment: Assignment) -> dict[str, Array]:
    """Return the columns of an assignment by name, without those that hold what is filled in by itself."""
    arrays = {"ids": assignment.ids, "tasks": assignment.tasks}
    if assignment.purpose.any():
        arrays["purpose"] = assignment.purpose
    if assignment.member.any():
        arrays["member"] = assignment.member
    if (assignment.origin != assignment.member).any():
        arrays["origin"] = assignment.origin
    return arrays | {_NOTE + name: column for name, column in assignment.notes.items()}


def read_assignment(message: Message) -> Assignment:
    """Return the assignment in a message.

    Raises:
        MessageError: if ids or tasks are missing.
        TypeError, ValueError: as `Assignment`.
    """
    arrays = message.arrays
    return Assignment(
        ids=field(message, "ids"),
        tasks=field(message, "tasks"),
        purpose=arrays.get("purpose"),  # type: ignore[arg-type]  # None is filled in
        member=arrays.get("member"),  # type: ignore[arg-type]
        origin=arrays.get("origin"),  # type: ignore[arg-type]
        notes=_named(arrays, _NOTE),
    )


def outcomes_arrays(outcomes: Outcomes) -> dict[str, Array]:
    """Return the columns of outcomes by name, without those that hold what is filled in by itself."""
    arrays = {
        "ids": outcomes.ids,
        "tasks": outcomes.tasks,
        "score": outcomes.score,
        "cost": outcomes.cost,
    }
    if outcomes.purpose.any():
        arrays["purpose"] = outcomes.purpose
    if outcomes.member.any():
        arrays["member"] = outcomes.member
    return arrays | {_SIGNAL + name: column for name, column in outcomes.signals.items()}


def read_outcomes(message: Message) -> Outcomes:
    """Return the outcomes in a message, or in several whose columns were joined.

    Raises:
        MessageError: if ids, tasks, scores or costs are missing.
        TypeError, ValueError: as `Outcomes`.
    """
    arrays = message.arrays
    return Outcomes(
        ids=field(message, "ids"),
        tasks=field(message, "tasks"),
        score=field(message, "score"),
        cost=field(message, "cost"),
        purpose=arrays.get("purpose"),  # type: ignore[arg-type]  # None is filled in
        member=arrays.get("member"),  # type: ignore[arg-type]
        signals=_named(arrays, _SIGNAL),
    )


def _named(arrays: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    """Return the arrays whose names begin with a prefix, by the rest of their names."""
    return {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}
