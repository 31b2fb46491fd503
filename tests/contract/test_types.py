import dataclasses

import numpy as np
import pytest

from teacherstudent.contract.types import Assignment, Outcomes, generator, seed_sequence


def outcomes(n=3, **columns):
    return Outcomes(
        **(
            {
                "ids": np.arange(n),
                "tasks": np.zeros((n, 2)),
                "score": np.arange(n) / 2,
                "cost": np.ones(n),
                "signals": {"length": np.arange(n), "trace": np.zeros((n, 4))},
            }
            | columns
        )
    )


def test_an_assignment_learns_unless_told_otherwise():
    assignment = Assignment(ids=[4, 5], tasks=[[0.0], [1.0]])
    assert assignment.learn.tolist() == [True, True]
    assert assignment.ids.dtype == np.int64
    assert len(assignment) == 2


@pytest.mark.parametrize("rows", [slice(1, 3), np.array([1, 2]), np.array([False, True, True])])
def test_rows_can_be_selected(rows):
    assignment = Assignment(ids=[7, 8, 9], tasks=[[0.0], [1.0], [2.0]], purpose=[0, 1, 0], member=[2, 1, 0])
    part = assignment.select(rows)
    assert part.ids.tolist() == [8, 9]
    assert part.tasks.tolist() == [[1.0], [2.0]]
    assert part.learn.tolist() == [False, True]
    assert part.member.tolist() == part.origin.tolist() == [1, 0]
    told = outcomes().select(rows)
    assert told.ids.tolist() == [1, 2]
    assert told.score.tolist() == [0.5, 1.0]
    assert told.signals["length"].tolist() == [1, 2]
    assert told.signals["trace"].shape == (2, 4)


def test_records_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        outcomes().score = np.zeros(3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Assignment(ids=[0], tasks=[[0.0]]).ids = np.zeros(1)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"ids": np.arange(2)}, r"ids: expected shape \(3,\), one value for each id, got \(2,\)"),
        ({"score": np.zeros((3, 1))}, r"score: expected shape \(3,\), .* got \(3, 1\)"),
        ({"cost": 1.0}, r"cost: expected shape \(3,\), .* got \(\)"),
        ({"signals": {"length": np.zeros(2)}}, r"signal 'length': expected 3 rows, got shape \(2,\)"),
        ({"signals": {"length": 1.0}}, r"signal 'length': expected 3 rows, got shape \(\)"),
        ({"ids": np.array([0.0, 1.5, 2.0])}, r"ids: expected whole numbers, got \[0. +1.5 2. *\]"),
        ({"ids": np.array([0.0, np.nan, 2.0])}, "ids: expected whole numbers, got"),
    ],
)
def test_rows_must_match(columns, message):
    with pytest.raises(ValueError, match=message):
        outcomes(**columns)


def test_an_assignment_must_have_a_row_for_each_id():
    with pytest.raises(ValueError, match=r"ids: expected shape \(1,\)"):
        Assignment(ids=[0, 1], tasks=[[0.0]])
    with pytest.raises(ValueError, match=r"purpose: expected shape \(2,\)"):
        Assignment(ids=[0, 1], tasks=[[0.0], [1.0]], purpose=[1])
    with pytest.raises(TypeError, match=r"tasks: expected an array \(n, ...\), a row for each task, got 1.0"):
        Assignment(ids=[0], tasks=1.0)


def test_outcomes_are_joined_row_wise():
    joined = Outcomes.concatenate([outcomes(2), outcomes(1)])
    assert joined.ids.tolist() == [0, 1, 0]
    assert joined.signals["trace"].shape == (3, 4)


def test_outcomes_with_other_signals_are_not_joined():
    with pytest.raises(ValueError, match=r"expected signals \['length', 'trace'\], got \['length'\]"):
        Outcomes.concatenate([outcomes(), outcomes(signals={"length": np.zeros(3)})])
    with pytest.raises(ValueError, match="at least one Outcomes, got none"):
        Outcomes.concatenate([])


def test_seeds():
    assert generator(0).random() == generator(0).random()
    assert generator(0).random() != generator(1).random()
    assert generator(np.int64(3)).random() == generator(3).random()
    assert generator(np.random.SeedSequence(3)).random() == generator(3).random()
    child = np.random.SeedSequence(3).spawn(1)[0]
    assert seed_sequence(child) is child
    assert generator(child).random() != generator(3).random()


@pytest.mark.parametrize("seed", [None, 1.0, "1", True])
def test_a_seed_is_an_integer(seed):
    with pytest.raises(TypeError, match=r"seed: expected an int or a numpy.random.SeedSequence, got "):
        generator(seed)


def test_a_seed_is_not_negative():
    with pytest.raises(ValueError, match="seed: expected an integer of at least 0, got -1"):
        generator(-1)


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        ({"ids": "x"}, TypeError, "ids: expected whole numbers, got 'x'"),
        ({"ids": ["x"] * 3}, TypeError, "ids: expected whole numbers, got"),
        ({"ids": [True, False, True]}, TypeError, "ids: expected whole numbers, got"),
        ({"ids": [1e300, 0, 1]}, ValueError, r"ids: expected whole numbers below 2\*\*62, got"),
        ({"score": ["x"] * 3}, TypeError, "score: expected numbers, got"),
        ({"score": [1j] * 3}, TypeError, "score: expected numbers, got"),
        ({"cost": [[1], [1, 2], [3]]}, TypeError, "cost: expected numbers, got"),
        ({"tasks": [["x"]] * 3}, TypeError, r"tasks: expected an array \(n, ...\) of numbers, got"),
        ({"signals": "x"}, TypeError, "signals: expected a mapping of names to columns, got 'x'"),
        ({"signals": {"length": ["x"] * 3}}, TypeError, "signal 'length': expected numbers, got"),
    ],
)
def test_columns_hold_numbers(columns, error, message):
    right = {"ids": [0, 1, 2], "tasks": np.zeros((3, 1)), "score": np.zeros(3), "cost": np.ones(3)}
    with pytest.raises(error, match=message):
        Outcomes(**right | columns)


def test_purposes_and_members_are_whole_numbers():
    made = Assignment(ids=[0, 1], tasks=[[0.0], [1.0]], purpose=[0, 2], member=[3, 1], origin=[0, 1])
    assert (made.learn.tolist(), made.member.tolist(), made.origin.tolist()) == (
        [True, False],
        [3, 1],
        [0, 1],
    )
    assert made.purpose.dtype == np.uint8
    for wrong in ([256, 0], [0.5, 1.0], ["x", "y"], [True, False], [-1, 0]):
        with pytest.raises((ValueError, TypeError), match="purpose: expected whole numbers from 0 to 255"):
            Assignment(ids=[0, 1], tasks=[[0.0], [1.0]], purpose=wrong)
    for name in ("member", "origin"):
        with pytest.raises(ValueError, match=f"{name}: expected members from 0 on, got"):
            Assignment(ids=[0, 1], tasks=[[0.0], [1.0]], **{name: [0, -1]})


def test_outcomes_of_an_assignment_carry_its_rows_back():
    rows = Assignment(ids=[4, 5], tasks=[[0.0], [1.0]], purpose=[1, 0], member=[0, 2], notes={"k": [1, 2]})
    found = Outcomes.of(rows, score=[1, 2], cost=[3, 4], signals={"length": [5, 6]})
    assert (found.ids.tolist(), found.purpose.tolist(), found.member.tolist()) == ([4, 5], [1, 0], [0, 2])
    assert found.learn.tolist() == [False, True]
    both = Assignment.concatenate([rows, rows.select([0])])
    assert both.notes["k"].tolist() == [1, 2, 1]
    with pytest.raises(ValueError, match=r"concatenate: expected notes \['k'\], got \[\]"):
        Assignment.concatenate([rows, Assignment(ids=[1], tasks=[[0.0]])])
    with pytest.raises(ValueError, match="note 'k': expected 2 rows"):
        Assignment(ids=[4, 5], tasks=[[0.0], [1.0]], notes={"k": [1]})
