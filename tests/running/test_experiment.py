from dataclasses import replace

import numpy as np
import pytest

from teacherstudent import Entry, Study, run
from teacherstudent.comparing.compare import compare
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.recording.runs import Run, find_runs
from teacherstudent.running.console import run_and_compare
from teacherstudent.running.experiment import Experiment

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
        TypeError,
        match=r"teacher 'riac': unknown option 'size' \(did you mean 'region_size'\?\); expected",
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
    with pytest.raises(TypeError, match=r"student 'sb3': unknown option 'env' \(what it hands on .*n_envs"):
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


@pytest.mark.parametrize(
    "label", [".", "..", " ", "a\nb", "a\x00b", "x\x1b[2J", "\u202ex", "\ud800", "x" * 256, "ü" * 128]
)
def test_labels_are_names_of_folders(label):
    with pytest.raises(ValueError, match="label: expected"):
        Experiment(teacher="random", family="toy-grid", plan=PLAN, label=label)
    with pytest.raises(ValueError, match="label: expected"):
        Study(name="s", family="toy-grid", teachers={label: Entry("random")}, budget=10.0)


@pytest.mark.parametrize("label", ["...", "x" * 255, "ü" * 127, "a b", "a/b", "-x", "[red]"])
def test_other_labels_are_taken(tmp_path, label):
    experiment = Experiment(teacher="random", family="toy-grid", plan=PLAN, label=label)
    folder = experiment.folder(tmp_path)
    assert folder.parent.parent == tmp_path / "toy-grid"
    folder.mkdir(parents=True)


def test_long_options_give_short_folders_of_their_own(tmp_path):
    def made(last):
        options = {"initial": [[0.123456789] * 15, [*[0.0123456789] * 14, last]]}
        return Experiment(teacher="alp-gmm", family="toy-grid", plan=PLAN, teacher_options=options)

    folders = [made(last).folder(tmp_path) for last in (0.1, 0.2, 0.1)]
    assert folders[0] == folders[2] != folders[1]
    assert len(folders[0].parent.name.encode()) == 255
    assert folders[0].parent.name.startswith("alp-gmm,initial=[[0.123456789, ")
    folders[0].mkdir(parents=True)


@pytest.mark.parametrize("value", ["..", "a/../b", "x\n\x1b[2J", "\x00"])
def test_options_leave_their_place_in_no_folder(tmp_path, value):
    experiment = Experiment(teacher="random", family="toy-grid", plan=PLAN, teacher_options={"x": value})
    folder = experiment.folder(tmp_path)
    assert folder.parent.parent == tmp_path / "toy-grid"
    assert ".." not in folder.parts
    assert folder.name == "seed-0"
    assert folder.parent.name.isprintable()


@pytest.mark.parametrize("name", ["", ".", "..", "a/..", "a//b", "x\x1b"])
def test_studies_are_named_like_folders(name):
    with pytest.raises(ValueError, match="study: name: expected"):
        Study(name=name, family="toy-grid", teachers={"random": {}}, budget=10.0)


def test_an_empty_folder_is_refused_everywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    experiment = Experiment(teacher="random", family="toy-grid", student="competence", plan=PLAN)
    calls = [
        lambda: experiment.run(""),
        lambda: experiment.folder(""),
        lambda: Experiment.from_folder(""),
        lambda: run(*experiment.build(), "", PLAN),
        lambda: Run.load(""),
        lambda: find_runs([""]),
        lambda: compare([tmp_path], ""),
        lambda: run_and_compare([experiment], ""),
        lambda: run(*experiment.build(), "a\x00b", PLAN),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="expected the path of a folder"):
            call()
    with pytest.raises(TypeError, match="run folder: expected the path of a folder, got 3"):
        experiment.run(3)
    assert not list(tmp_path.iterdir())


def test_names_that_are_no_texts_are_refused():
    with pytest.raises(TypeError, match="teacher: expected a name, got 3"):
        Experiment(teacher=3, family="toy-grid", plan=PLAN)
    with pytest.raises(TypeError, match="label: expected a name, got 3"):
        Experiment(teacher="random", family="toy-grid", plan=PLAN, label=3)


def test_what_a_name_makes_must_be_of_its_kind():
    wrong = Experiment(teacher="random", family="os:getcwd", student="competence", plan=Plan(budget=10))
    with pytest.raises(TypeError, match=r"family 'os:getcwd': expected what makes a Family, got '"):
        wrong.build()
