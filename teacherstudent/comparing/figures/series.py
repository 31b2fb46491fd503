"""Series over cost that a run's teacher records hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from teacherstudent.contract.types import FloatArray
from teacherstudent.recording.runs import Run

Series: TypeAlias = dict[str, tuple[FloatArray, FloatArray]]
"""Costs and values by name, ``(k,)`` each."""


def read_series(run: Run, values_of: Callable[[Mapping[str, Any]], Mapping[str, float]]) -> Series:
    """Return the series that a run's records hold.

    Args:
        run: the run.
        values_of: returns the values of one record by name. Those that are not finite are left out: lines go
            on behind the gap.
    """
    points: dict[str, list[tuple[float, float]]] = {}
    for record in run.records():
        for name, value in values_of(record).items():
            if np.isfinite(value):
                points.setdefault(name, []).append((record["spent"], value))
    found = {}
    for name, pairs in points.items():
        spent, values = np.array(pairs, np.float64).T
        found[name] = (spent, values)
    return found
