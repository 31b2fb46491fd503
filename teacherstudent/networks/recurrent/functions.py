"""One layer of an LSTM or GRU over packed episodes on the CPU, with gradients through time by hand.

What autograd does here costs more than the arithmetic: torch takes each step's rows out of the projected
inputs with ``narrow``, whose backward allocates and fills a gradient of the *whole* table for every step.
Here no step has a node in the graph. One matrix product projects all inputs, one at the end forms all
gradients of a weight, and a step is one product into a table and one compiled loop over elements. Rows are
those of torch's ``PackedSequence``: a step is one slice, and the pieces that go on are its first rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from teacherstudent.networks.recurrent.kernels import gru_backward, gru_forward, lstm_backward, lstm_forward

_ALIGNED = 16
"""Tables start at multiples of so many numbers: 64 bytes of float32."""
_MANY = 8
"""Steps from which on a transposed copy of the recurrent weights pays: MKL multiplies faster by it."""


class Steps(NamedTuple):
    """The rows of each step of packed pieces.

    Attributes:
        sizes: how many pieces have a first step, a second one...; never more than before.
        rows: of each step.
        last: ``(pieces,)`` int64: the row of each piece's last step.
    """

    sizes: Sequence[int]
    rows: Sequence[slice]
    last: Tensor


def steps_of(sizes: Sequence[int]) -> Steps:
    """Return the rows of steps of these sizes."""
    ends = list(itertools.accumulate(sizes))
    rows = [slice(end - n, end) for n, end in zip(sizes, ends, strict=True)]
    piece = np.arange(sizes[0])
    # piece p has as many steps as there are sizes above p; sizes fall, and searchsorted wants them to rise
    lengths = np.searchsorted(-np.asarray(sizes), -piece)
    # A last row: where the piece's last step begins, plus the piece's place in that step.
    first = np.asarray([own.start for own in rows])
    return Steps(sizes, rows, torch.from_numpy(first[lengths - 1] + piece))


class Tables:
    """Working memory that goes round: lent to a forward pass until its backward pass is done.

    A fresh block of this size would be mapped and zeroed by the operating system, page by page, every time.
    A forward pass before the backward pass of another gets a block of its own. Copies of this object start
    empty.
    """

    def __init__(self) -> None:
        self._free: list[Tensor] = []

    def __reduce__(self) -> tuple[type[Tables], tuple[()]]:
        # Copies, pickled ones too, begin without blocks: working memory is not worth copying.
        return Tables, ()

    def take(self, rows: int, columns: Sequence[int], dtype: torch.dtype) -> tuple[Tensor, list[Tensor]]:
        """Return a block and tables ``(rows, columns[i])`` in it, with whatever was left there."""
        # ``-(-a // b)`` rounds up, here to a whole number of aligned blocks.
        sizes = [-(-rows * width // _ALIGNED) * _ALIGNED for width in columns]
        block = self._free.pop() if self._free else torch.empty(0, dtype=dtype)
        if block.numel() < sum(sizes) or block.dtype != dtype:
            with torch.inference_mode(False):  # a block made in it could not be written to outside
                block = torch.empty(sum(sizes), dtype=dtype)
        parts = zip(torch.split(block[: sum(sizes)], sizes), columns, strict=True)
        return block, [part[: rows * width].view(rows, width) for part, width in parts]

    def give(self, block: Tensor) -> None:
        """Take a block back."""
        self._free.append(block)


Lent = tuple[Tensor, list[Tensor]]
"""A block and the tables in it."""
Compute = Callable[[Steps, Tables, Sequence[Tensor]], tuple[Any, Lent]]
"""A layer's forward pass: its outputs, and the tables that its backward pass needs."""


def _keep(compute: Compute, ctx: Any, steps: Steps, tables: Tables, inputs: Sequence[Tensor]) -> Any:
    """Return a layer's outputs, and keep what `_kept` returns."""
    found, ctx.lent = compute(steps, tables, inputs)
    ctx.steps = steps
    ctx.tables = tables
    # Saved this way, autograd notices if somebody changes the tensors in between.
    ctx.save_for_backward(*inputs, found[0] if isinstance(found, tuple) else found)
    return found


def _kept(compute: Compute, ctx: Any) -> tuple[list[Tensor], Lent]:
    """Return inputs and outputs, and the tables of the forward pass.

    A backward pass overwrites them: for a second one through the same graph they are computed again.
    """
    saved = [part.detach().contiguous() for part in ctx.saved_tensors]
    # Take the tables once, as a backward pass overwrites them.
    lent = ctx.lent
    ctx.lent = None
    if lent is None:
        lent = compute(ctx.steps, ctx.tables, saved[:-1])[1]
    return saved, lent


class LSTM(torch.autograd.Function):
    """A layer of ``torch.nn.LSTM``; returns the outputs ``(rows, m)`` and the last cells ``(pieces, m)``.

    Inputs after the steps and the tables: x ``(rows, inputs)``, the first outputs and cells ``(pieces, m)``,
    then the weights as torch has them.
    """

    @staticmethod
    def compute(steps: Steps, tables: Tables, inputs: Sequence[Tensor]) -> tuple[tuple[Tensor, Tensor], Lent]:
        """Return outputs and last cells, and the block and the tables: gates, cells, their tangents."""
        x, h, c_start, w_in, w_hh, b_in, b_hh = (part.detach().contiguous() for part in inputs)
        m = w_hh.shape[1]
        block, (z, c, tanh_c) = tables.take(len(x), (4 * m, m, m), x.dtype)
        # Project all inputs in one product; both biases are added here, once for all steps.
        torch.addmm(b_in + b_hh, x, w_in.t(), out=z)
        y = torch.empty_like(c)
        across = _across(w_hh, steps)
        # The compiled loops take NumPy arrays, which share memory with the tensors.
        z_array, c_array, t_array, y_array = z.numpy(), c.numpy(), tanh_c.numpy(), y.numpy()
        before = c_start.numpy()
        for gates, out, rows in zip(_by_step(z, steps), _by_step(y, steps), steps.rows, strict=True):
            n = len(gates)
            # Pieces are sorted by length, so those that go on are the first n.
            torch.addmm(gates, h[:n], across, out=gates)
            now = c_array[rows]
            lstm_forward(z_array[rows], before[:n], now, t_array[rows], y_array[rows])
            h = out
            before = now
        return (y, c[steps.last]), (block, [z, c, tanh_c])

    @staticmethod
    def forward(ctx: Any, steps: Steps, tables: Tables, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return outputs and last cells."""
        found: tuple[Tensor, Tensor] = _keep(LSTM.compute, ctx, steps, tables, inputs)
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor, dc_last: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of all inputs."""
        (x, h_start, c_start, w_in, w_hh, _, _, y), (block, (z, c, tanh_c)) = _kept(LSTM.compute, ctx)
        steps: Steps = ctx.steps
        # rows of pieces that have ended stay as they are until the walk back comes to their last step
        dh, dc = torch.zeros_like(h_start), dc_last.contiguous().clone()
        z_array, c_array, t_array = z.numpy(), c.numpy(), tanh_c.numpy()
        dy_array, dh_array, dc_array = dy.contiguous().numpy(), dh.numpy(), dc.numpy()
        # Cells before step t: those at the start, then those after step t - 1.
        before = [c_start.numpy(), *(c_array[rows] for rows in steps.rows[:-1])]
        gates = _by_step(z, steps)
        for t in range(len(gates) - 1, -1, -1):
            rows = steps.rows[t]
            n = steps.sizes[t]
            lstm_backward(
                z_array[rows], before[t][:n], t_array[rows], dy_array[rows], dh_array[:n], dc_array[:n]
            )
            # What goes back to the step before is written where the next kernel reads it.
            torch.mm(gates[t], w_hh, out=dh[:n])
        # The tangents are used up, so their memory takes the states before each step.
        h_before = _states_before(h_start, y, steps, out=tanh_c)
        dx = z @ w_in if ctx.needs_input_grad[2] else None
        # Both biases have the same gradient; the copy below keeps them from sharing one tensor.
        db = z.sum(0)
        found = (None, None, dx, dh, dc, _product(z, x), _product(z, h_before), db, db.clone())
        ctx.tables.give(block)
        return found


class GRU(torch.autograd.Function):
    """A layer of ``torch.nn.GRU``; inputs as in `LSTM`, without cells; returns the outputs ``(rows, m)``."""

    @staticmethod
    def compute(steps: Steps, tables: Tables, inputs: Sequence[Tensor]) -> tuple[Tensor, Lent]:
        """Return outputs, and the block and the tables: gates as in `gru_forward`, one more for later."""
        x, h, w_in, w_hh, b_in, b_hh = (part.detach().contiguous() for part in inputs)
        m = w_hh.shape[1]
        block, (gates, spare) = tables.take(len(x), (4 * m, m), x.dtype)
        # torch's order is r, z, n; the kernels' n, r, z: what both shares have in common lies side by side
        torch.addmm(b_in.roll(m), x, w_in.roll(m, 0).t(), out=gates[:, : 3 * m])
        y = torch.empty_like(spare)
        across = _across(w_hh, steps)
        # One buffer for all steps: each kernel has read it before the next product writes it.
        recurrent = x.new_empty(len(h), 3 * m)
        gates_array = gates.numpy()
        recurrent_array = recurrent.numpy()
        y_array = y.numpy()
        before = h.numpy()
        for out, rows in zip(_by_step(y, steps), steps.rows, strict=True):
            n = len(out)
            # The reset gate multiplies this bias too, so it cannot join that of the inputs.
            torch.addmm(b_hh, h[:n], across, out=recurrent[:n])
            now = y_array[rows]
            gru_forward(gates_array[rows], recurrent_array[:n], before[:n], now)
            h = out
            before = now
        return y, (block, [gates, spare])

    @staticmethod
    def forward(ctx: Any, steps: Steps, tables: Tables, *inputs: Tensor) -> Tensor:
        """Return the outputs."""
        y: Tensor = _keep(GRU.compute, ctx, steps, tables, inputs)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of all inputs."""
        (x, h_start, w_in, w_hh, _, _, y), (block, (gates, spare)) = _kept(GRU.compute, ctx)
        steps: Steps = ctx.steps
        m = w_hh.shape[1]
        dh = torch.zeros_like(h_start)
        gates_array = gates.numpy()
        y_array = y.numpy()
        dy_array, dh_array = dy.contiguous().numpy(), dh.numpy()
        before = [h_start.numpy(), *(y_array[rows] for rows in steps.rows[:-1])]
        # Columns of the inputs' share: gates n, r, z.
        own = gates[:, : 3 * m]
        # Columns of the recurrent weights' share: gates r, z, n.
        other = gates[:, m:]
        parts = _by_step(other, steps)
        for t in range(len(parts) - 1, -1, -1):
            rows = steps.rows[t]
            n = steps.sizes[t]
            gru_backward(gates_array[rows], before[t][:n], dy_array[rows], dh_array[:n])
            # dh holds what passed by the update gate; the product adds what went through the weights.
            torch.addmm(dh[:n], parts[t], w_hh, out=dh[:n])
        h_before = _states_before(h_start, y, steps, out=spare)
        dx = own @ w_in.roll(m, 0) if ctx.needs_input_grad[2] else None
        # Rolling back undoes the kernels' order of gates.
        dw_in, db_in = _product(own, x).roll(-m, 0), own.sum(0).roll(-m)
        found = (None, None, dx, dh, dw_in, _product(other, h_before), db_in, other.sum(0))
        ctx.tables.give(block)
        return found


def lstm_step(x: Tensor, h: Tensor, c: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return outputs and cells ``(n, m)`` after one step of a layer, without gradients."""
    w_in, w_hh, b_in, b_hh = weights
    z = torch.addmm(b_in + b_hh, x, w_in.t()).addmm_(h, w_hh.t())
    before = c.detach().contiguous()
    y = torch.empty_like(before)
    after = torch.empty_like(before)
    tanh_c = torch.empty_like(before)
    lstm_forward(z.numpy(), before.numpy(), after.numpy(), tanh_c.numpy(), y.numpy())
    return y, after


def gru_step(x: Tensor, h: Tensor, *weights: Tensor) -> tuple[Tensor]:
    """Return the outputs ``(n, m)`` after one step of a layer, without gradients."""
    w_in, w_hh, b_in, b_hh = weights
    before = h.detach().contiguous()
    # Torch projects in the order r, z, n; the kernel wants n, r, z and m columns more.
    projected = torch.addmm(b_in, x, w_in.t())
    gates = torch.cat([projected[:, 2 * h.shape[1] :], projected], 1)
    recurrent = torch.addmm(b_hh, h, w_hh.t())
    y = torch.empty_like(before)
    gru_forward(gates.numpy(), recurrent.numpy(), before.numpy(), y.numpy())
    return (y,)


def _across(w_hh: Tensor, steps: Steps) -> Tensor:
    """Return the recurrent weights transposed, copied where there are many steps to multiply by them."""
    if len(steps.sizes) >= _MANY:
        return w_hh.t().contiguous()
    return w_hh.t()


def _product(gradients: Tensor, inputs: Tensor) -> Tensor:
    """Return the gradient of weights; MKL is up to 1.5 times faster with the wide table on the right."""
    return (inputs.t() @ gradients).t().contiguous()


def _by_step(table: Tensor, steps: Steps) -> tuple[Tensor, ...]:
    return torch.split(table, list(steps.sizes))


def _states_before(start: Tensor, after: Tensor, steps: Steps, out: Tensor) -> Tensor:
    """Return for each row the state before its step, in ``out``."""
    parts = _by_step(after, steps)
    # Pieces that ended drop out: the first n rows of a step go on to the next.
    following = zip(parts[:-1], steps.sizes[1:], strict=True)
    return torch.cat([start, *(part[:n] for part, n in following)], out=out)
