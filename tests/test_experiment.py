from dataclasses import replace

import numpy as np
import pytest

from teacherstudent.experiment import Experiment
from teacherstudent.plan import Plan

PLAN = Plan(budget=400, test_every=100, checkpoint_every=50)


class StopAfter:
    def __init__(self, rounds):
        self.rounds = rounds

    def __call__(self):
        self.rounds -= 1
        return self.rounds <= 0


def test_an_experiment_is_rebuilt_from_its_manifest(tmp_path):
    experiment = Experiment(
        teacher="riac",
        family="toy-grid",
        student="competence",
        seed=3,
        plan=replace(PLAN, charged=100),
        teacher_options={"region_size": 40},
        student_options={"batch": 5},
        student_overrides={"noise": 0.2},
        label="small regions",
    )
    folder = experiment.folder(tmp_path)
    assert folder == tmp_path / "toy-grid" / "small regions" / "seed-3"
    experiment.run(folder, stop=StopAfter(9))
    again = Experiment.from_folder(folder)
    assert again == experiment
    assert again.run(folder, resume=True).spent == 400


def test_unknown_options_and_names_are_named():
    plan = Plan(budget=10)
    with pytest.raises(
        TypeError, match=r"teacher 'riac': unknown option 'size'; expected one of .*region_size"
    ):
        Experiment(
            teacher="riac",
            family="toy-grid",
            student="competence",
            plan=plan,
            teacher_options={"size": 3},
        ).check()
    with pytest.raises(ValueError, match="did you mean 'toy-grid'"):
        Experiment(teacher="riac", family="toy-gird", plan=plan).check()
    with pytest.raises(TypeError, match=r"student 'sb3': unknown option 'env'; expected one of .*n_envs"):
        Experiment(
            teacher="riac", family="cartpole-parameters", plan=plan, student_options={"env": 3}
        ).check()


def test_the_family_fills_in_what_the_teacher_takes_from_it():
    experiment = Experiment(teacher="oracle", family="toy-grid", student="competence", plan=PLAN)
    family, teacher, _ = experiment.build()
    assert teacher.mastered == family.mastered == 0.75
    given = Experiment(
        teacher="oracle",
        family="toy-grid",
        student="competence",
        plan=PLAN,
        teacher_options={"mastered": 0.5},
    )
    assert given.build()[1].mastered == 0.5


def test_what_does_not_fit_is_said_before_anything_starts():
    with pytest.raises(TypeError, match=r"student 'sb3': .*family with environments"):
        Experiment(teacher="random", family="toy-grid", plan=PLAN).check()
    options = {"options": {"nsteps": 3}}
    with pytest.raises(TypeError, match=r"student 'sb3': .*n_steps.* got 'nsteps'"):
        Experiment(teacher="random", family="cartpole-parameters", plan=PLAN, student_options=options).check()
    with pytest.raises(ValueError, match="at least 0, got -3"):
        Experiment(teacher="random", family="toy-grid", plan=PLAN, seed=-3)


def test_teacher_and_student_draw_from_different_streams():
    one, two = (
        Experiment(teacher="random", family="toy-grid", student="competence", plan=PLAN, seed=s).build()
        for s in (0, 1)
    )
    assert not np.array_equal(one[1].ask(5).tasks, two[1].ask(5).tasks)
    assert one[1].rng.bit_generator.state != one[2].state_dict()["rng"]


def test_a_student_is_told_what_is_left_of_the_budget():
    plan = Plan(budget=1e9, charged=4e8)
    experiment = Experiment(teacher="constant", family="digits-stages", student="classifier", plan=plan)
    assert experiment.build()[2].compute.budget == 6e8


def test_names_of_folders():
    options = {"variant": "paper"}
    experiment = Experiment(teacher="my.module:Riac", family="toy-grid", plan=PLAN, teacher_options=options)
    assert experiment.folder("out").parts == ("out", "toy-grid", "Riac,variant=paper", "seed-0")
