import numpy as np
import pytest

from teacherstudent.contract.purposes import Purpose
from teacherstudent.contract.types import Assignment
from teacherstudent.running.acting.kept import Kept


def rows(first, n):
    ids = np.arange(first, first + n)
    return Assignment(
        ids=ids,
        tasks=ids[:, None] * 10.0,
        purpose=np.full(n, Purpose.MEASURE),
        notes={"key": ids + 5},
    )


def test_rows_come_back_once_in_their_order():
    kept = Kept()
    assert kept.ids.tolist() == []
    kept.put(rows(3, 2))
    kept.put(rows(9, 0))
    kept.put(rows(7, 1))
    assert kept.ids.tolist() == [3, 4, 7]
    assert [part.ids.tolist() for part in kept.take()] == [[3, 4], [7]]
    assert kept.take() == []


def test_a_state_holds_whole_rows():
    kept = Kept()
    kept.put(rows(3, 2))
    other = Kept()
    other.load(kept.state())
    (part,) = other.take()
    (expected,) = kept.take()
    for name in ("ids", "tasks", "purpose", "member", "origin"):
        np.testing.assert_array_equal(getattr(part, name), getattr(expected, name))
    assert part.notes["key"].tolist() == [8, 9]


@pytest.mark.parametrize("state", [None, {}, {"parts": 3}, {"parts": [{"ids": []}]}])
def test_a_damaged_state_is_refused(state):
    with pytest.raises((ValueError, TypeError), match="kept rows"):
        Kept().load(state)
