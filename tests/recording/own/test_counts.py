import numpy as np
import pytest

from teacherstudent.contract.purposes import Purpose
from teacherstudent.contract.types import Outcomes
from teacherstudent.recording.own.counts import Counts


def rows(cost, purpose=None):
    n = len(cost)
    return Outcomes(
        ids=range(n), tasks=np.zeros((n, 1)), score=np.zeros(n), cost=np.array(cost), purpose=purpose
    )


def without_seconds(counts):
    found = counts.as_dict()
    assert found.pop("seconds/total") >= 0
    return found


def test_the_costs_of_rows_are_added_up_by_purpose():
    counts = Counts(None)
    counts.told(rows([3.0, 4.0]))
    counts.told(rows([5.0, 6.0, 7.0], [Purpose.TRAIN, Purpose.MEASURE, Purpose.EDIT]))
    counts.dropped += 2
    counts.tested(100.0)
    assert counts.spent() == 25.0
    assert without_seconds(counts) == {
        "cost/train": 12.0,
        "cost/measure": 6.0,
        "cost/edit": 7.0,
        "cost/evaluate": 100.0,
        "episodes": 5.0,
        "dropped": 2.0,
    }


def test_what_the_loop_says_counts_more_and_all_but_measuring_is_training():
    said = iter([30.0, 40.0])
    counts = Counts(lambda: next(said))
    counts.told(rows([5.0, 6.0], [Purpose.TRAIN, Purpose.MEASURE]))
    assert counts.spent() == 30.0
    assert without_seconds(counts) == {
        "cost/train": 34.0,
        "cost/measure": 6.0,
        "episodes": 2.0,
        "dropped": 0.0,
    }


@pytest.mark.parametrize("later", [9.0, np.nan, None, "11"])
def test_a_cost_that_falls_or_is_no_number_is_refused(later):
    said = iter([10.0, later])
    counts = Counts(lambda: next(said))
    assert counts.spent() == 10.0
    with pytest.raises(ValueError, match=r"spent: expected (at least 10|it to return a finite number)"):
        counts.spent()


def test_a_resumed_count_goes_on_and_refuses_one_that_starts_anew():
    counts = Counts(lambda: 50.0)
    counts.told(rows([5.0]))
    counts.spent()
    state = counts.state()
    later = Counts(lambda: 0.0)
    later.load(state)
    with pytest.raises(ValueError, match="must go on with the checkpoint's count"):
        later.spent()
    same = Counts(None)
    same.load(state)
    assert same.spent() == 5.0
    assert same.as_dict()["seconds/total"] >= state["seconds"]


def test_a_number_is_no_count():
    with pytest.raises(TypeError, match=r"lambda: model.num_timesteps, got 100"):
        Counts(100)
