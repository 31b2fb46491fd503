import re

import numpy as np
import pytest

from teacherstudent import teachers
from teacherstudent.contract.spaces import Discrete, Parameters
from teacherstudent.contract.stored.saved import difference
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Assignment
from teacherstudent.teachers.random import UniformTeacher
from teacherstudent.testing.sessions import (
    ContractError,
    Session,
    difficulty,
    factory_of,
    must,
    plausible_outcomes,
    rule,
    through_file,
    unasked,
)

SPACE = Parameters(a=(0, 4), b=(-1, 1))


def make(seed=0):
    return teachers.make("random", SPACE, seed=seed)


class Hears(UniformTeacher):
    """Writes down what it is told, in order."""

    def __init__(self, space, *, seed):
        super().__init__(space, seed=seed)
        self.told = []

    def _tell(self, outcomes):
        self.told += outcomes.ids.tolist()


class Writes(Hears):
    """Changes the scores that it is told."""

    def _tell(self, outcomes):
        outcomes.score[:] = 0


class NotesSeldom(Hears):
    """Notes something of every other assignment."""

    def _ask(self, ids, progress):
        tasks = super()._ask(ids, progress).tasks
        return Assignment(ids=ids, tasks=tasks, notes={"kind": ids} if ids[0] % 2 else {})


def test_rows_are_told_late_out_of_order_and_not_all():
    session = Session(Hears(SPACE, seed=0), plausible_outcomes)
    asked = session.run(3000)
    told = session.teacher.told
    assert sum(map(len, asked)) >= 3000
    assert len(told) == len(set(told)) > 2000
    assert told != sorted(told)
    waiting = [int(row.ids[0]) for row in session.waiting]
    lost = set(range(sum(map(len, asked)))) - {*told} - {*waiting}
    unheard = lost & {*session.teacher.outstanding.tolist()}
    assert 0 < len(unheard) < len(lost)  # the others were dropped


def test_a_session_is_the_same_again_and_a_fork_goes_on_like_it():
    one, two = (Session(Hears(SPACE, seed=0), plausible_outcomes, reuse=reuse) for reuse in (False, True))
    assert difference(one.run(60), two.run(60)) is None
    other = Hears(SPACE, seed=9)
    other.load_state_dict(through_file(one.teacher.state_dict()))
    fork = one.fork(other)
    assert difference(one.run(40), fork.run(40)) is None


def test_what_a_teacher_does_with_arrays_and_notes_is_checked():
    with pytest.raises(ContractError, match=r"^Writes: tell must not change the arrays it is given$"):
        Session(Writes(SPACE, seed=0), plausible_outcomes).run(50)
    session = Session(NotesSeldom(SPACE, seed=0), plausible_outcomes)
    session.ask(1)
    message = "NotesSeldom: every ask must note the same names, [], got ['kind']"
    with pytest.raises(ContractError, match=f"^{re.escape(message)}$"):
        session.ask(1)


def test_difficulty_is_a_task_s_place_in_its_space():
    tasks = np.array([[0.0, -1.0], [4.0, 1.0], [1.0, 0.5]])
    np.testing.assert_allclose(difficulty(make(), tasks), [0.0, 1.0, (0.25 + 0.75) / 2])
    listed = teachers.make("random", Discrete(4, start=2), seed=0)
    np.testing.assert_allclose(difficulty(listed, np.array([2, 3, 5])), [0.0, 0.25, 0.75])


def test_rows_that_nobody_asked_for_are_otherwise_the_same():
    teacher = make()
    rows = plausible_outcomes(teacher, teacher.ask(3), np.random.default_rng(0))
    found = unasked(rows)
    assert found.ids.tolist() == [-1, -1, -1]
    np.testing.assert_array_equal(found.score, rows.score)


def test_factories_are_functions_or_repeat_how_an_object_was_made():
    given = make(seed=3)
    again = factory_of("check", given, Teacher, "check(...)")(3)
    assert again is not given
    assert difference(again.ask(5).tasks, given.ask(5).tasks) is None
    assert factory_of("check", make, Teacher, "check(...)") is make
    with pytest.raises(TypeError, match=r"^check: expected a function that .*: check\(\.\.\.\); got 3$"):
        factory_of("check", 3, Teacher, "check(...)")


def test_a_rule_names_what_was_raised_within_it_once():
    told = r"^mine: it must work; it raised KeyError: 'x'$"
    with pytest.raises(ContractError, match=told) as caught, rule("mine", "it must work"):
        raise KeyError("x")
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(ContractError, match=r"^inner$"), rule("mine", "it must work"):
        must([], "inner")
