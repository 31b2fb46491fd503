"""Signals of told rows: what passes, and which row is named where one does not."""

import numpy as np
import pytest

from teacherstudent.contract.types import Outcomes
from teacherstudent.teachers.signals import check_mastered, share, signal, successes


def rows(values):
    """Return three rows with the signal ``length``."""
    signals = {"length": np.asarray(values)}
    return Outcomes(ids=[-1] * 3, tasks=np.zeros(3, int), score=[0.0] * 3, cost=[1.0] * 3, signals=signals)


def test_whole_numbers_and_truth_values_become_floats():
    for values, expected in (([2, 0, 7], [2.0, 0.0, 7.0]), ([True, False, True], [1.0, 0.0, 1.0])):
        found = signal(rows(values), "length")
        assert found.dtype == np.float64
        assert found.tolist() == expected


def test_the_first_row_without_a_finite_number_is_named():
    with pytest.raises(ValueError, match=r"'length': row 1: expected a finite number, got nan"):
        signal(rows([1.0, np.nan, np.inf]), "length")


def test_rows_that_do_not_count_may_hold_anything():
    told = rows([1.0, np.nan, 3.0])
    assert signal(told, "length", where=np.array([True, False, True]))[[0, 2]].tolist() == [1.0, 3.0]
    with pytest.raises(ValueError, match="row 1"):
        signal(told, "length", where=np.array([False, True, False]))


def test_a_row_has_one_number():
    with pytest.raises(ValueError, match=r"'length': expected shape \(3,\), got \(3, 1\)"):
        signal(rows([[1.0], [2.0], [3.0]]), "length")


def test_a_share_may_miss_its_range_by_rounding_only():
    assert share(rows([-1e-12, 0.5, 1 + 1e-12]), "length")[1] == 0.5
    for value in (-1e-6, 1 + 1e-6):
        with pytest.raises(ValueError, match=r"'length': row 2: expected a share in \[0, 1\], got"):
            share(rows([0.0, 1.0, value]), "length")


def test_success_is_the_signal_or_else_the_line():
    score = np.array([0.0, 1.0, 2.0])
    plain = Outcomes(ids=[-1] * 3, tasks=np.zeros((3, 1)), score=score, cost=np.ones(3))
    assert successes(plain, 1.0).tolist() == [0, 0, 1]
    told = np.array([0.75, np.nan, 0.0])
    carrying = Outcomes(
        ids=[-1] * 3, tasks=np.zeros((3, 1)), score=score, cost=np.ones(3), signals={"success": told}
    )
    assert successes(carrying, 0.5).tolist() == [0.75, 1, 0]


def test_a_line_of_mastery_is_a_number_or_refused_with_a_remedy():
    assert check_mastered("me", np.float32(0.5)) == 0.5
    for wrong in (None, "1", np.nan, True):
        with pytest.raises(ValueError, match=r"me: mastered: .*teachers.make\('me', family\)"):
            check_mastered("me", wrong)
