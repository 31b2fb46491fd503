"""Generators that stay private, and modules and optimisers as plain data."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from teacherstudent.networks.state import (
    PrivateGenerators,
    device_of,
    load_module,
    load_optimizer,
    module_state,
    optimizer_state,
)
from teacherstudent.recording.disk.checkpoint import load, save


def drawn():
    return random.random(), np.random.random(), torch.rand(1).item()  # noqa: NPY002


def test_the_world_keeps_its_generators_and_private_ones_go_on():
    generators = PrivateGenerators(5)
    torch.manual_seed(0), random.seed(0), np.random.seed(0)  # noqa: NPY002
    world = [drawn(), drawn()]
    torch.manual_seed(0), random.seed(0), np.random.seed(0)  # noqa: NPY002
    with generators.active():
        first = drawn()
    assert drawn() == world[0]
    second = []

    def fails():
        with generators.active():
            second.append(drawn())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert drawn() == world[1]
    with PrivateGenerators(5).active():
        assert [drawn(), drawn()] == [first, *second]


def test_private_generators_go_on_from_a_file(tmp_path):
    generators, other = PrivateGenerators(5), PrivateGenerators(6)
    with generators.active():
        np.random.normal(), random.gauss(0, 1)  # noqa: NPY002  # both keep a second number
    save(tmp_path / "generators.npz", generators.state_dict())
    other.load_state_dict(load(tmp_path / "generators.npz"))
    found = []
    for one in (generators, other):
        with one.active():
            found.append((*drawn(), random.gauss(0, 1), np.random.normal()))  # noqa: NPY002
    assert found[0] == found[1]


def test_a_refused_module_changes_nothing():
    module, other = nn.Linear(2, 3), nn.Linear(2, 3)
    before, state = module_state(module), module_state(other)
    for wrong in ({**state, "bias": np.zeros(2, np.float32)}, {"weight": state["weight"]}):
        with pytest.raises(ValueError, match="net"):
            load_module(module, wrong, "net")
        assert all(np.array_equal(before[name], values) for name, values in module_state(module).items())
    broken = {**state, "bias": np.full(3, np.nan, np.float32)}
    with pytest.raises(ValueError, match="bias: expected finite"):
        load_module(module, broken, "net", finite=True)
    load_module(module, state, "net")
    assert torch.equal(module.weight, other.weight)
    state["weight"][:] = 0  # a copy
    assert other.weight.abs().min() > 0


def step(module, optimizer):
    optimizer.zero_grad()
    module(torch.ones(1, 2)).square().sum().backward()
    optimizer.step()


def test_an_optimiser_goes_on_bit_for_bit_with_its_own_learning_rate():
    one, two = nn.Linear(2, 3), nn.Linear(2, 3)
    first, second = torch.optim.Adam(one.parameters(), lr=0.1), torch.optim.Adam(two.parameters(), lr=0.7)
    step(one, first), step(one, first)
    load_module(two, module_state(one), "net")
    state = optimizer_state(first)
    with pytest.raises(ValueError, match="below 2, got '2'"):
        load_optimizer(second, {**state, "moments": {"2": {}}})
    with pytest.raises(ValueError, match=r"expected shape \(3, 2\), got \(5,\)"):
        load_optimizer(second, {**state, "moments": {"0": {"exp_avg": np.zeros(5)}}})
    assert second.param_groups[0]["lr"] == 0.7
    load_optimizer(second, state)
    step(one, first), step(two, second)
    assert torch.equal(one.weight, two.weight)
    assert second.param_groups[0]["lr"] == 0.1


def test_devices_are_those_that_hold_numbers():
    assert device_of("here", "cpu") == torch.device("cpu")
    for wrong in ("meta", "cuda:77", "tpu", 3):
        with pytest.raises(ValueError, match="here: expected 'cpu' or another of torch's devices"):
            device_of("here", wrong)
