"""The student of training stages and examples: contract, compute, knobs, costs, tests, bad input."""

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from torch import nn

from teacherstudent import students, teachers
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.contract.purposes import purposes
from teacherstudent.contract.types import Assignment
from teacherstudent.envs.images.examples import DigitsExamples
from teacherstudent.envs.images.stages import DigitsStages, FashionStages
from teacherstudent.envs.toy_grid import ToyGrid
from teacherstudent.recording.disk.checkpoint import load, save
from teacherstudent.recording.runs import Run
from teacherstudent.running.experiment import Experiment
from teacherstudent.running.loop import run
from teacherstudent.students.classifier.student import ClassifierStudent
from teacherstudent.testing.students import check_student

STAGES, EXAMPLES = DigitsStages(), DigitsExamples()
ALL_KNOBS = {
    "bandwidth": [4, 8],
    "lr_spread": [0, 2],
    "smoothing": [0, 1],
    "data_fraction": [0.3, 1],
    "self_distillation": [0, 0.8],
    "lr_scale": [0.5, 2],
    "batch_size": [32, 64],
}


class Tiny(nn.Module):
    """One convolution and a linear layer; small enough to follow by hand."""

    size_step, smallest = 2, 4

    def __init__(self, classes, channels, size):
        super().__init__()
        self.convolution = nn.Conv2d(channels, 4, 3, padding=1)
        self.head = nn.Linear(4, classes)

    def forward(self, x):
        return self.head(torch.relu(self.convolution(x)).mean((2, 3)))


class Linear(nn.Module):
    """A linear layer over pixels: no convolution, one layer, one size."""

    def __init__(self, classes, channels, size):
        super().__init__()
        self.head = nn.Linear(channels * size * size, classes)

    def forward(self, x):
        return self.head(x.flatten(1))


def wrong_classes(classes, channels, size):
    return Linear(classes + 1, channels, size)


TINY, LINEAR = f"{__name__}:Tiny", f"{__name__}:Linear"


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    """Let "module:Class" find this file under --import-mode=importlib."""
    import sys

    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or _module())


def _module():
    module = type(np)(__name__)
    module.__dict__.update(globals())
    return module


def student(family=STAGES, *, seed=0, backbone=TINY, **options):
    return ClassifierStudent(family, seed=seed, backbone=backbone, **options)


def rows(tasks, learn=None, first=0):
    tasks = np.asarray(tasks)
    return Assignment(
        ids=np.arange(first, first + len(tasks)),
        tasks=tasks,
        purpose=None if learn is None else purposes(learn),
    )


# The contract


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


# Compute


def test_stages_have_equal_compute_whatever_their_size():
    learner = student(chunk=5e7, training={"batch_size": 32})
    outcomes = learner.train(rows([[4.0], [8.0], [6.0], [4.0]]))
    assert outcomes.signals["size"].tolist() == [4, 8, 6, 4]
    per_image = [2 * 2 * s * s * 9 * 4 + 3 * 2 * 4 * 10 for s in (4, 8, 6, 4)]
    steps = outcomes.signals["steps"]
    assert np.array_equal(outcomes.cost, steps * 32 * per_image)
    assert abs(outcomes.cost.sum() - 4 * 5e7) < 32 * max(per_image)  # what is left is carried over
    assert learner.spent()["train"] == outcomes.cost.sum()
    assert learner.spent()["updates"] == steps.sum()
    assert steps[0] > 3 * steps[1]


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


def test_a_standard_chunk_is_worth_its_probe():
    forward = 2 * 64 * 9 * 4 + 2 * 4 * 10
    found = [student(budget=budget).rounds.chunk for budget in (1e11, 3e8, 1e7)]
    assert found == [1e11 / 50, 10 * 200 * forward, 1e7 / 8]


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


def test_the_last_chunk_ends_with_the_budget():
    learner = student(budget=2e8, training={"batch_size": 16})
    rounds = 0
    while sum(learner.spent()[name] for name in ("train", "measure")) < 2e8:
        learner.train(rows([[4.0 + rounds % 5]], first=rounds))
        rounds += 1
    over = learner.spent()["train"] + learner.spent()["measure"] - 2e8
    assert 0 <= over < 16 * (2 * 2 * 64 * 9 * 4 + 240)
    assert learner.metrics()["learning_rate"] < 1e-5  # the cosine has come to its end


# Knobs


def stage(**knobs):
    return DigitsStages(stages=[knobs, {}])


def one_step(family, number=0, **options):
    learner = student(family, chunk=1.0, **{"training": {"optimizer": "sgd"}, **options})
    before = {name: p.detach().clone() for name, p in learner.trainer.learner.network.named_parameters()}
    learner.train(rows(np.array([number])))
    network = learner.trainer.learner.network
    return {name: float((p.detach() - before[name]).abs().max()) for name, p in network.named_parameters()}


def test_rates_of_layers_and_of_stages():
    training = {"optimizer": "sgd", "lr": 0.1, "weight_decay": 0, "momentum": 0}
    plain = one_step(stage(lr_scale=2, lr_spread=3), 1, training=training)
    scaled = one_step(stage(lr_scale=2, lr_spread=3), 0, training=training)
    ratio = {name: scaled[name] / plain[name] for name in plain}
    expected = {"convolution.weight": 2, "convolution.bias": 2, "head.weight": 2e-3, "head.bias": 2e-3}
    assert ratio == pytest.approx(expected, rel=1e-2)


def test_a_staircase_in_a_wider_space_starts_with_its_teacher():
    family = DigitsStages(knobs={"lr_spread": [0, 4]})
    training = {"optimizer": "sgd", "momentum": 0, "weight_decay": 0, "lr_law": "staircase"}
    learner = student(family, chunk=1.0, training=training)
    used = []
    for round_, spread in enumerate((2.0, 1.5, 1.0)):
        if round_ == 2:
            state, learner = learner.state_dict(), student(family, seed=1, chunk=1.0, training=training)
            learner.load_state_dict(state)
        learner.train(rows([[spread]], first=round_))
        groups = learner.trainer.learner._optimizer.param_groups
        rates = {group["depth"]: group["lr"] for group in groups}
        used.append(rates[2] / rates[1])
    assert used == pytest.approx([0.01, 0.01, 0.1])


def test_other_knobs_change_what_is_learnt():
    plain = one_step(stage(bandwidth=6))
    for knobs in ({"bandwidth": 4}, {"resize": 6}, {"smoothing": 1}, {"batch_size": 16}):
        assert one_step(stage(**knobs)) != plain, knobs


def test_augmentation_is_drawn_from_a_private_generator():
    state = torch.get_rng_state()
    first, second = (one_step(stage(magnitude=0.9)) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert first == second
    assert first != one_step(stage(magnitude=0.9), 1)


def test_self_distillation_mixes_in_the_last_prediction():
    learner = student(stage(self_distillation=0.5), training={"batch_size": 64})
    trainer = learner.trainer
    setting = learner.family.setting(0)
    indices = torch.arange(64)
    trainer.step(indices, setting, rate=0.1)
    past = trainer.table.predictions[indices].clone()
    assert torch.allclose(past.sum(1), torch.ones(64))
    with torch.no_grad():
        logits = trainer.learner.network(trainer.inputs["train"].batch(indices))
    labels = functional.one_hot(trainer.inputs["train"].labels[indices], 10).float()
    expected = -((0.5 * labels + 0.5 * past) * logits.log_softmax(1)).sum(1)
    found, _ = trainer.step(indices, setting, rate=0.1)
    assert torch.allclose(found, expected, atol=1e-5)


def test_rescoring_is_charged():
    family = stage(data_fraction=0.5)
    costs = {}
    for scores in ("latest", "rescore"):
        learner = student(family, chunk=1.0, training={"scores": scores})
        learner.train(rows(np.array([0])))
        costs[scores] = learner.spent()["measure"]
    forward = 2 * 64 * 9 * 4 + 2 * 4 * 10
    assert costs["rescore"] - costs["latest"] == 997 * forward


def test_scores_from_a_file(tmp_path):
    scores = np.full(997, 1e-9)
    scores[:500] = 1.0
    np.save(tmp_path / "scores.npy", scores)
    learner = student(stage(data_fraction=0.3), training={"scores": str(tmp_path / "scores.npy")})
    assert int(learner.trainer.draw(learner.family.setting(0))[0].max()) < 500
    np.save(tmp_path / "scores.npy", scores[:9])
    with pytest.raises(ValueError, match=r"finite numbers of shape \(997,\), got shape \(9,\)"):
        student(stage(data_fraction=0.3), training={"scores": str(tmp_path / "scores.npy")})


@pytest.mark.parametrize(
    ("knobs", "backbone", "message"),
    [
        ({"smoothing": 1}, LINEAR, "smoothing: touches nothing"),
        ({"smoothing": 0.2}, TINY, r"smoothing: touches nothing: expected pixels of at least 0\.3"),
        ({"lr_spread": 1}, LINEAR, "lr_spread: touches nothing"),
        ({"magnitude": 0.003}, TINY, "magnitude: touches nothing"),
        ({"bandwidth": 7.5}, TINY, "bandwidth: touches nothing"),
        ({"data_fraction": 0.9999}, TINY, "data_fraction: touches nothing"),
        ({"bandwidth": 4}, LINEAR, "expected to take images of 4 pixels"),
        ({"data_fraction": 0.1}, TINY, "at most the 99 examples of the shortest pass, got 128"),
        ({"batch_size": 998}, TINY, "at most the 997 examples"),
    ],
)
def test_a_knob_that_touches_nothing_is_an_error(knobs, backbone, message):
    family = stage(**knobs)
    if knobs == {"data_fraction": 0.9999}:
        family.reach = {"data_fraction": (1.0, 1.0)}
    with pytest.raises(ValueError, match=message):
        student(family, backbone=backbone)


def test_listed_stages_that_are_one_size_for_the_network_are_named():
    family = DigitsStages(stages=[{"bandwidth": 4}, {"bandwidth": 5.5}, {"bandwidth": 6}, {}])
    with pytest.raises(ValueError, match=r"stages 1 and 2: .*got 5\.5 and 6, which both become 6 pixels"):
        student(family)
    student(DigitsStages(stages=[{"resize": 4}, {"resize": 4, "lr_scale": 2}, {"resize": 8}, {}]))


def test_images_that_are_not_square(tmp_path):
    for name in ("train", "test"):
        pixels = np.random.default_rng(0).integers(0, 256, (300, 8, 6)).astype(np.uint8)
        np.savez(tmp_path / f"{name}.npz", images=pixels, labels=np.arange(300) % 10)
    options = {"path": tmp_path, "probe": 10, "validation": 10}
    with pytest.raises(ValueError, match="bandwidth: expected square images, got 8 x 6"):
        student(FashionStages(knobs={"bandwidth": [4, 6]}, **options))
    learner = student(FashionStages(knobs={"lr_scale": [0.5, 2]}, **options), chunk=1.0)
    found = learner.train(rows([[1.0]]))
    assert found.cost[0] == 128 * (2 * 2 * 48 * 9 * 4 + 240)


# Weights, losses, averages


def test_weights_of_examples():
    class Halves:
        def weigh(self, batch):
            assert batch.loss_numbers.shape == batch.index_numbers.shape == (64,)
            return (batch.index_numbers < 500).astype(float)

    setting, indices = STAGES.setting([8.0]), torch.arange(468, 532)
    gradients = {}
    for name in ("none", "weigher", "hook"):
        training = {"optimizer": "sgd", "momentum": 0, "weight_decay": 0}
        hook = {"loss": lambda losses, rows: (losses * (rows < 500)).mean()} if name == "hook" else {}
        learner = student(training=training, **hook)
        if name == "weigher":
            learner.weigher = Halves()
        before = learner.trainer.learner.network.head.weight.detach().clone()
        learner.trainer.step(indices, setting, rate=1.0)
        gradients[name] = before - learner.trainer.learner.network.head.weight.detach()
    assert torch.equal(gradients["weigher"], gradients["hook"])
    assert not torch.allclose(gradients["weigher"], gradients["none"])
    with pytest.raises(TypeError, match="expected a Weigher or None"):
        learner.weigher = 3


def test_averaged_weights_by_hand():
    learner = student(training={"ema": 0.99, "optimizer": "sgd"})
    trainer, setting = learner.trainer, STAGES.setting([8.0])
    weights = [trainer.learner.network.head.weight.detach().clone()]
    for step in range(2):
        trainer.step(torch.arange(50) + step, setting, rate=0.5)
        weights.append(trainer.learner.network.head.weight.detach().clone())
    first = torch.lerp(weights[0], weights[1], 1 - 2 / 11)
    assert torch.allclose(trainer.learner.average.head.weight, torch.lerp(first, weights[2], 1 - 3 / 12))


def test_statistics_are_renewed_for_a_measurement_and_put_back():
    learner = student(backbone="cnn", backbone_options={"width": 4}, training={"renorm": 997})
    trainer = learner.trainer
    trainer.step(torch.arange(64), STAGES.setting([4.0]), rate=0.1)
    norm = trainer.learner.network.features[1]
    before = norm.running_mean.clone()
    with trainer._renormalised():
        images = trainer.inputs["train"].batch(slice(None))
        with torch.no_grad():
            maps = trainer.learner.network.features[0](images)
        parts = [part.mean((0, 2, 3)) for part in maps.tensor_split(2)]
        assert torch.allclose(norm.running_mean, torch.stack(parts).mean(0), atol=1e-5)
    assert torch.equal(norm.running_mean, before)
    assert norm.training
    assert trainer.measure_cost(200) == (200 + 997) * trainer.forward_cost()


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


# Examples


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
    message = f"{split} split: expected images of every .* of class {lacking}{remedy}$"
    with pytest.raises(ValueError, match=message):
        student(family)


# A student that learns


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


# Bad input


def test_a_loss_that_is_not_finite_names_stage_and_step(tmp_path):
    learner = student(
        chunk=2e7, training={"lr": 1e30, "optimizer": "sgd", "batch_size": 16}, score="decrease"
    )
    save(tmp_path / "good.npz", learner.state_dict())
    with pytest.raises(
        FloatingPointError, match=r"finite loss, got .* in step \d+ of the stage with bandwidth=4"
    ):
        learner.train(rows([[4.0]] * 5))
    student().load_state_dict(load(tmp_path / "good.npz"))


@pytest.mark.parametrize("score", ["rate", "train"])
def test_weights_that_the_last_step_has_broken_are_noticed(score):
    training = {"lr": 1e30, "optimizer": "sgd", "momentum": 0}
    learner = student(chunk=1.0, training=training, score=score)  # a step a chunk, whose loss is finite
    where = r"got .* on the {} split after step 0 of the stage with bandwidth=4 at learning rate 1e\+30"
    if score == "rate":
        with pytest.raises(FloatingPointError, match=where.format("probe")):
            learner.train(rows([[4.0]]))
    else:
        assert np.isfinite(learner.train(rows([[4.0]])).score).all()
    again = student(chunk=1.0, training=training, score=score)
    again.load_state_dict(learner.state_dict())
    for broken in (learner, again):
        with pytest.raises(FloatingPointError, match=where.format("validation")):
            broken.evaluate(STAGES.test_tasks(), seed=0)


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
        ({"family": ToyGrid()}, TypeError, "family of images, like fashion-stages, got ToyGrid"),
        ({"score": "accuracy"}, ValueError, "score: expected one of"),
        ({"family": EXAMPLES, "score": "level"}, ValueError, "score: touches nothing"),
        ({"chunk": 0.0}, ValueError, "chunk: expected FLOPs above 0"),
        ({"budget": -1.0}, ValueError, "budget: expected FLOPs above 0"),
        ({"backbone": f"{__name__}:wrong_classes"}, ValueError, r"logits of shape \(2, 10\).*got \(2, 11\)"),
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
