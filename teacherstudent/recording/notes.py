"""What teachers note of rows when they hand them out, kept until the rows come back and are logged."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from teacherstudent.contract.checks import check_mapping, check_names
from teacherstudent.contract.stored.saved import saved_array
from teacherstudent.contract.types import Array, Assignment, IntArray, State


class Notes:
    """The notes of rows under way, by id.

    Every assignment must carry the same names; those of the first one count.
    """

    def __init__(self) -> None:
        # Ascending, so that rows are found by bisection.
        self._ids = np.zeros(0, np.int64)
        # None as long as no assignment has come.
        self._columns: dict[str, Array] | None = None

    def put(self, assignment: Assignment) -> None:
        """Keep the notes of rows that are handed out.

        Raises:
            ValueError: if names, shapes or dtypes differ from those of the first assignment, or an id is not
                above those under way.
        """
        if len(assignment) == 0:
            return
        notes = assignment.notes
        if self._columns is None:
            self._columns = {name: values[:0].copy() for name, values in notes.items()}
        if notes.keys() != self._columns.keys():
            raise ValueError(
                f"notes: expected those of the first assignment, {sorted(self._columns)}, got {sorted(notes)}"
            )
        if not notes:
            return
        for name, values in notes.items():
            there = self._columns[name]
            if values.shape[1:] != there.shape[1:] or values.dtype != there.dtype:
                shape = "".join(f", {length}" for length in there.shape[1:])
                expected = f"{there.dtype} of shape (n{shape or ','})"
                raise ValueError(
                    f"notes: {name}: expected {expected}, as the first assignment had them, got "
                    f"{values.dtype} of shape {values.shape}"
                )
        # A teacher may hand out its ids in any order; they are kept sorted.
        order = np.argsort(assignment.ids, kind="stable")
        ids = assignment.ids[order]
        # Ids above all before keep the whole sorted without sorting it again.
        if len(self._ids) and ids[0] <= self._ids[-1]:
            raise ValueError(f"notes: expected ids above {self._ids[-1]}, got {ids[0]}")
        self._ids = np.concatenate([self._ids, ids])
        for name, values in notes.items():
            self._columns[name] = np.concatenate([self._columns[name], values[order]])

    def take(self, ids: IntArray) -> dict[str, Array]:
        """Return the notes of rows that have come back, and forget them.

        Rows that nobody has noted anything of, since nobody asked for them, are NaN where notes are floats,
        and 0 elsewhere.
        """
        found: dict[str, Array] = {}
        known = np.isin(ids, self._ids)
        # The ids are sorted, so each known id's place is found by bisection.
        rows = np.searchsorted(self._ids, ids[known])
        for name, values in (self._columns or {}).items():
            column = np.full((len(ids), *values.shape[1:]), _nothing(values), values.dtype)
            column[known] = values[rows]
            found[name] = column
        self.drop(ids)
        return found

    def drop(self, ids: IntArray) -> None:
        """Forget rows that will not come back."""
        if len(self._ids) == 0 or self._columns is None:
            return
        keep = ~np.isin(self._ids, ids)
        self._ids = self._ids[keep]
        self._columns = {name: values[keep] for name, values in self._columns.items()}

    def state(self) -> State:
        """Return the notes as plain data; a copy."""
        columns = None
        if self._columns is not None:
            columns = {name: values.copy() for name, values in self._columns.items()}
        return {"ids": self._ids.copy(), "columns": columns}

    def load(self, state: Mapping[str, object]) -> None:
        """Continue from `state`.

        Raises:
            ValueError: if it is damaged.
        """
        check_names("notes", ("ids", "columns"), state)
        ids = saved_array("notes: ids", state["ids"], np.int64, (None,))
        if (np.diff(ids) <= 0).any():
            raise ValueError(f"notes: ids: expected ascending ids, got {ids}")
        self._columns = None
        if state["columns"] is not None:
            self._columns = {}
            for name, values in check_mapping("notes: columns", state["columns"]).items():
                column = np.array(values)
                if column.dtype.kind not in "biuf" or column.shape[:1] != ids.shape:
                    raise ValueError(f"notes: {name}: expected {len(ids)} rows of numbers, got {values!r}")
                self._columns[name] = column
        self._ids = ids


def _nothing(values: Array) -> float:
    return np.nan if values.dtype.kind == "f" else 0
