import numpy as np
import pytest

from teacherstudent.teachers.adversaries.regret import Regret

MEANS = np.array([[2, 3, 5, 1], [6, 0, 4, 9]], float)
"""Of protagonist and antagonist on four tasks."""
MAXIMA = np.array([[4, 6, 5, 1], [8, 1, 5, 9]], float)


def paired(estimator="paired"):
    regret = Regret("mine", estimator)
    regret.pair(np.arange(4), np.arange(4, 8))
    return regret


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        ("paired", [8 - 2, 0, 5 - 5, 9 - 1]),
        ("unclipped", [8 - 2, 1 - 3, 5 - 5, 9 - 1]),
        ("flexible", [8 - 2, 6 - 0, 5 - 5, 9 - 1]),
        ("population", [8 - (2 + 6) / 2, 6 - (3 + 0) / 2, 5 - (5 + 4) / 2, 9 - (1 + 9) / 2]),
    ],
)
def test_regret_worked_by_hand(estimator, expected):
    rows, found = paired(estimator).take(np.arange(8), MEANS.ravel(), MAXIMA.ravel())
    assert rows.tolist() == [0, 4, 1, 5, 2, 6, 3, 7]
    assert found.tolist() == np.repeat(expected, 2).tolist()


def test_rows_may_come_apart_in_any_order_or_never():
    regret = paired()
    assert regret.take(np.array([6, 1]), np.array([4.0, 3.0]), np.array([5.0, 6.0]))[0].size == 0
    other = Regret("mine", "paired")
    other.load(regret.state())
    assert sorted(other.drop(np.array([5])).tolist()) == [1, 5]
    rows, found = other.take(np.array([2, 9]), np.array([1.0, 0.0]), np.array([1.0, 0.0]))
    assert (rows.tolist(), found.tolist()) == ([2, 6], [4.0, 4.0])
    assert other.holds(np.array([1, 5, 2, 0, 9])).tolist() == [False, False, False, True, False]


def test_the_longer_half_stands_alone():
    regret = Regret("mine", "paired")
    regret.pair(np.arange(3), np.arange(3, 5))
    assert regret.holds(np.arange(5)).tolist() == [True, True, False, True, True]


@pytest.mark.parametrize(
    "damage",
    [
        {"ids": np.zeros((4, 2), int)},
        {"ids": np.arange(8)},
        {"returns": np.zeros((4, 2))},
        {"returns": np.full((4, 2, 2), np.inf)},
    ],
)
def test_a_damaged_state_is_refused(damage):
    regret = paired()
    with pytest.raises(ValueError, match="mine: regret"):
        regret.load({**regret.state(), **damage})


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"mine: estimator: expected one of .*'paired'.*, got 'best'"):
        Regret("mine", "best")
