"""What the buffers of level design hold, against cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from teacherstudent.comparing.figures.scene import Scene
from teacherstudent.comparing.figures.series import Series, read_series
from teacherstudent.comparing.figures.style import band_note, draw_series, head, new_grid
from teacherstudent.contract.types import FloatArray
from teacherstudent.recording.runs import Run

TITLES = {
    "score": "mean level score",
    "staleness": "mean staleness",
    "effective_size": "effective sample size of replay",
    "edits": "mean number of edits",
}
"""Metrics of a teacher with a buffer, and how their panels are called."""

SOLVABLE = "solvable"
OF_SOLVABLE = ("path", "steps")
"""Features that are nothing for a level that cannot be solved: their means are over those that can."""

COLUMNS = 4


def draw_buffer(scene: Scene) -> dict[str, Figure]:
    """Draw score, age and effective size of teachers' buffers and their levels' features against cost.

    Nothing is drawn if no teacher's records hold a buffer.
    """
    held = {group.teacher: list(map(series_of, group.runs)) for group in scene.groups}
    shown = [group for group in scene.groups if any(held[group.teacher])]
    if not shown:
        return {}
    names = list(dict.fromkeys(name for group in shown for run in held[group.teacher] for name in run))
    # In the order of `TITLES`; the sort is stable, so features behind them stay in their order.
    names.sort(key=lambda name: [*TITLES.values(), name].index(name))
    figure, panels = new_grid(len(names), COLUMNS, width=3.8, height=2.8)
    draw_series(panels, names, held, shown, scene.style, scene.setting.cost_unit)
    note = band_note(shown)
    if set(names) - set(TITLES.values()):
        note += " Features: means over at most 256 levels, spread evenly over the ranks of the scores."
    head(figure, panels, f"{scene.setting.label}: the levels in the teachers' buffers", note)
    return {"buffer": figure}


def series_of(run: Run) -> Series:
    """Return what a run's records say about its buffer while there is one: costs and values, by title."""
    return read_series(run, _values)


def _values(record: Mapping[str, Any]) -> dict[str, float]:
    """Return what a record says about the buffer, by title."""
    snapshot = record["snapshot"]
    # Other teachers have no buffer, and at first it may be empty.
    if "staleness" not in snapshot or "scores" not in snapshot:
        return {}
    values = {title: record["metrics"].get(name, np.nan) for name, title in TITLES.items()}
    return values | feature_means(snapshot.get("features", {}))


def feature_means(features: Mapping[str, FloatArray]) -> dict[str, float]:
    """Return the mean of each feature over levels, by title."""
    found = {}
    can = features.get(SOLVABLE)
    for name, values in features.items():
        if name == SOLVABLE:
            found["solvable levels (%)"] = 100.0 * float(np.mean(values))
        elif can is not None and name in OF_SOLVABLE:
            # Levels that cannot be solved have a path of 0, which would pull the mean down.
            some = np.asarray(values)[np.asarray(can) > 0]
            mean = np.nan
            if len(some):
                mean = float(some.mean())
            found[f"{name} (solvable levels)"] = mean
        else:
            found[name] = float(np.mean(values))
    return found


__all__ = ["draw_buffer", "feature_means", "series_of"]
