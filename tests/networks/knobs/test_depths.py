"""Layers by depth, and LeRaC's multipliers."""

import numpy as np
import pytest
import torch
from small_networks import network
from torch import nn

from teacherstudent.networks.knobs.depths import (
    LayerRates,
    depths_in_order,
    layer_multipliers,
    parameter_depths,
)


def test_depths_of_a_residual_network_by_hand():
    depths = parameter_depths(network("resnet", widths=(4, 8)), torch.rand(2, 1, 28, 28))
    expected = {"stem.weight": 1, "norm.weight": 1, "stages.0.conv1.weight": 2, "stages.0.conv2.weight": 3}
    expected |= {"stages.1.conv1.weight": 4, "stages.1.conv2.weight": 5, "stages.1.norm2.bias": 5}
    expected |= {"stages.1.shortcut.0.weight": 4, "head.weight": 6, "head.bias": 6}
    assert {name: depths[name] for name in expected} == expected


def test_parallel_layers_of_a_transformer_have_one_depth():
    pytest.importorskip("transformers")
    depths = parameter_depths(network("vit", depth=2), torch.rand(2, 1, 28, 28))
    block = {name: d for name, d in depths.items() if ".layers.0." in name and name.endswith("weight")}
    projections = [d for name, d in block.items() if any(p in name for p in ("q_proj", "k_proj", "v_proj"))]
    assert projections == [2, 2, 2]
    assert max(depths.values()) == 2 + 2 * 4
    tokens = [d for name, d in depths.items() if "token" in name or "position" in name]
    assert tokens == [1, 1]


def test_a_parameter_without_use_has_the_last_depth():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.unused = nn.Linear(4, 4), nn.Linear(4, 2), nn.Linear(3, 3)

        def forward(self, x):
            return self.b(torch.relu(self.a(x)))

    depths = parameter_depths(Odd(), torch.rand(2, 4))
    assert depths == {
        "a.weight": 1, "a.bias": 1, "b.weight": 2, "b.bias": 2, "unused.weight": 2, "unused.bias": 2
    }  # fmt: skip


def test_geometric_multipliers_are_the_papers_rates():
    start, base, k = 1e-5, 0.1, 5  # one layer's way from 1e-5 to 0.1 in five updates
    spread = np.log10(base / start)
    found = [base * layer_multipliers(2, spread * (1 - step / k))[1] for step in range(k + 1)]
    assert np.allclose(found, [1e-5, 6.31e-5, 3.981e-4, 2.512e-3, 1.585e-2, 0.1], rtol=1e-3)
    assert layer_multipliers(2, spread)[0] == 1.0


def test_geometric_multipliers_lie_evenly():
    assert np.allclose(layer_multipliers(4, 6.0), [1, 1e-2, 1e-4, 1e-6])
    assert layer_multipliers(4, 0.0).tolist() == [1.0] * 4
    assert layer_multipliers(1, 3.0).tolist() == [1.0]


def test_staircase_rises_by_whole_decades():
    rows = [layer_multipliers(4, spread, "staircase", 3.0) for spread in (3.0, 2.5, 2.0, 1.0, 0.0)]
    expected = [[1, 0.1, 0.01, 0.001]] * 2 + [[1, 1, 0.1, 0.01], [1, 1, 1, 0.1], [1, 1, 1, 1]]
    assert np.allclose(rows, expected)


def test_a_staircase_starts_at_the_spread_that_is_asked_for():
    rates = LayerRates(5, "staircase")
    assert rates.at(0.0).tolist() == [1] * 5
    expected = [[1, 10**-0.5, 0.1, 10**-1.5, 0.01]] * 2 + [[1, 1, 1, 10**-0.5, 0.1], [1] * 5]
    assert np.allclose([rates.at(spread) for spread in (2.0, 1.5, 1.0, 0.0)], expected)
    again = LayerRates(5, "staircase")
    again.load_state_dict(rates.state_dict())
    assert np.allclose(again.at(1.0), expected[2])
    assert np.allclose(again.at(4.0), 10.0 ** -np.arange(5))  # higher than the start: it starts anew
    with pytest.raises(ValueError, match=r"layer rates: expected \['start'\]"):
        again.load_state_dict({})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 1.0), "at least one layer"),
        ((3, -1.0), "at least 0"),
        ((3, np.nan), "at least 0"),
        ((3, 1.0, "linear"), "'geometric' or 'staircase'"),
        ((3, 2.0, "staircase", 1.0), "at most the 1 decades"),
    ],
)
def test_bad_multipliers(arguments, message):
    with pytest.raises(ValueError, match=message):
        layer_multipliers(*arguments)


class Tagger(nn.Module):
    """Tokens in, a label out, by words of keywords; the embedding is made last."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 2)
        self.middle = nn.Linear(4, 4)
        self.tokens = nn.Embedding(7, 4)

    def forward(self, ids, scale=1.0):
        return {"scale": scale, "logits": self.head(torch.tanh(self.middle(self.tokens(ids))).mean(1))}


@pytest.mark.parametrize("as_keywords", [False, True])
def test_tokens_begin_at_their_embedding(as_keywords):
    ids = torch.zeros(1, 3, dtype=torch.int64)
    example = {"ids": ids} if as_keywords else (ids, 2.0)
    found = parameter_depths(Tagger(), example)
    assert {name: found[name] for name in ("tokens.weight", "middle.weight", "head.weight", "head.bias")} == {
        "tokens.weight": 1,
        "middle.weight": 2,
        "head.weight": 3,
        "head.bias": 3,
    }
    model = Tagger()
    parameter_depths(model, example)
    model(ids)["logits"].sum().backward()
    assert model.tokens.weight.grad is not None  # nothing of the look is left in the network


def test_an_output_without_tensors_is_refused():
    with pytest.raises(ValueError, match="expected a tensor in the network's output, got dict"):
        parameter_depths(Nothing(), torch.ones(1, 2))


class Nothing(nn.Module):
    def forward(self, x):
        return {"x": 1}


def test_layers_may_be_taken_in_the_order_of_their_names():
    assert depths_in_order(Tagger()) == {
        "head.weight": 1,
        "head.bias": 1,
        "middle.weight": 2,
        "middle.bias": 2,
        "tokens.weight": 3,
    }
    assert depths_in_order(nn.LayerNorm(3)) == {"weight": 1, "bias": 1}
