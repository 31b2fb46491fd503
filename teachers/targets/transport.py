"""Optimal transport between two sets of as many points, each of the same weight."""

from __future__ import annotations

import numpy as np
import scipy

from teacherstudent.contract.types import FloatArray, IntArray

MOST_PARTICLES = 5000
"""Particles of a plan: its cost grows with the square of their number, its time with the cube."""
PROJECTIONS = 100
"""Directions of a sliced step."""


def pairing(source: FloatArray, goal: FloatArray) -> IntArray:
    """Return for each point of ``source`` ``(n, d)`` its partner's place in ``goal`` ``(m, d)``, ``m >= n``.

    The pairs have the least sum of squared distances; with ``m == n`` that is the optimal transport plan of
    the two sets for the squared 2-Wasserstein distance.
    """
    return np.asarray(
        scipy.optimize.linear_sum_assignment(scipy.spatial.distance.cdist(source, goal, "sqeuclidean"))[1]
    )


def chosen(candidates: FloatArray, goal: FloatArray) -> IntArray:
    """Return the places of the ``len(goal)`` candidates, ascending, that lie nearest to ``goal`` as a set."""
    return np.asarray(
        scipy.optimize.linear_sum_assignment(scipy.spatial.distance.cdist(candidates, goal, "sqeuclidean"))[0]
    )


def distance(source: FloatArray, paired: FloatArray) -> float:
    """Return the root of the mean squared distance of pairs ``(n, d)``, of a plan: 2-Wasserstein."""
    return float(np.sqrt(((source - paired) ** 2).sum(axis=1).mean()))


def sliced_step(source: FloatArray, goal: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return where one step of sliced optimal transport takes each point of ``source``, ``(n, d)``.

    On each of `PROJECTIONS` random lines the points are paired in the order of their shadows; a point moves
    by the mean of what its shadows are short of their partners.

    Args:
        source: ``(n, d)``.
        goal: ``(n, d)``.
        rng: draws the lines.
    """
    lines = rng.standard_normal((PROJECTIONS, source.shape[1]))
    lines /= np.linalg.norm(lines, axis=1, keepdims=True)
    shadows = lines @ source.T
    # The rank of a shadow among those of its line says which shadow of the goal is its partner.
    ranks = shadows.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
    partners = np.take_along_axis(np.sort(lines @ goal.T, axis=1), ranks, axis=1)
    return source + (partners - shadows).T @ lines / PROJECTIONS
