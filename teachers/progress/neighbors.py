"""Nearest earlier neighbours: an exact index that grows with every point, and the store of the papers.

`NearestOlder` answers, for each new point, which of the points before it is nearest (Euclidean; of several at
the same distance, the oldest): the answer of a plain search over all of them, from a tree.

`BufferedTrees` is the store that the ALP-GMM authors use: a main k-d tree that is rebuilt when a buffer of
500 newer points is full, and a tree over the buffer that is rebuilt for every point.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from teacherstudent.contract.stored.saved import saved_array, saved_whole
from teacherstudent.contract.types import FloatArray, IntArray, State
from teacherstudent.teachers.progress.neighbor_tree import NONE, allocate, insert, search, search_batch

_CHUNK = 256  # questions that walk the tree together
_SMALLEST = 1e-15  # limits of the greatest coordinate: squares stay within float32
_LARGEST = 1e15


class NearestOlder:
    """For each new point, the nearest of all earlier ones: exact, Euclidean, and of equals the oldest.

    Rows count the points from 0 on, in the order in which they came.

    Args:
        dimension: coordinates of a point, at least 1.
    """

    def __init__(self, dimension: int) -> None:
        if dimension < 1:
            raise ValueError(f"NearestOlder: expected a dimension of at least 1, got {dimension}")
        self._store = np.empty((_CHUNK, dimension))
        self._clear()

    def _clear(self) -> None:
        self._n = 0
        self._scale = _SMALLEST
        self._size = np.array([1, 1, 0])  # nodes, leaves, depth
        # An empty leaf at the root; its box is inside out, so that any point widens it.
        self._tree = allocate(self._store.shape[1], 4)
        self._tree.child[0] = -1
        self._tree.first[0] = NONE
        self._tree.box[0, 0], self._tree.box[0, 1] = np.inf, -np.inf

    def __len__(self) -> int:
        return self._n

    @property
    def points(self) -> FloatArray:
        """All points, ``(n, dimension)``; a view."""
        return self._store[: self._n]

    def extend(self, points: FloatArray) -> IntArray:
        """Add points and return the row of the nearest point before each, or -1 for the very first.

        Args:
            points: ``(n, dimension)``; a point's neighbour may be an earlier one of the same call.

        Raises:
            ValueError: if the shape is wrong or a coordinate is not finite or beyond 1e15.
        """
        points = self._check(points)
        nearest = np.empty(len(points), np.int64)
        for start in range(0, len(points), _CHUNK):
            chunk = points[start : start + _CHUNK]
            # The margin of the float32 estimates depends on the greatest coordinate so far.
            scale = max(self._scale, float(np.abs(chunk).max()))
            squares = np.empty(len(chunk))
            where = np.empty(len(chunk), np.int64)
            # Points of the same chunk are not in the tree yet, so they are compared with each other first.
            search_batch(chunk, self._n, squares, where)
            if self._n:
                search(self._store, self._tree, int(self._size[2]), chunk, scale, squares, where)
            nearest[start : start + _CHUNK] = where
            self._append(chunk, scale)
        nearest[nearest == NONE] = -1
        return nearest

    def insert(self, points: FloatArray) -> None:
        """Add points without looking for neighbours (raises as `extend`)."""
        points = self._check(points)
        if len(points):
            self._append(points, max(self._scale, float(np.abs(points).max())))

    def forget(self, n: int) -> None:
        """Drop the ``n`` oldest points; the rows of the others shrink by ``n``.

        Raises:
            ValueError: if there are fewer.
        """
        if not 0 <= n <= self._n:
            raise ValueError(f"forget: expected 0 to {self._n} points, got {n}")
        # The tree cannot drop points, so it is built anew from the others.
        kept = self.points[n:].copy()
        self._clear()
        self.insert(kept)

    def _check(self, points: FloatArray) -> FloatArray:
        points = np.ascontiguousarray(points, np.float64)
        if points.ndim != 2 or points.shape[1] != self._store.shape[1]:
            raise ValueError(f"points: expected shape (n, {self._store.shape[1]}), got {points.shape}")
        if not (np.abs(points) <= _LARGEST).all():
            raise ValueError(f"points: expected finite coordinates up to {_LARGEST}, got {points}")
        return points

    def _append(self, points: FloatArray, scale: float) -> None:
        end = self._n + len(points)
        if end > len(self._store):
            # Doubled, so that copies cost a constant share a point.
            grown = np.empty((max(end, 2 * len(self._store)), self._store.shape[1]))
            grown[: self._n] = self.points
            self._store = grown
        self._store[self._n : end] = points
        rows = np.arange(self._n, end)
        self._n = end
        self._scale = scale
        self._grow_tree(rows)
        # Points in sorted order, say, make a deep tree; in random order it becomes flat.
        if self._size[2] > 64 + 2 * np.sqrt(self._size[1]):
            self._rebuild()

    def _grow_tree(self, rows: IntArray) -> None:
        while len(rows):
            # `insert` stops when the arrays are full; the rest follows with twice the room.
            rows = rows[insert(self._store, self._tree, rows, self._size) :]
            if len(rows):
                old = self._tree
                self._tree = allocate(len(self._store[0]), 2 * len(self._tree.filled))
                for mine, theirs in zip(self._tree, old, strict=True):
                    mine[: len(theirs)] = theirs

    def _rebuild(self) -> None:
        n = self._n
        scale = self._scale
        self._clear()
        self._n = n
        self._scale = scale
        # A fixed seed will do: the answers do not depend on the shape of the tree.
        self._grow_tree(np.random.default_rng(0).permutation(n))


class BufferedTrees:
    """The authors' nearest-neighbour store: a main k-d tree and one over a buffer of newer points.

    When the buffer is full, the next point moves it into the main tree, which is then rebuilt; the tree over
    the buffer is rebuilt for every point. At equal distance a point of the main tree wins; within one tree it
    is the one that scipy finds first. With ``max_size`` the oldest points of the main tree go when it is
    rebuilt, so between ``max_size`` and ``max_size + buffer_size`` points are remembered.

    Args:
        dimension: coordinates of a point.
        max_size: points of the main tree at most; None is no limit.
        buffer_size: points of the buffer at most.
    """

    def __init__(self, dimension: int, max_size: int | None = None, buffer_size: int = 500) -> None:
        self._points = np.empty((2 * buffer_size, dimension))
        self._values = np.empty(2 * buffer_size)
        # Rows [start, main) are in the main tree, rows [main, end) are newer.
        self._start = self._main = self._end = 0
        self._max_size = max_size
        self._buffer_size = buffer_size
        self._trees: list[Any] = [None, None]

    def __len__(self) -> int:
        return self._end - self._start

    def nearest(self, point: FloatArray) -> float:
        """Return the value at the nearest point; there must be one."""
        parts = ((0, self._start, self._main), (1, self._main, self._end))
        best = np.inf
        row = -1
        for which, first, stop in parts:
            if first == stop:
                continue
            # Trees are built when they are asked, so adding points alone costs nothing.
            if self._trees[which] is None:
                self._trees[which] = _author_tree(self._points[first:stop])
            distance, index = self._trees[which].query(point)
            # Strictly less: at equal distance the main tree wins, as it comes first.
            if distance < best:
                best = distance
                row = first + int(index)
        return float(self._values[row])

    def add(self, point: FloatArray, value: float) -> None:
        """Remember a point ``(dimension,)`` and its value."""
        if self._end - self._main == self._buffer_size:
            self._main = self._end
            # The oldest points go only now, when the main tree is rebuilt anyway: so do the authors.
            if self._max_size is not None:
                self._start = max(self._start, self._main - self._max_size)
            self._trees[0] = None
        if self._end == len(self._points):
            self._make_room()
        self._points[self._end] = point
        self._values[self._end] = value
        self._end += 1
        self._trees[1] = None

    def _make_room(self) -> None:
        rows = slice(self._start, self._end)
        size = 2 * len(self)
        points = np.empty((size, self._points.shape[1]))
        values = np.empty(size)
        points[: len(self)] = self._points[rows]
        values[: len(self)] = self._values[rows]
        self._points = points
        self._values = values
        self._start, self._main, self._end = 0, self._main - self._start, len(self)

    def state(self) -> State:
        """Return the points, their values, and how many are in the main tree; copies."""
        rows = slice(self._start, self._end)
        return {
            "points": self._points[rows].copy(),
            "values": self._values[rows].copy(),
            "main": self._main - self._start,
        }

    def load(self, state: State) -> None:
        """Take over what `state` returned; the trees are rebuilt and answer as before.

        Raises:
            ValueError: if the arrays do not fit together.
        """
        points = saved_array("store: points", state["points"], np.float64, (None, self._points.shape[1]))
        values = saved_array("store: values", state["values"], np.float64, (len(points),))
        main = saved_whole("store: main", state["main"], 0, len(points))
        newer = len(points) - main
        if newer > self._buffer_size:
            raise ValueError(f"store: expected 0 to {self._buffer_size} rows in the buffer, got {newer}")
        self._points = points
        self._values = values
        self._start, self._main, self._end = 0, main, len(points)
        self._trees = [None, None]


def _author_tree(points: FloatArray) -> Any:
    """Build a tree with the authors' options; other options find other points among equals."""
    # Only the authors' store needs it, and it takes longer to load than all the rest of the teacher.
    from scipy.spatial import cKDTree

    return cKDTree(points, compact_nodes=False, balanced_tree=False)
