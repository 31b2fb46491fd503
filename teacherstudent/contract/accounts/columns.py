"""What a teacher is told of every row: finite scores, costs, and the signals that the teacher declares."""

from __future__ import annotations

from collections.abc import Set

import numpy as np

from teacherstudent.contract.types import LARGEST, Array, Outcomes


def check_columns(
    outcomes: Outcomes, where: str, *, needs: Set[str], measures: Set[str], reads: Set[str]
) -> None:
    """Raise ValueError unless scores, costs and signals are what a teacher can work with.

    Args:
        outcomes: what it is told.
        where: starts the message.
        needs: signals that every row must carry, finite.
        measures: signals that rows must carry that are only measured, finite.
        reads: signals that may be missing, NaN or infinite, but must be one number a row where they are not.
    """
    _check_finite(where, "score", outcomes.score, outcomes)
    _check_finite(where, "cost", outcomes.cost, outcomes)
    if (outcomes.cost < 0).any():
        raise ValueError(f"{where}: expected costs of at least 0, got {outcomes.cost.min()}")
    measured = ~outcomes.learn
    wanted = needs
    if measured.any():
        wanted = needs | measures
    for name in sorted(wanted):
        if name not in outcomes.signals:
            raise ValueError(f"{where}: expected the signal {name!r}, got {sorted(outcomes.signals)}")
    # Signals that are only read may be NaN or infinite, but must have one number a row.
    for name in sorted((needs | measures | reads) & outcomes.signals.keys()):
        values = outcomes.signals[name]
        if values.shape != (len(outcomes),) or values.dtype.kind not in "biuf":
            raise ValueError(
                f"{where}: signal {name!r}: expected one number for each of {len(outcomes)} rows, "
                f"got shape {values.shape}, dtype {values.dtype}"
            )
        if name in needs:
            _check_finite(where, f"signal {name!r}", values, outcomes, _undeclared(name, measures))
        elif name in measures:
            # Other rows may have anything there, so a number that is right stands in for it.
            _check_finite(where, f"signal {name!r}", np.where(measured, values, 0), outcomes)


def _undeclared(name: str, measures: Set[str]) -> str:
    """Return the remedy where a measured row lacks a signal; empty if the teacher has declared it."""
    if name in measures:
        return ""
    return (
        f" of a row that is only measured: the teacher's attribute measures should name {name!r}, so that a "
        "run refuses, before it starts, a student whose measured rows lack it"
    )


def _check_finite(where: str, what: str, values: Array, outcomes: Outcomes, remedy: str = "") -> None:
    """Raise ValueError that names the first row that is not finite, with the remedy if it is measured."""
    # Comparing NaN is no error here: it is not within the limit, and found by that.
    with np.errstate(invalid="ignore"):
        good = np.abs(values.astype(np.float64, copy=False)) <= LARGEST
    if good.all():
        return
    row = int(good.argmin())
    expected = f"a {what} within {LARGEST:g}"
    if not np.isfinite(values[row]):
        expected = f"a finite {what}"
    if outcomes.learn[row]:
        remedy = ""
    raise ValueError(
        f"{where}: row {row} (id {outcomes.ids[row]}, task {outcomes.tasks[row].tolist()}): "
        f"expected {expected}, got {values[row]}{remedy}"
    )
