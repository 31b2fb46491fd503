"""Loops over gates: what is not finite, and gates wide open or shut."""

import numpy as np
import pytest
import torch
from recurrent_layers import KINDS, case, gradients, own, torch_s


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
