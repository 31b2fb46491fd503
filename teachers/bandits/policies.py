"""How a bandit turns values into arms: greedy, Boltzmann, uniform exploration, and draws from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from teacherstudent.contract.checks import check_pair, is_number, is_one_of
from teacherstudent.contract.types import BoolArray, FloatArray, IntArray

Policy: TypeAlias = tuple[str, float]
"""``("epsilon", share of uniform draws)`` or ``("boltzmann", temperature)``, and what a teacher adds."""


def greedy(values: FloatArray, allowed: BoolArray) -> FloatArray:
    """Return ``(k,)`` probabilities: all on the greatest allowed value, shared where several are equal."""
    # An arm that is not allowed can never be the greatest.
    masked = np.where(allowed, values, -np.inf)
    best = masked == masked.max()
    return np.asarray(best / best.sum())


def softmax(values: FloatArray, allowed: BoolArray) -> FloatArray:
    """Return ``(k,)`` probabilities in proportion to ``exp(values)`` over the allowed arms."""
    masked = np.where(allowed, values, -np.inf)
    # Less the greatest, so that no exponential overflows.
    weight = np.exp(masked - masked.max())
    return np.asarray(weight / weight.sum())


def explore(probabilities: FloatArray, epsilon: float, allowed: BoolArray) -> FloatArray:
    """Return the mixture with the share ``epsilon`` of a uniform draw of the allowed arms."""
    return np.asarray((1 - epsilon) * probabilities + epsilon * allowed / allowed.sum())


def check_policy(who: str, policy: Policy | str, defaults: Mapping[str, float]) -> Policy:
    """Return a policy with its number, ``defaults[name]`` if it has none.

    Raises:
        ValueError: if the name is unknown or the number out of range.
    """
    what = f"{who}: policy"
    expected = "a name, or a name and a number"
    name, number = (policy, None) if isinstance(policy, str) else check_pair(what, expected, policy)
    if not is_one_of(name, defaults):
        raise ValueError(f"{what}: expected one of {sorted(defaults)}, got {policy!r}")
    if not (number is None or is_number(number)):
        raise ValueError(f"{what}: expected {expected}, got {policy!r}")
    number = defaults[name] if number is None else float(number)
    if name == "boltzmann" and not (np.isfinite(number) and number > 0):
        raise ValueError(f"{what}: expected a temperature above 0, got {number}")
    if name != "boltzmann" and not 0 <= number <= 1:
        raise ValueError(f"{what}: expected a share in [0, 1], got {number}")
    return name, number


def choose(policy: Policy, values: FloatArray, allowed: BoolArray) -> FloatArray:
    """Return ``(k,)`` probabilities of an epsilon-greedy or Boltzmann policy over the allowed arms."""
    name, number = policy
    if name == "boltzmann":
        # Less the greatest first, so that no quotient is infinite however small the temperature is.
        top = values[allowed].max()
        with np.errstate(over="ignore"):
            return softmax((values - top) / number, allowed)
    return explore(greedy(values, allowed), number, allowed)


def draw(rng: np.random.Generator, probabilities: FloatArray, n: int) -> IntArray:
    """Return ``n`` arms drawn independently."""
    cumulative = np.cumsum(probabilities)
    # Scaled to the last sum, which may differ from 1 by rounding. The minimum leads back from behind it to
    # the last arm that can be drawn at all.
    found = np.searchsorted(cumulative, rng.random(n) * cumulative[-1], side="right")
    return np.asarray(np.minimum(found, np.flatnonzero(probabilities)[-1]))


def winners(rng: np.random.Generator, values: FloatArray, allowed: BoolArray) -> IntArray:
    """Return ``(n,)`` the greatest allowed arm in each row of ``(n, k)``; any one of equals."""
    masked = np.where(allowed, values, -np.inf)
    best = masked == masked.max(axis=1, keepdims=True)
    # Random keys break ties; every arm that is not among the best has -1, below any key.
    return np.asarray(np.where(best, rng.random(masked.shape), -1.0).argmax(axis=1))
