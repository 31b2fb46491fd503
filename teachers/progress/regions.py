"""A growing tree of regions with their learning progress: what RIAC keeps of the past."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from teacherstudent.contract.checks import check_names
from teacherstudent.contract.stored.saved import saved_array
from teacherstudent.contract.types import Array, BoolArray, FloatArray, IntArray, State
from teacherstudent.simulation.compiled import compiled

Points = npt.NDArray[np.float32]

DRAWS = 100
"""Cuts drawn at most for each attempt to split; the rest of the attempts is given up."""


@dataclass(frozen=True, slots=True)
class Rules:
    """When and how a region tree splits.

    Attributes:
        region_size: points that a leaf holds before it is split.
        window: scores that learning progress looks back on, at most ``region_size``.
        attempts: cuts compared for one split.
        min_side: ``(d,)`` smallest side of a region, in the tree's units.
        discard: share of a leaf's points dropped when no cut is possible.
        paper: cuts as in the code behind the paper (see `teacherstudent.teachers.progress.riac`).
    """

    region_size: int
    window: int
    attempts: int
    min_side: FloatArray
    discard: float
    paper: bool


class RegionTree:
    """A tree of boxes that splits where learning progress (ALP) differs, one record for each node.

    Node 0 is the whole space. A node's last ``region_size + 1`` scores and points lie in rings, of which
    ``start`` is the oldest entry and ``count`` the number. An inner node has a cut: points below ``cut`` in
    dimension ``dim`` belong to node ``left``, the others to ``left + 1``; in a leaf ``dim`` is -1.

    The paper's code lets a leaf that has dropped points grow without bound once it is split. Of what leaves
    the ring only the lowest score can matter then, so such a node (``unbounded``) keeps that one:
    ``worst_score``, ``worst_point``.

    Args:
        low: ``(d,)`` lower corner of the whole space.
        high: ``(d,)`` upper corner.
        rules: when and how to split.
    """

    def __init__(self, low: FloatArray, high: FloatArray, rules: Rules) -> None:
        d = len(low)
        ring = rules.region_size + 1
        record = np.dtype(
            [
                *((name, np.int64) for name in ("dim", "left", "start", "count")),
                *((name, np.float64) for name in ("cut", "alp", "worst_score")),
                ("unbounded", np.bool_),
                *((name, np.float64, (d,)) for name in ("low", "high")),
                ("worst_point", np.float32, (d,)),
                ("scores", np.float64, (ring,)),
                ("points", np.float32, (ring, d)),
            ]
        )
        self.rules = rules
        self._ends = low.copy(), high.copy()
        self.size = 0
        self._store = np.zeros(16, record)
        self._add(low, high)

    @property
    def nodes(self) -> Array:
        """The records in use, ``(size,)``."""
        return self._store[: self.size]

    def _add(self, low: FloatArray, high: FloatArray) -> int:
        """Append an empty leaf and return its index."""
        # Doubled when it is full, so that copies are rare.
        if self.size == len(self._store):
            self._store = np.concatenate([self._store, np.zeros_like(self._store)])
        node = self.size
        self.size = self.size + 1
        new = self._store[node]
        new["dim"] = -1
        new["left"] = -1
        # Nothing has left the ring yet.
        new["worst_score"] = np.inf
        new["low"], new["high"] = low, high
        return node

    def insert(self, points: Points, scores: FloatArray, rng: np.random.Generator) -> None:
        """Add ``(n, d)`` points in order, and split or thin out each leaf as soon as it is too full."""
        done = 0
        while done < len(points):
            # Views are taken in every round: a split may have replaced the store.
            nodes = self.nodes
            size = self.rules.region_size
            names = ("dim", "cut", "left", "start", "count", "alp", "scores", "points")
            columns = [nodes[name] for name in (*names, "unbounded", "worst_score", "worst_point")]
            done, full = _insert(points, scores, done, self.rules.window, size, self.rules.paper, *columns)
            # The next points must meet the new regions, so the compiled loop stops at the first full leaf.
            if full:
                for leaf in np.flatnonzero((nodes["dim"] < 0) & (nodes["count"] > size)).tolist():
                    self._split(leaf, rng)

    def _contents(self, nodes: IntArray) -> tuple[IntArray, IntArray]:
        """Return rows and ring slots, each ``(k, ring)``: oldest first; slots beyond ``count`` are unused."""
        start = self._store["start"][nodes]
        ring = self.rules.region_size + 1
        # Slots count from the oldest entry and wrap around at the end of the ring.
        return nodes[:, None], (start[:, None] + np.arange(ring)) % ring

    def worst(self, nodes: IntArray) -> FloatArray:
        """Return the ``(k, d)`` lowest-scoring point of each node, of equals the oldest."""
        index = self._contents(nodes)
        used = np.arange(index[1].shape[1]) < self._store["count"][nodes][:, None]
        # Unused slots never win. Entries run from the oldest on, so the first of equals is the oldest.
        scores = np.where(used, self._store["scores"][index], np.inf)
        slot = np.argmin(scores, axis=1)
        rows = np.arange(len(nodes))
        points = self._store["points"][nodes, index[1][rows, slot]]
        # What has left the ring is older than all in it, so it wins at equal score.
        old = self._store["worst_score"][nodes] <= scores[rows, slot]
        points[old] = self._store["worst_point"][nodes[old]]
        return np.asarray(points, np.float64)

    def _split(self, leaf: int, rng: np.random.Generator) -> None:
        """Split a leaf at the best of the random cuts, or drop its oldest tasks if none is possible."""
        rules = self.rules
        node = self.nodes[leaf]
        index = self._contents(np.array([leaf]))
        used = int(node["count"])
        x, y = self._store["points"][index][0, :used], self._store["scores"][index][0, :used]
        # Where no cut can succeed, drawing would only use up `DRAWS`.
        if not self._divisible(node["high"] - node["low"], x):
            self._drop(leaf)
            return
        dim, cut, sizes = self._draw_cuts(node["low"], node["high"], x, rng)
        alp = _cut_progress(x, y, dim, cut, rules.window, rules.paper)
        room = np.minimum(cut - node["low"][dim], node["high"][dim] - cut) >= rules.min_side[dim]
        score = np.abs(alp[:, 0] - alp[:, 1])
        # The paper's card1 * card2 prefers cuts that leave many points on both sides.
        if not rules.paper:
            score *= sizes * (used - sizes)
        possible = np.flatnonzero(room)
        if not possible.size:
            self._drop(leaf)
            return
        # Of equals the last, because the authors' code compares with >=.
        best = int(possible[::-1][np.argmax(score[possible][::-1])])
        self._grow(leaf, int(dim[best]), float(cut[best]), x, y)
        left = int(self.nodes["left"][leaf])
        # In the authors' code new regions carry the ALP of the last cut tried.
        self.nodes["alp"][left : left + 2] = alp[-1 if rules.paper else best]

    def _divisible(self, sides: FloatArray, x: Points) -> bool:
        """Return whether some dimension is long enough, and has points far enough apart, for any cut."""
        fewest = int(np.ceil(self.rules.region_size / 20))
        # Only a cut between these two points leaves enough points on both sides.
        ordered = np.sort(x, axis=0)
        apart = ordered[fewest - 1] < ordered[len(x) - fewest]
        return bool((apart & (sides >= 2 * self.rules.min_side)).any())

    def _draw_cuts(
        self, low: FloatArray, high: FloatArray, x: Points, rng: np.random.Generator
    ) -> tuple[IntArray, FloatArray, IntArray]:
        """Return up to ``attempts`` cuts with enough points on both sides: dimension, cut, left size."""
        attempts = self.rules.attempts
        fewest = self.rules.region_size / 20
        dims = []
        cuts = []
        sizes = []
        found = 0
        # Batches of cuts until enough are good. The bound ends the search where points are identical.
        for _ in range(DRAWS):
            dim = rng.integers(len(low), size=attempts)
            # Rounded to float32 as the points are, so that both are compared exactly.
            cut = (low[dim] + rng.random(attempts) * (high - low)[dim]).astype(np.float32).astype(np.float64)
            left = self._below(x[:, dim], cut)
            size = np.count_nonzero(left, axis=0)
            enough = np.minimum(size, len(x) - size) >= fewest
            dims.append(dim[enough])
            cuts.append(cut[enough])
            sizes.append(size[enough])
            found += len(dims[-1])
            if found >= attempts:
                break
        dim, cut, size = (np.concatenate(parts)[:attempts] for parts in (dims, cuts, sizes))
        return dim, cut, size

    def _below(self, x: Points, cut: FloatArray | float) -> BoolArray:
        """Return which coordinates belong to the left of a cut; in the authors' code those on it too."""
        if self.rules.paper:
            return np.asarray(x <= cut)
        return np.asarray(x < cut)

    def _grow(self, leaf: int, dim: int, cut: float, x: Points, y: FloatArray) -> None:
        """Give a leaf two children that share its points."""
        # Copies, because `_add` may replace the store that these are views of.
        low, high = self.nodes["low"][leaf].copy(), self.nodes["high"][leaf].copy()
        inner_high = high.copy()
        inner_low = low.copy()
        inner_high[dim] = inner_low[dim] = cut
        left = self._add(low, inner_high)
        right = self._add(inner_low, high)
        # Looked up again for the same reason.
        node = self.nodes[leaf]
        node["dim"] = dim
        node["cut"] = cut
        node["left"] = left
        below = self._below(x[:, dim], cut)
        for child, rows in ((left, below), (right, ~below)):
            count = np.count_nonzero(rows)
            self.nodes["count"][child] = count
            self.nodes["scores"][child, :count] = y[rows]
            self.nodes["points"][child, :count] = x[rows]

    def _drop(self, leaf: int) -> None:
        """Forget the oldest share of a leaf's tasks."""
        node = self.nodes[leaf]
        size = self.rules.region_size
        gone = int(size * self.rules.discard)
        node["start"] = (node["start"] + gone) % (size + 1)
        node["count"] -= gone
        node["alp"] = _progress(node["scores"], node["start"], node["count"], self.rules.window)
        # In the authors' code such a leaf forgets no more once it is split; `_insert` minds it.
        node["unbounded"] = self.rules.paper

    def state(self) -> State:
        """Return all records, column by column."""
        return {name: self.nodes[name].copy() for name in self._store.dtype.names or ()}

    def load(self, state: State) -> None:
        """Take over what `state` returned.

        Raises:
            ValueError: if a column is missing or of another shape, or the records are no tree of regions with
                their rings; compiled loops follow these numbers without looking.
        """
        record = self._store.dtype
        check_names("region tree", record.names or (), state)
        size = len(np.atleast_1d(np.asarray(state["dim"])))
        store = np.zeros(max(16, size), record)
        for name in record.names or ():
            shape = (size, *record[name].shape)
            what = f"region tree: {name}"
            limits = self._limits(name, size)
            store[name][:size] = saved_array(what, state[name], record[name].base, shape, **limits)
        self._check_tree(store[:size])
        self._store = store
        self.size = size

    def _limits(self, name: str, size: int) -> dict[str, Any]:
        """Return between which numbers a column must lie."""
        d = self._store["low"].shape[1]
        ring = self.rules.region_size + 1
        least = {"dim": -1, "left": -1, "start": 0, "count": 0, "alp": 0}
        most = {"dim": d - 1, "left": size - 2, "start": ring - 1, "count": ring}
        return {"low": least.get(name), "high": most.get(name), "finite": name != "worst_score"}

    def _check_tree(self, nodes: Array) -> None:
        """Raise ValueError unless every node but the first has one parent, before it, which contains it."""
        size = len(nodes)
        inner = np.flatnonzero(nodes["dim"] >= 0)
        left = nodes["left"][inner]
        children = np.concatenate([left, left + 1])
        # A parent before its children: so every walk down the tree ends.
        if size == 0 or (left <= inner).any() or not np.array_equal(np.sort(children), np.arange(1, size)):
            raise ValueError(
                "region tree: left: expected each node but the first as a child of one before it"
            )
        if (nodes["left"][nodes["dim"] < 0] != -1).any():
            raise ValueError("region tree: left: expected -1 in a leaf")
        if (nodes["cut"][nodes["dim"] < 0] != 0).any():
            raise ValueError("region tree: cut: expected 0 in a leaf")
        full = nodes["count"][nodes["dim"] < 0].max()
        if full > self.rules.region_size:
            raise ValueError(
                f"region tree: count: expected leaves of at most {self.rules.region_size}, got {full}"
            )
        if np.isnan(nodes["worst_score"]).any():
            raise ValueError("region tree: worst_score: expected no NaN")
        low, high = nodes["low"], nodes["high"]
        outside = (low < self._ends[0]) | (high > self._ends[1]) | (low > high)
        cut = nodes["cut"][inner]
        rows = (inner, nodes["dim"][inner])
        if outside.any() or (cut < low[rows]).any() or (cut > high[rows]).any():
            raise ValueError("region tree: low, high, cut: expected boxes in the space, and cuts inside them")


@compiled
def _progress(scores: FloatArray, start: int, count: int, window: int) -> float:
    """Return |mean of the older half - mean of the newer half| of the last ``window`` scores of a ring."""
    if count <= 2:
        return 0.0
    last = min(count, window)
    half = last // 2
    older, newer = 0.0, 0.0
    # The slot may lie beyond the ring's end; a comparison brings it back faster than a remainder.
    slot = start + count - last
    for k in range(last):
        score = scores[slot if slot < scores.size else slot - scores.size]
        # Of an odd number of scores the older half has one more.
        if k < last - half:
            older += score
        else:
            newer += score
        slot += 1
    return abs(older / (last - half) - newer / half)


@compiled
def _cut_progress(
    x: Points, y: FloatArray, dim: IntArray, cut: FloatArray, window: int, closed: bool
) -> FloatArray:
    """Return the ALP of both sides of each cut, ``(k, 2)``."""
    alp = np.empty((len(dim), 2))
    left, right = np.empty(len(y)), np.empty(len(y))
    for i in range(len(dim)):
        n = 0
        m = 0
        for j in range(len(y)):
            value = x[j, dim[i]]
            if value < cut[i] or (closed and value == cut[i]):
                left[n] = y[j]
                n += 1
            else:
                right[m] = y[j]
                m += 1
        alp[i, 0] = _progress(left, 0, n, window)
        alp[i, 1] = _progress(right, 0, m, window)
    return alp


@compiled
def _insert(
    points: Points,
    scores: FloatArray,
    done: int,
    window: int,
    region_size: int,
    closed: bool,
    dim: IntArray,
    cut: FloatArray,
    left: IntArray,
    start: IntArray,
    count: IntArray,
    alp: FloatArray,
    ring_scores: FloatArray,
    ring_points: Points,
    unbounded: npt.NDArray[np.bool_],
    worst_score: FloatArray,
    worst_point: Points,
) -> tuple[int, bool]:
    """Add points from row ``done`` on to all regions around them, until a leaf is too full.

    Returns:
        The next row, and whether a leaf is too full.
    """
    ring = region_size + 1
    # A point on a cut may go down both sides, so all nodes may wait at once.
    stack = np.empty(len(dim) + 1, np.int64)
    for row in range(done, len(points)):
        stack[0] = 0
        waiting = 1
        full = False
        while waiting > 0:
            waiting -= 1
            node = stack[waiting]
            slot = (start[node] + count[node]) % ring
            # The ring is full: the oldest entry lies in this slot and gives way.
            if count[node] == ring:
                # Of what leaves an unbounded node only the lowest score can matter later.
                if unbounded[node] and ring_scores[node, slot] < worst_score[node]:
                    worst_score[node] = ring_scores[node, slot]
                    worst_point[node] = ring_points[node, slot]
                start[node] = (slot + 1) % ring
            else:
                count[node] += 1
            ring_scores[node, slot] = scores[row]
            ring_points[node, slot] = points[row]
            alp[node] = _progress(ring_scores[node], start[node], count[node], window)
            if dim[node] < 0:
                full = full or count[node] > region_size
                continue
            value = points[row, dim[node]]
            if value >= cut[node]:
                stack[waiting] = left[node] + 1
                waiting += 1
            # Closed regions share their border, so a point on the cut goes down the other side too.
            if value < cut[node] or (closed and value == cut[node]):
                stack[waiting] = left[node]
                waiting += 1
        if full:
            return row + 1, True
    return len(points), False
