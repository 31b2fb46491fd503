"""Open rows are found by their examples, the oldest first, and given up when there are too many."""

import numpy as np
import pytest

from teacherstudent.adapters.supervised.open_rows import OpenRows


def rows(ids, indices, most=100):
    found = OpenRows(most)
    assert found.add(np.array(ids), np.array(indices), 0).size == 0
    return found


def test_a_whole_batch_and_a_shuffled_one_are_found():
    found = rows([10, 11, 12, 13], [5, 3, 5, 9])
    assert found.find(np.array([5, 3])).tolist() == [0, 1]
    assert found.find(np.array([9, 5, 5, 3])).tolist() == [3, 0, 2, 1]
    assert found.find(np.array([5])).tolist() == [0]
    assert found.find(np.zeros(0, np.int64)).tolist() == []


@pytest.mark.parametrize("indices", [[4], [3, 3], [5, 5, 5], [99], [-1]])
def test_an_example_without_an_open_row_is_named(indices):
    found = rows([10, 11, 12, 13], [5, 3, 5, 9])
    with pytest.raises(ValueError, match=f"got {indices[0]}, of which no row is open"):
        found.find(np.array(indices))


def test_an_empty_table_finds_nothing():
    with pytest.raises(ValueError, match="got 1"):
        OpenRows(3).find(np.array([1]))


def test_the_oldest_are_given_up():
    found = rows([1, 2], [0, 1], most=3)
    assert found.add(np.array([3, 4]), np.array([2, 3]), 2).tolist() == [1]
    assert found.ids.tolist() == [2, 3, 4]
    assert found.places.tolist() == [1, 2, 3]
    assert found.add(np.arange(10, 15), np.arange(5), 4).tolist() == [2, 3, 4, 10, 11]


def test_rows_are_removed_and_saved():
    found = rows([1, 2, 3], [7, 8, 9])
    assert found.remove(np.array([True, False, True])).tolist() == [1, 3]
    other = OpenRows(100)
    other.load(found.state(), examples=10)
    assert (other.ids.tolist(), other.indices.tolist(), other.places.tolist()) == ([2], [8], [1])
    assert len(other) == 1


@pytest.mark.parametrize(
    "change",
    [{"indices": np.array([10])}, {"ids": np.array([-1])}, {"places": np.array([1, 2])}, {"ids": None}],
)
def test_a_damaged_state_is_refused(change):
    state = rows([1], [7]).state()
    with pytest.raises(ValueError, match="sampler: open"):
        OpenRows(3).load({**state, **change}, examples=10)
