"""The tree of earlier rows: its depth, its room, and the margin of its float32 scans."""

import numpy as np

from teacherstudent.teachers.progress import neighbor_tree
from teacherstudent.teachers.progress.neighbors import NearestOlder


def test_a_sorted_stream_is_rebuilt_and_stays_shallow(monkeypatch):
    rebuilt, rebuild = [], NearestOlder._rebuild
    monkeypatch.setattr(NearestOlder, "_rebuild", lambda index: (rebuilt.append(len(index)), rebuild(index)))
    points = np.linspace(0, 1, 60_000)[:, None]  # without, every split would make the tree one deeper
    index = NearestOlder(1)
    nearest = np.concatenate([index.extend(part) for part in np.split(points, 60)])
    assert nearest.tolist() == [-1, *range(59_999)]
    leaves, depth = index._size[1:]
    assert 1 <= len(rebuilt) <= 10
    assert depth <= 64 + 2 * np.sqrt(leaves)


def test_many_twins_cost_no_room():
    index = NearestOlder(2)
    corner = np.zeros((5000, 2))
    assert index.extend(corner)[1:].tolist() == [0] * 4999
    assert index._size[:2].tolist() == [1, 1]
    assert index._tree.filled[0] == 1


def test_the_margin_covers_the_rounding_of_a_float32_scan():
    rng = np.random.default_rng(1)
    for d in (1, 2, 5, 12, 40):
        for scale in (1.0, 1e6):
            a, b = scale * rng.random((2, 2000, d))
            b[::2] = a[::2] + scale * 1e-7 * rng.standard_normal((1000, d))
            small = ((a.astype(np.float32) - b.astype(np.float32)) ** 2).sum(axis=1, dtype=np.float32)
            squares = ((a - b) ** 2).sum(axis=1)
            top = max(np.abs(a).max(), np.abs(b).max())
            limits = np.array([neighbor_tree._limit(s, d, top) for s in squares])
            assert (small <= limits).all()
            assert (limits <= squares * (1 + 1e-5 * d) + 1e-5 * top * np.sqrt(squares) + 1e-10 * top**2).all()
