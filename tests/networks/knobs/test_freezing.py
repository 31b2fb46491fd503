"""Layers that do not learn: which, how long, and without a trace in optimisers."""

import pytest
import torch
from torch import nn

from teacherstudent.networks.knobs.freezing import Freezing, freeze, freezing_of


def network():
    return nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3), nn.Linear(3, 3), nn.Linear(3, 2), nn.Linear(2, 1))


def learning(model):
    return [name for name, parameter in model.named_parameters() if parameter.requires_grad]


@pytest.mark.parametrize(("share", "frozen"), [(0, 0), (0.24, 0), (0.25, 1), (0.5, 2), (0.99, 3), (1, 3)])
def test_a_share_of_the_layers_is_frozen_from_the_input_on(share, frozen):
    model = network()
    assert freeze(model, share) == frozen
    first = {0: "0.weight", 1: "2.weight", 2: "3.weight", 3: "4.weight"}[frozen]
    assert learning(model)[0] == first
    # A normalisation belongs to the layer before it.
    assert ("1.weight" in learning(model)) == (frozen == 0)
    freeze(model, 0)
    assert len(learning(model)) == 10


def test_a_frozen_layer_does_not_move_by_momentum_or_decay():
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.1)
    for share in (0, 0.25):
        freeze(model, share)
        before = [p.detach().clone() for p in model.parameters()]
        optimizer.zero_grad(set_to_none=False)
        model(torch.ones(4, 2)).sum().backward()
        optimizer.step()
        moved = [not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)]
        assert moved[0] == (share == 0)
        assert moved[-1]


def test_what_the_user_has_frozen_stays_so_and_depths_may_be_given():
    model = network()
    model[2].requires_grad_(False)
    depths = {name: 2 if name.startswith("0") else 1 for name, _ in model.named_parameters()}
    made = Freezing(model, depths)
    assert (made.layers, made.at(0.5)) == (2, 1)
    assert learning(model) == ["0.weight", "0.bias"]
    made.at(0)
    assert "2.weight" not in learning(model)


@pytest.mark.parametrize("model", [nn.Linear(2, 1), nn.Identity(), network().requires_grad_(False)])
def test_a_model_without_layers_in_order_is_refused(model):
    with pytest.raises(
        ValueError, match="freeze: touches nothing: expected a network of at least two layers"
    ):
        freeze(model, 0.5)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_is_one(share):
    with pytest.raises(ValueError, match="expected a share in"):
        freeze(network(), share)


def test_a_second_freezing_lets_go_of_what_the_first_has_frozen():
    model = network()
    model[1].requires_grad_(False)
    freezing_of(model).at(0.5)
    assert learning(model) == ["3.weight", "3.bias", "4.weight", "4.bias"]
    second = freezing_of(model)
    assert second.layers == 4
    second.at(0.25)
    assert learning(model)[0] == "2.weight"
    freeze(model, 0)
    # What the user has frozen before is still left alone.
    assert learning(model) == [f"{i}.{name}" for i in (0, 2, 3, 4) for name in ("weight", "bias")]


def test_what_the_user_freezes_in_between_stays_so():
    model = network()
    freezing_of(model).at(0.25)
    model[4].requires_grad_(False)
    freezing_of(model).at(0)
    assert learning(model)[-1] == "3.bias"
    assert learning(model)[0] == "0.weight"
