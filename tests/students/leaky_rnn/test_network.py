"""The leaky network: a step by hand, gradients against autograd, what must stay as it is."""

import numpy as np
import pytest
import torch
import torch.nn.functional as functional

from teacherstudent.students.leaky_rnn.network import START, LeakyNetwork


def network(units=5, readouts=3, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LeakyNetwork(units, readouts)


def bits(length=6, n=4):
    return torch.randint(0, 2, (length, n), generator=torch.Generator().manual_seed(1)).float()


def plain(net, sequence, state):
    """Return the states after each bit, by the formula as it is written."""
    recurrent = net.recurrent - torch.diag(torch.diag(net.recurrent))
    found = []
    for bit in sequence:
        inside = state @ recurrent.T + bit[:, None] * net.input + net.bias
        state = functional.leaky_relu((1 - 1 / net.tau) * state + inside / net.tau, 0.01)
        found.append(state)
    return torch.stack(found)


def test_two_steps_by_hand():
    net = network(units=2)
    with torch.no_grad():
        net.recurrent.copy_(torch.tensor([[9.0, 1.0], [-2.0, 9.0]]))  # the diagonal does not count
        net.input.copy_(torch.tensor([1.0, -1.0]))
        net.bias.copy_(torch.tensor([0.5, 0.0]))
        net.tau.copy_(torch.tensor([2.0, 4.0]))
    start = torch.tensor([[1.0, 2.0]])
    # neuron 0: 1/2 * 1 + (1 * 2 + 1 + 0.5) / 2 = 2.25; neuron 1: 3/4 * 2 + (-2 * 1 - 1) / 4 = 0.75
    np.testing.assert_allclose(net(torch.tensor([[1.0]]), start).tolist(), [[2.25, 0.75]])
    # then, on a 0: 1.125 + (0.75 + 0.5) / 2 = 1.75; 0.5625 - 4.5 / 4 = -0.5625, rectified to -0.005625
    np.testing.assert_allclose(
        net(torch.tensor([[1.0], [0.0]]), start).tolist(), [[1.75, -0.005625]], rtol=1e-6
    )


def test_states_and_gradients_are_those_of_the_formula():
    net = network().double()
    sequence, start = bits().double(), torch.rand((4, 5), dtype=torch.float64) * START
    start.requires_grad_()
    parameters = [net.recurrent, net.input, net.bias, net.tau, start]
    for lengths in (None, torch.tensor([6, 3, 1, 5])):
        expected = plain(net, sequence, start)
        expected = expected[-1] if lengths is None else expected[lengths - 1, torch.arange(4)]
        found = net(sequence, start, lengths)
        torch.testing.assert_close(found, expected)
        weights = torch.randn(4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
        for own, other in zip(
            torch.autograd.grad((found * weights).sum(), parameters),
            torch.autograd.grad((expected * weights).sum(), parameters),
            strict=True,
        ):
            torch.testing.assert_close(own, other)
            assert other.abs().max() > 0


def test_the_diagonal_gets_no_gradient():
    net = network()
    assert torch.diag(net.recurrent).tolist() == [0.0] * 5
    net(bits(), torch.zeros(4, 5)).sum().backward()
    assert torch.diag(net.recurrent.grad).tolist() == [0.0] * 5
    assert net.recurrent.grad.abs().sum() > 0


def test_time_constants_start_between_1_and_2_and_are_kept_from_below_1():
    net = network(units=500)
    assert 1 <= net.tau.min() < 1.02
    assert 1.98 < net.tau.max() <= 2
    with torch.no_grad():
        net.tau[:2] = torch.tensor([0.3, 5.0])
    net.constrain()
    assert net.tau[:2].tolist() == [1.0, 5.0]


def test_a_time_constant_of_1_forgets_and_a_long_one_keeps():
    net = network(units=2)
    with torch.no_grad():
        for weights in (net.recurrent, net.input, net.bias):
            weights.zero_()
        net.tau.copy_(torch.tensor([1.0, 100.0]))
    kept = net(bits(10, 1), torch.ones(1, 2))
    np.testing.assert_allclose(kept.tolist(), [[0.0, 0.99**10]], rtol=1e-5)


def test_readouts():
    net = network()
    states = torch.rand(4, 5)
    found = net.logits(states, [2, 0])
    assert found.shape == (2, 4, 2)
    torch.testing.assert_close(found[0], net.readouts[2](states))
    found.sum().backward()
    assert net.readouts[1].weight.grad is None


def test_operations_by_hand():
    # 7 steps of a 5 x 5 product, and 3 readouts of 2 x 5: 2 (175 + 30)
    assert network().operations(7, 3) == 410


def test_first_states():
    states = network().start(1000, torch.Generator().manual_seed(0))
    assert states.shape == (1000, 5)
    assert states.min() >= 0
    assert states.max() <= START
    assert states.mean() == pytest.approx(START / 2, rel=0.05)
