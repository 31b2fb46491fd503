"""What one step of an LSTM or GRU does to each element, forward and backward, as compiled loops.

Every loop runs over slices of one row, reads few arrays and indexes without an offset: only then can LLVM
prove that the arrays do not overlap, and vectorise it. One loop over ``table[row, m + j]`` that does the same
takes several times as long.

Arrays are ``(n, columns)`` and of one type, float32 or float64; n are the episodes that have this step, m the
units.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from teacherstudent.contract.types import Array
from teacherstudent.simulation.compiled import compiled_elementwise, inlined

# A plain 0.5 or 1 would turn float32 into float64.
_F = np.float32
# Beyond this tanh is 1 in float32.
_BOUND = _F(7.90531110763549805)


@inlined
def _tanh_float32(x: Any) -> Any:
    """Return a rational approximation, good to a few units in the last place, that LLVM vectorises.

    It cannot do that to libm's. The coefficients are those of Eigen (Mozilla Public License 2.0) and XLA. NaN
    fails both comparisons and stays NaN.
    """
    x = _BOUND if x > _BOUND else x
    x = -_BOUND if x < -_BOUND else x
    # An odd polynomial over an even one, both in powers of x squared.
    s = x * x
    p = s * _F(-2.76076847742355e-16) + _F(2.00018790482477e-13)
    p = p * s + _F(-8.60467152213735e-11)
    p = p * s + _F(5.12229709037114e-08)
    p = p * s + _F(1.48572235717979e-05)
    p = p * s + _F(6.37261928875436e-04)
    p = p * s + _F(4.89352455891786e-03)
    q = s * _F(1.19825839466702e-06) + _F(1.18534705686654e-04)
    q = q * s + _F(2.26843463243900e-03)
    q = q * s + _F(4.89352518554385e-03)
    return x * p / q


def _tanh(x: Any) -> Any:
    """Return the hyperbolic tangent in the precision of x."""
    return math.tanh(x)


@overload(_tanh, strict=False, jit_options={"forceinline": True})
def _tanh_by_type(x: Any) -> Callable[[Any], Any]:
    # Chosen while the caller is compiled: float64 keeps the accuracy of libm.
    if x == types.float32:
        return lambda x: _tanh_float32(x)
    return lambda x: math.tanh(x)


@inlined
def _sigmoid(x: Any) -> Any:
    # The sigmoid as a tangent, so that both use the approximation that vectorises.
    return _F(0.5) + _F(0.5) * _tanh(_F(0.5) * x)


@compiled_elementwise
def lstm_forward(z: Array, c_before: Array, c: Array, tanh_c: Array, h: Array) -> None:
    """Turn the gates' inputs into their values in place, and write the new state.

    Args:
        z: ``(n, 4m)``: gates i, f, g, o, as torch orders them.
        c_before: ``(n, m)``: cells before the step.
        c: ``(n, m)``: cells after it.
        tanh_c: ``(n, m)``: their hyperbolic tangents.
        h: ``(n, m)``: outputs.
    """
    n, m = c.shape
    for r in range(n):
        i_f = z[r, : 2 * m]
        g = z[r, 2 * m : 3 * m]
        o = z[r, 3 * m :]
        # Gates i and f lie side by side and take the same function.
        for j in range(2 * m):
            i_f[j] = _sigmoid(i_f[j])
        for j in range(m):
            g[j] = _tanh(g[j])
        for j in range(m):
            o[j] = _sigmoid(o[j])
        i = z[r, :m]
        f = z[r, m : 2 * m]
        before = c_before[r]
        now = c[r]
        t = tanh_c[r]
        out = h[r]
        # One short loop for each array that is written: see the head of this file.
        for j in range(m):
            now[j] = f[j] * before[j] + i[j] * g[j]
        for j in range(m):
            t[j] = _tanh(now[j])
        for j in range(m):
            out[j] = o[j] * t[j]


@compiled_elementwise
def lstm_backward(z: Array, c_before: Array, tanh_c: Array, dh: Array, later: Array, dc: Array) -> None:
    """Turn the gates' values into the gradients of their inputs, and that of the cells into the one before.

    Args:
        z: ``(n, 4m)``: as `lstm_forward` leaves it; overwritten.
        c_before: ``(n, m)``: cells before the step.
        tanh_c: ``(n, m)``: as `lstm_forward` writes it.
        dh: ``(n, m)``: gradients of the outputs.
        later: ``(n, m)``: what the next step adds to them; used up.
        dc: ``(n, m)``: gradients of the cells after the step; those before it are written in their place.
    """
    n, m = dh.shape
    one = _F(1)
    for r in range(n):
        i = z[r, :m]
        f = z[r, m : 2 * m]
        g = z[r, 2 * m : 3 * m]
        o = z[r, 3 * m :]
        before = c_before[r]
        t = tanh_c[r]
        d = dc[r]
        e = later[r]
        more = dh[r]
        # Gradients of the outputs come from above and from the next step.
        for j in range(m):
            e[j] += more[j]
        # h = o tanh(c): from the outputs into the cells.
        for j in range(m):
            d[j] += e[j] * o[j] * (one - t[j] * t[j])
        # Into gate o; the derivative of the sigmoid is o (1 - o).
        for j in range(m):
            o[j] = e[j] * t[j] * o[j] * (one - o[j])
        for j in range(m):
            # Keep both values: each formula needs the other before it is overwritten.
            a = i[j]
            b = g[j]
            i[j] = d[j] * b * a * (one - a)
            g[j] = d[j] * a * (one - b * b)
        # Into gate f, and on to the cells of the step before.
        for j in range(m):
            a = f[j]
            b = d[j]
            f[j] = b * before[j] * a * (one - a)
            d[j] = b * a


@compiled_elementwise
def gru_forward(gates: Array, recurrent: Array, h_before: Array, h: Array) -> None:
    """Turn the gates' inputs into their values in place, and write the new state.

    Args:
        gates: ``(n, 4m)``: what the inputs add to the gates n, r, z; in the last m columns the share of the
            recurrent weights in n is left.
        recurrent: ``(n, 3m)``: what the recurrent weights add to r, z, n, as torch orders them.
        h_before: ``(n, m)``: states before the step.
        h: ``(n, m)``: states after it.
    """
    m = h.shape[1]
    one = _F(1)
    for k in range(len(h)):
        new = gates[k, :m]
        r_z = gates[k, m : 3 * m]
        kept = gates[k, 3 * m :]
        own = recurrent[k, : 2 * m]
        other = recurrent[k, 2 * m :]
        # Gates r and z lie side by side and take the same function.
        for j in range(2 * m):
            r_z[j] = _sigmoid(r_z[j] + own[j])
        r = gates[k, m : 2 * m]
        z = gates[k, 2 * m : 3 * m]
        before = h_before[k]
        now = h[k]
        # The backward pass needs this share without the reset gate.
        for j in range(m):
            kept[j] = other[j]
        for j in range(m):
            new[j] = _tanh(new[j] + r[j] * other[j])
        # The new state lies between the candidate and the old state.
        for j in range(m):
            now[j] = (one - z[j]) * new[j] + z[j] * before[j]


@compiled_elementwise
def gru_backward(gates: Array, h_before: Array, dh: Array, later: Array) -> None:
    """Turn the gates' values into the gradients of their inputs.

    Args:
        gates: ``(n, 4m)``: as `gru_forward` leaves it. Overwritten: the first 3m columns with the gradients
            of the inputs' share in n, r, z, the last 3m with those of the recurrent weights' in r, z, n.
        h_before: ``(n, m)``: states before the step.
        dh: ``(n, m)``: gradients of the outputs.
        later: ``(n, m)``: what the next step adds to them; what the state before has of them without the
            recurrent weights is written in their place.
    """
    m = dh.shape[1]
    one = _F(1)
    for k in range(len(dh)):
        new = gates[k, :m]
        r = gates[k, m : 2 * m]
        z = gates[k, 2 * m : 3 * m]
        kept = gates[k, 3 * m :]
        before = h_before[k]
        d = later[k]
        more = dh[k]
        # Gradients of the outputs come from above and from the next step.
        for j in range(m):
            d[j] += more[j]
        # Into candidate and update gate; what the update gate keeps goes to the state before.
        for j in range(m):
            a = z[j]
            b = new[j]
            new[j] = d[j] * (one - a) * (one - b * b)
            z[j] = d[j] * (before[j] - b) * a * (one - a)
            d[j] *= a
        # Into the reset gate; `kept` becomes the gradient of the recurrent share of the candidate.
        for j in range(m):
            a = r[j]
            b = new[j]
            r[j] = b * kept[j] * a * (one - a)
            kept[j] = b * a
