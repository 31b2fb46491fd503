"""A whole number for each row that is outstanding: which walker or which step of a curriculum it is of."""

from __future__ import annotations

import numpy as np

from teacherstudent.contract.checks import check_names
from teacherstudent.contract.stored.saved import saved_array
from teacherstudent.contract.types import IntArray, State

NOTHING = -1
"""The number of a row that is not known."""


class Handed:
    """Remembers a whole number of at least 0 for each row that was handed out, until the row comes back."""

    def __init__(self) -> None:
        # Ascending, as teachers get them, so that rows are found by binary search.
        self._ids = np.zeros(0, np.int64)
        self._numbers = np.zeros(0, np.int64)

    def hand(self, ids: IntArray, numbers: IntArray) -> None:
        """Remember ``numbers (n,)`` under ids ``(n,)``, which ascend and are above all earlier ones."""
        self._ids = np.concatenate([self._ids, ids])
        self._numbers = np.concatenate([self._numbers, numbers])

    def take(self, ids: IntArray) -> IntArray:
        """Forget rows and return their numbers ``(n,)``; `NOTHING` where a row was not asked for."""
        found = np.full(len(ids), NOTHING, np.int64)
        if len(self._ids):
            place = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
            known = self._ids[place] == ids
            found[known] = self._numbers[place[known]]
            self._ids = np.delete(self._ids, place[known])
            self._numbers = np.delete(self._numbers, place[known])
        return found

    @property
    def numbers(self) -> IntArray:
        """The numbers of all rows that are outstanding; a copy."""
        return self._numbers.copy()

    def state(self) -> State:
        """Return the rows as plain data; a copy."""
        return {"ids": self._ids.copy(), "numbers": self._numbers.copy()}

    def load(self, what: str, state: State, most: int) -> None:
        """Take over what `state` returned; raise ValueError if it is damaged.

        Args:
            what: who and which entry; starts the message.
            state: what `state` returned.
            most: the greatest number allowed.
        """
        check_names(what, ("ids", "numbers"), state)
        ids = saved_array(f"{what}: ids", state["ids"], np.int64, (None,), low=0)
        # Ids in another order would be looked up wrongly, without a message.
        if (np.diff(ids) <= 0).any():
            raise ValueError(f"{what}: ids: expected ascending ids (n,), got {ids}")
        numbers = saved_array(f"{what}: numbers", state["numbers"], np.int64, (len(ids),), low=0, high=most)
        self._ids = ids
        self._numbers = numbers
