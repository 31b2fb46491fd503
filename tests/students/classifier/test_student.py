"""The student of training stages and examples: contract, scores, costs, tests, bad input."""

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from small_classifiers import EXAMPLES, STAGES, TINY, Linear, rows, student

from teacherstudent import students, teachers
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.envs.images.examples import DigitsExamples
from teacherstudent.envs.images.stages import DigitsStages
from teacherstudent.envs.toy_grid import ToyGrid
from teacherstudent.recording.runs import Run
from teacherstudent.running.experiment import Experiment
from teacherstudent.running.loop import run
from teacherstudent.students.classifier.student import ClassifierStudent
from teacherstudent.testing.students import check_student

ALL_KNOBS = {
    "bandwidth": [4, 8],
    "lr_spread": [0, 2],
    "smoothing": [0, 1],
    "data_fraction": [0.3, 1],
    "self_distillation": [0, 0.8],
    "lr_scale": [0.5, 2],
    "batch_size": [32, 64],
}


def wrong_classes(classes, channels, size):
    return Linear(classes + 1, channels, size)


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    """Let "module:Class" find this file under --import-mode=importlib."""
    import sys

    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or _module())


def _module():
    module = type(np)(__name__)
    module.__dict__.update(globals())
    return module


def test_it_is_registered():
    assert students.get("classifier") is ClassifierStudent


@pytest.mark.parametrize(
    ("family", "options"),
    [
        (STAGES, {"budget": 5e8, "backbone": "cnn", "backbone_options": {"width": 4}, "chunk": 2e7}),
        (
            DigitsStages(knobs=ALL_KNOBS),
            {"budget": 5e8, "chunk": 1e7, "training": {"ema": 0.9, "scores": "rescore", "optimizer": "sgd"}},
        ),
        (STAGES, {"score": "train", "chunk": 1e7}),
        (EXAMPLES, {"training": {"batch_size": 32}, "chunk": 2e6}),
    ],
)
def test_it_keeps_the_contract(family, options):
    options = {"backbone": TINY} | options
    check_student(lambda seed: ClassifierStudent(family, seed=seed, **options), family, rounds=3)


def test_a_run_stopped_and_resumed_is_the_same_run(tmp_path):
    plan = Plan(budget=4e8, test_every=1e8)
    experiment = Experiment(
        teacher="random",
        family="digits-stages",
        student="classifier",
        plan=plan,
        seed=3,
        student_options={"backbone": TINY, "training": {"ema": 0.9}},
    )
    experiment.run(tmp_path / "whole")
    rounds = iter(range(10**6))
    experiment.run(tmp_path / "parts", stop=lambda: next(rounds) == 9)
    experiment.run(tmp_path / "parts", resume=True)
    whole, parts = (Run.load(tmp_path / name) for name in ("whole", "parts"))
    for column in ("score", "spent", "cost"):
        assert np.array_equal(whole.tests()[column], parts.tests()[column]), column
    assert whole.tests()["test"].tolist() == [0, 0, 0, 0, 1]  # the test split: once, at the end


def test_probes_are_charged_and_not_repeated():
    learner = student(chunk=1e7)
    forward = 2 * 64 * 9 * 4 + 2 * 4 * 10
    measured = learner.train(rows([[8.0], [4.0]], [False, False]))
    assert learner.spent() == {"train": 0.0, "measure": 200.0 * forward, "updates": 0.0}
    assert measured.cost.tolist() == [200.0 * forward, 0.0]  # the second looks at the same weights
    assert measured.score.tolist() == [0.0, 0.0]
    trained = learner.train(rows([[4.0]]))
    assert learner.spent()["measure"] == 400.0 * forward
    gain = measured.signals["probe_loss"][0] - trained.signals["probe_loss"][0]
    assert np.isclose(trained.score[0], gain * 1e7 / trained.cost[0])


def test_the_score_and_its_standard_error():
    family, found = DigitsStages(), {}
    for score in ("decrease", "level", "rate"):
        learner = student(family, chunk=3e7, score=score)
        before = learner.trainer.measure("probe")[0].double().numpy()
        found[score] = learner.train(rows([[8.0]]))
        after = learner.trainer.measure("probe")[0].double().numpy()
    gain = before - after
    decrease = found["decrease"]
    assert np.isclose(decrease.score[0], gain.mean())
    assert np.isclose(decrease.signals["score_se"][0], gain.std(ddof=1) / np.sqrt(200))
    scale = 3e7 / decrease.cost[0]
    assert np.isclose(found["rate"].score[0], scale * gain.mean())
    assert np.isclose(found["rate"].signals["score_se"][0], scale * decrease.signals["score_se"][0])
    assert np.isclose(found["level"].score[0], -after.mean())
    assert gain.mean() > 0.01


def test_schedules_pay_for_no_probe():
    learner = student(budget=1e9, score="train")
    assert learner.offers["chunk"].keys() == {"train_loss", "seconds", "steps", "size"}
    found = learner.train(rows([[4.0], [8.0]], [True, False]))
    assert found.signals.keys() == learner.offers["chunk"].keys()
    assert found.score[0] == -found.signals["train_loss"][0]
    assert found.score[1] == -float(learner.trainer.measure("probe")[0].double().mean())
    learner = student(budget=1e9, score="train")
    learner.train(rows([[4.0]]))
    assert learner.spent()["measure"] == 0
    assert abs(learner.spent()["train"] - 1e9 / 50) < 128 * 2e4


def test_the_report_says_what_is_touched():
    found = student(DigitsStages(knobs=ALL_KNOBS)).report()
    assert found["parameters"] == 4 * 9 + 4 + 4 * 10 + 10
    assert found["flops"] == {str(s): 2.0 * 2 * s * s * 9 * 4 + 240 for s in (4, 6, 8)}
    assert found["layers"] == [["convolution.weight", "convolution.bias"], ["head.weight", "head.bias"]]
    assert found["smoothed"] == 1
    assert not {"layers", "smoothed"} & student().report().keys()


def test_a_run_says_at_its_start_what_is_touched(tmp_path, caplog):
    knobs = {"bandwidth": [4, 8], "lr_spread": [0, 2]}
    experiment = Experiment(
        teacher="lerac",
        family="digits-stages",
        family_options={"knobs": knobs},
        student="classifier",
        student_options={"backbone": TINY, "score": "train"},
        plan=Plan(budget=2e7, test_every=1e7),
    )
    with caplog.at_level("INFO", "teacherstudent.running.loop"):
        experiment.run(tmp_path)
    expected = student(DigitsStages(knobs=knobs)).report()
    assert Run.load(tmp_path).manifest["student_report"] == expected
    layers = [["convolution.weight", "convolution.bias"], ["head.weight", "head.bias"]]
    assert expected["layers"] == layers
    assert f"ClassifierStudent: layers: {layers}" in caplog.messages
    assert any(message.startswith("ClassifierStudent: flops: {'4': ") for message in caplog.messages)


@pytest.mark.parametrize("machine", [{"precision": "bfloat16"}, {"channels_last": True}])
def test_other_arithmetic_learns_the_same(machine):
    found = []
    for given in ({}, machine):
        learner = student(
            backbone="cnn", backbone_options={"width": 4}, machine={"device": "cpu"} | given, chunk=2e7
        )
        found.append(learner.train(rows([[8.0]])).signals["probe_loss"][0])
    assert abs(found[0] - found[1]) < 0.05


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_on_a_gpu(precision):
    knobs = ALL_KNOBS if precision == "float32" else {"bandwidth": [4, 8]}
    found = []
    for machine in ({"device": "cpu"}, {"device": "cuda", "precision": precision, "channels_last": True}):
        learner = student(DigitsStages(knobs=knobs), machine=machine, chunk=2e7, training={"ema": 0.9})
        tasks = learner.family.test_tasks().repeat(3, axis=0)
        found.append(learner.train(rows(tasks)).signals["probe_loss"])
        again = student(DigitsStages(knobs=knobs), machine=machine, training={"ema": 0.9})
        again.load_state_dict(learner.state_dict())
        assert again.evaluate(tasks[:1], seed=0).score == learner.evaluate(tasks[:1], seed=0).score
    assert np.allclose(*found, atol=0.1)
    learner = student(EXAMPLES, machine={"device": "cuda"})
    learner.train(rows(np.arange(128), np.arange(128) % 2 == 0))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_images_beside_the_gpu_teach_what_images_on_it_do():
    found = []
    for data in ("device", "host"):
        learner = student(EXAMPLES, machine={"device": "cuda", "data": data})
        assert learner.trainer.inputs["train"].images.is_cuda == (data == "device")
        learner.train(rows(np.arange(128), np.arange(128) % 2 == 0))
        found.append(learner.evaluate(learner.family.test_tasks()[:1], seed=0).score)
    assert np.allclose(*found, atol=0.02)


def test_examples_are_trained_or_measured():
    learner = student(EXAMPLES, training={"batch_size": 8})
    assert learner.wants() == 8
    cost = learner.trainer.flops(8)
    chosen = np.arange(12) * 7
    measured = learner.train(rows(chosen, np.zeros(12, bool)))
    assert learner.spent() == {"train": 0.0, "measure": 12 * cost.forward, "updates": 0.0}
    trained = learner.train(rows(chosen, np.arange(12) < 8, first=12))
    assert np.allclose(trained.score[:8], measured.score[:8], atol=1e-6)  # before the first step
    assert trained.cost.tolist() == [cost.train] * 8 + [cost.forward] * 4
    assert learner.spent()["updates"] == 1
    data = EXAMPLES.data.train
    logits = learner.trainer.learner.logits(
        learner.trainer.inputs["train"].batch(torch.tensor(chosen)), averaged=False
    )
    again = learner.train(rows(chosen, np.zeros(12, bool), first=24))
    expected = functional.cross_entropy(logits, torch.from_numpy(data.labels[chosen]), reduction="none")
    assert np.allclose(-again.score, expected, atol=1e-6)
    assert np.array_equal(again.signals["correct"], logits.argmax(1).numpy() == data.labels[chosen])


def test_losses_of_a_reference_are_a_signal(tmp_path):
    reference = student(EXAMPLES)
    reference.train(rows(np.arange(128)))
    losses = reference.example_losses()
    assert losses.shape == (997,)
    assert reference.spent()["measure"] == 997 * reference.trainer.forward_cost()
    np.save(tmp_path / "losses.npy", losses)
    training = {"reference": str(tmp_path / "losses.npy"), "batch_size": 4}
    learner = student(EXAMPLES, seed=1, training=training)
    assert learner.offers["step"].keys() == {"loss", "correct", "reference_loss"}
    found = learner.train(rows([5, 3, 900], [False, True, True]))
    assert np.array_equal(found.signals["reference_loss"], losses[[5, 3, 900]])


def test_classes_are_tested():
    learner = student(EXAMPLES)
    for k in range(20):
        learner.train(rows((np.arange(128) + 50 * k) % 997, first=128 * k))
    found = learner.evaluate(EXAMPLES.test_tasks(), seed=0)
    _, correct = learner.trainer.measure("validation")
    labels = EXAMPLES.data.validation.labels
    expected = [correct.numpy()[labels == c].mean() for c in range(10)]
    assert np.allclose(found.score, expected)
    with pytest.raises(ValueError, match="a class that is tested, got 10"):
        learner.evaluate(np.array([10]), seed=0)


@pytest.mark.parametrize(("split", "lacking"), [("validation", 3), ("test", 7)])
def test_a_split_without_a_class_that_is_tested_is_named_at_once(split, lacking):
    family = DigitsExamples()
    data = family.data
    part = getattr(data, split)
    kept = part.select(np.flatnonzero(part.labels != lacking))
    family._splits = dataclasses.replace(data, **{split: kept})
    remedy = "; the family's option stratified=true puts some there" if split == "validation" else ""
    message = f"{split} split: expected examples of every .* of class {lacking}{remedy}$"
    with pytest.raises(ValueError, match=message):
        student(family)


def test_it_learns_digits(tmp_path):
    family = DigitsStages()
    teacher = teachers.make("random", family.space, seed=0)
    options = {"budget": 8e9, "chunk": 4e8, "training": {"lr": 0.01, "batch_size": 32}}
    learner = ClassifierStudent(
        family, seed=0, backbone="resnet", backbone_options={"widths": (8, 16)}, **options
    )
    run(family, teacher, learner, tmp_path / "run", Plan(budget=8e9, test_every=4e9))
    tests = Run.load(tmp_path / "run").tests()
    assert tests["score"][0] < 0.3
    assert tests["score"][-1] > 0.85
    assert tests["test"].tolist() == [0, 0, 1]


def test_a_run_that_diverges_keeps_its_last_good_checkpoint(tmp_path):
    family = DigitsStages()
    learner = student(family, chunk=1e7, budget=1e9, training={"lr": 1e30, "optimizer": "sgd"})
    teacher = teachers.make("random", family.space, seed=0)
    with pytest.raises(FloatingPointError, match="in step"):
        run(family, teacher, learner, tmp_path / "run", Plan(budget=1e9))
    assert list((tmp_path / "run" / "checkpoints").glob("checkpoint-*.npz"))
    assert Run.load(tmp_path / "run").status()["status"] == "failed"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"family": ToyGrid()}, TypeError, "family of labelled data, like fashion-stages .* got ToyGrid"),
        ({"score": "accuracy"}, ValueError, "score: expected one of"),
        ({"family": EXAMPLES, "score": "level"}, ValueError, "score: touches nothing"),
        ({"chunk": 0.0}, ValueError, "chunk: expected FLOPs above 0"),
        ({"budget": -1.0}, ValueError, "budget: expected FLOPs above 0"),
        ({"backbone": f"{__name__}:wrong_classes"}, ValueError, r"outputs of shape \(2, 10\).*got \(2, 11\)"),
        (
            {"training": {"scores": "best"}},
            ValueError,
            "neither 'latest' nor 'rescore': expected an npy file",
        ),
        ({"training": {"reference": "x.npy"}}, ValueError, "reference: touches nothing"),
        ({"loss": "median"}, ValueError, "loss: expected 'mean'"),
    ],
)
def test_bad_options(options, error, message):
    with pytest.raises(error, match=message):
        student(**options)


def test_states_of_other_networks_are_refused():
    with pytest.raises(ValueError, match="network"):
        student().load_state_dict(student(backbone="cnn").state_dict())
    with pytest.raises(ValueError, match="same ema"):
        student(training={"ema": 0.9}).load_state_dict(student().state_dict())


def test_tasks_outside_the_space_are_refused():
    with pytest.raises(ValueError, match="classifier"):
        student().train(rows([[99.0]]))
