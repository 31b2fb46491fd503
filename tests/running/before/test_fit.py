import dataclasses
from types import MappingProxyType

import numpy as np
import pytest

from teacherstudent import envs, students, teachers
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.contract.demand import Signal
from teacherstudent.contract.purposes import Purpose
from teacherstudent.contract.spaces import Parameters
from teacherstudent.recording.runs import Run
from teacherstudent.running.before.fit import check_fit
from teacherstudent.running.loop import run
from teacherstudent.students.competence import CompetenceStudent
from teacherstudent.teachers.random import UniformTeacher

PLAN = Plan(budget=400, test_every=100, checkpoint_every=50)


def make(seed=0):
    family = envs.make("toy-grid")
    teacher = teachers.make("riac", family.space, seed=seed, score_range=(0, 1), region_size=40)
    student = students.make("competence", family, seed=seed, batch=7, noise=0.05)
    return family, teacher, student


class NeedsValue(UniformTeacher):
    needs = frozenset({"value_l1"})


class WholeRollouts(UniformTeacher):
    granularity = "rollout"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (NeedsValue, r"NeedsValue needs the signal 'value_l1', which CompetenceStudent does not offer"),
        (WholeRollouts, r"binds a task for one rollout, which CompetenceStudent cannot"),
    ],
)
def test_misfits_are_refused_before_the_first_step(tmp_path, kind, words):
    family, _, student = make()
    with pytest.raises(ValueError, match=words):
        run(family, kind(family.space, seed=0), student, tmp_path / "x", PLAN)
    assert not (tmp_path / "x").exists()
    assert student.spent()["train"] == 0


class Looks(UniformTeacher):
    """Only measures, and wants to know how far a task is from mastered."""

    measures = frozenset({"gap"})

    def _ask(self, ids, progress):
        purpose = np.full(len(ids), Purpose.MEASURE)
        return dataclasses.replace(super()._ask(ids, progress), purpose=purpose)


class LooksAtRollouts(Looks):
    granularity = "rollout"


class Gaps(CompetenceStudent):
    """Knows the gap of episodes that it trains on, and of whole rollouts."""

    offers = MappingProxyType(
        {
            "episode": {"gap": Signal(free=False, measured=False)},
            "rollout": {"gap": Signal(free=False)},
        }
    )

    def train(self, assignment):
        outcomes = super().train(assignment)
        return dataclasses.replace(outcomes, signals={"gap": 1 - outcomes.score})


class EpisodesAlone(Gaps):
    offers = MappingProxyType({"episode": Gaps.offers["episode"]})


def test_what_measured_rows_must_carry_is_known_before_the_run(tmp_path):
    family, _, _ = make()
    student = Gaps(family, seed=0)
    with pytest.raises(
        ValueError,
        match=r"Looks measures rows, which must carry the signal 'gap'; those of Gaps do not where a task "
        r"binds it for one episode: expected a teacher .*granularity = 'rollout'\), where Gaps's",
    ):
        run(family, Looks(family.space, seed=0), student, tmp_path / "x", PLAN)
    assert not (tmp_path / "x").exists()
    assert student.spent()["train"] == 0
    with pytest.raises(ValueError, match="expected a student whose measured rows carry it, or"):
        check_fit(family, Looks(family.space, seed=0), EpisodesAlone(family, seed=0))
    # Where measured rows carry the signal, the run goes on to its end.
    ledger = run(family, LooksAtRollouts(family.space, seed=0), student, tmp_path / "y", PLAN)
    assert ledger.costs["measure"] >= 400


def test_signals_of_every_row_are_signals_of_measured_rows_too():
    family, _, _ = make()
    teacher = Looks(family.space, seed=0)
    # A teacher that names nothing of measured rows may have none.
    teacher.needs, teacher.measures = frozenset({"gap"}), frozenset()
    check_fit(family, teacher, Gaps(family, seed=0))
    teacher.measures = frozenset({"success"})
    student = Gaps(family, seed=0)
    student.offers = {"episode": {**Gaps.offers["episode"], "success": Signal()}}
    with pytest.raises(ValueError, match="must carry the signal 'gap'; those of Gaps do not"):
        check_fit(family, teacher, student)


def test_measured_episodes_of_a_network_have_no_value_signals():
    family = envs.make("cartpole-parameters")
    student = students.make("sb3", family, seed=0)
    teacher = Looks(family.space, seed=0)
    teacher.measures = frozenset({"value_l1"})
    with pytest.raises(ValueError, match=r"'value_l1'; those of SB3Student do not .*granularity = 'rollout'"):
        check_fit(family, teacher, student)
    teacher.granularity = "rollout"
    check_fit(family, teacher, student)
    student.close()


def test_wrong_space_and_wrong_kinds_are_refused():
    family, teacher, student = make()
    with pytest.raises(ValueError, match="expected a teacher of the family's space"):
        check_fit(family, UniformTeacher(Parameters(a=(0, 1)), seed=0), student)
    family.test_names = ("one", "two")
    with pytest.raises(ValueError, match="test_names: expected a name for each of 100 test tasks, got 2"):
        check_fit(family, teacher, student)
    with pytest.raises(TypeError, match="expected a Student"):
        check_fit(family, teacher, object())
    with pytest.raises(TypeError, match="expected a Family"):
        check_fit(object(), teacher, student)


def test_gains_are_not_differenced_again(tmp_path):
    family = envs.make("digits-stages", stages=[{"bandwidth": 4}, {"bandwidth": 8}])
    options = {"backbone": "cnn", "backbone_options": {"width": 8}, "budget": 1e8}
    gains = students.make("classifier", family, seed=0, **options)
    levels = students.make("classifier", family, seed=0, score="level", **options)
    progress = teachers.make("tscl-online", family.space, seed=0)
    with pytest.raises(ValueError, match=r"takes differences of scores, and ClassifierStudent's scores are"):
        check_fit(family, progress, gains)
    check_fit(family, progress, levels)
    check_fit(family, teachers.make("tscl-online", family.space, seed=0, reward="score"), gains)
    box = envs.make("digits-stages")
    with pytest.raises(ValueError, match=r"ALPGMM.* takes differences"):
        check_fit(
            box,
            teachers.make("alp-gmm", box.space, seed=0),
            students.make("classifier", box, seed=0, **options),
        )


def test_prices_are_of_further_costs_only(tmp_path):
    family, teacher, student = make()
    family.prices = {"train": 2.0}
    with pytest.raises(ValueError, match=r"ToyGrid\.prices: expected prices of further costs only.* 'train'"):
        run(family, teacher, student, tmp_path / "a", PLAN)
    family.prices = {"lables": 2.0}
    run(family, teacher, student, tmp_path / "b", PLAN)
    found = Run.load(tmp_path / "b")
    assert found.manifest["prices"] == {"lables": 2.0}
    assert "prices without a cost of their name, which count nothing: lables" in found.status()["note"]


def test_what_a_student_of_ones_own_lacks_is_named(tmp_path):
    class Old:
        provides = frozenset()

        def wants(self):
            return 1

    family, teacher, _ = make()
    with pytest.raises(TypeError, match=r"expected a Student, got .*, which lacks bind, close, .*offers"):
        run(family, teacher, Old(), tmp_path, PLAN)
