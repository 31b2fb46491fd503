"""A teacher that does not fit a family of stages or examples is refused with words that make it fit."""

import json
import re

import numpy as np
import pytest
import torch

from teacherstudent.cli import main
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.contract.knobs import KNOBS, USUAL, check_value, proposal
from teacherstudent.envs.images.examples import DigitsExamples
from teacherstudent.envs.images.stages import DigitsStages, FashionStages
from teacherstudent.running.experiment import Experiment
from teacherstudent.students.classifier.options import Training

DRIVERS = ("efficient-train", "efficient-train-pp", "lerac", "smoothing", "cyclical", "ps-kd", "rex")
LISTED = (
    "in-order",
    "exp3s",
    "tscl-online",
    "tscl-naive",
    "tscl-window",
    "tscl-sampling",
    "progress-thompson",
)
CHOOSERS = ("jest", "self-paced", "loss-proportional")
STAGES = {"stages": [{"bandwidth": 4}, {"bandwidth": 8}]}


def experiment(teacher, family="digits-stages", student="classifier", options=None, **teacher_options):
    return Experiment(
        teacher=teacher,
        family=family,
        plan=Plan(budget=1e8),
        student=student,
        student_options={"backbone": "resnet", "backbone_options": {"widths": (4, 8)}}
        if student == "classifier"
        else {},
        family_options=options or {},
        teacher_options=teacher_options,
    )


def refusal(*args, **options):
    with pytest.raises((ValueError, TypeError)) as caught:
        experiment(*args, **options).check()
    return str(caught.value)


def proposed(message, option):
    """Return what a message proposes for an option of the family."""
    (found,) = re.findall(rf"--family-options '{option}=(.*?)'", message)
    return {option: json.loads(found)}


@pytest.mark.parametrize("teacher", DRIVERS)
@pytest.mark.parametrize(
    "options", [{}, {"knobs": {"batch_size": [16, 64]}}, STAGES], ids=["default", "knobs", "stages"]
)
def test_teachers_of_knobs_name_the_knobs(teacher, options):
    message = refusal(teacher, options=options)
    given = proposed(message, "knobs")
    experiment(teacher, options=given).check()
    if "knobs" in options:
        assert given["knobs"]["batch_size"] == [16, 64]  # what there is stays
    assert "--student" not in message


@pytest.mark.parametrize("teacher", DRIVERS)
def test_teachers_of_knobs_name_another_family_than_examples(teacher):
    message = refusal(teacher, family="digits-examples")
    assert "digits-stages" in message
    experiment(teacher, options=proposed(message, "knobs")).check()


@pytest.mark.parametrize("teacher", LISTED)
def test_teachers_of_lists_name_stages(teacher):
    options = {} if teacher == "in-order" else {"reward": "score"}
    message = refusal(teacher, **options)
    experiment(teacher, options=proposed(message, "stages"), **options).check()
    assert "--family digits-examples" in message
    message = refusal("in-order", family="digits-examples")
    assert message.endswith("; a teacher of stages takes --family digits-stages")


@pytest.mark.parametrize("teacher", CHOOSERS)
@pytest.mark.parametrize("options", [{}, STAGES], ids=["knobs", "stages"])
def test_teachers_of_examples_name_their_family(teacher, options):
    own = {"score": "hard"} if teacher == "jest" else {}
    message = refusal(teacher, options=options, **own)
    assert message.endswith("; a teacher that chooses examples takes --family digits-examples")
    experiment(teacher, family="digits-examples", **own).check()


def test_teachers_of_points_do_without_listed_stages():
    message = refusal("alp-gmm", options=STAGES)
    assert "instead of stages add" in message
    assert proposed(message, "knobs") == {"knobs": {"bandwidth": [0.4, 1]}}


@pytest.mark.parametrize(
    ("family", "student"),
    [
        ("digits-stages", "supervised"),
        ("digits-examples", "supervised"),
        ("fashion-stages", "supervised"),
        ("parity", "leaky-rnn"),
        ("toy-grid", "competence"),
    ],
)
@pytest.mark.parametrize("given", ["sb3", "rsl-rl"])
def test_the_student_that_was_left_out_is_named(family, student, given):
    message = refusal("random", family=family, student=given)
    assert message.endswith(f"its tasks are no environments, add --student {student}")


@pytest.mark.parametrize(
    ("teacher", "words"),
    [
        ("plr", "binds a task for one rollout"),
        ("self-paced", "a teacher that chooses examples takes --family digits-examples"),
    ],
)
def test_a_command_that_no_default_helps_is_told_what_does(teacher, words, tmp_path, capsys):
    given = ["run", "--teacher", teacher, "--family", "digits-stages", "--budget", "1e10", "--out"]
    assert main([*given, str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1  # to be copied
    assert words in said
    assert "add --student" not in said  # the family's is taken
    assert main([*given, str(tmp_path), "--student", "sb3"]) == 2
    assert "add --student supervised" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_families_know_each_other():
    for family in (DigitsStages(), DigitsExamples(), FashionStages()):
        kind, data = ("examples", "stages")["Examples" in type(family).__name__], family.source.name
        assert family.other == f"{data}-{kind}"


def test_proposals_are_ranges_of_the_knobs():
    assert set(USUAL) == set(KNOBS)
    for name, pair in USUAL.items():
        for value in pair:
            check_value("test", name, value)
    found = proposal(
        {"bandwidth": (14.0, 28.0)}, {"bandwidth": (12.0, 28.0), "lr_scale": (0.5, 2.5)}, ["magnitude"]
    )
    assert found == {"bandwidth": [12, 28], "lr_scale": [0.001, 2.5], "magnitude": [0, 1]}
    assert proposal({"resize": (0.5, 1)}, {"resize": (3 / 7, 1)}) == {"resize": [0.4, 1]}


# Options on their way through a manifest


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": torch.nn.functional.mse_loss}, r"student_options\.loss: .* which a manifest can hold"),
        (
            {"training": Training(lr=0.1)},
            r"student_options\.training: expected .* which a manifest can hold, got Train",
        ),
        (
            {"backbone_options": {"norm": torch.nn.ReLU()}},
            r"student_options\.backbone_options\.norm: .* which a manifest can hold",
        ),
    ],
)
def test_options_that_would_not_come_back_are_refused_at_once(options, message):
    with pytest.raises(TypeError, match=message):
        Experiment(teacher="constant", family="digits-stages", plan=Plan(budget=1), student_options=options)


def test_options_come_back_as_they_were(tmp_path):
    given = Experiment(
        teacher="self-paced",
        family="digits-examples",
        plan=Plan(budget=2e7),
        student="classifier",
        teacher_options={"ages": (0.5, 1.5), "grow": np.float32(0.5)},
        family_options={"label_noise": np.float64(0.1), "fixed": {"resize": np.int64(6)}},
        student_options={"backbone_options": {"widths": (4, 8)}, "training": {"batch_size": np.int64(32)}},
        student_overrides={"backbone": "resnet"},
    )
    given.run(tmp_path / "run")
    again = Experiment.from_folder(tmp_path / "run")
    assert again == given
    assert again.name == given.name
    assert again.teacher_options == {"ages": (0.5, 1.5), "grow": 0.5}
    for built in (again.build(), given.build()):
        assert [built[1].age(p) for p in (0, 1)] == [0.5, 1.5]
