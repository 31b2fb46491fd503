"""The newest outcomes: points with a value each, the oldest of which are forgotten."""

from __future__ import annotations

import numpy as np

from teacherstudent.contract.checks import check_names
from teacherstudent.contract.stored.saved import saved_array
from teacherstudent.contract.types import FloatArray, State


class Newest:
    """Keeps the newest rows in the order in which they came.

    Args:
        size: rows kept at most.
        d: coordinates of a point.
    """

    def __init__(self, size: int, d: int) -> None:
        self._size = size
        self._points, self._values = np.empty((0, d)), np.empty(0)
        # Rows [start, end) of the arrays are those that are kept.
        self._start = self._end = 0

    def __len__(self) -> int:
        return self._end - self._start

    @property
    def points(self) -> FloatArray:
        """``(n, d)``, the oldest first; a view."""
        return self._points[self._start : self._end]

    @property
    def values(self) -> FloatArray:
        """``(n,)``, in the same order; a view."""
        return self._values[self._start : self._end]

    def add(self, points: FloatArray, values: FloatArray) -> None:
        """Take in points ``(n, d)`` and their values ``(n,)``, the oldest first."""
        # Rows that would be forgotten at once are not copied at all.
        points, values = points[-self._size :], values[-self._size :]
        if self._end + len(values) > len(self._values):
            self._make_room(len(values))
        self._points[self._end : self._end + len(values)] = points
        self._values[self._end : self._end + len(values)] = values
        self._end += len(values)
        self._start = max(self._start, self._end - self._size)

    def _make_room(self, more: int) -> None:
        """Move the rows that stay to the front of arrays that hold as many again, and ``more``."""
        kept = slice(max(self._start, self._end + more - self._size), self._end)
        n = kept.stop - kept.start
        # Twice the room: rows are moved only when as many new ones have come, at a constant share a row.
        room = min(2 * (n + more), 2 * self._size)
        points, values = np.empty((room, self._points.shape[1])), np.empty(room)
        points[:n], values[:n] = self._points[kept], self._values[kept]
        self._points, self._values = points, values
        self._start = 0
        self._end = n

    def state(self) -> State:
        """Return the rows as plain data; copies."""
        return {"points": self.points.copy(), "values": self.values.copy()}

    def load(self, what: str, state: State, *, low: float | None = None, high: float | None = None) -> None:
        """Take over what `state` returned.

        Args:
            what: who and which entry; starts messages.
            state: what `state` returned.
            low: the least value allowed.
            high: the greatest value allowed.

        Raises:
            ValueError: if it does not fit.
        """
        check_names(what, ("points", "values"), state)
        d = self._points.shape[1]
        points = saved_array(f"{what}: points", state["points"], np.float64, (None, d))
        if len(points) > self._size:
            raise ValueError(f"{what}: expected at most {self._size} rows, got {len(points)}")
        values = saved_array(
            f"{what}: values", state["values"], np.float64, (len(points),), low=low, high=high
        )
        self._points, self._values = points, values
        self._start = 0
        self._end = len(points)
