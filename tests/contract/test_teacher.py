import dataclasses

import numpy as np
import pytest

from teacherstudent.contract.purposes import Purpose
from teacherstudent.contract.spaces import Box, Discrete, Parameters
from teacherstudent.contract.stored.saved import difference
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Assignment, Outcomes

SPACE = Parameters(height=(0, 3), spacing=(0, 6))


class Recording(Teacher):
    """Asks for the lower corner and writes down what it is told."""

    accepts = (Box, Discrete)
    needs = frozenset({"value"})

    def __init__(self, space, *, seed):
        super().__init__(space, seed=seed)
        self.told, self.dropped, self.progress = [], [], []

    def _ask(self, ids, progress):
        self.progress.append(progress)
        return Assignment(ids=ids, tasks=np.tile(self.space.low, (len(ids), 1)))

    def _tell(self, outcomes):
        self.told += outcomes.ids.tolist()

    def _drop(self, ids):
        self.dropped += ids.tolist()

    def _state(self):
        return {"told": list(self.told)}

    def _load(self, state):
        self.told = list(state["told"])


def make():
    return Recording(SPACE, seed=0)


def rows(ids, **columns):
    n = len(ids)
    return Outcomes(
        **(
            {
                "ids": ids,
                "tasks": np.ones((n, 2)),
                "score": np.zeros(n),
                "cost": np.ones(n),
                "signals": {"value": np.zeros(n)},
            }
            | columns
        )
    )


def test_ids_count_up_and_close_when_told():
    teacher = make()
    assert teacher.ask(3).ids.tolist() == [0, 1, 2]
    assert teacher.ask().ids.tolist() == [3]
    assert teacher.outstanding.tolist() == [0, 1, 2, 3]
    teacher.tell(rows([2, 0]))
    assert teacher.outstanding.tolist() == [1, 3]
    teacher.drop(np.array([1]))
    assert teacher.outstanding.tolist() == [3]
    assert (teacher.told, teacher.dropped) == ([2, 0], [1])


def test_rows_not_asked_for_need_no_id():
    teacher = make()
    teacher.tell(rows([-1, -1]))
    teacher.ask(2)
    teacher.tell(rows([-1, 1, -1]))
    assert teacher.told == [-1, -1, -1, 1, -1]
    assert teacher.outstanding.tolist() == [0]


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([4], r"Recording.tell: id 4 was never issued \(next id: 4\)"),
        ([-2], "id -2 was never issued"),
        ([1], "id 1 is not outstanding: it was told or dropped before"),
        ([2], "id 2 is not outstanding"),
        ([0, 3, 0], "id 0 comes twice in one batch"),
        ([0, -1, 9], "id 9 was never issued"),
    ],
)
def test_wrong_ids_are_refused_and_nothing_is_told(ids, message):
    teacher = make()
    teacher.ask(4)
    teacher.tell(rows([1]))
    teacher.drop(np.array([2]))
    with pytest.raises(ValueError, match=message):
        teacher.tell(rows(ids))
    assert teacher.told == [1]
    assert teacher.outstanding.tolist() == [0, 3]
    teacher.tell(rows([3, 0]))


def test_dropping_wrong_ids_is_refused():
    teacher = make()
    teacher.ask(3)
    for ids, message in (([5], "never issued"), ([-1], "never issued"), ([1, 1], "comes twice")):
        with pytest.raises(ValueError, match="Recording.drop: .*" + message):
            teacher.drop(np.array(ids))
    assert teacher.dropped == []


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"score": np.array([0.0, np.nan])}, r"row 1 \(id 1, task \[1.0, 1.0\]\): expected a finite score"),
        ({"score": np.array([-np.inf, 0.0])}, r"row 0 \(id 0, .*\): expected a finite score, got -inf"),
        ({"cost": np.array([np.inf, 0.0])}, "expected a finite cost, got inf"),
        ({"cost": np.array([1.0, -2.0])}, "expected costs of at least 0, got -2.0"),
        ({"tasks": np.array([[0.0, 0.0], [3.1, 0.0]])}, r"row 1: expected a task in .*, got \[3.1, 0.0\]"),
        ({"tasks": np.array([[0.0, np.nan], [1.0, 0.0]])}, "row 0: expected a task in"),
        ({"tasks": np.zeros((2, 3))}, r"expected tasks of shape \(n, 2\), got \(2, 3\)"),
        ({"signals": {}}, r"expected the signal 'value', got \[\]"),
        ({"signals": {"length": np.zeros(2)}}, r"expected the signal 'value', got \['length'\]"),
        ({"signals": {"value": np.array([0.0, np.nan])}}, "row 1 .*expected a finite signal 'value'"),
        (
            {"score": np.array([0.0, -1.1e100])},
            r"row 1 \(id 1, .*\): expected a score within 1e\+100, got -1.1e",
        ),
        ({"cost": np.array([1e155, 0.0])}, r"row 0 .*expected a cost within 1e\+100, got 1e\+155"),
        ({"signals": {"value": np.array([0.0, 1.7e308])}}, "row 1 .*expected a signal 'value' within 1e"),
        (
            {"signals": {"value": np.zeros((2, 2))}},
            r"signal 'value': expected one number .* 2 rows, got shape \(2, 2\)",
        ),
        (
            {"signals": {"value": np.zeros((2, 1))}},
            r"signal 'value': expected one number .*got shape \(2, 1\)",
        ),
    ],
)
def test_bad_values_are_refused_and_nothing_is_told(columns, message):
    teacher = make()
    teacher.ask(2)
    with pytest.raises(ValueError, match="Recording.tell: .*" + message):
        teacher.tell(rows([0, 1], **columns))
    assert teacher.told == []
    teacher.tell(rows([0, 1]))


def test_signals_that_are_not_needed_may_be_anything():
    teacher = make()
    teacher.ask(1)
    notes = {"note": np.array([np.nan]), "picture": np.zeros((1, 2, 3)), "flag": np.array([True])}
    teacher.tell(rows([0], signals={"value": np.zeros(1)} | notes))
    assert teacher.told == [0]


class Measuring(Recording):
    measures = frozenset({"gap"})


def test_measured_rows_carry_more_than_those_that_are_trained_on():
    teacher = Measuring(SPACE, seed=0)
    teacher.ask(4)
    value = np.zeros(2)
    # Of the two rows only the second is measured.
    mixed = {"purpose": [Purpose.TRAIN, Purpose.EDIT]}
    for gap, message in (
        ({}, "expected the signal 'gap'"),
        ({"gap": np.array([0.0, np.nan])}, r"row 1 \(id 1, .*expected a finite signal 'gap', got nan$"),
        ({"gap": np.zeros((2, 1))}, "signal 'gap': expected one number for each of 2 rows"),
    ):
        with pytest.raises(ValueError, match=message):
            teacher.tell(rows([0, 1], signals={"value": value} | gap, **mixed))
    assert teacher.told == []
    teacher.tell(rows([0, 1], signals={"value": value, "gap": np.array([np.nan, 0.0])}, **mixed))
    # Where nothing is measured, the signal may be missing.
    teacher.tell(rows([2, 3]))
    assert teacher.told == [0, 1, 2, 3]


def test_what_measured_rows_lack_unexpectedly_comes_with_the_remedy():
    teacher = make()
    teacher.ask(2)
    for purpose, remedy in (
        (Purpose.TRAIN, "got nan$"),
        (Purpose.MEASURE, "measures should name 'value'"),
    ):
        with pytest.raises(ValueError, match="row 1 .*expected a finite signal 'value'.*" + remedy):
            teacher.tell(rows([0, 1], purpose=[0, purpose], signals={"value": np.array([0.0, np.nan])}))


def test_the_largest_numbers_are_taken():
    teacher = make()
    teacher.ask(2)
    ends = np.array([-1e100, 1e100])
    teacher.tell(rows([0, 1], score=ends, cost=np.abs(ends), signals={"value": ends.astype(np.float64)}))
    teacher.tell(rows([-1], signals={"value": np.array([np.finfo(np.float32).max], np.float32)}))
    assert teacher.told == [0, 1, -1]


def test_an_error_in_the_algorithm_leaves_ids_open():
    teacher = make()
    teacher.ask(1)

    def fail(outcomes):
        raise RuntimeError("no")

    teacher._tell = fail
    with pytest.raises(RuntimeError):
        teacher.tell(rows([0]))
    assert teacher.outstanding.tolist() == [0]


@pytest.mark.parametrize(
    ("n", "progress", "error", "message"),
    [
        (0, 0.0, ValueError, "expected n >= 1, got 0"),
        (-3, 0.0, ValueError, "expected n >= 1, got -3"),
        (2.5, 0.0, TypeError, "expected an integer n, got 2.5"),
        ("2", 0.0, TypeError, "expected an integer n, got '2'"),
        (1, 1.01, ValueError, r"expected progress in \[0, 1\], got 1.01"),
        (1, -0.1, ValueError, r"expected progress in \[0, 1\], got -0.1"),
        (1, float("nan"), ValueError, r"expected progress in \[0, 1\], got nan"),
    ],
)
def test_bad_questions_are_refused(n, progress, error, message):
    teacher = make()
    with pytest.raises(error, match=message):
        teacher.ask(n, progress=progress)
    assert teacher.outstanding.size == 0
    assert teacher.ask(np.int64(2), progress=1.0).ids.tolist() == [0, 1]
    assert teacher.progress == [1.0]


def test_spaces_and_seeds_are_checked():
    with pytest.raises(TypeError, match=r"Recording: expected a space of type Box or Discrete, got Multi"):
        Recording(__import__("gymnasium").spaces.MultiBinary(2), seed=0)
    with pytest.raises(ValueError, match="x0: expected finite low < high"):
        Recording(Box(-np.inf, np.inf, (1,)), seed=0)
    with pytest.raises(ValueError, match="expected an integer of at least 0"):
        Recording(SPACE, seed=-1)
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'seed'"):
        Recording(SPACE)


def test_seed_zero_is_a_seed():
    draws = [Recording(SPACE, seed=seed).rng.random() for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


def test_the_state_goes_on_where_it_was():
    teacher, other = make(), Recording(SPACE, seed=9)
    teacher.ask(300)
    teacher.tell(rows(list(range(0, 300, 2))))
    teacher.rng.random(5)
    state = teacher.state_dict()
    other.load_state_dict(state)
    assert other.outstanding.tolist() == list(range(1, 300, 2))
    assert other.ask(2).ids.tolist() == [300, 301]
    assert other.told == teacher.told
    assert other.rng.random() == teacher.rng.random()
    with pytest.raises(ValueError, match="id 4 is not outstanding"):
        other.tell(rows([4]))
    other.tell(rows([299, 1, 301]))


class Another(Recording):
    pass


def test_states_of_others_are_refused():
    state = make().state_dict()
    with pytest.raises(ValueError, match="expected one of Another, got Recording"):
        Another(SPACE, seed=0).load_state_dict(state)
    with pytest.raises(ValueError, match=r"expected space .*'high': \[3.0, 7.0\].* got .*\[3.0, 6.0\]"):
        Recording(Parameters(height=(0, 3), spacing=(0, 7)), seed=0).load_state_dict(state)
    with pytest.raises(ValueError, match=r"missing \['rng'\]"):
        make().load_state_dict({k: v for k, v in state.items() if k != "rng"})


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        (("ids", "next"), -1, "ids: next: expected a whole number of at least 0, got -1"),
        (("ids", "next"), 2**70, "ids: next: expected a whole number of at most"),
        (("ids", "next"), "3", "ids: next: expected a whole number"),
        (("ids", "next"), 2**50, "expected at most 2147483648 from the oldest open one on"),
        (("ids", "open"), np.array([0, 3]), "ids: open: expected ascending ids from 0 to below 3"),
        (("ids", "open"), np.array([1, 0]), "ids: open: expected ascending ids"),
        (("ids", "open"), np.array([1, 1]), "ids: open: expected ascending ids"),
        (
            ("ids", "open"),
            np.array([0.5]),
            r"ids: open: expected an array \(n,\) of integers, got array\(\[0.5",
        ),
        (("ids", "open"), np.zeros((2, 2), int), r"ids: open: expected an array \(n,\) of integers"),
        (("ids",), {"next": 3}, r"ids: expected .*missing \['open'\]"),
        (("ids",), None, "teacher state: ids: expected a mapping, got None"),
        (("rng",), {}, "teacher state: rng"),
        (("rng",), "PCG64", "teacher state: rng"),
        (("algorithm",), {}, "Recording: expected an entry 'told'"),
        (("algorithm",), {"told": 4}, "Recording: expected what state_dict returned, got TypeError"),
        (
            ("algorithm",),
            {"told": [], "more": 1},
            "teacher state.algorithm: expected what state_dict returned",
        ),
        (("algorithm",), {"told": (1, 2)}, "teacher state.algorithm.told: expected what state_dict returned"),
    ],
)
def test_a_damaged_state_is_refused_and_nothing_is_loaded(where, value, message):
    teacher, other = make(), make()
    teacher.ask(3)
    other.ask(7)
    other.tell(rows([4, 2]))
    before, state = other.state_dict(), teacher.state_dict()
    inner = state
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = value
    with pytest.raises(ValueError, match=message):
        other.load_state_dict(state)
    assert difference(before, other.state_dict()) is None
    assert other.ask(1).ids.tolist() == [7]


def test_a_teacher_without_metrics_has_none():
    assert make().metrics() == {}
    assert make().snapshot() == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rng": {}}, "rng: expected a state of PCG64"),
        ({"rng": "x"}, "rng: expected a state of PCG64"),
        ({"ids": {}}, r"ids: expected .*'next', 'open'"),
        ({"ids": 3}, "ids: expected a mapping, got 3"),
        ({"ids": {"next": 1, "open": np.array([0, 5])}}, "expected ascending ids from 0 to below 1"),
        ({"ids": {"next": 3, "open": np.array([-7, 2])}}, "expected ascending ids from 0 to below 3"),
        ({"ids": {"next": 3, "open": np.array([2, 0])}}, "expected ascending ids from 0 to below 3"),
        ({"ids": {"next": 3, "open": np.array([0.5])}}, "open: expected an array"),
        ({"ids": {"next": -1, "open": np.zeros(0, int)}}, "next: expected a whole number of at least 0"),
        ({"ids": {"next": 10**15, "open": np.array([0])}}, "expected at most 2147483648 from the oldest"),
        ({"algorithm": 3}, "Recording: expected what state_dict returned"),
        ({"space": np.zeros(2)}, "expected space"),
    ],
)
def test_a_state_that_no_teacher_can_have_is_refused_and_changes_nothing(changes, message):
    teacher = make()
    teacher.ask(3)
    before = teacher.state_dict()
    with pytest.raises(ValueError, match=message):
        teacher.load_state_dict(before | changes)
    assert teacher.state_dict()["rng"] == before["rng"]
    assert teacher.outstanding.tolist() == [0, 1, 2]


def test_questions_and_answers_of_wrong_kinds_are_refused():
    teacher = make()
    with pytest.raises(TypeError, match="ask: expected an integer n, got True"):
        teacher.ask(True)
    with pytest.raises(ValueError, match="expected n <= 2147483648"):
        teacher.ask(10**12)
    with pytest.raises(ValueError, match=r"progress in \[0, 1\], got 'x'"):
        teacher.ask(1, progress="x")
    with pytest.raises(TypeError, match="tell: expected Outcomes, got 3"):
        teacher.tell(3)
    with pytest.raises(TypeError, match=r"drop: ids: expected an array \(n,\) of integers"):
        teacher.drop([0.5])


class Stranger(Recording):
    """Names a member that it has not declared."""

    def _ask(self, ids, progress):
        return dataclasses.replace(super()._ask(ids, progress), member=ids % 2, origin=ids % 2)


def test_members_are_declared():
    with pytest.raises(ValueError, match=r"Stranger\._ask: member: expected members from 0 to 0, .* got 1"):
        Stranger(SPACE, seed=0).ask(2)
    teacher = Recording(SPACE, seed=0)
    asked = teacher.ask(1)
    told = Outcomes.of(asked, score=[0.0], cost=[1.0], signals={"value": [0.0]})
    with pytest.raises(ValueError, match=r"Recording\.tell: member: expected members from 0 to 0, .* got 9"):
        teacher.tell(dataclasses.replace(told, member=[9]))
    teacher.tell(told)
