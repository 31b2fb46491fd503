"""Rows to be measured that were asked for in the midst of a round, kept until the next one begins."""

from __future__ import annotations

from typing import Any

import numpy as np

from teacherstudent.contract.checks import check_mapping, check_names
from teacherstudent.contract.types import Array, Assignment, IntArray, State

_COLUMNS = ("ids", "tasks", "purpose", "member", "origin")


class Kept:
    """Rows that wait for the start of a round: in the midst of one a student could only train on them."""

    def __init__(self) -> None:
        self._parts: list[Assignment] = []

    def put(self, assignment: Assignment) -> None:
        """Keep rows for the next round."""
        if len(assignment):
            self._parts.append(assignment)

    def take(self) -> list[Assignment]:
        """Return what is kept, in the order in which it came, and forget it."""
        parts = self._parts
        self._parts = []
        return parts

    @property
    def ids(self) -> IntArray:
        """The ids of the rows that are kept."""
        return np.concatenate([np.zeros(0, np.int64), *(part.ids for part in self._parts)])

    def state(self) -> State:
        """Return the rows as plain data; a copy."""
        return {"parts": [_plain(part) for part in self._parts]}

    def load(self, state: Any) -> None:
        """Continue from `state`.

        Raises:
            ValueError: if it is damaged.
            TypeError: if a part is no mapping, or a column no array of its kind.
        """
        given = check_mapping("kept rows", state, optional=False)
        check_names("kept rows", ("parts",), given)
        if not isinstance(given["parts"], list):
            raise ValueError(f"kept rows: parts: expected a list, got {given['parts']!r:.200}")
        self._parts = [_assignment(part) for part in given["parts"]]


def _plain(part: Assignment) -> State:
    columns = {name: np.array(getattr(part, name)) for name in _COLUMNS}
    return {**columns, "notes": {name: np.array(values) for name, values in part.notes.items()}}


def _assignment(state: Any) -> Assignment:
    columns: dict[str, Array | dict[str, Array]] = check_mapping("kept rows: part", state, optional=False)
    check_names("kept rows: part", (*_COLUMNS, "notes"), columns)
    return Assignment(**columns)  # type: ignore[arg-type]  # checked by the constructor
