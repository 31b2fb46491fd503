"""The kit for students catches students that break its rules."""

import dataclasses

import numpy as np
import pytest
import torch

from teacherstudent import envs, students
from teacherstudent.contract.demand import Signal
from teacherstudent.contract.purposes import Purpose, check_purposes
from teacherstudent.contract.stored.saved import difference
from teacherstudent.contract.types import Assignment, Outcomes
from teacherstudent.students.competence import CompetenceStudent
from teacherstudent.students.sb3.student import SB3Student
from teacherstudent.testing import check_student
from teacherstudent.testing.sessions import ContractError


def changed(outcomes, **columns):
    kept = {name: getattr(outcomes, name) for name in ("ids", "tasks", "score", "cost", "signals")}
    return Outcomes(**{**kept, **columns})


class Repeats(CompetenceStudent):
    def train(self, assignment):
        outcomes = super().train(assignment)
        return Outcomes.concatenate([outcomes, outcomes.select(slice(0, 1))])


class OtherTasks(CompetenceStudent):
    def train(self, assignment):
        outcomes = super().train(assignment)
        return changed(outcomes, tasks=outcomes.tasks * 0.5)


class LacksSignal(CompetenceStudent):
    def train(self, assignment):
        return changed(super().train(assignment), signals={})


class NotFinite(CompetenceStudent):
    def train(self, assignment):
        outcomes = super().train(assignment)
        return changed(outcomes, score=outcomes.score / 0.0 * 0.0)


class Undercharges(CompetenceStudent):
    def spent(self):
        return {"train": 0.0, "measure": 0.0}


class Unseeded(CompetenceStudent):
    def train(self, assignment):
        outcomes = super().train(assignment)
        return changed(outcomes, score=np.random.default_rng().random(len(outcomes)))


class DrawsGlobally(CompetenceStudent):
    def train(self, assignment):
        np.random.rand()  # noqa: NPY002
        return super().train(assignment)


class TrainsWhenTested(CompetenceStudent):
    def evaluate(self, tasks, *, seed):
        outcomes = super().evaluate(tasks, seed=seed)
        self.grid.visit(tasks)
        self.grid.visit(np.zeros((300, 2)))
        return outcomes


class ShufflesTests(CompetenceStudent):
    def evaluate(self, tasks, *, seed):
        return super().evaluate(tasks[::-1], seed=seed)


class ForgetsWhenSaved(CompetenceStudent):
    def load_state_dict(self, state):
        super().load_state_dict({**state, "rng": dict(self._rng.bit_generator.state)})


class SavesObjects(CompetenceStudent):
    def state_dict(self):
        return {**super().state_dict(), "grid": self.grid}


class HoldsWhatIsDone(CompetenceStudent):
    def holds(self):
        return np.arange(3)


class NoNumberMeasured(CompetenceStudent):
    def train(self, assignment):
        outcomes = super().train(assignment)
        success = np.where(outcomes.learn, outcomes.signals["success"], np.nan)
        return dataclasses.replace(outcomes, signals={**outcomes.signals, "success": success})


class SaysSo(NoNumberMeasured):
    offers = {"episode": {**CompetenceStudent.offers["episode"], "success": Signal(measured=False)}}


class TrainsOnly(CompetenceStudent):
    def train(self, assignment):
        check_purposes(assignment, "trains-only", (Purpose.TRAIN,))
        return super().train(assignment)


BROKEN = {
    Repeats: "never assigned or was reported twice",
    OtherTasks: "came back with another task",
    LacksSignal: "lack",
    NotFinite: "finite",
    Undercharges: r"spent\(\) says only",
    Unseeded: "two students of one seed must agree",
    DrawsGlobally: "global generator",
    TrainsWhenTested: "evaluate must",
    ShufflesTests: "order of the tasks",
    ForgetsWhenSaved: "continue bit for bit",
    SavesObjects: "plain data|expected arrays",
    HoldsWhatIsDone: "not reported yet",
    NoNumberMeasured: "rows that are measured must carry a finite 'success', or the student offers it with",
}


@pytest.fixture(scope="module")
def family():
    return envs.make("toy-grid")


def test_a_good_student_passes(family):
    check_student(lambda seed: CompetenceStudent(family, seed=seed, batch=5, noise=0.1), family)


@pytest.mark.parametrize("kind", [SaysSo, TrainsOnly])
def test_a_student_need_not_tell_everything_of_measured_rows_nor_measure(family, kind):
    check_student(lambda seed: kind(family, seed=seed, batch=5, noise=0.1), family)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("kind", BROKEN, ids=lambda kind: kind.__name__)
def test_broken_students_are_caught(family, kind):
    with pytest.raises((AssertionError, TypeError), match=BROKEN[kind]):
        check_student(lambda seed: kind(family, seed=seed, batch=5, noise=0.1), family)


class LearnsWhatItMeasures(SB3Student):
    def train(self, assignment):
        if len(assignment) == self.wants():
            assignment = Assignment(ids=assignment.ids, tasks=assignment.tasks)
        return super().train(assignment)


class ChargesTraining(LearnsWhatItMeasures):
    def train(self, assignment):
        outcomes = super().train(assignment)
        if len(assignment) == self.wants():
            outcomes = dataclasses.replace(outcomes, purpose=assignment.purpose)
        return outcomes


class ChangesWhenMeasuring(SB3Student):
    def train(self, assignment):
        outcomes = super().train(assignment)
        if not assignment.learn.any():
            self.model.policy.action_net.bias.data += torch.tensor([1.0, -1.0])
        return outcomes


class OtherOrder(SB3Student):
    bound = False

    def train(self, assignment):
        outcomes = super().train(assignment)
        return outcomes.select(slice(None, None, -1)) if self.bound else outcomes

    def bind(self, demand):
        super().bind(demand)
        self.bound = demand.granularity == "rollout"


class TakesAnyGranularity(SB3Student):
    def bind(self, demand):
        if demand.granularity in self.offers:
            super().bind(demand)


class TakesAnySignal(SB3Student):
    def bind(self, demand):
        offered = demand.signals & self.offers.get(demand.granularity, {}).keys()
        super().bind(dataclasses.replace(demand, signals=offered))


class TakesAnyMembers(SB3Student):
    def bind(self, demand):
        super().bind(dataclasses.replace(demand, members=1))


BROKEN_WHEN_BOUND = {
    LearnsWhatItMeasures: "came back with the purpose 0, not 1",
    ChargesTraining: "MEASURE must be charged as 'measure' and nothing else",
    ChangesWhenMeasuring: "must not change the student",
    OtherOrder: "one outcome, in order",
    TakesAnyGranularity: "bind must raise ValueError for a granularity that is not offered",
    TakesAnySignal: "bind must raise ValueError for a signal that is not offered",
    TakesAnyMembers: "bind must raise ValueError for a number of members that is not offered",
}


@pytest.mark.parametrize("kind", BROKEN_WHEN_BOUND, ids=lambda kind: kind.__name__)
def test_students_broken_when_bound_are_caught(kind):
    cartpole = envs.make("cartpole-parameters")
    options = {"n_steps": 16, "batch_size": 16, "n_epochs": 1}
    with pytest.raises(AssertionError, match=BROKEN_WHEN_BOUND[kind]):
        check_student(lambda seed: kind(cartpole, seed=seed, n_envs=4, options=options), cartpole, rounds=1)


class Unregistered(CompetenceStudent):
    """Hides how it is made."""

    def __init__(self, family):
        super().__init__(family, seed=0)


def test_a_student_is_taken_if_others_can_be_made_like_it(family):
    student = students.make("competence", family, seed=3, batch=5, noise=0.1)
    before = student.state_dict()
    check_student(student, family)
    assert difference(student.state_dict(), before) is None
    with pytest.raises(AssertionError, match="global generator"):
        check_student(DrawsGlobally(family, seed=3, batch=5, noise=0.1), family)
    for wrong in (Unregistered(family), 3):
        with pytest.raises(TypeError, match=r"check_student\(lambda seed: students.make"):
            check_student(wrong, family)
    with pytest.raises(TypeError, match="family: expected a Family, got 3"):
        check_student(student, 3)
    with pytest.raises(ContractError, match="expected all members of the Student protocol"):
        check_student(lambda seed: 3, family)
