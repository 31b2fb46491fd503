"""What the buffers of level design hold, against cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from teacherstudent.comparing.drawing import (
    Style,
    align,
    band_note,
    cost_axis,
    draw_line,
    head,
    legend_label,
    new_figure,
    tidy,
)
from teacherstudent.comparing.groups import Group, Setting
from teacherstudent.recording.runs import Run
from teacherstudent.types import FloatArray

Series = dict[str, tuple[FloatArray, FloatArray]]

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


def draw_buffer(setting: Setting, groups: Sequence[Group], style: Mapping[str, Style]) -> dict[str, Figure]:
    """Draw score, age and effective size of teachers' buffers and their levels' features against cost.

    Nothing is drawn if no teacher's records hold a buffer.
    """
    held = {group.teacher: [series_of(run) for run in group.runs] for group in groups}
    shown = [group for group in groups if any(held[group.teacher])]
    if not shown:
        return {}
    names = list(dict.fromkeys(name for group in shown for run in held[group.teacher] for name in run))
    names.sort(key=lambda name: [*TITLES.values(), name].index(name))
    columns = min(COLUMNS, len(names))
    rows = -(-len(names) // columns)
    figure = new_figure(columns, rows, width=3.8, height=2.8)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, name in zip(panels, names, strict=False):
        for group in shown:
            curves = [run[name] for run in held[group.teacher] if name in run]
            if curves:
                draw_line(axes, *align(curves), style[group.teacher], legend_label(group))
        tidy(axes, title=name)
        cost_axis(axes, f"cost ({setting.cost_unit})", 0.0, float(axes.dataLim.x1))
    for axes in panels[len(names) :]:
        axes.remove()
    note = band_note(shown)
    if set(names) - set(TITLES.values()):
        note += " Features: means over at most 256 levels, spread evenly over the ranks of the scores."
    head(figure, list(panels[: len(names)]), f"{setting.label}: the levels in the teachers' buffers", note)
    return {"buffer": figure}


def series_of(run: Run) -> Series:
    """Return what a run's records say about its buffer while there is one: costs and values, by title."""
    points: dict[str, list[tuple[float, float]]] = {}
    for record in run.records():
        snapshot = record["snapshot"]
        if "staleness" not in snapshot or "scores" not in snapshot:
            continue
        values = {title: record["metrics"].get(name, np.nan) for name, title in TITLES.items()}
        values |= feature_means(snapshot.get("features", {}))
        for name, value in values.items():
            if np.isfinite(value):
                points.setdefault(name, []).append((record["spent"], value))
    found = {}
    for name, pairs in points.items():
        spent, values_ = np.array(pairs, np.float64).T
        found[name] = (spent, values_)
    return found


def feature_means(features: Mapping[str, FloatArray]) -> dict[str, float]:
    """Return the mean of each feature over levels, by title."""
    found = {}
    can = features.get(SOLVABLE)
    for name, values in features.items():
        if name == SOLVABLE:
            found["solvable levels (%)"] = 100.0 * float(np.mean(values))
        elif can is not None and name in OF_SOLVABLE:
            some = np.asarray(values)[np.asarray(can) > 0]
            found[f"{name} (solvable levels)"] = float(some.mean()) if len(some) else np.nan
        else:
            found[name] = float(np.mean(values))
    return found


__all__ = ["draw_buffer", "feature_means", "series_of"]
