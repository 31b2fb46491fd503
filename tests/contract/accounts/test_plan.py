import numpy as np
import pytest

from teacherstudent.contract.accounts.plan import Plan


@pytest.mark.parametrize(
    "options",
    [
        {"budget": 0},
        {"budget": -1},
        {"budget": np.nan},
        {"budget": np.inf},
        {"charged": -1},
        {"charged": 10},
        {"charged": np.nan},
        {"test_every": 0},
        {"record_every": -1},
        {"checkpoint_every": -1},
        {"test_seed": -1},
        {"keep": 0},
    ],
)
def test_bad_plans(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        Plan(**{"budget": 10, **options})


def test_what_is_due_by_hand():
    due = Plan(budget=100, test_every=30, checkpoint_every=0).intervals()
    spent = [0, 29, 31, 59, 95, 100]  # a multiple that was jumped over is not made up for
    assert [due["test"].elapsed(cost) for cost in spent] == [True, False, True, False, True, False]
    assert due["test"].next == 120
    assert [due["record"].elapsed(cost) for cost in (0, 0.9, 1)] == [True, False, True]
    assert [due["checkpoint"].elapsed(cost) for cost in (0, 1e9)] == [True, False]
    due = Plan(budget=100).intervals()
    assert [due[name].elapsed(0.0) for name in due] == [True] * 3
    assert [due[name].next for name in ("test", "record", "checkpoint")] == [5, 1, 5]


def test_intervals_of_large_whole_numbers():
    """Whole numbers beyond 64 bits are numbers too."""
    due = Plan(budget=2**70, test_every=2**69).intervals()["test"]
    assert [due.elapsed(spent) for spent in (0, 2.0**68, 2.0**69)] == [True, False, True]
