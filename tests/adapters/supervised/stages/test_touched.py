"""Knobs that would touch nothing are refused, each with what it needs."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from teacherstudent.adapters.supervised.stages.shares import ShareBatchSampler
from teacherstudent.adapters.supervised.stages.touched import Touched
from teacherstudent.contract.knobs import complete
from teacherstudent.students.classifier.networks.backbones import SmallCNN

FLAT = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 2))
ONE = nn.Linear(64, 2)


def touched(reach, model=None, optimizer=None, loader=None, example=None):
    return Touched(reach, model, optimizer, loader, example)


def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=1.0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"reach": {"smoothing": (0, 1)}}, "smoothing: touches nothing: expected model=..., got none"),
        (
            {"reach": {"smoothing": (0, 1)}, "model": FLAT},
            "smoothing: touches nothing: expected convolutions",
        ),
        ({"reach": {"smoothing": (0, 0.1)}, "model": FLAT}, "expected pixels of at least 0.3"),
        ({"reach": {"magnitude": (0, 0.001)}}, "expected a strength of at least"),
        ({"reach": {"freeze": (0, 1)}}, "expected model=..., got none"),
        ({"reach": {"freeze": (0, 1)}, "model": ONE}, "freeze: touches nothing: .*at least two layers"),
        ({"reach": {"lr_scale": (0.1, 1)}}, "expected optimizer=..., got none"),
        ({"reach": {"lr_spread": (0, 1)}, "model": FLAT}, "lr_spread: touches nothing: expected optimizer"),
        ({"reach": {"lr_spread": (0, 1)}, "model": ONE, "optimizer": sgd(ONE)}, "at least two layers, got 1"),
        ({"reach": {"lr_spread": (0, 1)}, "model": FLAT, "optimizer": sgd(ONE)}, "found none of Sequential"),
        ({"reach": {"batch_size": (1, 2)}}, "batch_size: touches nothing: expected loader=..., got none"),
        ({"reach": {"batch_size": (1, 2)}, "loader": [[1]]}, "expected a loader with a batch sampler"),
        (
            {"reach": {"data_fraction": (0.1, 1)}, "loader": DataLoader([1])},
            "batch_sampler=ShareBatchSampler",
        ),
        (
            {"reach": {"bandwidth": (0.5, 1)}, "model": FLAT, "example": torch.zeros(1, 1, 8, 8)},
            "bandwidth: expected a model that takes images of 4 pixels",
        ),
    ],
)
def test_a_knob_that_touches_nothing_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        touched(**given)


def test_sizes_are_those_that_the_model_takes():
    plain = touched({"bandwidth": (0.5, 1)})
    assert [plain.size("bandwidth", value, 32) for value in (0, 1, 0.5, 17, 3)] == [32, 32, 16, 18, 4]
    assert plain.size("resize", 0.5, 27) == 14
    model = SmallCNN(2, 1, 8)
    model.size_step = 8
    assert touched({"resize": (0.5, 1)}, model).size("resize", 0.55, 32) == 16


def test_stages_act_on_model_optimiser_and_loader_and_can_be_taken_back():
    model = SmallCNN(2, 1, 8)
    optimizer = sgd(model)
    data = list(range(40))
    loader = DataLoader(data, batch_sampler=ShareBatchSampler(data, batch_size=8, seed=0))
    names = ("smoothing", "freeze", "lr_scale", "lr_spread", "batch_size", "data_fraction")
    reach = dict.fromkeys(names, (0.1, 1))
    before = torch.random.get_rng_state()
    buffers = [b.clone() for b in model.buffers()]
    example = torch.zeros(2, 1, 8, 8)
    made = touched(reach, model, optimizer, loader, example)
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(buffers, model.buffers(), strict=True))
    assert model.training
    plain = model.eval()(example + 1)
    made.apply(
        complete(
            {
                "smoothing": 1,
                "freeze": 0.5,
                "lr_scale": 0.5,
                "lr_spread": 3,
                "batch_size": 4,
                "data_fraction": 0.3,
            }
        )
    )
    assert not torch.equal(plain, model(example + 1))
    assert not model.features[0].weight.requires_grad
    assert made._rates.multipliers == pytest.approx([1, 0.1, 0.01, 0.001])
    assert loader.batch_sampler.batch_size == 4
    assert len(loader) == 3
    made.apply(complete({}))
    assert torch.equal(plain, model(example + 1))
    assert all(p.requires_grad for p in model.parameters())
    assert (made._rates.scale, made._rates.multipliers) == (1, [1, 1, 1, 1])
    assert len(loader) == 5


def test_a_second_controller_of_a_model_can_free_what_the_first_has_frozen():
    model = SmallCNN(2, 1, 8)
    first = touched({"freeze": (0, 1)}, model)
    first.apply(complete({"freeze": 1}))
    assert not all(p.requires_grad for p in model.parameters())
    second = touched({"freeze": (0, 1)}, model)
    second.apply(complete({"freeze": 0}))
    assert all(p.requires_grad for p in model.parameters())
