"""What a command may leave out: teachers of stages and of examples run without options."""

import dataclasses

import pytest

from teacherstudent.cli import main
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.contract.knobs import USUAL
from teacherstudent.recording.runs import Run
from teacherstudent.running.before.defaults import said, with_defaults
from teacherstudent.running.experiment import Experiment

SMALL = {"backbone": "resnet", "backbone_options": {"widths": (4, 8)}, "training": {"batch_size": 32}}
DRIVERS = {
    "efficient-train": ("bandwidth", "magnitude"),
    "efficient-train-pp": ("bandwidth", "magnitude"),
    "lerac": ("lr_spread",),
    "smoothing": ("smoothing",),
    "cyclical": ("data_fraction",),
    "ps-kd": ("self_distillation",),
    "rex": ("lr_scale",),
}
BANDITS = ("exp3s", "tscl-online", "tscl-naive", "tscl-window", "tscl-sampling", "progress-thompson")
CHOOSERS = ("jest", "self-paced", "loss-proportional", "superloss", "uniform")


def experiment(teacher, family="digits-stages", **options):
    options.setdefault("student_options", SMALL)
    return Experiment(teacher=teacher, family=family, plan=Plan(budget=1e9), **options)


def completed(*args, student_given=False, **options):
    return with_defaults(experiment(*args, **options), student_given=student_given)


@pytest.mark.parametrize("teacher", DRIVERS)
def test_knobs_are_those_that_the_teacher_drives(teacher):
    found = completed(teacher)
    assert found.family_overrides == {"knobs": {name: USUAL[name] for name in DRIVERS[teacher]}}
    assert found.student == "supervised"
    found.check()


@pytest.mark.parametrize("teacher", [*BANDITS, "in-order"])
def test_lists_are_three_stages(teacher):
    found = completed(teacher)
    assert found.family_overrides == {"stages": [{"bandwidth": 4}, {"bandwidth": 6}, {"bandwidth": 8}]}
    assert found.teacher_options == ({} if teacher == "in-order" else {"reward": "score"})
    found.check()


@pytest.mark.parametrize("teacher", ["constant", "random", "alp-gmm"])
def test_what_takes_the_family_as_it_is_gets_no_options(teacher):
    found = completed(teacher)
    assert (found.family_overrides, found.teacher_options) == ({}, {})
    assert found == dataclasses.replace(experiment(teacher), student="supervised")


@pytest.mark.parametrize("teacher", CHOOSERS)
def test_teachers_of_examples_need_no_reference(teacher):
    found = completed(teacher, "digits-examples")
    assert found.teacher_options == ({"score": "hard"} if teacher == "jest" else {})
    found.check()


def test_parts_of_a_composition_are_served_together():
    found = completed("compose", teacher_options={"parts": ["lerac", {"name": "smoothing"}]})
    assert found.family_overrides == {"knobs": {"lr_spread": USUAL["lr_spread"], "smoothing": (0, 1)}}
    found.check()


def test_what_the_user_says_stays():
    knobs = {"knobs": {"bandwidth": [3, 8], "magnitude": [0, 1]}}
    assert completed("efficient-train", family_options=knobs).family_overrides == {}
    assert completed("exp3s", family_options={"stages": [{"bandwidth": 4}, {}]}).family_overrides == {}
    assert completed("exp3s", teacher_options={"reward": "progress"}).teacher_options == {
        "reward": "progress"
    }
    levels = {**SMALL, "score": "level"}
    assert completed("exp3s", student_options=levels).teacher_options == {}
    assert completed("jest", "digits-examples", teacher_options={"score": "hard"}).teacher_options == {
        "score": "hard"
    }
    referred = {**SMALL, "training": {"reference": "losses.npy"}}
    assert completed("jest", "digits-examples", student_options=referred).teacher_options == {}
    assert completed("lerac", student="classifier", student_given=True).student == "classifier"


def test_other_families_follow_their_own_student():
    assert completed("riac", "toy-grid", student_options={}).student == "competence"
    assert completed("alp-gmm", "cartpole-parameters", student_options={}).student == "sb3"


def test_what_was_added_is_said():
    before = experiment("exp3s")
    words = said(before, with_defaults(before, student_given=False))
    assert words.startswith("exp3s on digits-stages by default: --student supervised --family-options ")
    assert words.endswith("--teacher-options 'reward=\"score\"'")
    plain = experiment("constant", student="supervised")
    assert said(plain, with_defaults(plain, student_given=True)) == ""


def test_a_command_without_options_runs(tmp_path, capsys):
    options = ["--student-options", "backbone=resnet", 'backbone_options={"widths": [4, 8]}']
    words = ["run", "--teacher", "efficient-train", "exp3s", "--family", "digits-stages", "--budget", "6e8"]
    assert main([*words, *options, 'training={"batch_size": 32}', "--out", str(tmp_path), "--jobs", "1"]) == 0
    shown = capsys.readouterr().out
    assert "efficient-train on digits-stages by default: --student supervised" in shown
    folders = sorted(path.parent for path in tmp_path.rglob("manifest.json"))
    assert [folder.parent.name for folder in folders] == ["efficient-train", "exp3s,reward=score"]
    for folder in folders:
        assert Run.load(folder).status()["status"] == "finished"
        Experiment.from_folder(folder).check(resume=True)
