"""Parameters that are real, logarithmic, whole or choices."""

import numpy as np
import pytest

from teacherstudent import Parameters, envs, spaces, teachers
from teacherstudent.contract.spaces import choice, log, whole
from teacherstudent.recording.disk.checkpoint import load, save
from teacherstudent.teachers.replay import edits as level_spaces
from teacherstudent.testing import check_teacher

MIXED = Parameters(height=(0, 3), friction=log(0.1, 10), legs=whole(2, 6), ground=choice("grass", "ice"))


def test_the_unit_cube_and_back():
    unit = np.array(
        [[0.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.5, 0.4], [1.0, 1.0, 1.0, 1.0], [0.1, 0.25, 0.19, 0.6]]
    )
    tasks = spaces.from_unit(MIXED, unit)
    np.testing.assert_allclose(tasks[0], [0, 0.1, 2, 0], rtol=0)
    np.testing.assert_allclose(tasks[2], [3, 10, 6, 1], rtol=0)
    np.testing.assert_allclose(tasks[1], [1.5, 1.0, 4, 0])
    np.testing.assert_allclose(tasks[3], [0.3, 10**-0.5, 2, 1])
    back = spaces.to_unit(MIXED, tasks)
    np.testing.assert_allclose(back[1], [0.5, 0.5, 0.5, 0.25])
    np.testing.assert_array_equal(spaces.from_unit(MIXED, back), spaces.from_unit(MIXED, back))
    np.testing.assert_allclose(spaces.from_unit(MIXED, back), tasks)


def test_every_whole_number_and_choice_has_its_fair_share():
    tasks = spaces.sample(MIXED, np.random.default_rng(0), 60_000)
    assert spaces.contains_each(MIXED, tasks).all()
    legs = np.bincount(tasks[:, 2].astype(int), minlength=7)[2:] / len(tasks)
    ground = np.bincount(tasks[:, 3].astype(int)) / len(tasks)
    np.testing.assert_allclose(legs, 0.2, atol=0.01)
    np.testing.assert_allclose(ground, 0.5, atol=0.01)
    assert np.mean(tasks[:, 1] < 1) == pytest.approx(0.5, abs=0.01)


def test_names_and_values_come_back():
    task = np.array([1.5, 2.0, 4.0, 1.0])
    assert spaces.task_dict(MIXED, task) == {"height": 1.5, "friction": 2.0, "legs": 4, "ground": "ice"}
    assert isinstance(spaces.task_dict(MIXED, task)["legs"], int)
    assert spaces.task_dict(spaces.Discrete(5), 3) == {"task": 3}
    numbers = [each.number(value) for each, value in zip(MIXED.dimensions, (1.5, 2, 4, "ice"), strict=True)]
    assert numbers == task.tolist()
    with pytest.raises(ValueError, match=r"expected one of \['grass', 'ice'\], got 'sand'"):
        MIXED.dimensions[3].number("sand")
    with pytest.raises(ValueError, match=r"expected whole\(2, 6\), got 2.5"):
        MIXED.dimensions[2].number(2.5)


def test_tasks_between_whole_numbers_are_refused():
    assert not MIXED.contains(np.array([1.0, 1.0, 2.5, 0.0]))
    assert MIXED.contains(np.array([1.0, 1.0, 3.0, 0.0]))
    assert MIXED.contains(MIXED.sample())
    with pytest.raises(ValueError, match="row 0: expected a task in"):
        spaces.check_tasks(MIXED, [[1.0, 1.0, 3.0, 0.5]], "test")


def test_spaces_differ_by_their_kinds():
    assert Parameters(a=(1, 4)) == Parameters(a=(1, 4))
    assert Parameters(a=(1, 4)) != Parameters(a=whole(1, 4))
    assert spaces.describe(Parameters(a=(1, 4))) != spaces.describe(Parameters(a=log(1, 4)))
    assert "dimensions" not in spaces.describe(Parameters(a=(1, 4)))  # as in runs from before
    assert (
        repr(MIXED)
        == "Parameters(height=(0, 3), friction=log(0.1, 10), legs=whole(2, 6), ground=choice('grass', 'ice'))"
    )
    wider = spaces.around(MIXED, np.array([[1.0, 1.0, 9.0, 0.0]]))
    assert [str(each) for each in wider.dimensions[:3]] == ["(0, 3)", "log(0.1, 10)", "whole(2, 9)"]


def test_edits_move_whole_numbers_and_choices():
    rng = np.random.default_rng(0)
    tasks = spaces.sample(MIXED, rng, 4000)
    edited = level_spaces.mutated(MIXED, rng, tasks, 1)
    assert spaces.contains_each(MIXED, edited).all()
    changed = (edited != tasks).sum(axis=1)
    assert changed.max() == 1
    inner = (tasks[:, 2] > 2) & (tasks[:, 2] < 6)
    assert ((edited != tasks)[inner, 2]).mean() == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize(
    "name", ["random", "alp-gmm", "covar-gmm", "riac", "plr", "accel", "sfl", "domain-randomization"]
)
def test_teachers_take_mixed_parameters(name, tmp_path):
    options = {"buffer": {"capacity": 30}} if name in ("plr", "accel") else {}
    options = {"candidates": 20, "keep": 5, "attempts": 1} if name == "sfl" else options
    options |= {"fit_rate": 60} if name in ("alp-gmm", "covar-gmm") else {}
    check_teacher(lambda seed: teachers.make(name, MIXED, seed=seed, **options), episodes=150)
    save(tmp_path / "x.npz", teachers.make(name, MIXED, seed=0, **options).state_dict())
    assert load(tmp_path / "x.npz")["space"] == spaces.describe(MIXED)


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: log(0, 1), ValueError, "log: expected low above 0, got 0"),
        (lambda: log(2, 1), ValueError, r"log: expected finite low < high, got \(2.0, 1.0\)"),
        (lambda: whole(1, 2.5), ValueError, r"whole: expected whole numbers within 2\^53, got \(1, 2.5\)"),
        (lambda: whole("a", 2), TypeError, "whole: expected two numbers, got 'a' and 2"),
        (lambda: choice("a"), ValueError, r"choice: expected at least two different values, got \['a'\]"),
        (lambda: choice("a", "b", "a"), ValueError, "choice: expected at least two different values"),
        (
            lambda: Parameters(a="b"),
            TypeError,
            r"Parameters: a: expected a pair \(low, high\), log\(low, high\)",
        ),
        (lambda: Parameters(a=(1, 1)), ValueError, "Parameters: a: expected finite low < high"),
    ],
)
def test_bad_kinds_are_named(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


def test_families_of_plain_parameters_are_as_before():
    assert envs.make("cartpole-parameters").space.plain
