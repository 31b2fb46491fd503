"""Tables that go round, pieces in rows, and graphs that are kept."""

import copy
import pickle

import pytest
import torch
from recurrent_layers import KINDS, assert_close, case, gradients, own, sizes_of, torch_s
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from teacherstudent.networks.recurrent.functions import Tables, steps_of


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_differences(kind):
    rnn, x, sizes, hidden = case(kind, [4, 3, 1], units=3, layers=2, dtype=torch.float64)
    names = [name for name, _ in rnn.named_parameters()]

    def run(x, *rest):
        for name, value in zip(names, rest[len(hidden) :], strict=True):
            delattr(rnn, name)
            setattr(rnn, name, value)
        out, after = own(rnn, x, sizes, rest[: len(hidden)])
        return (out, *after)

    weights = [parameter.detach().clone().requires_grad_() for parameter in rnn.parameters()]
    for name in names:
        delattr(rnn, name)
        setattr(rnn, name, None)
    assert torch.autograd.gradcheck(run, (x, *hidden, *weights))


class Written(TorchDispatchMode):
    """Counts the numbers that torch's operations write."""

    def __init__(self):
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, function, kinds, args=(), kwargs=None):
        found = function(*args, **(kwargs or {}))
        infos = [part.alias_info for part in function._schema.returns]
        if not any(info is not None and not info.is_write for info in infos):  # a view writes nothing
            parts = found if isinstance(found, tuple | list) else [found]
            self.numbers += sum(part.numel() for part in parts if isinstance(part, torch.Tensor))
        return found


def written(run, kind, steps, rows=512):
    """Return how many numbers an update of so many rows writes."""
    lengths = [steps] * (rows // steps) + [1]  # torch has a way of its own where all are as long
    rnn, x, sizes, hidden = case(kind, lengths, units=8)
    leaves = [*hidden, *rnn.parameters()]
    with Written() as counted:
        gradients(run(rnn, x.detach(), sizes, hidden), leaves)
    return counted.numbers


@pytest.mark.parametrize("kind", KINDS)
def test_the_cost_of_an_update_is_linear_in_its_steps(kind):
    """With as many rows, it must not matter over how many steps they are spread."""
    few, many = (written(own, kind, steps) for steps in (8, 128))
    assert many < 1.25 * few
    few, many = (written(torch_s, kind, steps) for steps in (8, 128))
    assert many > 5 * few  # what the count would show


@pytest.mark.parametrize("kind", KINDS)
def test_two_forward_passes_before_their_backward_passes(kind):
    one, two = case(kind, [4, 3], seed=1), case(kind, [5, 2, 2], seed=2)
    tables = Tables()
    found = [own(*given, tables) for given in (one, two)]
    for (rnn, x, sizes, hidden), mine in zip((one, two), found, strict=True):
        leaves = [x, *hidden, *rnn.parameters()]
        assert_close(gradients(mine, leaves), gradients(torch_s(rnn, x, sizes, hidden), leaves))


@pytest.mark.parametrize("kind", KINDS)
def test_backward_passes_through_a_graph_that_is_kept(kind):
    rnn, x, sizes, hidden = case(kind, [3, 2])
    leaves, tables = [x, *hidden, *rnn.parameters()], Tables()
    out, _ = own(rnn, x, sizes, hidden, tables)
    first = torch.autograd.grad(out.sum(), leaves, retain_graph=True)
    own(rnn, 2 * x, sizes, hidden, tables)  # takes the block
    again = torch.autograd.grad(out.sum(), leaves, retain_graph=True)
    assert all(map(torch.equal, first, again))
    twice = torch.autograd.grad(2 * out.sum(), leaves)
    assert_close(twice, [2 * part for part in first])


@pytest.mark.parametrize("kind", KINDS)
def test_weights_that_changed_before_the_backward_pass_are_refused(kind):
    rnn, x, sizes, hidden = case(kind, [3, 2])
    out, _ = own(rnn, x, sizes, hidden)
    with torch.no_grad():
        rnn.weight_hh_l0 += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


@pytest.mark.parametrize("kind", KINDS)
def test_tables_go_round(kind):
    rnn, x, sizes, hidden = case(kind, [6, 4])
    tables = Tables()

    def update(backward=True):
        before = [block.data_ptr() for block in tables._free]
        out, _ = own(rnn, x, sizes, hidden, tables)
        assert len(tables._free) == max(0, len(before) - 1)  # lent
        if backward:
            out.sum().backward()
        return [block.data_ptr() for block in tables._free]

    first = update()
    assert len(first) == 1
    assert update() == first
    with torch.no_grad():
        own(rnn, x, sizes, hidden, tables)
    assert [block.data_ptr() for block in tables._free] == first
    own(rnn, x[:4], sizes_of([2, 2]), hidden, tables)[0].sum().backward()  # a smaller batch takes it too
    assert [block.data_ptr() for block in tables._free] == first
    assert update(backward=False) == []  # with the graph that was never used the block is gone
    larger = case(kind, [60, 40])
    own(*larger, tables)[0].sum().backward()
    grown = [block.numel() for block in tables._free]
    own(*larger, tables)[0].sum().backward()
    assert [block.numel() for block in tables._free] == grown


def test_what_was_returned_is_not_overwritten():
    rnn, x, sizes, hidden = case(nn.LSTM, [6, 4])
    tables = Tables()
    with torch.no_grad():
        out, after = own(rnn, x, sizes, hidden, tables)
        before = [part.clone() for part in (out, *after)]
        own(rnn, 2 * x, sizes, hidden, tables)
    assert all(map(torch.equal, before, (out, *after)))


def test_copies_of_tables_are_empty():
    tables = Tables()
    tables.give(torch.zeros(100))
    for made in (copy.copy(tables), copy.deepcopy(tables), pickle.loads(pickle.dumps(tables))):
        assert isinstance(made, Tables)
        assert made._free == []


def test_a_block_made_in_inference_mode_serves_in_training():
    rnn, x, sizes, hidden = case(nn.LSTM, [6, 4])
    tables = Tables()
    with torch.inference_mode():
        own(rnn, x, sizes, hidden, tables)
    assert len(tables._free) == 1
    out, _ = own(rnn, x, sizes, hidden, tables)
    out.sum().backward()
    assert rnn.weight_hh_l0.grad.isfinite().all()


def test_types_do_not_mix():
    tables = Tables()
    for dtype in (torch.float32, torch.float64, torch.float32):
        given = case(nn.LSTM, [6, 4], dtype=dtype)
        out, _ = own(*given, tables)
        assert out.dtype == dtype
        out.sum().backward()


def test_pieces_are_found_in_the_rows():
    found = steps_of(sizes_of([4, 3, 3, 1]).tolist())
    assert found.sizes == [4, 3, 3, 1]
    assert [(rows.start, rows.stop) for rows in found.rows] == [(0, 4), (4, 7), (7, 10), (10, 11)]
    assert found.last.tolist() == [10, 8, 9, 3]
    assert steps_of([5]).last.tolist() == [0, 1, 2, 3, 4]
