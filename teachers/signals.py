"""Signals of outcomes that must be one number a row, checked before a teacher remembers anything."""

from __future__ import annotations

import numpy as np

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
