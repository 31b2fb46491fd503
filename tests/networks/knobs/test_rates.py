"""Rates within steps: by scale and by layer, whatever scheduler there is."""

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR

from teacherstudent.networks.knobs.rates import check_layers, layerwise_rates, rates_of, set_rate, split


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1))


def moved(model, optimizer):
    """Return by how much each weight has moved in a step in which every gradient is 1."""
    before = [p.detach().clone() for p in model.parameters()]
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    return [float((a - b).detach().mean()) for a, b in zip(before, model.parameters(), strict=True)]


def test_a_scale_acts_in_the_step_and_is_gone_after_it():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    set_rate(optimizer, 0.1)
    assert moved(model, optimizer) == pytest.approx([0.05] * 6, rel=1e-4)
    assert optimizer.param_groups[0]["lr"] == 0.5
    set_rate(optimizer, 1)
    assert moved(model, optimizer) == pytest.approx([0.5] * 6, rel=1e-4)


def test_a_scheduler_goes_its_own_way():
    rates = []
    for scale in (None, 0.01):
        model = network()
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        scheduler = CosineAnnealingLR(optimizer, 5)
        for _ in range(5):
            if scale:
                set_rate(optimizer, scale)
            moved(model, optimizer)
            scheduler.step()
            rates.append(optimizer.param_groups[0]["lr"])
    assert rates[:5] == rates[5:]


def test_layers_learn_by_their_distance_from_the_input():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    assert layerwise_rates(optimizer, model, 2, example=torch.zeros(1, 2)) == 3
    assert moved(model, optimizer) == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01], rel=1e-3)
    set_rate(optimizer, 0.5)
    assert layerwise_rates(optimizer, model, 0) == 3
    assert moved(model, optimizer) == pytest.approx([0.5] * 6, rel=1e-4)


def test_options_and_memories_of_groups_stay():
    model = network()
    other = nn.Parameter(torch.ones(1))
    groups = [{"params": [model[0].weight, model[4].weight, other], "weight_decay": 0.3}]
    groups.append({"params": [model[2].weight], "weight_decay": 0.0, "lr": 0.2})
    optimizer = torch.optim.AdamW(groups, lr=0.1)
    (model(torch.ones(1, 2)).sum() + other.sum()).backward()
    optimizer.step()
    before = dict(optimizer.state)
    layerwise_rates(optimizer, model, 1)
    shape = [(len(g["params"]), g["weight_decay"], g["lr"], g["depth"]) for g in optimizer.param_groups]
    assert shape == [(1, 0.3, 0.1, 0), (1, 0.3, 0.1, 1), (1, 0.3, 0.1, 3), (1, 0.0, 0.2, 2)]
    assert dict(optimizer.state) == before
    assert rates_of(optimizer)._of(0) == 1


def test_a_step_that_failed_leaves_no_multiplied_rate():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    set_rate(optimizer, 0.5)

    def fails():
        raise KeyError

    for _ in range(2):
        with pytest.raises(KeyError):
            optimizer.step(fails)
    assert moved(model, optimizer) == pytest.approx([0.5] * 6)
    assert optimizer.param_groups[0]["lr"] == 1


def test_a_gradient_scaler_takes_the_same_steps():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    set_rate(optimizer, 0.25)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    before = model[4].bias.detach().clone()
    scaler.scale(model(torch.ones(3, 2)).mean()).backward()
    scaler.step(optimizer)
    scaler.update()
    # The mean's gradient by the last bias is 1.
    assert float((before - model[4].bias).detach()) == pytest.approx(0.25)
    assert optimizer.param_groups[0]["lr"] == 1


def test_what_touches_nothing_is_refused():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    with pytest.raises(ValueError, match="at least two layers, got 1"):
        layerwise_rates(torch.optim.SGD(model[0].parameters()), model[0], 1)
    with pytest.raises(ValueError, match="found none of Sequential in it"):
        split(torch.optim.SGD(network().parameters()), model, {})
    with pytest.raises(ValueError, match="expected a number above 0, got 0"):
        set_rate(optimizer, 0)
    with pytest.raises(ValueError, match="decades of at least 0"):
        layerwise_rates(optimizer, model, -1)
    assert check_layers({"a": 1, "b": 2}) == 2


def test_a_scheduler_comes_after_the_split():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    CosineAnnealingLR(optimizer, 5)
    with pytest.raises(ValueError, match="make the scheduler afterwards"):
        layerwise_rates(optimizer, model, 1)
