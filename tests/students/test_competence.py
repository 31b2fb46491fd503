import numpy as np
import pytest

from teacherstudent import envs, students
from teacherstudent.contract.purposes import purposes
from teacherstudent.contract.student import Student
from teacherstudent.contract.types import Assignment
from teacherstudent.envs.toy_grid import ToyGrid
from teacherstudent.recording.disk.checkpoint import load, save
from teacherstudent.students.competence import CompetenceStudent
from teacherstudent.testing.students import check_student

FAMILY = ToyGrid()


def assignment(tasks, learn=None, first=0):
    tasks = np.asarray(tasks, float)
    return Assignment(
        ids=np.arange(first, first + len(tasks)),
        tasks=tasks,
        purpose=None if learn is None else purposes(learn),
    )


def test_it_is_a_student_and_registered():
    student = students.make("competence", FAMILY, seed=0, batch=8)
    assert isinstance(student, CompetenceStudent)
    assert isinstance(student, Student)
    assert student.wants() == 8
    assert student.offers["episode"].keys() == {"length", "success"}


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_it_keeps_the_contract(noise):
    check_student(lambda seed: CompetenceStudent(FAMILY, seed=seed, batch=40, noise=noise), FAMILY)


def test_outcomes_by_hand():
    student = CompetenceStudent(FAMILY, seed=0)
    outcomes = student.train(assignment([[0.05, 0.05], [0.55, 0.55], [0.05, 0.05]], first=7))
    assert outcomes.ids.tolist() == [7, 8, 9]
    assert outcomes.score.tolist() == [0.01, 0.0, 0.02]
    assert outcomes.cost.tolist() == [1.0, 1.0, 1.0]
    assert outcomes.signals["length"].tolist() == [1.0, 1.0, 1.0]
    assert outcomes.signals["success"].tolist() == [0.0, 0.0, 0.0]


def test_success_is_a_score_above_three_quarters():
    student = CompetenceStudent(FAMILY, seed=0)
    success = student.train(assignment(np.full((80, 2), 0.05))).signals["success"]
    assert success.tolist() == [0.0] * 75 + [1.0] * 5
    assert student.metrics() == {"competence": 0.008, "cells_mastered": 0.01}


def test_rows_that_are_only_measured_teach_nothing():
    student = CompetenceStudent(FAMILY, seed=0)
    student.train(assignment(np.full((10, 2), 0.05)))
    learn = np.array([False, True, False])
    outcomes = student.train(assignment(np.full((3, 2), 0.05), learn))
    assert outcomes.score.tolist() == [0.10, 0.11, 0.10]
    assert student.grid.competence.sum() == 11
    assert student.spent() == {"train": 11.0, "measure": 2.0}


def test_evaluation_neither_trains_nor_spends():
    student = CompetenceStudent(FAMILY, seed=0, noise=0.1)
    student.train(assignment(np.full((50, 2), 0.05)))
    tasks = FAMILY.test_tasks()
    before = student.state_dict()
    first, second = (student.evaluate(tasks, seed=3) for _ in range(2))
    assert np.array_equal(first.score, second.score)
    assert not np.array_equal(first.score, student.evaluate(tasks, seed=4).score)
    assert first.ids.tolist() == [-1] * 100
    after = student.state_dict()
    assert before["rng"] == after["rng"]
    assert np.array_equal(before["competence"], after["competence"])
    assert student.spent() == {"train": 50.0, "measure": 0.0}


def test_no_tasks_are_no_outcomes():
    student = CompetenceStudent(FAMILY, seed=0, noise=0.1)
    assert len(student.train(assignment(np.empty((0, 2))))) == 0
    assert student.spent() == {"train": 0.0, "measure": 0.0}
    assert student.holds().tolist() == []
    student.close()


def test_it_resumes_bit_for_bit_from_a_file(tmp_path):
    rng = np.random.default_rng(0)
    batches = [rng.random((30, 2)) ** 3 for _ in range(20)]
    through = CompetenceStudent(FAMILY, seed=1, noise=0.05)
    for tasks in batches[:10]:
        through.train(assignment(tasks))
    save(tmp_path / "state.npz", through.state_dict())
    resumed = CompetenceStudent(FAMILY, seed=2, noise=0.05)
    resumed.load_state_dict(load(tmp_path / "state.npz"))
    for tasks in batches[10:]:
        one, other = through.train(assignment(tasks)), resumed.train(assignment(tasks))
        assert np.array_equal(one.score, other.score)
    assert through.spent() == resumed.spent() == {"train": 600.0, "measure": 0.0}


def test_the_seed_is_the_seed_of_the_noise():
    scores = [
        CompetenceStudent(FAMILY, seed=seed, noise=0.2).train(assignment(np.full((9, 2), 0.05))).score
        for seed in (0, 0, 1)
    ]
    assert np.array_equal(scores[0], scores[1])
    assert not np.array_equal(scores[0], scores[2])
    assert ((scores[0] >= 0) & (scores[0] <= 1)).all()


def test_bad_input_is_refused():
    with pytest.raises(TypeError, match="expected the family toy-grid, got CartPoleParameters"):
        CompetenceStudent(envs.make("cartpole-parameters"), seed=0)
    with pytest.raises(ValueError, match="batch: expected a whole number of at least 1, got 0"):
        CompetenceStudent(FAMILY, seed=0, batch=0)
    with pytest.raises(ValueError, match="noise: expected a standard deviation of at least 0, got -1"):
        CompetenceStudent(FAMILY, seed=0, noise=-1)
    with pytest.raises(ValueError, match=r"noise: .* got nan"):
        CompetenceStudent(FAMILY, seed=0, noise=float("nan"))
    student = CompetenceStudent(FAMILY, seed=0)
    with pytest.raises(ValueError, match=r"competence.train: row 0: expected a task in .*got \[2.0, 0.0\]"):
        student.train(assignment([[2.0, 0.0]]))
    with pytest.raises(ValueError, match=r"competence.evaluate: expected tasks of shape \(n, 2\)"):
        student.evaluate(np.zeros((4, 3)), seed=0)
    with pytest.raises(ValueError, match=r"missing \['rng'\]"):
        student.load_state_dict({k: v for k, v in student.state_dict().items() if k != "rng"})
    with pytest.raises(ValueError, match=r"expected integers of shape \(10, 10\)"):
        student.load_state_dict(CompetenceStudent(ToyGrid(dims=3), seed=0).state_dict())


@pytest.mark.parametrize(
    "spoiled",
    [{"rng": None}, {"rng": {"bit_generator": "PCG64"}}, {"train": -1}, {"train": "x"}, {"competence": 3}],
)
def test_a_damaged_state_is_refused_and_changes_nothing(spoiled):
    from teacherstudent.contract.stored.saved import difference

    student = CompetenceStudent(ToyGrid(), seed=0, noise=0.1)
    state = student.state_dict()
    other = CompetenceStudent(ToyGrid(), seed=1, noise=0.1)
    before = other.state_dict()
    with pytest.raises((ValueError, TypeError), match="expected"):
        other.load_state_dict({**state, **spoiled})
    assert difference(before, other.state_dict()) is None
    with pytest.raises(TypeError, match=r"competence.train: expected an Assignment, got None"):
        student.train(None)
