"""Lag, steered rows and decisions: worked by hand on teachers of a few lines."""

import numpy as np
import pytest

from teacherstudent import teachers
from teacherstudent.contract.spaces import Discrete, Parameters
from teacherstudent.contract.types import Assignment, Outcomes, Wait
from teacherstudent.running.acting.steering import LASTING, WINDOW, Steering
from teacherstudent.teachers.random import UniformTeacher

SPACE = Parameters(a=(0, 1))


class Patient(UniformTeacher):
    """Acts after ten outcomes."""

    acts = True
    heard = 0
    said = None

    def _tell(self, outcomes):
        self.heard += len(outcomes)

    def first_action(self):
        return None if self.heard >= 10 else Wait(10, "acting", "patience")

    def caution(self):
        return self.said


class Notes(Patient):
    """Says of each row whether it is steered."""

    def _ask(self, ids, progress):
        plain = super()._ask(ids, progress)
        return Assignment(ids=ids, tasks=plain.tasks, notes={"steered": ids % 2 == 0})


def outcomes(assignment):
    ones = np.ones(len(assignment))
    return Outcomes.of(assignment, score=ones, cost=ones)


class Session:
    def __init__(self, teacher):
        self.teacher = teacher
        self.steering = Steering(teacher)

    def ask(self, n):
        assignment = self.teacher.ask(n)
        self.steering.asked(assignment)
        return assignment

    def tell(self, *assignments):
        told = Outcomes.concatenate([outcomes(one) for one in assignments])
        self.teacher.tell(told)
        self.steering.told(told)


def test_lag_is_what_was_told_between_ask_and_tell():
    session = Session(Patient(SPACE, seed=0))
    first = session.ask(4)
    second = session.ask(2)
    session.tell(first)  # lag 0
    third = session.ask(3)
    session.tell(second, third)  # 4 rows were told since the second ask, none since the third
    assert session.steering.metrics()["lag"] == pytest.approx((4 * 0 + 2 * 4 + 3 * 0) / 9)
    assert "lag" not in session.steering.metrics()  # since the last record nothing came back


def test_rows_are_steered_that_are_asked_for_after_the_first_action():
    session = Session(Patient(SPACE, seed=0))
    early = session.ask(8)
    session.tell(session.ask(5))
    late = session.ask(3)  # 5 are told: still waiting
    session.tell(early)  # 13 are told, and this tell is the first decision
    steered = session.ask(4)
    session.tell(late, steered)
    found = session.steering.metrics()
    assert found["steered_share"] == pytest.approx(4 / 20)
    assert found["decisions"] == 2
    assert session.steering.note() is None, "a fifth is enough"
    session.tell(Assignment.none((1,), np.float64))
    assert session.steering.decisions() == 2
    session.tell(session.ask(1))
    assert session.steering.decisions() == 3


def test_a_teacher_may_say_it_row_by_row():
    session = Session(Notes(SPACE, seed=0))
    session.tell(session.ask(5))
    assert session.steering.metrics()["steered_share"] == pytest.approx(3 / 5)


def test_a_run_that_was_hardly_steered_gets_a_note():
    session = Session(Patient(SPACE, seed=0))
    session.tell(session.ask(6))
    assert session.steering.note() == (
        "Patient never acted on what it was told: all 6 rows are as if nothing was told"
    )
    session.tell(session.ask(6))
    session.tell(session.ask(1))
    assert session.steering.note().startswith("Patient steered 8% of the 13 rows only")


@pytest.mark.parametrize("name", ["random", "domain-randomization"])
def test_what_never_acts_by_its_nature_has_neither_share_nor_note(name):
    session = Session(teachers.make(name, SPACE, seed=0))
    assignment = session.ask(50)
    told = Outcomes.of(assignment, score=np.ones(50), cost=np.ones(50), signals={"episodes": np.ones(50)})
    session.teacher.tell(told)
    session.steering.told(told)
    found = session.steering.metrics()
    assert found.keys() == {"lag", "distance", "distance_mean", "distance_by_chance"}
    assert session.steering.note() is None


def test_the_newest_rows_are_compared_with_uniform():
    space = Discrete(2)
    session = Session(Patient(space, seed=0))
    for task, n in ((0, WINDOW + 7), (1, WINDOW)):
        ids = session.teacher._ids.peek(n)
        session.teacher._ids.issue(n)
        session.steering.asked(Assignment(ids=ids, tasks=np.full(n, task)))
        assert session.steering.metrics()["distance"] == 0.5
    ids = session.teacher._ids.peek(WINDOW // 2)
    session.teacher._ids.issue(len(ids))
    session.steering.asked(Assignment(ids=ids, tasks=np.zeros(len(ids), np.int64)))
    assert session.steering.metrics()["distance"] == 0.0


def test_what_a_teacher_says_of_itself_is_noted_once_when_it_lasts():
    session = Session(Patient(SPACE, seed=0))
    session.teacher.said = "too few levels"
    assert [session.steering.caution() for _ in range(LASTING - 1)] == [None] * (LASTING - 1)
    session.teacher.said = None
    assert session.steering.caution() is None
    session.teacher.said = "too few levels"
    said = [session.steering.caution() for _ in range(9)]
    assert said == [None] * (LASTING - 1) + ["too few levels"] + [None] * (9 - LASTING)


def test_a_state_continues():
    session = Session(Patient(SPACE, seed=0))
    open_rows = session.ask(70)
    session.tell(session.ask(11))
    other = Session(Patient(SPACE, seed=0))
    other.teacher.load_state_dict(session.teacher.state_dict())
    other.teacher.heard = session.teacher.heard
    other.steering.load(session.steering.state())
    for one in (session, other):
        one.ask(200)
        one.tell(open_rows)
    assert session.steering.metrics() == other.steering.metrics()
    assert session.steering.state().keys() == other.steering.state().keys()
    with pytest.raises(ValueError, match="steering"):
        other.steering.load({"began": True})


def test_it_may_begin_in_the_midst_of_a_run():
    teacher = Patient(SPACE, seed=0)
    before = teacher.ask(5)
    session = Session(teacher)
    session.tell(before)
    session.tell(session.ask(3))
    assert session.steering.metrics()["lag"] == 0.0
    assert session.steering.metrics()["steered_share"] == 0.0
