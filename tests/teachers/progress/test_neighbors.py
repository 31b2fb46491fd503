import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from nearest import MANY, RNG, plain

from teacherstudent.teachers.progress.neighbors import BufferedTrees, NearestOlder


def in_parts(points, cuts):
    index = NearestOlder(points.shape[1])
    parts = [index.extend(part) for part in np.split(points, np.sort(cuts))]
    return np.concatenate(parts), index


@pytest.mark.parametrize("name", MANY)
def test_equals_a_plain_search(name):
    points = MANY[name]
    got, index = in_parts(points, RNG.integers(0, len(points), 12))
    assert got.tolist() == plain(points).tolist()
    assert np.array_equal(index.points, points)


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(0, 60), st.integers(1, 4)),
        elements=st.one_of(st.integers(-2, 2).map(float), st.floats(-1e15, 1e15, allow_subnormal=False)),
    ),
    st.lists(st.integers(0, 60), max_size=4),
)
def test_any_points_in_any_parts(points, cuts):
    got, _ = in_parts(points, np.minimum(np.array(cuts, int), len(points)))
    assert got.tolist() == plain(points).tolist()


def test_by_hand():
    index = NearestOlder(2)
    assert index.extend(np.array([[0.0, 0], [4, 0], [2, 0], [2, 0], [3, 0]])).tolist() == [-1, 0, 0, 2, 1]
    assert index.extend(np.array([[0.0, 1], [2, 0]])).tolist() == [0, 2]
    assert len(index) == 7


def test_insert_adds_without_looking():
    points = MANY["plane"]
    index = NearestOlder(2)
    index.insert(points[:2000])
    assert index.extend(points[2000:]).tolist() == plain(points)[2000:].tolist()


def test_forget_drops_the_oldest():
    points = MANY["grid with many ties"]
    index = NearestOlder(2)
    index.extend(points[:1500])
    index.forget(1000)
    assert len(index) == 500
    expected = plain(points[1000:])
    assert index.extend(points[1500:]).tolist() == expected[500:].tolist()
    index.forget(len(index))
    assert index.extend(points[:1]).tolist() == [-1]


def test_bad_points_are_refused():
    index = NearestOlder(2)
    with pytest.raises(ValueError, match="dimension of at least 1, got 0"):
        NearestOlder(0)
    for bad in (np.zeros((3, 1)), np.zeros(2)):
        with pytest.raises(ValueError, match=r"expected shape \(n, 2\)"):
            index.extend(bad)
    for value in (np.nan, np.inf, 1e16):
        with pytest.raises(ValueError, match="finite coordinates up to"):
            index.insert(np.array([[0.0, value]]))
    with pytest.raises(ValueError, match="expected 0 to 0 points, got 1"):
        index.forget(1)
    assert len(index) == 0


def test_buffered_trees_by_hand():
    store = BufferedTrees(1, buffer_size=2)
    for point, value in ((0.0, 1.0), (10.0, 2.0), (4.0, 3.0)):
        store.add(np.array([point]), value)
    # the first two are in the main tree, 4 is in the buffer; 2 is as near to 0 as to 4, 7 to 10 as to 4
    assert store.nearest(np.array([2.0])) == 1.0
    assert store.nearest(np.array([7.0])) == 2.0
    assert store.nearest(np.array([2.1])) == 3.0
    assert len(store) == 3


def test_buffered_trees_forget_only_when_the_buffer_is_merged():
    store, seen = BufferedTrees(1, max_size=3, buffer_size=4), []
    for i in range(14):
        store.add(np.array([float(i)]), float(i))
        oldest = store.nearest(np.array([-1.0]))
        seen.append((len(store), oldest))
    # merges happen at the 5th, 9th and 13th point; each leaves 3 in the main tree
    assert seen[:5] == [(1, 0), (2, 0), (3, 0), (4, 0), (4, 1)]
    assert seen[7:9] == [(7, 1), (4, 5)]
    assert seen[11:] == [(7, 5), (4, 9), (5, 9)]


def test_buffered_trees_answer_like_a_plain_search_and_resume():
    points = np.random.default_rng(3).random((400, 3))
    values = np.arange(400.0)
    store, nearest = BufferedTrees(3, buffer_size=60), plain(points)
    for i, (point, value) in enumerate(zip(points, values, strict=True)):
        if i:
            assert store.nearest(point) == nearest[i]
        if i == 250:
            state, store = store.state(), BufferedTrees(3, buffer_size=60)
            store.load(state)
            assert state["main"] == 240
        store.add(point, value)
    with pytest.raises(ValueError, match=r"store: values: expected shape \(250\), got \(400,\)"):
        store.load(state | {"values": values})
    with pytest.raises(
        ValueError, match="store: main: expected a whole number from 0 to 250, got 1000000000"
    ):
        store.load(state | {"main": 10**9})
    with pytest.raises(ValueError, match="store: points: expected finite numbers"):
        store.load(state | {"points": np.full((250, 3), np.nan)})
    with pytest.raises(ValueError, match="expected 0 to 60 rows in the buffer, got 150"):
        store.load(state | {"main": 100})
