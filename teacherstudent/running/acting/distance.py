"""How far tasks are from uniform draws of their space."""

from __future__ import annotations

import functools
from typing import Any

import gymnasium as gym
import numpy as np

# SciPy loads its parts when they are first used: `scipy.stats` here would cost every run a second.
import scipy

from teacherstudent.contract import spaces
from teacherstudent.contract.spaces import Box
from teacherstudent.contract.types import Array, FloatArray


def distances(space: gym.Space[Any], tasks: Array) -> dict[str, float]:
    """Return how far tasks are from uniform, and how far uniform tasks of this number would be.

    In a box, ``distance`` is the largest Kolmogorov-Smirnov distance of a dimension, between the tasks and
    uniform draws in the coordinates of the unit cube (`spaces.to_unit`: logarithmic dimensions in their
    logarithm), ``distance_mean`` the mean over the dimensions. In a discrete space, both are the total
    variation distance: half of the sum, over the tasks of the space, of the absolute difference of shares.
    ``distance_by_chance`` is what to expect of ``distance`` under uniform draws of independent dimensions.
    Nothing for spaces of levels, which have no such distance, and where there is no task.

    Args:
        space: of the tasks.
        tasks: ``(n, *space.shape)``.
    """
    n = len(tasks)
    if n == 0:
        return {}
    listed = spaces.numbers(space)
    if listed is not None:
        # The numbers of a large space are never all drawn: those that are missing differ by 1 / k each.
        k = len(listed)
        counts = np.unique(tasks, return_counts=True)[1]
        variation = 0.5 * float(np.abs(counts / n - 1 / k).sum() + (k - len(counts)) / k)
        chance = _variation_by_chance(k, n)
        return {"distance": variation, "distance_mean": variation, "distance_by_chance": chance}
    box = spaces.box_of(space)
    if box is not None:
        each = kolmogorov(box, tasks)
        return {
            "distance": float(each.max()),
            "distance_mean": float(each.mean()),
            "distance_by_chance": _largest_by_chance(len(each), n),
        }
    return {}


def kolmogorov(space: Box, tasks: Array) -> FloatArray:
    """Return ``(d,)`` the Kolmogorov-Smirnov distance of each dimension from uniform."""
    points = np.sort(spaces.to_unit(space, tasks), axis=0)
    n = len(points)
    after = np.arange(1, n + 1)[:, None] / n
    # A whole number stands in the middle of its interval and has the whole of it: the distribution steps
    # there, by the width of the interval, as the shares of the tasks do.
    low, high = spaces.edges(space)
    half = np.where(spaces.whole_numbers(space), 0.5 / (high - low), 0.0)
    # Of equal values the last one counts above the step, and the first one below it.
    above = np.where(_differs(points, 1), after - (points + half), -1.0)
    below = np.where(_differs(points, -1), (points - half) - (after - 1 / n), -1.0)
    return np.asarray(np.maximum(above, below).max(axis=0))


def _differs(points: FloatArray, step: int) -> Array:
    """Return where the sorted values differ from the next (1) or previous (-1) one in their column."""
    differs = np.ones(points.shape, np.bool_)
    if step > 0:
        differs[:-1] = points[:-1] != points[1:]
    else:
        differs[1:] = points[1:] != points[:-1]
    return differs


def _variation_by_chance(k: int, n: int) -> float:
    """Return the mean total variation distance of ``n`` uniform draws of ``k`` tasks."""
    if k == 1:
        return 0.0
    # De Moivre: the mean absolute deviation of a binomial number is 2 m (1 - p) P(m), m = floor(n p) + 1.
    m = n // k + 1
    deviation: float = 2 * m * (1 - 1 / k) * float(scipy.stats.binom.pmf(m, n, 1 / k))
    return 0.5 * k * deviation / n


def _largest_by_chance(d: int, n: int) -> float:
    """Return about the mean of the largest Kolmogorov-Smirnov distance of ``d`` dimensions, ``n`` draws."""
    root = n**0.5
    # Stephens 1970: with this factor the limit distribution is good for small n too.
    return float(_limit(d) / (root + 0.12 + 0.11 / root))


@functools.cache
def _limit(d: int) -> float:
    """Return the mean of the largest of ``d`` independent numbers of Kolmogorov's distribution."""
    # The mean of a number above 0 is the integral of the probability that it is above x.
    x = np.linspace(0.0, 5.0, 2001)
    return float(np.trapezoid(1 - (1 - scipy.special.kolmogorov(x)) ** d, x))
