"""What a reset asks of slots: seeds, masks, tasks."""

from __future__ import annotations

import numpy as np
import pytest
from ramps import ROWS, Ramp

from teacherstudent.slots.requests import slot_seeds
from teacherstudent.slots.wrapping.family import family_from_gymnasium


@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        (None, [-1, -1, -1]),
        (0, [0, 1, 2]),
        (np.int64(5), [5, 6, 7]),
        ([3, None, 0], [3, -1, 0]),
        ((1, 2, None), [1, 2, -1]),
        (np.array([3, None, 0], object), [3, -1, 0]),
        (np.array([3, -1, 0]), [3, -1, 0]),
        (np.array([3, -1, 0], np.int8), [3, -1, 0]),
        (np.array([3, 2**63 + 4, 0], np.uint64), [3, 4, 0]),
        ([2**63 + 4, 2**63 - 1, 2**200], [4, 2**63 - 1, 0]),
    ],
)
def test_every_form_becomes_an_array(seed, expected):
    seeds = slot_seeds(seed, 3)
    assert seeds.dtype == np.int64
    assert seeds.tolist() == expected


def test_an_int64_array_is_passed_on():
    given = np.array([3, -1, 0])
    assert slot_seeds(given, 3) is given


@pytest.mark.parametrize(
    ("seed", "error", "message"),
    [
        (-1, ValueError, "slot 0: expected at least 0"),
        (True, TypeError, "expected None, an integer or a list or array of 3 seeds, got True"),
        (1.5, TypeError, "expected None, an integer"),
        ([1, 2], ValueError, "expected 3 seeds"),
        ([1, -1, 2], ValueError, "slot 1: expected at least 0, got -1"),  # a list says None
        ([1, 2, 0.5], TypeError, "slot 2: expected an integer or None"),
        (np.array([1, 2]), ValueError, r"expected shape \(3,\).*got \(2,\)"),
        (np.array([[1, 2, 3]]), ValueError, r"got \(1, 3\)"),
        (np.array([1, 2, -2]), ValueError, "slot 2: expected at least 0, or -1 for none, got -2"),
        (np.array([1.0, 2.0, 3.0]), TypeError, "expected an array of integers, got dtype float64"),
        (np.array([True, False, True]), TypeError, "got dtype bool"),
    ],
)
def test_bad_seeds_say_what_was_expected(seed, error, message):
    with pytest.raises(error, match=message):
        slot_seeds(seed, 3)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"seed": [1, 2]}, ValueError, "expected 3 seeds"),
        ({"seed": -1}, ValueError, "slot 0: expected at least 0"),
        ({"seed": 1.5}, TypeError, "seed: expected None"),
        ({"seed": [1, 2, 0.5]}, TypeError, "slot 2: expected an integer"),
        ({"options": {"task": ROWS[:2]}}, ValueError, r"expected shape \(3, 2\)"),
        ({"options": {"task": ROWS * 2}}, ValueError, "slot 1: expected a task in"),
        ({"options": {"task": ROWS, "reset_mask": np.ones(3)}}, TypeError, "expected booleans"),
        ({"options": {"task": ROWS, "reset_mask": np.ones(2, bool)}}, ValueError, r"shape \(3,\)"),
        ({"options": {"task": ROWS, "reset_mask": np.zeros(3, bool)}}, ValueError, "at least one slot"),
    ],
)
@pytest.mark.parametrize("processes", [1, 2])
def test_a_bad_reset_is_refused(arguments, error, message, processes):
    vec = family_from_gymnasium(Ramp).make_vec(3, processes=processes)
    try:
        with pytest.raises(error, match=message):
            vec.reset(**arguments)
    finally:
        vec.close()


@pytest.mark.parametrize(("n", "processes"), [(0, 1), (-1, 1), (2, 0), (2, 3)])
def test_impossible_numbers_of_slots_are_refused(n, processes):
    with pytest.raises(ValueError, match="expected"):
        family_from_gymnasium(Ramp).make_vec(n, processes=processes)
