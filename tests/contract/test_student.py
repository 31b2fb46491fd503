from types import SimpleNamespace

from teacherstudent import envs, students
from teacherstudent.contract.student import (
    AsksForMore,
    HasRounds,
    Reports,
    SharesWeights,
    Student,
    TakesWeights,
    row_cost,
)


def test_a_student_is_known_by_its_methods():
    student = students.make("competence", envs.make("toy-grid"), seed=0, batch=7)
    assert isinstance(student, Student)
    assert isinstance(student, HasRounds)
    assert student.round_cost() == 7.0
    for more in (AsksForMore, Reports, SharesWeights, TakesWeights):
        assert not isinstance(student, more), more


def test_one_method_less_is_no_student():
    names = [name for name in vars(Student) if not name.startswith("_")]
    assert {"train", "evaluate", "holds", "bind", "state_dict", "load_state_dict", "close"} <= {*names}
    whole = dict.fromkeys([*names, "offers"], print)
    assert isinstance(SimpleNamespace(**whole), Student)
    for name in whole:
        part = {other: value for other, value in whole.items() if other != name}
        assert not isinstance(SimpleNamespace(**part), Student), name


def test_the_cost_of_a_row_may_be_unknown():
    assert row_cost(SimpleNamespace(row_cost=64.0)) == 64.0
    assert row_cost(SimpleNamespace(row_cost=None)) is None
    assert row_cost(SimpleNamespace()) is None
