"""``torch.nn.LSTM`` and ``GRU`` on packed episodes: by the project's own layers on the CPU, else by torch.

The modules, their parameters and their states stay torch's. What they return here is what they return
themselves, to rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from teacherstudent.networks.recurrent.functions import (
    GRU,
    LSTM,
    Steps,
    Tables,
    gru_step,
    lstm_step,
    steps_of,
)
from teacherstudent.networks.recurrent.hidden import Hidden, as_torch, parts_of


def applies(rnn: nn.Module, x: Tensor) -> bool:
    """Return whether the project's own layers compute this module on these inputs.

    They do on the CPU in float32 or float64, with any number of layers. They do not on a GPU, where cuDNN
    takes packed sequences as they are, nor under automatic mixed precision, nor for modules with projections,
    both directions, the batch first, no biases, or dropout in training.
    """
    # A subclass may compute something else, so the type must match exactly.
    if type(rnn) not in (nn.LSTM, nn.GRU):
        return False
    assert isinstance(rnn, nn.RNNBase)
    weight = rnn.weight_ih_l0
    # Dropout acts between layers only, and only in training.
    drops = rnn.training and rnn.dropout > 0 and rnn.num_layers > 1
    plain = rnn.bias and not (rnn.bidirectional or rnn.batch_first or rnn.proj_size or drops)
    fits = x.device.type == weight.device.type == "cpu" and x.dtype == weight.dtype
    return (
        plain and fits and x.dtype in (torch.float32, torch.float64) and not torch.is_autocast_enabled("cpu")
    )


def packed(
    rnn: nn.RNNBase, x: Tensor, sizes: Tensor, hidden: Hidden, tables: Tables
) -> tuple[Tensor, Hidden]:
    """Return the outputs ``(rows, m)`` of packed pieces and the hidden state after the last step of each.

    Args:
        rnn: ``nn.LSTM`` or ``nn.GRU``.
        x: ``(rows, inputs)``: rows of a ``PackedSequence``.
        sizes: ``(steps,)`` int64 on the host: how many pieces have a first step, a second one...
        hidden: before the first step, ``(layers, pieces, m)`` each; none for zeros.
        tables: working memory of the project's own layers.
    """
    if applies(rnn, x):
        return _layers(rnn, x, steps_of(sizes.tolist()), hidden, tables)
    out, after = rnn(PackedSequence(x, sizes), as_torch(hidden))
    return out.data, parts_of(after)


def step(rnn: nn.RNNBase, x: Tensor, hidden: Hidden) -> tuple[Tensor, Hidden]:
    """Return the outputs ``(n, m)`` of one step and the hidden state after it; arguments as in `packed`.

    Where gradients are recorded it is torch's: there is no time to go back through.
    """
    if torch.is_grad_enabled() or not applies(rnn, x):
        out, after = rnn(x[None], as_torch(hidden))
        return out[0], parts_of(after)
    one = lstm_step if isinstance(rnn, nn.LSTM) else gru_step
    states = []
    for layer, before in enumerate(zip(*(hidden or _zeros(rnn, x, len(x))), strict=True)):
        states.append(one(x, *before, *_weights(rnn, layer)))
        # The outputs of one layer are the inputs of the next.
        x = states[-1][0]
    # A view is enough for one layer; `stack` would copy.
    if len(states) == 1:
        return x, tuple(part[None] for part in states[0])
    return x, tuple(torch.stack(parts) for parts in zip(*states, strict=True))


def _zeros(rnn: nn.RNNBase, x: Tensor, pieces: int) -> Hidden:
    zeros = x.new_zeros(rnn.num_layers, pieces, rnn.hidden_size)
    if isinstance(rnn, nn.LSTM):
        return (zeros, zeros)
    return (zeros,)


def _layers(
    rnn: nn.RNNBase, x: Tensor, steps: Steps, hidden: Hidden, tables: Tables
) -> tuple[Tensor, Hidden]:
    """Run one layer after the other."""
    kind = LSTM if isinstance(rnn, nn.LSTM) else GRU
    after = []
    for layer, before in enumerate(zip(*(hidden or _zeros(rnn, x, steps.sizes[0])), strict=True)):
        found = _layer(kind, steps, tables, (x, *before, *_weights(rnn, layer)))
        # An LSTM returns its last cells beside the outputs, a GRU the outputs alone.
        x, *cells = found if isinstance(found, tuple) else (found,)
        # The last outputs are rows of x already: only cells have to be kept apart.
        after.append((x[steps.last], *cells))
    return x, tuple(torch.stack(parts) for parts in zip(*after, strict=True))


def _weights(rnn: nn.RNNBase, layer: int) -> Iterator[Tensor]:
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        yield getattr(rnn, f"{name}_l{layer}")


def _layer(kind: Any, steps: Steps, tables: Tables, inputs: tuple[Tensor, ...]) -> Any:
    """Run a layer; without gradients its tables are free at once."""
    if torch.is_grad_enabled() and any(part.requires_grad for part in inputs):
        return kind.apply(steps, tables, *inputs)
    # Without a backward pass nobody reads the tables again.
    found, (block, _) = kind.compute(steps, tables, inputs)
    tables.give(block)
    return found
