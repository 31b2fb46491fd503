"""Numbers of outstanding rows: found, forgotten, unknown, saved, and refused when damaged."""

import numpy as np
import pytest

from teacherstudent.teachers.lessons.handed import NOTHING, Handed


def handed():
    made = Handed()
    made.hand(np.array([3, 4, 5]), np.array([7, 8, 7]))
    made.hand(np.array([9]), np.array([2]))
    return made


def test_a_row_is_found_once_in_any_order():
    made = handed()
    assert made.take(np.array([9, -1, 4, 6, 100])).tolist() == [2, NOTHING, 8, NOTHING, NOTHING]
    assert made.numbers.tolist() == [7, 7]
    assert made.take(np.array([4, 5, 3])).tolist() == [NOTHING, 7, 7]
    assert made.take(np.array([3])).tolist() == [NOTHING]


def test_a_state_brings_the_rows_back():
    other = Handed()
    other.load("x", handed().state(), 8)
    assert other.take(np.array([5, 9])).tolist() == [7, 2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ids": np.array([3, 5, 4, 9])}, "ids: expected ascending"),
        ({"ids": np.array([-3, 4, 5, 9])}, "ids: expected numbers of at least 0"),
        ({"numbers": np.array([7, 8, 9, 2])}, "numbers: expected numbers from 0 to 8"),
        ({"numbers": np.array([7, 8])}, "numbers: expected shape"),
    ],
)
def test_damaged_states_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Handed().load("x", handed().state() | change, 8)
