"""Rows that wait for an update, and how much each says about the distribution that it changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from teacherstudent.contract.checks import check_names
from teacherstudent.contract.stored.saved import saved_array, saved_whole
from teacherstudent.contract.types import FloatArray, IntArray, State
from teacherstudent.teachers.targets.gaussian import Gaussian

MOST_ROWS = 10**6
"""Rows of a batch, whose memory is taken at once."""
KEPT = 32
"""Earlier Gaussians of which rows are still counted."""
LEAST_WEIGHT = 0.05
"""A row that counts for less is left out."""


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


class Rows(NamedTuple):
    """Rows that say something about a Gaussian.

    Attributes:
        points: ``(n, d)``.
        scores: ``(n,)``.
        weights: ``(n,)`` for how many draws from that Gaussian each row stands, up to 1.
    """

    points: FloatArray
    scores: FloatArray
    weights: FloatArray

    def part(self, which: IntArray) -> Rows:
        """Return some of the rows."""
        return Rows(*(column[which] for column in self))

    def joined(self, other: Rows) -> Rows:
        """Return these rows and then others."""
        return Rows(*(np.concatenate(pair) for pair in zip(self, other, strict=True)))


class WeighedBatches:
    """Collects rows that Gaussians have drawn, and hands them over when they stand for enough draws.

    A row counts for min(1, p(c) / q(c)) draws from the present Gaussian p, where q is the Gaussian from which
    it was drawn (truncated importance sampling): 1 for a row of p, less for a late row that p would hardly
    draw. Rows that nobody asked for, of Gaussians long ago, or below `LEAST_WEIGHT` do not count. A batch
    told at once gives the same batches as its rows told one by one.

    Attributes:
        gaussian: p.

    Args:
        size: draws of a batch.
        gaussian: the first one.
    """

    def __init__(self, size: int, gaussian: Gaussian) -> None:
        self.gaussian = gaussian
        self._size = size
        self._rows = _no_rows(len(gaussian.mean))
        # The id that the next ask begins with, and the Gaussians with the first id of each.
        self._next = 0
        self._firsts = [0]
        self._past = [gaussian]

    def asked(self, ids: IntArray) -> None:
        """Note which ids an ask handed out; they ascend."""
        self._next = int(ids[-1]) + 1

    def restart(self, gaussian: Gaussian) -> None:
        """Draw from another Gaussian from now on."""
        self.gaussian = gaussian
        # One that has drawn nothing is forgotten.
        if self._firsts[-1] == self._next:
            self._firsts.pop()
            self._past.pop()
        self._firsts = [*self._firsts, self._next][-KEPT:]
        self._past = [*self._past, gaussian][-KEPT:]

    def fill(self, ids: IntArray, points: FloatArray, scores: FloatArray) -> Iterator[Rows]:
        """Take in rows; yield every full batch. The Gaussian may be another one afterwards (`restart`)."""
        first = 0
        while first < len(ids):
            rows = Rows(points[first:], scores[first:], self._weights(ids[first:], points[first:]))
            # Up to the row with which the batch is full.
            before = float(self._rows.weights.sum())
            full = np.flatnonzero(before + np.cumsum(rows.weights) >= self._size - 1e-9)
            taken = int(full[0]) + 1 if len(full) else len(rows.weights)
            self._rows = self._rows.joined(rows.part(np.flatnonzero(rows.weights[:taken])))
            first += taken
            if len(full):
                batch = self._rows
                self._rows = _no_rows(points.shape[1])
                yield batch

    def _weights(self, ids: IntArray, points: FloatArray) -> FloatArray:
        """Return for how many draws from the present Gaussian each row counts, ``(n,)``."""
        weights = np.zeros(len(ids))
        # The last Gaussian whose first id is not above that of the row; ids of -1 are below all.
        drawn_by = np.searchsorted(self._firsts, ids, side="right") - 1
        present = self.gaussian.log_density(points)
        for number in np.unique(drawn_by[drawn_by >= 0]):
            rows = drawn_by == number
            ratio = present[rows] - self._past[number].log_density(points[rows])
            weights[rows] = np.exp(np.minimum(ratio, 0.0))
        weights[weights < LEAST_WEIGHT] = 0.0
        return weights

    def state(self) -> State:
        """Return the rows that wait, and the Gaussians; copies."""
        return {
            "points": self._rows.points.copy(),
            "scores": self._rows.scores.copy(),
            "weights": self._rows.weights.copy(),
            "next": self._next,
            "firsts": np.array(self._firsts),
            "past": [each.state() for each in self._past],
        }

    def load(self, state: State) -> None:
        """Take over what `state` returned; raise ValueError if it is damaged."""
        check_names("batch", ("points", "scores", "weights", "next", "firsts", "past"), state)
        d = len(self.gaussian.mean)
        points = saved_array("batch: points", state["points"], np.float64, (None, d))
        shape = (len(points),)
        scores = saved_array("batch: scores", state["scores"], np.float64, shape, low=-1e100, high=1e100)
        weights = saved_array("batch: weights", state["weights"], np.float64, shape, low=LEAST_WEIGHT, high=1)
        if weights.sum() >= self._size:
            raise ValueError(f"batch: expected rows for fewer than {self._size} draws, got {weights.sum()}")
        past = [Gaussian.load(each, d) for each in state["past"]]
        following = saved_whole("batch: next", state["next"])
        firsts = saved_array("batch: firsts", state["firsts"], np.int64, (len(past),), low=0, high=following)
        if not 1 <= len(past) <= KEPT or (np.diff(firsts) <= 0).any():
            raise ValueError(f"batch: firsts: expected 1 to {KEPT} ascending ids, got {firsts}")
        self._rows = Rows(points, scores, weights)
        self._next = following
        self._firsts = [int(first) for first in firsts]
        self._past = past
        self.gaussian = past[-1]


def _no_rows(d: int) -> Rows:
    return Rows(np.empty((0, d)), np.empty(0), np.empty(0))
