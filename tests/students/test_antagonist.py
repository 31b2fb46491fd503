"""Protagonist and antagonist."""

import numpy as np
import pytest

from teacherstudent import envs, students
from teacherstudent.experiment import Experiment
from teacherstudent.plan import Plan
from teacherstudent.purposes import purposes
from teacherstudent.students import antagonist
from teacherstudent.students.antagonist import AntagonistStudent
from teacherstudent.testing.students import check_student
from teacherstudent.types import Assignment, Outcomes

SB3 = {"n_envs": 3, "options": {"n_steps": 32, "batch_size": 32, "n_epochs": 1}}


@pytest.fixture(scope="module")
def cartpole():
    return envs.make("cartpole-parameters")


def make(family, seed=0, **options):
    return AntagonistStudent(family, seed=seed, **{"student_options": SB3, **options})


def twice(family, n=3, first=0, learn=True):
    tasks = family.test_tasks()[np.arange(first, first + n)]
    ids = np.arange(first, first + 2 * n)
    return Assignment(
        ids=ids,
        tasks=np.tile(tasks, (2, 1)),
        purpose=purposes(np.broadcast_to(np.asarray(learn, bool), 2 * n)),
    )


class Scripted:
    """Reports given mean and maximum returns."""

    provides = frozenset({"max_return"})

    def __init__(self, means, maxima):
        self.means, self.maxima = np.array(means, float), np.array(maxima, float)

    def wants(self):
        return len(self.means)

    def train(self, assignment):
        return Outcomes(
            ids=assignment.ids,
            tasks=assignment.tasks,
            score=self.means,
            cost=np.ones(len(assignment)),
            signals={"max_return": self.maxima},
        )


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        ("paired", [8 - 2, 0, 5 - 5, 0]),
        ("unclipped", [8 - 2, 1 - 3, 5 - 5, 0]),
        ("flexible", [8 - 2, 6 - 0, 5 - 5, 0]),
        ("population", [8 - (2 + 6) / 2, 6 - (3 + 0) / 2, 5 - (5 + 4) / 2, 0]),
    ],
)
def test_regret_worked_by_hand(cartpole, monkeypatch, estimator, expected):
    pair = iter([Scripted([2, 3, 5, 1], [4, 6, 5, 1]), Scripted([6, 0, 4, 9], [8, 1, 5, 9])])
    monkeypatch.setattr(antagonist, "_bound", lambda *_: next(pair))
    student = AntagonistStudent(cartpole, seed=0, estimator=estimator)
    tasks = cartpole.test_tasks()[[0, 1, 2, 3, 0, 1, 2, 4]]  # the last pair plays different levels
    outcomes = student.train(Assignment(ids=np.arange(8), tasks=tasks))
    assert outcomes.signals["regret"].tolist() == expected * 2
    assert outcomes.signals["antagonist_return"].tolist() == [6, 0, 4, 9] * 2
    assert outcomes.score.tolist() == [2, 3, 5, 1, 6, 0, 4, 9]


def test_contract(cartpole):
    check_student(lambda seed: make(cartpole, seed), cartpole, rounds=2)


def test_an_antagonist_that_copies_the_protagonist(cartpole):
    student = make(cartpole)
    student.train(twice(cartpole))
    student.antagonist.load_state_dict(student.protagonist.state_dict())
    outcomes = student.train(twice(cartpole, first=6))
    mine, other = outcomes.select(slice(0, 3)), outcomes.select(slice(3, 6))
    assert mine.score.tolist() == other.score.tolist()
    expected = np.maximum(mine.signals["max_return"] - mine.score, 0)
    assert outcomes.signals["regret"].tolist() == expected.tolist() * 2
    assert expected.max() > 0


def test_the_two_are_different_students(cartpole):
    outcomes = make(cartpole).train(twice(cartpole))
    assert outcomes.score[:3].tolist() != outcomes.score[3:].tolist()


def test_what_each_spends_is_charged_apart(cartpole):
    student = make(cartpole)
    student.train(twice(cartpole, learn=[1, 0, 0, 1, 1, 0]))
    spent = dict(student.spent())
    assert spent.pop("environment_seconds") > 0
    assert spent == {"train": 32, "antagonist": 64, "measure": 32 * 3, "updates": 1 + 2}


@pytest.mark.parametrize("tested", ["protagonist", "antagonist"])
def test_who_is_tested(cartpole, tested):
    student = make(cartpole, tested=tested)
    tasks = cartpole.test_tasks()[:6]
    found = student.evaluate(tasks, seed=0)
    scores = {
        role: getattr(student, role).evaluate(tasks, seed=0).score.tolist()
        for role in ("protagonist", "antagonist")
    }
    assert found.score.tolist() == scores[tested]
    assert scores["protagonist"] != scores["antagonist"]


def test_each_schedule_falls_over_half_the_budget(cartpole):
    options = {**SB3, "options": {**SB3["options"], "learning_rate": "linear:1e-3"}}
    student = make(cartpole, budget=768, student_options=options)
    for k in range(4):
        student.train(twice(cartpole, first=6 * k))
    assert student.spent()["train"] + student.spent()["antagonist"] == 768
    for part in (student.protagonist, student.antagonist):
        assert part.model.policy.optimizer.param_groups[0]["lr"] == pytest.approx(0, abs=1e-12)


def test_bad_arguments(cartpole):
    with pytest.raises(ValueError, match=r"estimator: expected one of .*'paired'.*, got 'best'"):
        make(cartpole, estimator="best")
    with pytest.raises(ValueError, match="tested"):
        make(cartpole, tested="both")
    with pytest.raises(ValueError, match="on-policy"):
        make(cartpole, student_options={"algorithm": "DQN"})
    with pytest.raises(
        ValueError, match="expected a student that can be bound for rollouts, got 'competence'"
    ):
        AntagonistStudent(envs.make("toy-grid"), seed=0, student="competence")
    student = make(cartpole)
    with pytest.raises(ValueError, match="expected 6 tasks"):
        student.train(Assignment(ids=np.arange(3), tasks=cartpole.test_tasks()[:3]))
    assert "antagonist" in students.names()


def test_the_state_of_another_student_is_refused(cartpole):
    student = make(cartpole)
    with pytest.raises(ValueError, match=r"antagonist: state: expected \['antagonist', 'protag.*; missing"):
        student.load_state_dict(student.protagonist.state_dict())


def test_a_teacher_of_episodes_is_refused_before_the_first_step():
    experiment = Experiment(
        teacher="random",
        family="cartpole-parameters",
        student="antagonist",
        plan=Plan(budget=100),
        student_options={"student_options": SB3},
    )
    with pytest.raises(ValueError, match="binds a task for one episode"):
        experiment.check()
