import numpy as np
import pytest

from teacherstudent.teachers.goals.newest import Newest


def restated(size, cuts, rows):
    """Return the newest rows as plain lists would keep them."""
    kept = []
    for part in np.split(np.arange(rows), cuts):
        kept = (kept + part.tolist())[-size:]
    return kept


@pytest.mark.parametrize("size", [1, 7, 50])
def test_the_newest_rows_stay_in_order(size):
    rng = np.random.default_rng(size)
    cuts = np.sort(rng.integers(0, 300, 60))
    found = Newest(size, 2)
    for part in np.split(np.arange(300.0), cuts):
        found.add(np.column_stack([part, -part]), 10 * part)
    expected = restated(size, cuts, 300)
    assert found.values.tolist() == [10 * row for row in expected]
    assert found.points.tolist() == [[row, -row] for row in expected]
    assert len(found) == size


def test_a_batch_is_kept_as_its_rows_are():
    one, many = Newest(5, 1), Newest(5, 1)
    many.add(np.arange(12.0)[:, None], np.arange(12.0))
    for row in np.arange(12.0):
        one.add(np.array([[row]]), np.array([row]))
    assert one.state()["points"].tolist() == many.state()["points"].tolist() == [[7], [8], [9], [10], [11]]


def test_memory_stays_within_twice_the_size():
    found = Newest(10, 1)
    for row in range(1000):
        found.add(np.array([[float(row)]]), np.array([float(row)]))
        assert len(found._values) <= 20


def test_a_state_goes_on_and_a_damaged_one_is_refused():
    found = Newest(3, 1)
    found.add(np.array([[0.0], [1.0]]), np.array([0.5, 1.0]))
    other = Newest(3, 1)
    other.load("x", found.state(), low=0, high=1)
    for each in (found, other):
        each.add(np.array([[2.0], [3.0]]), np.array([0.0, 0.25]))
    assert found.values.tolist() == other.values.tolist() == [1.0, 0.0, 0.25]
    for change in ({"values": np.zeros(2)}, {"points": np.zeros((3, 2))}, {"values": np.full(3, 2.0)}):
        with pytest.raises(ValueError, match="x: "):
            other.load("x", found.state() | change, low=0, high=1)
    with pytest.raises(ValueError, match="at most 3 rows, got 4"):
        other.load("x", {"points": np.zeros((4, 1)), "values": np.zeros(4)})
