"""What a saved state may hold: arrays, queues and numbers that are checked before they are kept."""

import numpy as np
import pytest

from teacherstudent.contract.stored.saved import (
    difference,
    reading,
    saved_array,
    saved_fifo,
    saved_gaps,
    saved_generator,
    saved_number,
    saved_whole,
)

NAN = np.nan


def test_a_good_array_is_copied():
    given = np.array([[1, 2], [3, 4]])
    found = saved_array("x", given, np.float64, (None, 2), low=1, high=4)
    assert found.dtype == np.float64
    assert found.tolist() == given.tolist()
    same = saved_array("x", given, np.int64, (2, 2))
    same[:] = 0
    assert given[0, 0] == 1
    assert saved_array("x", [], np.int64, (0,)).dtype == np.int64
    assert np.isnan(saved_array("x", [NAN, 2.0], np.float64, (2,), low=0, finite=False)[0])
    assert saved_array("x", [True], np.bool_, (1,)).tolist() == [True]


@pytest.mark.parametrize(
    ("value", "dtype", "limits", "message"),
    [
        ([1.5, 2.0], np.int64, {}, "x: expected an array of int64, got dtype float64"),
        (["a", "b"], np.float64, {}, "x: expected an array of float64, got dtype <U1"),
        ([None, None], np.float64, {}, "x: expected an array of float64, got dtype object"),
        ([1, 2], np.bool_, {}, "x: expected an array of bool, got dtype int64"),
        ([1.0, NAN], np.float64, {}, "x: expected finite numbers, got nan"),
        ([1.0, np.inf], np.float64, {}, "x: expected finite numbers, got inf"),
        (
            [1.0, -np.inf],
            np.float64,
            {"finite": False, "low": 0},
            "x: expected numbers of at least 0, got -inf",
        ),
        ([3, 10**9], np.int64, {"low": 0, "high": 4}, "x: expected numbers from 0 to 4, got 1000000000"),
        ([3, 5], np.int64, {"high": 4}, "x: expected numbers up to 4, got 5"),
        ([1, 2, 3], np.int64, {}, r"x: expected shape \(2\), got \(3,\)"),
        ([[1, 2]], np.int64, {}, r"x: expected shape \(2\), got \(1, 2\)"),
        (3, np.int64, {}, r"x: expected shape \(2\), got \(\)"),
    ],
)
def test_a_damaged_array_is_refused(value, dtype, limits, message):
    with pytest.raises(ValueError, match=message):
        saved_array("x", value, dtype, (2,), **limits)


def test_queues_fill_from_their_end():
    good = [[NAN, NAN, 1.0], [2.0, 3.0, 4.0], [NAN, NAN, NAN]]
    np.testing.assert_array_equal(saved_fifo("x", good, (3, 3)), good)
    for bad in ([[1.0, NAN, 2.0]], [[NAN, 1.0, NAN]], [[NAN, 1.0, np.inf]]):
        with pytest.raises(ValueError, match="x: expected NaN only before the oldest finite number of a row"):
            saved_fifo("x", bad, (1, 3))
    with pytest.raises(ValueError, match="x: expected shape"):
        saved_fifo("x", good, (3, 2))


def test_numbers_with_gaps():
    given = np.array([1.0, NAN, -2.0])
    found = saved_gaps("x", given, (3,), "finite y, or NaN")
    np.testing.assert_array_equal(found, given)
    found[0] = 5.0
    assert given[0] == 1.0
    for bad in (np.inf, -np.inf):
        with pytest.raises(ValueError, match=r"^x: expected finite y, or NaN$"):
            saved_gaps("x", [1.0, NAN, bad], (3,), "finite y, or NaN")
    with pytest.raises(ValueError, match=r"x: expected numbers of at least 0, got -2\.0"):
        saved_gaps("x", given, (3,), "finite y, or NaN", low=0)
    with pytest.raises(ValueError, match=r"x: expected shape \(2\), got \(3,\)"):
        saved_gaps("x", given, (2,), "finite y, or NaN")


def test_numbers():
    assert saved_whole("x", np.int64(3), 0, 3) == 3
    assert saved_number("x", 2, 0, 3) == 2.0
    for value in (4, -1, 1.0, "1", None, True):
        with pytest.raises(ValueError, match="x: expected a whole number"):
            saved_whole("x", value, 0, 3)
    for value in (4.0, -1.0, NAN, np.inf, 10**400, "1", None, True):
        with pytest.raises(ValueError, match="x: expected a finite number from 0 to 3, got"):
            saved_number("x", value, 0, 3)
    with pytest.raises(ValueError, match="x: expected a finite number of any size, got nan"):
        saved_number("x", NAN)


def test_generators_and_errors_of_reading():
    state = np.random.default_rng(3).bit_generator.state
    assert saved_generator("rng", state) == state
    for bad in (None, {}, {**state, "uinteger": 2**70}, {**state, "bit_generator": "MT19937"}, [1]):
        with pytest.raises(ValueError, match="rng: expected a state of PCG64, got"):
            saved_generator("rng", bad)
    for error in (KeyError("x"), TypeError("x"), ValueError("x"), IndexError("x"), AttributeError("x")):
        with pytest.raises(ValueError, match=r"here: expected .*got"), reading("here"):
            raise error
    with pytest.raises(KeyboardInterrupt), reading("here"):
        raise KeyboardInterrupt
    with pytest.raises(ValueError, match="rows: expected an array of int64, got"):
        saved_array("rows", [[1], [2, 3]], np.int64, (None, None))


def test_a_list_differs_from_a_number_of_numpy():
    # NumPy would compare the two part by part, and have no answer.
    assert difference([3, 1], np.float64("nan")) == "state"
    assert difference(np.float64(1.0), [1.0], "x") == "x"
    assert difference({"a": 1}, 1) == "state"
    assert difference([np.float64("nan")], [float("nan")]) is None
