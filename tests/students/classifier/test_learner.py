"""Compilation, measuring without chance, losses that learn, and what a network's sizes may be."""

import sys

import numpy as np
import pytest
import torch
from torch import nn

from teacherstudent.contract.types import Assignment
from teacherstudent.envs.images.examples import DigitsExamples
from teacherstudent.envs.images.stages import DigitsStages, FashionStages
from teacherstudent.students.classifier.student import ClassifierStudent


class Convolution(nn.Module):
    """One convolution, of any size of input, with what is asked for behind it."""

    smallest = 4

    def __init__(self, classes, channels, size, *behind, size_step=2):
        super().__init__()
        self.size_step = size_step
        self.convolution = nn.Conv2d(channels, 4, 3, padding=1)
        self.behind = nn.Sequential(*behind)
        self.head = nn.Linear(4, classes)

    def forward(self, x):
        return self.head(self.behind(torch.relu(self.convolution(x))).mean((2, 3)))


def plain(**options):
    return Convolution(**options)


def odd(**options):
    return Convolution(**options, size_step=1)


def random_when_trained(classes, channels, size):
    return Convolution(classes, channels, size, nn.Dropout(0.5), nn.BatchNorm2d(4))


class Tempered(nn.Module):
    """A loss with a weight that every batch changes."""

    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, losses, indices):
        self.seen += len(indices)
        return losses.mean() / (1 + self.seen / 100)


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    """Let "module:function" find this file under --import-mode=importlib."""
    module = type(sys)(__name__)
    module.__dict__.update(globals())
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or module)


@pytest.fixture
def compiled(monkeypatch):
    """Shapes that torch.compile was asked to compile; the graphs run as they are."""
    shapes, compile_ = [], torch.compile

    def backend(graph, inputs):
        images = [x for x in inputs if isinstance(x, torch.Tensor) and x.ndim == 4 and x.shape[1] == 1]
        shapes.append(tuple(images[-1].shape))
        return graph.forward

    torch._dynamo.reset()
    monkeypatch.setattr(torch, "compile", lambda network, **how: compile_(network, backend=backend, **how))
    yield shapes
    torch._dynamo.reset()


def student(family, backbone="plain", **options):
    return ClassifierStudent(family, seed=0, backbone=f"{__name__}:{backbone}", **options)


def rows(tasks):
    return Assignment(ids=np.arange(len(tasks)), tasks=np.asarray(tasks))


COMPILED = {"compile": True}


def test_every_size_is_compiled_before_training(compiled, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (60, 28, 28)).astype(np.uint8)
    for name in ("train", "test"):
        np.savez(tmp_path / f"{name}.npz", images=pixels, labels=np.arange(60) % 10)
    family = FashionStages(path=tmp_path, probe=10, validation=10, knobs={"bandwidth": (4, 28)})
    learner = student(family, machine=COMPILED, training={"batch_size": 2})
    assert [shape[-1] for shape in compiled] == list(range(28, 2, -2))  # 13, above torch's limit of 8
    learner.rounds.chunk = 1.0  # a step
    learner.train(rows([[4.0], [16.0], [28.0]]))
    assert len(compiled) == 13


def test_batch_sizes_of_listed_stages_are_compiled_too(compiled):
    stages = [{"bandwidth": 4, "batch_size": 8}, {"bandwidth": 8, "batch_size": 4}, {"bandwidth": 8}]
    learner = student(DigitsStages(stages=stages), machine=COMPILED, training={"batch_size": 16})
    assert [(shape[0], shape[-1]) for shape in compiled] == [(16, 8), (4, 8), (8, 4)]
    learner.rounds.chunk = 1.0
    learner.train(rows([0, 1, 2]))
    assert len(compiled) == 3


def test_examples_are_compiled_for_any_number_of_them(compiled):
    learner = student(DigitsExamples(), machine=COMPILED, training={"batch_size": 16})
    for count in (16, 15, 14, 13, 12, 11, 10):
        learner.train(rows(np.arange(count)))
    assert len(compiled) == 2  # the first length, then all


@pytest.mark.parametrize("knob", [{"smoothing": (0, 1)}, {"batch_size": (8, 16)}])
def test_what_cannot_be_compiled_is_refused(knob):
    with pytest.raises(ValueError, match=f"compile=False with .*{next(iter(knob))}"):
        student(DigitsStages(knobs=knob), machine=COMPILED)


def test_measuring_draws_nothing():
    learner = student(DigitsStages(), "random_when_trained", budget=1e9)
    learner.train(rows([[8.0]]))
    before = torch.get_rng_state()
    found = {float(learner.evaluate(np.array([[8.0]]), seed=0).signals["loss"][0]) for _ in range(3)}
    assert len(found) == 1
    assert torch.equal(torch.get_rng_state(), before)
    assert learner.trainer.learner.network.training
    assert all(module.training for module in learner.trainer.learner.network.modules())


def test_a_loss_that_learns_is_part_of_the_state():
    first = student(DigitsStages(), loss=Tempered(), score="train", chunk=1e6)
    first.train(rows([[8.0]]))
    second = student(DigitsStages(), loss=Tempered(), score="train", chunk=1e6)
    second.load_state_dict(first.state_dict())
    again = (one.train(rows([[8.0]])).signals["train_loss"][0] for one in (first, second))
    assert np.diff(list(again)) == 0
    assert first.trainer.reduction.seen == second.trainer.reduction.seen > 0
    with pytest.raises(ValueError, match="loss: expected the state of"):
        student(DigitsStages(), score="train").load_state_dict(first.state_dict())


def test_crops_have_even_sizes():
    learner = student(DigitsStages(knobs={"bandwidth": (4, 8)}), "odd", score="train", chunk=1.0)
    assert learner.trainer.sizes() == [4, 6, 8]
    learner.train(rows([[5.0], [7.0]]))
    assert student(DigitsStages(knobs={"resize": (4, 8)}), "odd").trainer.sizes() == [4, 5, 6, 7, 8]


def test_a_range_of_batch_sizes_starts_at_one():
    with pytest.raises(ValueError, match=r"batch_size: expected a smallest batch of at least 1, got \[0"):
        DigitsStages(knobs={"batch_size": (0, 64)})
