"""The k-d tree under `neighbors.NearestOlder`: arrays, and the loops over them.

The tree's leaves hold up to 256 points and split in two when full, so adding a point costs a walk down the
tree. A batch of questions walks the tree together: a leaf is read once for all questions that need it. Leaves
are scanned in float32 with a margin that covers every rounding error, and whatever passes is compared in
float64. The loops are compiled by numba on first use and cached on disk.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from teacherstudent.contract.types import Array, FloatArray, IntArray
from teacherstudent.simulation.compiled import compiled, compiled_any_order

_LEAF = 256  # points in a leaf at most
_UNIT = 2.0**-24  # half the distance from 1 to the next float32
NONE = np.int64(2**62)  # larger than every row number
_f4 = np.float32


class Tree(NamedTuple):
    """The tree as arrays. Node 0 is the root; a node's right child follows its left one."""

    axis: IntArray  # (nodes,) inner nodes: a point goes right if its coordinate on this axis
    cut: FloatArray  # (nodes,) is at least this
    child: IntArray  # (nodes,) the left child, or -1 - leaf
    box: Array  # (nodes, 2, d) float32, lowest and highest coordinates
    first: IntArray  # (nodes,) the smallest row number inside
    leaves: Array  # (leaves, d, _LEAF) float32 coordinates, padded with infinity
    rows: IntArray  # (leaves, _LEAF) row numbers
    filled: IntArray  # (leaves,) points inside


@compiled
def _limit(square: float, d: int, scale: float) -> Any:
    """Return a float32 that no float32 estimate of a squared distance up to ``square`` exceeds.

    With u = 2^-24 and coordinates up to ``scale``, each difference t is off by at most 2 u scale + u |t|, so
    the sum of squares is off by 4 u scale sqrt(d square) + 2 u square + d (2 u scale)^2, and adding d terms
    in any order by d u square. Everything is doubled.
    """
    slack = 2 * _UNIT * (4 * scale * np.sqrt(d * square) + (d + 4) * square)
    return _f4(square + slack + 16 * d * (scale * _UNIT) ** 2)


@compiled_any_order
def _bound(points: Array, r: int, box: Array, v: int) -> Any:
    """Return the squared distance from point ``r`` to the box of node ``v``, in float32."""
    total = _f4(0)
    for c in range(points.shape[1]):
        # Inside the box the distance is 0, outside it is that to the nearer side.
        t = max(max(box[v, 0, c] - points[r, c], points[r, c] - box[v, 1, c]), _f4(0))
        total += t * t
    return total


@compiled_any_order
def _scan(points: Array, r: int, leaves: Array, leaf: int, squares: Array, limit: Any) -> Any:
    """Write the squared distances from point ``r`` to a leaf's points; return whether any is in the limit."""
    d = points.shape[1]
    for i in range(_LEAF):
        squares[i] = _f4(0)
    # Four coordinates at a time: `squares` is read and written a quarter as often.
    c = 0
    while c + 4 <= d:
        a0, a1, a2, a3 = points[r, c], points[r, c + 1], points[r, c + 2], points[r, c + 3]
        for i in range(_LEAF):
            t0, t1 = leaves[leaf, c, i] - a0, leaves[leaf, c + 1, i] - a1
            t2, t3 = leaves[leaf, c + 2, i] - a2, leaves[leaf, c + 3, i] - a3
            squares[i] += (t0 * t0 + t1 * t1) + (t2 * t2 + t3 * t3)
        c += 4
    while c < d:
        a0 = points[r, c]
        for i in range(_LEAF):
            t0 = leaves[leaf, c, i] - a0
            squares[i] += t0 * t0
        c += 1
    # Without an exit this loop is vectorised.
    hit = 0
    for i in range(_LEAF):
        hit |= squares[i] <= limit
    return hit


@compiled
def _square(store: FloatArray, o: int, points: FloatArray, r: int) -> float:
    """Return the squared distance in float64, summed in the order of the coordinates."""
    total = 0.0
    for c in range(points.shape[1]):
        t = store[o, c] - points[r, c]
        total += t * t
    return total


@compiled
def _verify(
    store: FloatArray, tree: Tree, leaf: int, squares: Array, points: FloatArray, r: int, best: FloatArray,
    where: IntArray, limits: Array, scale: float,
) -> None:  # fmt: skip
    """Compare the leaf's points within the limit in float64 and keep the nearest, of equals the oldest."""
    for i in range(tree.filled[leaf]):
        if squares[i] <= limits[r]:
            o = tree.rows[leaf, i]
            s = _square(store, o, points, r)
            # The limit shrinks at once, so later points of the leaf are dismissed sooner.
            if s < best[r] or (s == best[r] and o < where[r]):
                best[r], where[r], limits[r] = s, o, _limit(s, points.shape[1], scale)


@compiled
def _open(
    bounds: Array, queue: IntArray, start: int, stop: int, first: int, best: FloatArray, where: IntArray,
    limits: Array,
) -> int:  # fmt: skip
    """Keep the questions that a node can still answer better; return where they end."""
    k = start
    for i in range(start, stop):
        r = queue[i]
        # A neighbour at distance 0 can only give way to an older one.
        if bounds[i] <= limits[r] and (best[r] > 0 or first < where[r]):
            queue[k] = r
            bounds[k] = bounds[i]
            k += 1
    return k


@compiled
def _hand_down(
    nearer: Array, limits: Array, queue: IntArray, bounds: Array, start: int, stop: int, k: int
) -> int:  # fmt: skip
    """Append the questions in [start, stop) whose bound is within their limit at ``k``; return the end."""
    for i in range(start, stop):
        queue[k] = queue[i]
        bounds[k] = nearer[i - start]
        # The entry is written in any case and kept by moving the end: no branch that is hard to predict.
        k += nearer[i - start] <= limits[queue[i]]
    return k


@compiled
def _home(tree: Tree, points: FloatArray, r: int) -> int:
    """Return the leaf whose cell contains point ``r``."""
    v = 0
    while tree.child[v] >= 0:
        # A right child follows its left one, and True counts as 1.
        v = tree.child[v] + (points[r, tree.axis[v]] >= tree.cut[v])
    leaf: int = -1 - tree.child[v]
    return leaf


@compiled
def search(
    store: FloatArray, tree: Tree, depth: int, points: FloatArray, scale: float, best: FloatArray,
    where: IntArray,
) -> None:  # fmt: skip
    """Improve ``best`` (squared distances) and ``where`` (row numbers) by the tree's points."""
    m, d = points.shape
    small = points.astype(np.float32)
    squares = np.empty(_LEAF, np.float32)
    limits = np.empty(m, np.float32)
    for r in range(m):
        limits[r] = _limit(best[r], d, scale)
        # The leaf where the point would go gives a first limit, usually a good one.
        leaf = _home(tree, points, r)
        if _scan(small, r, tree.leaves, leaf, squares, limits[r]):
            _verify(store, tree, leaf, squares, points, r, best, where, limits, scale)
    # Every level of the tree appends at most two parts of the queue, of m questions each.
    queue = np.empty((2 * depth + 4) * m, np.int64)
    bounds = np.empty((2 * depth + 4) * m, np.float32)
    # Node, and where its part of the queue starts and stops.
    stack = np.empty((depth + 4, 3), np.int64)
    left, right = np.empty(m, np.float32), np.empty(m, np.float32)
    for r in range(m):
        queue[r], bounds[r] = r, _f4(0)
    stack[0, 0] = 0
    stack[0, 1] = 0
    stack[0, 2] = m
    top = 1
    while top:
        top -= 1
        v = stack[top, 0]
        start = stack[top, 1]
        # Limits have shrunk since the node was put on the stack; many questions do not need it any more.
        stop = _open(bounds, queue, start, stack[top, 2], tree.first[v], best, where, limits)
        if stop == start:
            continue
        child = tree.child[v]
        if child < 0:
            for i in range(start, stop):
                r = queue[i]
                if _scan(small, r, tree.leaves, -1 - child, squares, limits[r]):
                    _verify(store, tree, -1 - child, squares, points, r, best, where, limits, scale)
            continue
        votes = 0
        for i in range(start, stop):
            left[i - start] = _bound(small, queue[i], tree.box, child)
            right[i - start] = _bound(small, queue[i], tree.box, child + 1)
            votes += left[i - start] <= right[i - start]
        # The child that is nearer to most questions is put on the stack
        # last, so it is opened first and shrinks the limits.
        swap = 2 * votes < stop - start
        far, near = (left, right) if swap else (right, left)
        # The nearer child's part lies behind the farther one's, so what it appends overwrites nothing.
        middle = _hand_down(far, limits, queue, bounds, start, stop, stop)
        end = _hand_down(near, limits, queue, bounds, start, stop, middle)
        stack[top, 0], stack[top, 1], stack[top, 2] = child + (not swap), stop, middle
        stack[top + 1, 0], stack[top + 1, 1], stack[top + 1, 2] = child + swap, middle, end
        top += 2


@compiled
def search_batch(points: FloatArray, base: int, best: FloatArray, where: IntArray) -> None:
    """Find for each point the nearest earlier one of the same batch; rows are counted from ``base``."""
    for r in range(len(points)):
        best[r] = np.inf
        where[r] = NONE
        for o in range(r):
            s = _square(points, o, points, r)
            if s < best[r]:
                best[r] = s
                where[r] = base + o


@compiled
def _cut(store: FloatArray, tree: Tree, leaf: int) -> tuple[int, float]:
    """Return the axis on which a leaf's points spread most, and their median there, above the lowest."""
    n = tree.filled[leaf]
    axis = 0
    widest = -1.0
    ordered = np.empty(n)
    for c in range(store.shape[1]):
        low, high = np.inf, -np.inf
        for i in range(n):
            low, high = min(low, store[tree.rows[leaf, i], c]), max(high, store[tree.rows[leaf, i], c])
        if high - low > widest:
            axis = c
            widest = high - low
    # Insertion sort: short, and quick to compile.
    for i in range(n):
        value = store[tree.rows[leaf, i], axis]
        k = i
        while k > 0 and ordered[k - 1] > value:
            ordered[k] = ordered[k - 1]
            k = k - 1
        ordered[k] = value
    k = n // 2
    # A cut at the lowest value would leave one leaf empty. The points are different, so some lie higher.
    while ordered[k] == ordered[0]:
        k += 1
    return axis, ordered[k]


@compiled
def _split(store: FloatArray, tree: Tree, v: int, nodes: int, leaves: int) -> None:
    """Turn leaf node ``v`` into an inner node with two leaves."""
    old = -1 - tree.child[v]
    n = tree.filled[old]
    axis, cut = _cut(store, tree, old)
    tree.axis[v] = axis
    tree.cut[v] = cut
    tree.child[v] = nodes
    # The left child keeps the old leaf, and the right one gets a new leaf.
    for x, leaf in ((nodes, old), (nodes + 1, leaves)):
        tree.child[x] = -1 - leaf
        tree.first[x] = NONE
        tree.filled[leaf] = 0
        for c in range(store.shape[1]):
            tree.box[x, 0, c], tree.box[x, 1, c] = _f4(np.inf), _f4(-np.inf)
    # In place: points that stay in the old leaf move forward and never pass the one that is read.
    for i in range(n):
        right = store[tree.rows[old, i], axis] >= cut
        x = nodes + right
        leaf = leaves if right else old
        _place(store, tree, x, leaf, tree.rows[old, i])
    # Free places are infinitely far away, so `_scan` needs no end.
    for i in range(tree.filled[old], _LEAF):
        for c in range(store.shape[1]):
            tree.leaves[old, c, i] = _f4(np.inf)


@compiled
def _widen(store: FloatArray, tree: Tree, v: int, o: int) -> None:
    """Make the box of node ``v`` contain point ``o``."""
    tree.first[v] = min(tree.first[v], o)
    for c in range(store.shape[1]):
        p = _f4(store[o, c])
        tree.box[v, 0, c], tree.box[v, 1, c] = min(tree.box[v, 0, c], p), max(tree.box[v, 1, c], p)


@compiled
def _place(store: FloatArray, tree: Tree, v: int, leaf: int, o: int) -> None:
    """Put point ``o`` at the end of a leaf, whose node is ``v``."""
    _widen(store, tree, v, o)
    i = tree.filled[leaf]
    tree.rows[leaf, i] = o
    tree.filled[leaf] = i + 1
    for c in range(store.shape[1]):
        tree.leaves[leaf, c, i] = _f4(store[o, c])


@compiled
def _twin(store: FloatArray, tree: Tree, leaf: int, o: int) -> int:
    """Return where a leaf holds a point equal to ``o``, or -1."""
    for i in range(tree.filled[leaf]):
        # One comparison in float32 dismisses nearly every point before the exact ones.
        if tree.leaves[leaf, 0, i] == _f4(store[o, 0]):
            c = 0
            while c < store.shape[1] and store[tree.rows[leaf, i], c] == store[o, c]:
                c += 1
            if c == store.shape[1]:
                return i
    return -1


@compiled
def insert(store: FloatArray, tree: Tree, order: IntArray, size: IntArray) -> int:
    """Add the rows in ``order``; stop early when the arrays are full, and return how many were added.

    ``size`` holds the numbers of nodes and leaves and the depth, and is updated. Of equal points only the
    oldest is kept: the others can never be the answer.
    """
    for done in range(len(order)):
        # A split may need a free leaf. The caller enlarges the arrays and goes on from here.
        if size[1] == len(tree.filled):
            return done
        o = order[done]
        v = 0
        depth = 0
        while True:
            # The point will lie below every node on the way, so each box has to contain it.
            _widen(store, tree, v, o)
            if tree.child[v] < 0:
                leaf = -1 - tree.child[v]
                if tree.filled[leaf] < _LEAF:
                    break
                _split(store, tree, v, size[0], size[1])
                size[0], size[1] = size[0] + 2, size[1] + 1
            v = tree.child[v] + (store[o, tree.axis[v]] >= tree.cut[v])
            depth = depth + 1
        size[2] = max(size[2], depth)
        twin = _twin(store, tree, leaf, o)
        if twin < 0:
            _place(store, tree, v, leaf, o)
        else:
            # An equal point is there already: the older row number stays.
            tree.rows[leaf, twin] = min(tree.rows[leaf, twin], o)
    return len(order)


def allocate(d: int, leaves: int) -> Tree:
    """Return room for a tree over points of ``d`` coordinates with so many leaves."""
    nodes = 2 * leaves
    return Tree(
        axis=np.zeros(nodes, np.int64),
        cut=np.zeros(nodes),
        child=np.zeros(nodes, np.int64),
        box=np.zeros((nodes, 2, d), np.float32),
        first=np.zeros(nodes, np.int64),
        leaves=np.full((leaves, d, _LEAF), np.inf, np.float32),
        rows=np.zeros((leaves, _LEAF), np.int64),
        filled=np.zeros(leaves, np.int64),
    )
