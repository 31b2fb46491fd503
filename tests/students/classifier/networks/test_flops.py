"""Operations of a network, counted."""

import pytest
import torch
from small_networks import CPU, network
from torch import nn

from teacherstudent.students.classifier.networks.flops import count


def test_operations_by_hand():
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Flatten(), nn.Linear(4 * 36, 5))
    found = count(net, (1, 6, 6), CPU)
    convolution, linear = 2 * 36 * 9 * 4, 2 * 144 * 5
    assert found.forward == convolution + linear
    assert found.train == 2 * convolution + 3 * linear  # no gradient of the images


def test_attention_is_counted():
    pytest.importorskip("transformers")
    net = network("vit", width=24, depth=1, heads=2)  # 49 patches and a token
    tokens = 50
    products = 2 * 2 * tokens * tokens * 24
    linear = 2 * tokens * (4 * 24 * 24 + 2 * 24 * 96) + 2 * 24 * 10 + 2 * 49 * 16 * 24
    assert count(net, (1, 28, 28), CPU).forward == products + linear


def test_counting_changes_nothing():
    net = network("cnn")
    before = {name: value.clone() for name, value in net.state_dict().items()}
    state = torch.get_rng_state()
    count(net, (1, 28, 28), CPU)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())


def test_a_network_without_products_is_refused():
    class Mean(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

        def forward(self, x):
            return self.scale * x.mean((1, 2, 3))

    with pytest.raises(ValueError, match="convolutions or matrix products"):
        count(Mean(), (1, 6, 6), CPU)
