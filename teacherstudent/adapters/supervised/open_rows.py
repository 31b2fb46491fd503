"""Rows that a sampler has handed out and whose losses have not come yet."""

from __future__ import annotations

import numpy as np

from teacherstudent.contract.checks import check_names
from teacherstudent.contract.stored.saved import saved_array
from teacherstudent.contract.types import BoolArray, IntArray, State


class OpenRows:
    """Finds the ids of examples again by their indices, the oldest row of an example first.

    All costs depend on the number of open rows, never on the number of examples.

    Args:
        most: rows that are kept; beyond it the oldest are given up.

    Attributes:
        most: as given.
        ids: ``(n,)`` the teacher's ids, in the order in which the rows were handed out.
        indices: ``(n,)`` the examples.
        places: ``(n,)`` how many rows had been handed out before each.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.ids: IntArray = np.zeros(0, np.int64)
        self.indices: IntArray = np.zeros(0, np.int64)
        self.places: IntArray = np.zeros(0, np.int64)

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, ids: IntArray, indices: IntArray, place: int) -> IntArray:
        """Add rows that are handed out now.

        Args:
            ids: ``(n,)``.
            indices: ``(n,)``.
            place: of the first one.

        Returns:
            The ids of old rows that are given up for them.
        """
        self.ids = np.concatenate([self.ids, ids])
        self.indices = np.concatenate([self.indices, indices])
        self.places = np.concatenate([self.places, place + np.arange(len(ids))])
        too_many = np.arange(len(self)) < len(self) - self.most
        return self.remove(too_many)

    def remove(self, rows: BoolArray) -> IntArray:
        """Forget rows and return their ids.

        Args:
            rows: ``(n,)`` which.
        """
        gone = self.ids[rows]
        # Nearly always nothing is given up, and then nothing is copied.
        if len(gone):
            self.ids = self.ids[~rows]
            self.indices = self.indices[~rows]
            self.places = self.places[~rows]
        return gone

    def find(self, indices: IntArray) -> IntArray:
        """Return the places in `ids` of the oldest open rows of examples, ``(k,)``.

        An example that comes twice takes its two oldest rows.

        Raises:
            ValueError: if an example has no open row (any more).
        """
        k = len(indices)
        # As a rule the losses of whole batches come in the order in which these were handed out.
        if np.array_equal(indices, self.indices[:k]):
            return np.arange(k)
        order = np.argsort(self.indices, kind="stable")
        open_sorted = self.indices[order]
        told_order = np.argsort(indices, kind="stable")
        told = indices[told_order]
        # The first, second, ... row of an example takes its first, second, ... open row.
        occurrence = np.arange(k) - np.searchsorted(told, told)
        place = np.searchsorted(open_sorted, told) + occurrence
        found = place < len(open_sorted)
        found[found] = open_sorted[place[found]] == told[found]
        if not found.all():
            raise ValueError(
                f"indices: expected examples that were handed out and whose losses have not come yet, got "
                f"{told[~found][0]}, of which no row is open (a row is given up after {self.most} others, "
                "and when the second pass after its own begins)"
            )
        rows = np.empty(k, np.int64)
        rows[told_order] = order[place]
        return rows

    def state(self) -> State:
        """Return the rows; a copy."""
        return {"ids": self.ids.copy(), "indices": self.indices.copy(), "places": self.places.copy()}

    def load(self, state: State, examples: int) -> None:
        """Continue from `state`.

        Raises:
            ValueError: if it is damaged.
        """
        check_names("sampler: open", ("ids", "indices", "places"), state)
        ids = saved_array("sampler: open: ids", state["ids"], np.int64, (None,), low=0)
        shape = (len(ids),)
        indices = saved_array(
            "sampler: open: indices", state["indices"], np.int64, shape, low=0, high=examples - 1
        )
        places = saved_array("sampler: open: places", state["places"], np.int64, shape, low=0)
        self.ids = ids
        self.indices = indices
        self.places = places
