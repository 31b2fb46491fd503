"""Signals of outcomes that must be one number a row, checked before a teacher remembers anything."""

from __future__ import annotations

import numpy as np

from teacherstudent.contract.checks import is_finite
from teacherstudent.contract.types import BoolArray, FloatArray, Outcomes

_ROUNDING = 1e-9
"""By so much a share may lie outside [0, 1]: a mean of shares, say."""


def signal(outcomes: Outcomes, name: str, *, where: BoolArray | None = None) -> FloatArray:
    """Return a signal of which every row has one number, ``(n,)`` float64.

    Args:
        outcomes: the rows.
        name: of a signal that they have.
        where: ``(n,)`` rows whose number must be finite; all of them if None.

    Raises:
        ValueError: if it has another shape, or a number is not finite.
    """
    values = np.asarray(outcomes.signals[name], np.float64)
    if values.shape != (len(outcomes),):
        raise ValueError(f"signal {name!r}: expected shape ({len(outcomes)},), got {values.shape}")
    bad = ~np.isfinite(values)
    if where is not None:
        # Rows that do not count may hold anything: signals of unfinished episodes often do.
        bad &= where
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(f"signal {name!r}: row {row}: expected a finite number, got {values[row]}")
    return values


def share(outcomes: Outcomes, name: str) -> FloatArray:
    """Return a signal of which every row has a number in [0, 1], ``(n,)`` float64.

    Raises:
        ValueError: if it has another shape, or a number lies outside.
    """
    values = signal(outcomes, name)
    bad = (values < -_ROUNDING) | (values > 1 + _ROUNDING)
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(f"signal {name!r}: row {row}: expected a share in [0, 1], got {values[row]}")
    return values


def check_mastered(who: str, mastered: float | None) -> float:
    """Return the score above which a task is solved; raise ValueError, with the remedy, unless there is one.

    Args:
        who: the teacher's name, for the message.
        mastered: what it was given.
    """
    if not is_finite(mastered):
        raise ValueError(
            f"{who}: mastered: expected a score above which a task counts as solved, got {mastered!r}: give "
            f"mastered=..., or take the teacher of a family that has such a line (teachers.make({who!r}, "
            "family))"
        )
    return float(mastered)


def successes(outcomes: Outcomes, mastered: float) -> FloatArray:
    """Return how far each row succeeded, ``(n,)`` from 0 to 1.

    That is the signal ``success`` where a row carries a finite one: 0 or 1 of an episode, the share of
    successes of a rollout. Of other rows it is whether the score is above ``mastered``.

    Raises:
        ValueError: if a signal has another shape, or is finite and no share.
    """
    reached = (outcomes.score > mastered).astype(np.float64)
    if "success" not in outcomes.signals:
        return reached
    told = signal(outcomes, "success", where=np.zeros(len(outcomes), np.bool_))
    known = np.isfinite(told)
    bad = known & ((told < -_ROUNDING) | (told > 1 + _ROUNDING))
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(f"signal 'success': row {row}: expected a share in [0, 1], got {told[row]}")
    return np.where(known, np.clip(told, 0.0, 1.0), reached)
