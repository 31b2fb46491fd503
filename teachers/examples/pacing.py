"""Weights of examples by their losses: self-paced learning's, hard and soft, and SuperLoss's."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import numpy as np
from scipy.special import lambertw

from teacherstudent.contract.checks import is_number
from teacherstudent.contract.types import FloatArray

Law: TypeAlias = Literal["hard", "linear", "logarithmic", "logistic", "mixture", "polynomial"]


def self_paced_weights(losses: FloatArray, age: float, law: Law, power: float = 3.0) -> FloatArray:
    """Return the weights of self-paced learning: for each loss l, the w in [0, 1] of least ``w l + f(w)``.

    ========== ======================================================== =====================================
    law        weight at the age a                                      f(w)
    ========== ======================================================== =====================================
    hard       1 for l <= a, else 0                                     -a w
    linear     max(0, 1 - l / a)                                        a (w^2 / 2 - w)
    logarithmic log(l + z) / log(z) for l < a, else 0; z = 1 - a        z w - z^w / log(z)
    logistic   (1 + e^-a) / (1 + e^(l - a))                             (b - w) log(b - w) + w log(w) - a w,
                                                                        b = 1 + e^-a
    mixture    1 for l <= a / 2, 0 for l >= a, else a / l - 1           -a log(w + 1)
    polynomial max(0, 1 - l / a)^(1 / (t - 1))                          a (w^t / t - w)
    ========== ======================================================== =====================================

    Hard: Kumar et al. 2010, "Self-paced learning for latent variable models". Linear, logarithmic and
    mixture: Jiang et al. 2014, "Easy samples first: self-paced reranking for zero-example multimedia search",
    https://doi.org/10.1145/2647868.2654918; the mixture with thresholds a and a / 2. Logistic: Xu, Tao and
    Xu 2015, "Multi-view self-paced learning for clustering", IJCAI. Polynomial: Gong et al. 2019,
    "Decomposition-based evolutionary multiobjective optimization to self-paced learning".

    Args:
        losses: ``(n,)``, at least 0.
        age: above 0; for ``"logarithmic"`` below 1. Infinite: all weights are 1.
        law: see above.
        power: t, above 1.

    Raises:
        ValueError: if the law is unknown or the age or power is out of range.
    """
    if not (is_number(age) and age > 0) or (law == "logarithmic" and 1 <= age < np.inf):
        raise ValueError(f"self-paced: {law}: expected an age above 0 (logarithmic: below 1), got {age!r}")
    if not (is_number(power) and power > 1):
        raise ValueError(f"self-paced: expected a power above 1, got {power!r}")
    # Some formulas below would divide infinity by infinity.
    if np.isinf(age):
        return np.ones_like(losses)
    ramp = np.maximum(0.0, 1.0 - losses / age)
    if law == "hard":
        return np.asarray((losses <= age).astype(np.float64))
    if law == "linear":
        return ramp
    if law == "logarithmic":
        z = 1.0 - age
        # A loss of the age or more gives log(1) = 0, so the cut needs no case of its own.
        return np.asarray(np.log(np.minimum(losses, age) + z) / np.log(z))
    if law == "logistic":
        # Beyond 700 the exponential overflows, and the weight is 0 long before.
        return np.asarray((1 + np.exp(-age)) / (1 + np.exp(np.minimum(losses - age, 700.0))))
    if law == "mixture":
        # The clip makes both thresholds: the quotient less 1 is 1 at a / 2 and 0 at a.
        return np.asarray(np.clip(age / np.maximum(losses, age / 2) - 1, 0.0, 1.0))
    if law == "polynomial":
        return np.asarray(ramp ** (1 / (power - 1)))
    raise ValueError(f"self-paced: expected a law of {get_args(Law)}, got {law!r}")


def super_loss_weights(losses: FloatArray, threshold: float, strength: float) -> FloatArray:
    """Return SuperLoss's confidences: the s of least ``(l - tau) s + lambda log(s)^2``, from 0 to e.

    Castells, Weinzaepfel and Revaud 2020, "SuperLoss: a generic loss for robust curriculum learning",
    NeurIPS, equation 5: ``exp(-W(max(-2 / e, b) / 2))`` with b = (l - tau) / lambda and Lambert's W. For b
    below -2 / e there is no least value, and the confidence stays e.

    Args:
        losses: ``(n,)``.
        threshold: tau; a loss of this has the confidence 1.
        strength: lambda, above 0; the larger, the closer all confidences are to 1.
    """
    # b / 2 of equation 5.
    half = (losses - threshold) / strength / 2
    # W is -1 at -1/e, and no number where rounding falls below.
    inside = half > -np.exp(-1.0) + 1e-12
    found = lambertw(np.where(inside, half, 0.0)).real
    return np.asarray(np.where(inside, np.exp(-found), np.e))
