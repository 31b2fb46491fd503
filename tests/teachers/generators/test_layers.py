import math

import pytest
import torch

from teacherstudent.teachers.generators.layers import Stacked, check_sizes, layers, linear


def test_first_weights_have_their_variance_and_leave_the_world_generator_alone():
    before = torch.get_rng_state()
    generator = torch.Generator().manual_seed(0)
    glorot = linear(300, 100, generator)
    # Uniform within sqrt(6 / (inputs + outputs)).
    assert glorot.weight.abs().max() <= math.sqrt(6 / 400)
    assert glorot.weight.std().item() == pytest.approx(math.sqrt(2 / 400), rel=0.02)
    sonnet = linear(300, 100, generator, xavier=False)
    assert sonnet.weight.abs().max() <= 2 / math.sqrt(300)
    # A normal variable that is cut at two deviations has 0.88 of them.
    assert sonnet.weight.std().item() == pytest.approx(0.88 / math.sqrt(300), rel=0.02)
    assert not glorot.bias.any()
    assert torch.equal(before, torch.get_rng_state())


def test_stacked_layers_are_layers_side_by_side():
    stacked = Stacked(3, 4, 2, torch.Generator().manual_seed(1))
    alone = torch.Generator().manual_seed(1)
    parts = [linear(4, 2, alone) for _ in range(3)]
    with torch.no_grad():
        stacked.bias += torch.arange(3.0)[:, None, None]
    x = torch.randn(3, 5, 4, generator=alone)
    expected = torch.stack([part(one) + i for i, (part, one) in enumerate(zip(parts, x, strict=True))])
    torch.testing.assert_close(stacked(x), expected)


def test_layers_end_without_an_activation():
    found = layers([3, 5, 7, 1], torch.nn.ReLU, torch.Generator())
    assert [type(each).__name__ for each in found] == ["Linear", "ReLU", "Linear", "ReLU", "Linear"]
    assert [tuple(each.weight.shape) for each in found[::2]] == [(5, 3), (7, 5), (1, 7)]


def test_sizes_are_whole_numbers():
    assert check_sizes("x", [3, 2]) == (3, 2)
    for wrong in ((), "12", 5, (0,), (1.5,), None):
        with pytest.raises(ValueError, match="x: expected"):
            check_sizes("x", wrong)
