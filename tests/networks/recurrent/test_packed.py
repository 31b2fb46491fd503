"""The project's own recurrent layers against torch's, which are the oracle."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence
from torch.utils._python_dispatch import TorchDispatchMode

from teacherstudent.networks.recurrent import packed as packed_rnn
from teacherstudent.networks.recurrent.functions import Tables, steps_of
from teacherstudent.networks.recurrent.hidden import as_torch, parts_of

KINDS = [nn.LSTM, nn.GRU]
LENGTHS = [[1], [4], [6, 6, 6], [5, 5, 3, 1], [9, 2, 2, 1, 1], [1, 1, 1]]


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


def broken(what, rnn, x, hidden):
    """Put a number that is not finite somewhere."""
    with torch.no_grad():
        if what == "nan in an input":
            x[2, 1] = np.nan
        elif what == "infinite input":
            x[2, 1] = np.inf
        elif what == "nan in a state":
            hidden[0][0, 1, 0] = np.nan
        elif what == "nan in a weight":
            rnn.weight_hh_l0[1, 0] = np.nan
        else:
            rnn.bias_ih_l0[-1] = np.nan


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("units", [5, 70])  # loops over elements have a vectorised part and a rest
@pytest.mark.parametrize(
    "what", ["nan in an input", "infinite input", "nan in a state", "nan in a weight", "nan in a bias"]
)
def test_what_is_not_finite_shows_where_it_does_in_torch(kind, units, what):
    rnn, x, sizes, hidden = case(kind, [4, 3, 3], units=units)
    leaves = [x, *hidden, *rnn.parameters()]
    broken(what, rnn, x, hidden)
    mine, theirs = own(rnn, x, sizes, hidden), torch_s(rnn, x, sizes, hidden)
    for a, b in zip((mine[0], *mine[1]), (theirs[0], *theirs[1]), strict=True):
        assert torch.equal(a.isnan(), b.isnan())
    if what != "infinite input":
        assert mine[0].isnan().any()
    for a, b in zip(gradients(mine, leaves), gradients(theirs, leaves), strict=True):
        assert torch.equal(a.isfinite(), b.isfinite())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [30.0, 1e4, 1e30])
def test_gates_that_are_wide_open_or_shut(kind, size):
    rnn, x, sizes, hidden = case(kind, [3, 2], units=33)
    with torch.no_grad():
        x *= size
    mine, theirs = own(rnn, x, sizes, hidden), torch_s(rnn, x, sizes, hidden)
    for a, b in zip((mine[0], *mine[1]), (theirs[0], *theirs[1]), strict=True):
        assert torch.allclose(a, b, rtol=1e-6, atol=2e-6)
    for a in gradients(mine, [*hidden, *rnn.parameters()]):
        assert a.isfinite().all()


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
