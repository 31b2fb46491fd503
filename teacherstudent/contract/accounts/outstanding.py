"""The bookkeeping of ids that a teacher handed out and that were neither told of nor dropped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from teacherstudent.contract.checks import check_names, check_whole
from teacherstudent.contract.types import IntArray, State

MOST_ROWS = 2**31
"""Most tasks of one ask, and most ids from the oldest open one to the next: each takes at least a byte."""


class Outstanding:
    """Which ids are outstanding: one byte for each id from the oldest open one on."""

    def __init__(self) -> None:
        # Every id below is closed, so no byte is kept for it.
        self._first = 0
        self._next = 0
        self._open = np.zeros(64, np.bool_)

    def peek(self, n: int) -> IntArray:
        # Ids are issued only when the teacher's answer was right: an error in between must not use them up.
        """Return the next ``n`` ids without issuing them."""
        return np.arange(self._next, self._next + n, dtype=np.int64)

    def issue(self, n: int) -> None:
        """Hand out the next ``n`` ids."""
        end = self._next + n - self._first
        # Closed ids at the front are forgotten before memory is taken.
        if end > len(self._open):
            self._trim()
            end = self._next + n - self._first
        # The room is doubled at least, so that many small asks cost linear time.
        if end > len(self._open):
            self._open = np.concatenate([self._open, np.zeros(max(end, len(self._open)), np.bool_)])
        self._open[end - n : end] = True
        self._next += n

    def _trim(self) -> None:
        """Forget the closed ids before the oldest open one."""
        used = self._open[: self._next - self._first]
        closed = len(used)
        if used.any():
            closed = int(used.argmax())
        # The ranges may overlap, so the source is copied first.
        self._open[: len(used) - closed] = used[closed:].copy()
        self._open[len(used) - closed :] = False
        self._first += closed

    def check(self, ids: IntArray, where: str) -> None:
        """Raise ValueError unless all ids are outstanding and different."""
        if ids.size == 0:
            return
        wrong = (ids < 0) | (ids >= self._next)
        if wrong.any():
            raise ValueError(f"{where}: id {ids[wrong][0]} was never issued (next id: {self._next})")
        # A negative index would wrap round to the end: it is replaced by 0, and counts as closed by itself.
        index = ids - self._first
        closed = (index < 0) | ~self._open[np.maximum(index, 0)]
        if closed.any():
            raise ValueError(
                f"{where}: id {ids[closed][0]} is not outstanding: it was told or dropped before"
            )
        # Sorting finds repeated ids in a batch of any size without a table of all ids.
        if ids.size > 1:
            ordered = np.sort(ids)
            twice = ordered[1:] == ordered[:-1]
            if twice.any():
                again = ordered[1:][twice][0]
                raise ValueError(
                    f"{where}: id {again} comes twice in one batch: expected each id once, got {ids}"
                )

    def close(self, ids: IntArray) -> None:
        """Close ids that `check` let pass."""
        self._open[ids - self._first] = False

    def open_ids(self) -> IntArray:
        """Return the outstanding ids in ascending order."""
        return np.flatnonzero(self._open[: self._next - self._first]) + self._first

    def state(self) -> State:
        """Return the ids as plain data; a copy."""
        return {"next": self._next, "open": self.open_ids()}

    @staticmethod
    def of(state: Any) -> Outstanding:
        """Return the ids of `state`; raise ValueError if no teacher could have handed them out."""
        if not isinstance(state, Mapping):
            raise ValueError(f"teacher state: ids: expected a mapping, got {state!r}")
        check_names("teacher state: ids", ("next", "open"), state)
        following = check_whole("teacher state: ids: next", state["next"], 0, 2**62)
        ids = np.asarray(state["open"])
        if ids.ndim != 1 or (ids.size and ids.dtype.kind not in "iu"):
            raise ValueError(f"teacher state: ids: open: expected an array (n,) of integers, got {ids!r}")
        ids = ids.astype(np.int64)
        if ids.size and not (ids[0] >= 0 and ids[-1] < following and (np.diff(ids) > 0).all()):
            raise ValueError(
                f"teacher state: ids: open: expected ascending ids from 0 to below {following}, got {ids}"
            )
        loaded = Outstanding()
        # Only the bytes from the oldest open id on are kept: a long run has closed millions before.
        loaded._next = following
        loaded._first = int(ids[0]) if ids.size else following
        span = following - loaded._first
        # The state may be damaged: a huge gap between two ids would take all memory.
        if span > MOST_ROWS:
            raise ValueError(
                f"teacher state: ids: expected at most {MOST_ROWS} from the oldest open one on, got {span}"
            )
        # At least the usual room, as a new object has it.
        loaded._open = np.zeros(max(64, span), np.bool_)
        loaded._open[ids - loaded._first] = True
        return loaded
