"""The project's own recurrent layers and torch's, with inputs for both."""

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from teacherstudent.networks.recurrent import packed as packed_rnn
from teacherstudent.networks.recurrent.functions import Tables
from teacherstudent.networks.recurrent.hidden import as_torch, parts_of

KINDS = [nn.LSTM, nn.GRU]


def sizes_of(lengths):
    return torch.tensor([sum(length > t for length in lengths) for t in range(max(lengths))])


def case(kind, lengths, inputs=3, units=7, layers=1, dtype=torch.float32, seed=0):
    """Return a module, its inputs, sizes and hidden state, all with gradients."""
    draws = torch.Generator().manual_seed(seed)
    rnn = kind(inputs, units, num_layers=layers).to(dtype)
    with torch.no_grad():
        for parameter in rnn.parameters():
            parameter.uniform_(-0.7, 0.7, generator=draws)
    x = torch.randn(sum(lengths), inputs, dtype=dtype, generator=draws, requires_grad=True)
    parts = 2 if kind is nn.LSTM else 1
    hidden = tuple(
        torch.randn(layers, len(lengths), units, dtype=dtype, generator=draws, requires_grad=True)
        for _ in range(parts)
    )
    return rnn, x, sizes_of(lengths), hidden


def torch_s(rnn, x, sizes, hidden):
    out, after = rnn(PackedSequence(x, sizes), as_torch(hidden))
    return out.data, parts_of(after)


def own(rnn, x, sizes, hidden, tables=None):
    assert packed_rnn.applies(rnn, x)
    return packed_rnn.packed(rnn, x, sizes, hidden, Tables() if tables is None else tables)


def gradients(found, leaves):
    """Return gradients of all leaves; every number of the outputs and of the last states has its weight."""
    out, after = found
    total = sum((part * torch.linspace(0.5, 2, part.numel()).view_as(part)).sum() for part in (out, *after))
    return torch.autograd.grad(total, leaves)


def assert_close(mine, theirs, relative=1e-5):
    """Differences are at most a share of the largest number."""
    for a, b in zip(mine, theirs, strict=True):
        assert a.shape == b.shape
        assert (a - b).abs().max() <= relative * b.abs().max()
