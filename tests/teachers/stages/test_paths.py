"""Paths through training knobs: what all of them refuse, and runs on digits that follow them."""

import numpy as np
import pytest
from knob_paths import SPACE, make

from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.contract.spaces import Discrete, Parameters
from teacherstudent.recording.runs import Run
from teacherstudent.running.experiment import Experiment

SMALL = Parameters(height=(0, 1))


@pytest.mark.parametrize(
    ("name", "space", "options", "message"),
    [
        ("efficient-train", SMALL, {}, "one of the knobs .'bandwidth', 'resize'.*got Parameters"),
        ("efficient-train", Parameters(bandwidth=(96, 224)), {}, "the knob 'magnitude', got"),
        ("efficient-train", Parameters(bandwidth=(200, 224), magnitude=(0, 1)), {}, "contains 160, got"),
        ("efficient-train", SPACE, {"ramp": "steep"}, "ramp: expected one of"),
        ("efficient-train", SPACE, {"clock": "epochs"}, "clock: expected one of"),
        ("efficient-train", SPACE, {"sizes": ()}, r"sizes: expected shares of the full size in \(0, 1\]"),
        ("efficient-train", SPACE, {"sizes": (0.5, 1.5)}, "sizes: expected shares"),
        ("efficient-train", SPACE, {"values": {"magnitude": 0.1}}, "does not drive, got 'magnitude'"),
        ("efficient-train-pp", SPACE, {"sizes": "vgg"}, "sizes: expected one of .*'vgg'"),
        ("efficient-train-pp", SPACE, {"strongest": 1.5}, r"strongest: expected a number in \[0, 1\]"),
        ("lerac", SMALL, {}, "lerac: expected a space with the knob 'lr_spread'"),
        ("lerac", SPACE, {"spread": 6}, "lr_spread: expected a range that contains 6"),
        ("lerac", SPACE, {"share": 0}, r"share: expected a number in \(0, 1\]"),
        ("smoothing", SMALL, {}, "the knob 'smoothing'"),
        ("smoothing", SPACE, {"factor": 1.1}, "factor: expected"),
        ("smoothing", Parameters(smoothing=(0.5, 1)), {}, "contains 0.0164"),
        ("cyclical", SMALL, {}, "the knob 'data_fraction'"),
        ("cyclical", SPACE, {"alpha": 1.0}, "alpha: expected a factor"),
        ("cyclical", SPACE, {"low": 0.5, "high": 0.25}, "high: expected"),
        ("cyclical", SPACE, {"epochs": 0}, "epochs: expected"),
        ("cyclical", SPACE, {"low": 0.05}, "contains 0.05"),
        ("rex", SMALL, {}, "the knob 'lr_scale'"),
        ("rex", SPACE, {"law": "step"}, "law: expected one of"),
        ("rex", SPACE, {"readings": 2.7}, r"rex: readings: expected a whole number .* 1, got 2\.7"),
        ("smoothing", SPACE, {"intervals": 2.5}, "intervals: expected a whole number"),
        ("ps-kd", SPACE, {"epochs": 0}, "epochs: expected a whole number of at least 1, got 0"),
        ("rex", SPACE, {"scale": 2.0}, "contains 2"),
        ("ps-kd", SMALL, {}, "the knob 'self_distillation'"),
        ("ps-kd", SPACE, {"alpha": np.nan}, "alpha: expected"),
        ("constant", SMALL, {}, "values: expected one for the knob 'height'"),
        ("constant", SPACE, {"values": {"width": 1}}, "the knob 'width'"),
        ("constant", SPACE, {"values": {"magnitude": 2}}, "magnitude: expected a range that contains 2"),
        ("constant", Discrete(3), {"values": {"magnitude": 0}}, "expected none for listed stages"),
        ("constant", Discrete(3), {"stage": 3}, "stage: expected one of 3, got 3"),
        ("in-order", Discrete(3), {"shares": (1, 2)}, "shares: expected 3 numbers"),
        ("in-order", Discrete(3), {"shares": (0, 0, 0)}, "shares: expected 3 numbers"),
        ("compose", SPACE, {"parts": ("lerac", "lerac")}, "lr_spread: expected a knob with one teacher"),
        ("compose", SPACE, {"parts": ({"share": 0.1},)}, "expected a name in each"),
    ],
)
def test_bad_input(name, space, options, message):
    with pytest.raises(ValueError, match=message):
        make(name, space, **options)


@pytest.mark.parametrize("progress", [np.nan, -0.1, 1.5, "0.5", None])
def test_damaged_states_are_refused(progress):
    teacher = make("lerac")
    teacher.ask(1, progress=0.25)
    state = teacher.state_dict()
    with pytest.raises(ValueError, match=r"LeRaC: progress: expected a finite number from 0 to 1, got"):
        make("lerac").load_state_dict(state | {"algorithm": {"progress": progress}})
    other = make("lerac")
    other.load_state_dict(state)
    assert other.metrics() == teacher.metrics()


# Runs on digits


RUNS = {
    "constant": ({"bandwidth": (4, 8)}, {}),
    "efficient-train": ({"bandwidth": (4, 8), "magnitude": (0, 1)}, {}),
    "efficient-train-pp": ({"resize": (3, 8), "magnitude": (0, 1)}, {}),
    "lerac": ({"lr_spread": (0, 3)}, {}),
    "smoothing": ({"smoothing": (0, 1)}, {}),
    "cyclical": ({"data_fraction": (0.25, 1)}, {"epochs": 3}),
    "rex": ({"lr_scale": (1e-3, 1)}, {}),
    "ps-kd": ({"self_distillation": (0, 1)}, {"epochs": 5}),
    "compose": (
        {"bandwidth": (4, 8), "lr_spread": (0, 3)},
        {"parts": [{"name": "efficient-train", "ramp": None}, "lerac"]},
    ),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_on_digits_follows_the_path(name, tmp_path):
    knobs, options = RUNS[name]
    experiment = Experiment(
        teacher=name,
        teacher_options=options,
        family="digits-stages",
        family_options={"knobs": knobs},
        student="classifier",
        student_options={
            "backbone": "resnet",
            "backbone_options": {"widths": (4, 8)},
            "training": {"batch_size": 64, "renorm": 64},
            "machine": {"device": "cpu"},
            "score": "train",
        },
        plan=Plan(budget=5e8, test_every=5e8),
    )
    ledger = experiment.run(tmp_path)
    assert 5e8 <= ledger.spent < 5.5e8
    _, teacher, _ = experiment.build()
    episodes = Run.load(tmp_path).episodes()
    tasks = np.stack([episodes[f"task_{knob}"] for knob in knobs], axis=1)
    assert len(tasks) >= 6
    np.testing.assert_allclose(tasks[0], teacher.ask(1).tasks[0])
    assert (len(np.unique(tasks, axis=0)) > 1) == (name != "constant")
