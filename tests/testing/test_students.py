"""The kit for students catches students that break its rules."""

import numpy as np
import pytest

from teacherstudent import envs
from teacherstudent.students.competence import CompetenceStudent
from teacherstudent.testing import check_student
from teacherstudent.types import Outcomes


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
}


@pytest.fixture(scope="module")
def family():
    return envs.make("toy-grid")


def test_a_good_student_passes(family):
    check_student(lambda seed: CompetenceStudent(family, seed=seed, batch=5, noise=0.1), family)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("kind", BROKEN, ids=lambda kind: kind.__name__)
def test_broken_students_are_caught(family, kind):
    with pytest.raises((AssertionError, TypeError), match=BROKEN[kind]):
        check_student(lambda seed: kind(family, seed=seed, batch=5, noise=0.1), family)
