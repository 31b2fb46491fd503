import pytest

from teacherstudent.contract.accounts.ledger import Ledger
from teacherstudent.contract.stored.saved import difference


def test_what_counts_against_the_budget():
    ledger = Ledger()
    ledger.absorb({"train": 100, "measure": 20, "edit": 3, "train/1": 4, "updates": 7})
    ledger.costs["evaluate"] += 1000
    assert ledger.spent == 127
    ledger.absorb({"train": 150})  # counters are totals, not steps
    assert ledger.spent == 177
    assert ledger.updates == 7


def test_an_adversary_costs_nothing_of_the_budget():
    ledger = Ledger()
    ledger.absorb({"train": 100})
    ledger.absorb_teacher({"adversary": 640.0})
    assert (ledger.spent, ledger.as_dict()["cost/adversary"]) == (100, 640)
    with pytest.raises(ValueError, match=r"expected names that the student does not use, got 'train'"):
        ledger.absorb_teacher({"train": 1.0})
    other = Ledger()
    other.load_state_dict(ledger.state_dict())
    assert other.spent == 100


def test_a_family_prices_what_counts():
    ledger = Ledger(10.0, {"labels": 2.0, "train": 0.0, "adversary": 0.5})
    ledger.absorb({"train": 100.0, "labels": 7.0, "measure": 1.0})
    ledger.absorb_teacher({"adversary": 4.0})
    ledger.costs["evaluate"] = 50.0
    assert ledger.spent == 10 + 14 + 1 + 2
    for prices, message in (
        ({"evaluate": 1.0}, "prices: expected no price of .*'evaluate'"),
        ({"train": -1.0}, "prices: train: expected a finite number of at least 0"),
        (3, "prices: expected a mapping"),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            Ledger(0.0, prices)


def test_what_was_spent_before_counts_and_stands_apart():
    ledger, other = Ledger(30.0), Ledger()
    ledger.absorb({"train": 100})
    assert ledger.spent == 130
    assert ledger.as_dict()["cost/before"] == 30
    other.load_state_dict(ledger.state_dict())
    assert other.spent == 130


def test_a_student_cannot_book_what_the_run_books():
    for name in ("evaluate", "before", ""):
        with pytest.raises(ValueError, match=f"got '{name}'"):
            Ledger().absorb({name: 1.0})
    with pytest.raises(ValueError, match=r"Teacher\.spent: expected names of costs other than"):
        Ledger().absorb_teacher({"before": 1.0})


def test_seconds_add_up_also_when_the_block_raises(monkeypatch):
    clock = iter([0.0, 2.0, 10.0, 13.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    ledger = Ledger()
    with ledger.timed("teacher"):
        pass
    with pytest.raises(KeyError), ledger.timed("teacher"):
        raise KeyError
    assert ledger.seconds["teacher"] == 5.0


@pytest.mark.parametrize("read", [Ledger.as_dict, Ledger.state_dict])
def test_what_is_read_inside_a_block_counts_it_so_far(monkeypatch, read):
    clock = iter([0.0, 1.0, 4.0, 6.0, 7.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    ledger = Ledger()
    with ledger.timed("total"):
        with ledger.timed("student"):
            pass  # 1 to 4
        read(ledger)  # at 6
        assert (ledger.seconds["total"], ledger.seconds["student"]) == (6.0, 3.0)
    assert (ledger.seconds["total"], ledger.seconds["student"]) == (7.0, 3.0)


def test_framework_seconds_leave_out_student_and_evaluation():
    ledger = Ledger()
    ledger.seconds.update(compile=50.0, total=10.0, student=6.0, environment=4.0, evaluate=3.0)
    assert ledger.framework_seconds() == 1.0


def test_state_round_trip():
    ledger, other = Ledger(), Ledger()
    ledger.absorb({"train": 5, "environment_seconds": 2.5})
    ledger.episodes, ledger.dropped = 3, 1
    other.load_state_dict(ledger.state_dict())
    assert other.as_dict() == ledger.as_dict()
    assert other.as_dict()["seconds/environment"] == 2.5


@pytest.mark.parametrize(
    "spoiled",
    [
        {"costs": {"train": float("nan")}},
        {"seconds": None},
        {"episodes": -1},
        {"dropped": "x"},
        {"updates": "x"},
        {"teacher": None},
        {"teacher": ["coffee"]},
        {"unknown": 1},
    ],
)
def test_a_damaged_state_is_refused_and_changes_nothing(spoiled):
    ledger = Ledger(2.0)
    ledger.absorb({"train": 5.0})
    state = ledger.state_dict()
    with pytest.raises((ValueError, TypeError), match="expected"):
        ledger.load_state_dict({**state, **spoiled})
    assert difference(ledger.state_dict()["costs"], state["costs"]) is None
    for missing in ("costs", "episodes"):
        with pytest.raises(ValueError, match=f"missing \\['{missing}'\\]"):
            ledger.load_state_dict({name: value for name, value in state.items() if name != missing})
    ledger.load_state_dict(state)
    assert ledger.spent == 7.0


def test_counters_are_numbers_and_a_refused_report_counts_nothing():
    ledger = Ledger()
    for spent in (
        {"train": 9.0, "before": 1.0},
        {"train": 9.0, "measure": float("nan")},
        {"train": "x"},
        None,
    ):
        with pytest.raises((ValueError, TypeError), match=r"Student.spent.*expected"):
            ledger.absorb(spent)
    with pytest.raises(ValueError, match="names that the student does not use"):
        ledger.absorb_teacher({"adversary": 3.0, "train": 1.0})
    assert ledger.spent == 0
    assert "adversary" not in ledger.costs


def test_a_student_and_a_teacher_do_not_share_a_name():
    ledger = Ledger()
    ledger.absorb({"train": 10.0})
    ledger.absorb_teacher({"edit": 3.0})
    with pytest.raises(ValueError, match="expected names that the teacher does not use, got 'edit'"):
        ledger.absorb({"train": 20.0, "edit": 100.0})
    assert ledger.spent == 10.0


def test_prices_without_a_cost_are_named():
    ledger = Ledger(0.0, {"labels": 1.0, "mesure": 2.0})
    ledger.absorb({"labels": 3.0})
    assert ledger.unused_prices() == ["mesure"]
