"""Rows that wait for an update, and which rows were drawn from the distribution that it judges."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from teacherstudent.contract.checks import check_names
from teacherstudent.contract.stored.saved import saved_array, saved_whole
from teacherstudent.contract.types import FloatArray, IntArray, State

MOST_ROWS = 10**6
"""Rows of a batch, whose memory is taken at once."""


class Batches:
    """Collects rows and hands them over whenever there are enough.

    With ``fresh``, only rows count that were asked for since the teacher last changed its distribution
    (`restart`): a late row of an easier distribution says nothing about the present one, and neither does a
    row that nobody asked for. A batch told at once gives the same batches as its rows told one by one.

    Args:
        size: rows of a batch.
        d: coordinates of a point.
        fresh: see above; else all rows count.
    """

    def __init__(self, size: int, d: int, *, fresh: bool) -> None:
        self._fresh = fresh
        self._points = np.empty((size, d))
        self._scores = np.empty(size)
        self._used = 0
        # The id that the next ask begins with, and the first one of the present distribution.
        self._next = 0
        self._since = 0

    def asked(self, ids: IntArray) -> None:
        """Note which ids an ask handed out; they ascend."""
        self._next = int(ids[-1]) + 1

    def restart(self) -> None:
        """Let rows count only if they are asked for from now on."""
        self._since = self._next

    def fill(
        self, ids: IntArray, points: FloatArray, scores: FloatArray
    ) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Take in rows; yield points ``(size, d)`` and scores ``(size,)``, as views, of every full batch."""
        rows = np.arange(len(ids))
        while (rows := rows[self._counts(ids[rows])]).size:
            taken, rows = np.split(rows, [len(self._scores) - self._used])
            end = self._used + len(taken)
            self._points[self._used : end] = points[taken]
            self._scores[self._used : end] = scores[taken]
            self._used = end
            if end == len(self._scores):
                self._used = 0
                # The teacher may change its distribution now: then the remaining rows are old ones.
                yield self._points, self._scores

    def _counts(self, ids: IntArray) -> IntArray:
        """Return the places of the rows that count."""
        if not self._fresh:
            return np.arange(len(ids))
        # Ids are never negative but for rows that nobody asked for.
        return np.flatnonzero((ids >= self._since) & (ids >= 0))

    def state(self) -> State:
        """Return the rows that wait and the ids that count; copies."""
        return {
            "points": self._points[: self._used].copy(),
            "scores": self._scores[: self._used].copy(),
            "next": self._next,
            "since": self._since,
        }

    def load(self, state: State) -> None:
        """Take over what `state` returned; raise ValueError if it is damaged."""
        check_names("batch", ("points", "scores", "next", "since"), state)
        size, d = self._points.shape
        points = saved_array("batch: points", state["points"], np.float64, (None, d))
        scores = saved_array("batch: scores", state["scores"], np.float64, (len(points),))
        if len(points) >= size:
            raise ValueError(f"batch: expected fewer than {size} rows, got {len(points)}")
        following = saved_whole("batch: next", state["next"])
        self._since = saved_whole("batch: since", state["since"], 0, following)
        self._next = following
        self._used = len(points)
        self._points[: self._used] = points
        self._scores[: self._used] = scores
