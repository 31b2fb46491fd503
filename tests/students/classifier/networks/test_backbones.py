"""Networks by name."""

import pytest
import torch
from small_networks import CPU, network

from teacherstudent.students.classifier.networks import backbones
from teacherstudent.students.classifier.networks.flops import count

HF = ("convnext", "vit", "deit", "swin")


@pytest.mark.parametrize("name", [name for name in backbones.BACKBONES if name not in backbones.FLAT])
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


@pytest.mark.parametrize("name", backbones.FLAT)
def test_backbones_of_flat_inputs_train_at_their_own_size(name):
    net = network(name)
    assert backbones.sizes(net, 28) == [28]
    logits = net(torch.rand(2, 1, 28, 28))
    assert logits.shape == (2, 10)
    logits.sum().backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in net.parameters())


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
