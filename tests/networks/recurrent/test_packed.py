"""The project's own recurrent layers against torch's, which are the oracle."""

import copy

import numpy as np
import pytest
import torch
from recurrent_layers import KINDS, assert_close, case, gradients, own, torch_s
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from teacherstudent.networks.recurrent import packed as packed_rnn
from teacherstudent.networks.recurrent.functions import Tables
from teacherstudent.networks.recurrent.hidden import as_torch, parts_of

LENGTHS = [[1], [4], [6, 6, 6], [5, 5, 3, 1], [9, 2, 2, 1, 1], [1, 1, 1]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize(("units", "layers"), [(7, 1), (33, 1), (7, 3)])
def test_outputs_states_and_gradients_are_torch_s(kind, lengths, units, layers):
    rnn, x, sizes, hidden = case(kind, lengths, units=units, layers=layers)
    leaves = [x, *hidden, *rnn.parameters()]
    mine, theirs = own(rnn, x, sizes, hidden), torch_s(rnn, x, sizes, hidden)
    assert_close([mine[0], *mine[1]], [theirs[0], *theirs[1]], 2e-6)
    assert_close(gradients(mine, leaves), gradients(theirs, leaves))


@pytest.mark.parametrize("kind", KINDS)
def test_a_rollout_of_many_episodes(kind):
    lengths = sorted(np.random.default_rng(0).geometric(1 / 20, 40).tolist(), reverse=True)
    rnn, x, sizes, hidden = case(kind, lengths, inputs=20, units=64)
    leaves = [x, *hidden, *rnn.parameters()]
    mine, theirs = own(rnn, x, sizes, hidden), torch_s(rnn, x, sizes, hidden)
    assert_close([mine[0], *mine[1]], [theirs[0], *theirs[1]])
    assert_close(gradients(mine, leaves), gradients(theirs, leaves))


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_state_it_starts_from_zeros(kind):
    rnn, x, sizes, _ = case(kind, [3, 2], layers=2)
    mine, theirs = own(rnn, x, sizes, ()), torch_s(rnn, x, sizes, ())
    assert_close([mine[0], *mine[1]], [theirs[0], *theirs[1]])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("with_gradients", [False, True])
def test_one_step(kind, with_gradients):
    rnn, x, _, hidden = case(kind, [1, 1, 1, 1], layers=2)
    with torch.set_grad_enabled(with_gradients):
        mine = packed_rnn.step(rnn, x, hidden)
        out, after = rnn(x[None], as_torch(hidden))
    theirs = out[0], parts_of(after)
    assert_close([mine[0], *mine[1]], [theirs[0], *theirs[1]])
    if with_gradients:
        assert_close(*(gradients(found, [x, *rnn.parameters()]) for found in (mine, theirs)))


@pytest.mark.parametrize("kind", KINDS)
def test_steps_one_by_one_are_the_sequence(kind):
    rnn, x, sizes, hidden = case(kind, [5, 5, 5])
    outs = []
    with torch.no_grad():
        whole, after = own(rnn, x, sizes, hidden)
        for rows in x.split(3):
            out, hidden = packed_rnn.step(rnn, rows, hidden)
            outs.append(out)
    assert torch.allclose(torch.cat(outs), whole, atol=1e-6)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(hidden, after, strict=True))


OTHERS = [
    nn.LSTM(3, 4, bidirectional=True),
    nn.LSTM(3, 4, proj_size=2),
    nn.LSTM(3, 4, bias=False),
    nn.LSTM(3, 4, num_layers=2, dropout=0.5),
    nn.LSTM(3, 4, batch_first=True),
    nn.GRU(3, 4, bias=False),
    nn.RNN(3, 4),
    type("Own", (nn.LSTM,), {})(3, 4),
    nn.LSTM(3, 4).to(torch.bfloat16),
]


@pytest.mark.parametrize("rnn", OTHERS, ids=str)
def test_everything_else_is_torch_s(rnn):
    x = torch.randn(5, 3, dtype=rnn.weight_ih_l0.dtype)
    assert not packed_rnn.applies(rnn, x)
    rnn.eval()
    dropped = rnn.dropout > 0
    assert packed_rnn.applies(rnn, x) == dropped  # only while it trains
    if dropped:
        return
    found, _ = packed_rnn.packed(rnn, x, torch.tensor([3, 2]), (), Tables())
    assert torch.equal(found, rnn(PackedSequence(x, torch.tensor([3, 2])))[0].data)


def test_mixed_precision_is_torch_s():
    rnn, x, sizes, _ = case(nn.LSTM, [3, 2])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not packed_rnn.applies(rnn, x)
        found, _ = packed_rnn.packed(rnn, x, sizes, (), Tables())
        assert torch.equal(found, rnn(PackedSequence(x, sizes))[0].data)
    assert packed_rnn.applies(rnn, x)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("kind", KINDS)
def test_a_gpu_is_cudnn_s(kind):
    rnn, x, sizes, hidden = case(kind, [5, 5, 3, 1], units=32, layers=2)
    there = copy.deepcopy(rnn).cuda()
    moved = [part.detach().cuda().requires_grad_() for part in (x, *hidden)]
    assert not packed_rnn.applies(there, moved[0])
    mine = own(rnn, x, sizes, hidden)
    theirs = packed_rnn.packed(there, moved[0], sizes, tuple(moved[1:]), Tables())
    assert_close([mine[0]], [theirs[0].cpu()], 1e-3)
    one = packed_rnn.step(there, moved[0][:4], tuple(moved[1:]))
    assert_close([packed_rnn.step(rnn, x[:4], hidden)[0]], [one[0].cpu()], 1e-3)
    theirs[0].sum().backward()
    mine[0].sum().backward()
    pairs = zip(rnn.parameters(), there.parameters(), strict=True)
    assert all((a.grad - b.grad.cpu()).abs().max() <= 1e-3 * a.grad.abs().max() for a, b in pairs)
