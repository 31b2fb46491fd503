"""Where a particle may go: near to where it is, towards its place in the target, and still mastered."""

from __future__ import annotations

import numpy as np

from teacherstudent.contract.types import BoolArray, FloatArray
from teacherstudent.teachers.targets.smoother import NadarayaWatson

BALL = 100
"""Candidates in the ball around a particle."""
LINE = 10
"""Candidates on the way from a particle to its place."""
_FIRST = 2  # candidates of each particle that are looked at first


def candidates(
    particles: FloatArray,
    goals: FloatArray,
    mastered: BoolArray,
    radius: float,
    rng: np.random.Generator,
    *,
    line: bool,
) -> FloatArray:
    """Return where each particle may go, ``(n, k, d)``, not clipped to the space.

    They are uniform in a ball of ``radius``, but no larger than the way to the goal. Those behind a particle
    are reflected to the side of its goal, unless the particle is not mastered itself. A particle at its goal
    stays there.

    Args:
        particles: ``(n, d)``.
        goals: ``(n, d)``.
        mastered: ``(n,)``, of the particles.
        radius: of the ball.
        rng: draws the candidates: one set of directions for all particles, as in the authors' code.
        line: whether `LINE` points on the way to the goal come in addition.
    """
    d = particles.shape[1]
    directions = rng.standard_normal((BALL, d))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    # The d-th root makes them uniform in the ball, whose outer shells are the larger ones.
    ball = directions * rng.random((BALL, 1)) ** (1 / d)
    way = goals - particles
    length = np.linalg.norm(way, axis=1, keepdims=True)
    # The guard: a particle at its goal has no direction, and a division by 0 would lose it.
    unit = np.divide(way, length, out=np.zeros_like(way), where=length > 0)
    along = unit @ ball.T
    behind = np.minimum(along, 0.0) * mastered[:, None]
    moves = ball - 2 * behind[..., None] * unit[:, None]
    reach = np.minimum(radius, length)
    found = particles[:, None] + reach[..., None] * moves
    if not line:
        return np.asarray(found)
    steps = np.arange(1, LINE + 1) / LINE
    ahead = particles[:, None] + (reach * steps)[..., None] * unit[:, None]
    return np.concatenate([found, ahead], axis=1)


def best(places: FloatArray, goals: FloatArray, model: NadarayaWatson, mastered: float) -> FloatArray:
    """Return for each particle the place nearest to its goal that is predicted above the line, ``(n, d)``.

    Where no place is, it is the one that is predicted best.

    Args:
        places: ``(n, k, d)``.
        goals: ``(n, d)``.
        model: predicts scores.
        mastered: the line.
    """
    squared = ((places - goals[:, None]) ** 2).sum(axis=2)
    order = squared.argsort(axis=1, kind="stable")
    places = np.take_along_axis(places, order[..., None], axis=1)
    chosen = np.zeros(len(places), np.int64)
    highest = np.full(len(places), -np.inf)
    left = np.arange(len(places))
    first = 0
    number = _FIRST
    # The nearest places are looked at first, and most particles are done then: predictions are what costs.
    while len(left) and first < places.shape[1]:
        scores = model.predict(np.ascontiguousarray(places[left, first : first + number]))
        above = scores > mastered
        done = above.any(axis=1)
        chosen[left[done]] = first + above[done].argmax(axis=1)
        rest = left[~done]
        top = scores[~done].max(axis=1)
        better = top > highest[rest]
        chosen[rest[better]] = first + scores[~done].argmax(axis=1)[better]
        highest[rest] = np.maximum(highest[rest], top)
        left = rest
        first += number
        number *= 3
    return np.asarray(places[np.arange(len(places)), chosen])
