"""Options of a level buffer that follow the length of a run and the slots of an ask, if none are given."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, inf
from typing import Any

import numpy as np
import scipy

from teacherstudent.teachers.replay.buffer.levels import LevelBuffer

CAPACITY = 4000
"""Levels of the papers' buffers, and the most that are chosen for a long run."""
FIRST_REPLAY = 0.1
"""A chosen buffer is filled to its line after this share of the rows, but not before two asks."""
_LEAST_FILL = 0.05
_STEEPEST = 100.0


def chosen(
    given: Mapping[str, Any], *, rows: int, slots: int, min_fill: float, paper: float, most: float
) -> dict[str, Any]:
    """Return the capacity and the temperature of a buffer where the user gives none, or None.

    The capacity is such that the buffer is filled to ``min_fill`` after a tenth of the rows, at least so that
    twice the slots of an ask are in it by then, and at most `CAPACITY`. The temperature, of priority by rank,
    is the lowest one, but not below the paper's, at which the effective size of the replay probabilities is
    at least the slots of an ask at the first replay: `temperature`.

    Args:
        given: options of `LevelBuffer` that the user has set.
        rows: outcomes that the run brings.
        slots: rows of an ask.
        min_fill: share of the buffer that must be in use before levels are replayed.
        paper: temperature of the teacher's paper.
        most: tasks of the space.
    """
    found: dict[str, Any] = {}
    fill = max(min_fill, _LEAST_FILL)
    capacity = given.get("capacity")
    if capacity is None:
        wanted = max(FIRST_REPLAY * rows, 2 * slots) / fill
        capacity = int(min(CAPACITY, most, ceil(wanted)))
        found["capacity"] = capacity
    # Only ranks have an effective size that is known before any score is.
    if given.get("temperature") is None and given.get("priority", "rank") == "rank":
        capacity = min(capacity, most)
        levels = int(min(capacity, max(ceil(min_fill * capacity), 2 * slots)))
        found["temperature"] = max(paper, temperature(levels, slots))
    return found


def temperature(levels: int, slots: int) -> float:
    """Return the lowest temperature of priority by rank whose effective size is at least ``slots``.

    The effective size is ``1 / sum(p ** 2)`` of ``p`` proportional to ``rank ** (-1 / temperature)`` over so
    many levels; staleness is left out, which makes it larger unless few levels were not drawn for long.
    Infinite, which is uniform, where there are no more levels than slots. Rounded up to a thousandth.
    """
    if levels <= slots:
        return inf
    logarithms = np.log(np.arange(1, levels + 1))

    def surplus(exponent: float) -> float:
        weights = np.exp(-exponent * logarithms)
        return float(weights.sum() ** 2 / (weights**2).sum()) - slots

    # A single slot is content with any temperature: even one level alone has the effective size 1.
    if surplus(_STEEPEST) >= 0:
        return 1 / _STEEPEST
    exponent = float(scipy.optimize.brentq(surplus, 0.0, _STEEPEST))
    return ceil(1000 / exponent) / 1000


def caution(who: str, buffer: LevelBuffer, slots: int) -> str | None:
    """Return what to say of a buffer whose replays are of fewer levels than there are slots; None if not."""
    size = buffer.effective_size()
    if size >= slots:
        return None
    return (
        f"{who}: replays are of {size:.1f} levels in effect (1 / sum of squared probabilities), for {slots} "
        "slots of an ask, so that many slots train on the same level: a higher temperature of the buffer "
        "would help, or None, which follows the slots"
    )
