"""Layers by depth, LeRaC's multipliers, the blur after convolutions, operations and backbones."""

import numpy as np
import pytest
import scipy.ndimage
import torch
from torch import nn

from teacherstudent.students.classifier.networks import backbones
from teacherstudent.students.classifier.networks.depths import LayerRates, layer_multipliers, parameter_depths
from teacherstudent.students.classifier.networks.flops import count
from teacherstudent.students.classifier.networks.smoothing import Smoothing, gaussian_kernel

CPU = torch.device("cpu")


def network(name, size=28, **options):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return backbones.make(name, classes=10, channels=1, size=size, options=options)


# Depths


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


# LeRaC


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


# Smoothing


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("width", [3, 5, 7])
def test_kernel_equals_scipys(sigma, width):
    point = np.zeros((width, width))
    point[width // 2, width // 2] = 1
    expected = scipy.ndimage.gaussian_filter(point, sigma, radius=width // 2, mode="constant")
    assert np.allclose(gaussian_kernel(sigma, width), expected)
    assert np.isclose(gaussian_kernel(sigma, width).sum(), 1)


def test_the_blur_follows_every_convolution_and_keeps_the_maps():
    convolution = nn.Conv2d(1, 2, 3, padding=1)
    x = torch.rand(3, 1, 9, 9)
    plain = convolution(x).detach().numpy()
    blur = Smoothing(convolution)
    assert blur.touched == 1
    assert np.array_equal(convolution(x).detach(), plain)
    blur.sigma = 1.0
    expected = scipy.ndimage.convolve(plain, gaussian_kernel(1.0)[None, None], mode="constant")
    assert np.allclose(convolution(x).detach(), expected, atol=1e-6)
    blur.sigma = 0.29  # almost all of the kernel is in its centre
    assert not blur.active
    assert gaussian_kernel(0.29).max() > 0.98


def test_shortcuts_are_left_alone():
    net = network("resnet")  # stem, three blocks of two, two shortcuts of 1 x 1
    assert Smoothing(net).touched == 7


def test_smoothing_what_has_no_convolution_is_an_error():
    with pytest.raises(ValueError, match="touches nothing"):
        Smoothing(nn.Linear(3, 3))
    with pytest.raises(ValueError, match=r"1 patch embeddings"):
        Smoothing(nn.Sequential(nn.Conv2d(1, 8, 4, stride=4)))
    with pytest.raises(ValueError, match="odd kernel width"):
        gaussian_kernel(1.0, 4)
    with pytest.raises(ValueError, match="above 0"):
        gaussian_kernel(0.0)


# Operations


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


# Backbones

HF = ("convnext", "vit", "deit", "swin")


@pytest.mark.parametrize("name", backbones.BACKBONES)
def test_backbones_train_at_every_size(name):
    if name in HF:
        pytest.importorskip("transformers")
    net = network(name)
    taken = backbones.sizes(net, 28)
    assert taken[-1] == 28
    assert 16 in taken
    costs = []
    for size in (taken[0], 16, 28):
        logits = net(torch.rand(2, 1, size, size))
        assert logits.shape == (2, 10)
        logits.sum().backward()
        costs.append(count(net, (1, size, size), CPU).train)
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in net.parameters())
    assert costs[0] < costs[1] < 0.5 * costs[2]


def test_the_small_network_has_67_210_values():
    net = backbones.make("cnn", classes=10, channels=3, size=32, options={})
    values = [v.numel() for name, v in net.state_dict().items() if not name.endswith("tracked")]
    assert sum(values) == 67_210


def test_bad_backbones():
    with pytest.raises(ValueError, match=r"one of \['cnn', 'resnet'.*got 'lenet'"):
        network("lenet")
    with pytest.raises(ValueError, match="importable 'module:function'"):
        network("torch.nn:NotThere")
    with pytest.raises(TypeError, match=r"torch\.nn\.Module, got dict"):
        backbones.make("builtins:dict", classes=2, channels=1, size=8, options={})
    with pytest.raises(ValueError, match="at least 1"):
        network("resnet", blocks=0)


def test_sizes_of_transformers_are_checked():
    pytest.importorskip("transformers")
    with pytest.raises(ValueError, match=r"multiple of 4 \(patch 2, 2 stages\) and at least 16 \(window 4\)"):
        network("swin", size=14, window=4)
    with pytest.raises(ValueError, match="multiple of the patch 5"):
        network("vit", patch=5)
    assert backbones.sizes(network("vit"), 28) == [8, 12, 16, 20, 24, 28]
