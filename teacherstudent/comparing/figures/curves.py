"""Curves: results over cost, and the numbers that teachers report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from teacherstudent.comparing.figures.scene import Scene
from teacherstudent.comparing.figures.series import Series, read_series
from teacherstudent.comparing.figures.style import (
    band_note,
    cost_axis,
    draw_line,
    draw_series,
    head,
    legend_label,
    new_grid,
    tidy,
)
from teacherstudent.comparing.groups import Group, Setting
from teacherstudent.comparing.quantities import FLOPS, SECONDS, Quantity
from teacherstudent.comparing.stats import PERCENT
from teacherstudent.recording.runs import Run

PANELS = 9
"""At most so many panels of teacher metrics."""


def draw_curves(scene: Scene) -> dict[str, Figure]:
    """Draw percent mastered and mean test score against cost, a line for each teacher.

    Where the cost is computed and not counted (FLOPs), the score is drawn against seconds too. Lines end at
    the common cost; where runs have different budgets or end on the test split, and against seconds, each
    ends where its runs do, without their tests on the test split.
    """
    return {"curves": _draw_panels(scene, _curve_panels(scene.setting, scene.groups))}


def draw_curves_over(scene: Scene, quantity: Quantity) -> Figure:
    """Draw the panels of `draw_curves` against another quantity, as far as the runs of each teacher go."""
    return _draw_panels(scene, [(measure, quantity) for measure in _measures(scene.setting)])


def _draw_panels(scene: Scene, shown: Sequence[tuple[str, Quantity]]) -> Figure:
    """Draw measures against quantities, a panel for each pair."""
    setting = scene.setting
    groups = scene.groups
    figure, panels = new_grid(len(shown), len(shown), width=5.4, height=4.4)
    names = {
        "mastered": f"test tasks mastered (%)\n{setting.score_name} > {setting.mastered or 0:g}",
        "score": f"mean test {setting.score_name}",
    }
    if setting.split:
        names["score"] = f"mean validation {setting.score_name}"
    for axes, (measure, quantity) in zip(panels, shown, strict=True):
        for group in groups:
            # Up to the common cost there is a common grid; all else goes as far as each teacher's runs.
            if quantity == setting.quantity and not setting.own_ends:
                grid = group.grid
                values = group.measure(measure)
            else:
                grid, values = group.lines(measure, quantity)
            within = PERCENT if measure == "mastered" else None
            draw_line(axes, grid, values, scene.style[group.teacher], legend_label(group), within=within)
        tidy(axes, y=names[measure])
        cost_axis(axes, quantity.label, axes.dataLim.x0, axes.dataLim.x1)
        if measure == "mastered":
            # Small values fill the panel, but no panel goes beyond 100 %.
            top = 100.0
            if np.isfinite(axes.dataLim.y1):
                top = min(100.0, max(5.0, 1.08 * axes.dataLim.y1))
            axes.set_ylim(0.0, top)
    head(figure, panels, f"{setting.label}, test set {setting.test_set}", band_note(groups))
    return figure


def _measures(setting: Setting) -> list[str]:
    """Return what a test measures: the share of mastered tasks where there is such a line, and the score."""
    if setting.mastered is None:
        return ["score"]
    return ["mastered", "score"]


def _curve_panels(setting: Setting, groups: Sequence[Group]) -> list[tuple[str, Quantity]]:
    """Return what is drawn against what."""
    shown = [(measure, setting.quantity) for measure in _measures(setting)]
    seconds = Quantity(SECONDS, setting.cost_unit)
    # Runs may lack seconds; then there is no such panel.
    timed = all(seconds.known(curve) for group in groups for curve in group.curves)
    if setting.cost_unit == FLOPS and setting.quantity != seconds and timed:
        shown.append((setting.metric, seconds))
    return shown


def draw_learning(scene: Scene) -> dict[str, Figure]:
    """Draw the mean training score and every metric that a teacher reports, against cost."""
    setting = scene.setting
    groups = scene.groups
    training = "mean training score"
    if setting.score_name == "return":
        training = "mean training return"
    series: dict[str, list[Series]] = {}
    for group in groups:
        series[group.teacher] = [_series(run, training) for run in group.runs]
    names = _metric_names(series, training)
    shown = names[:PANELS]
    figure, panels = new_grid(len(shown), 3, width=4.6, height=3.0)
    draw_series(panels, shown, series, groups, scene.style, setting.cost_unit)
    note = band_note(groups)
    if len(names) > len(shown):
        note += f" Not drawn: {', '.join(names[PANELS:])}."
    title = f"{setting.label}: {training.removeprefix('mean ')} and the teachers' own metrics"
    head(figure, panels, title, note)
    return {"learning": figure}


def _series(run: Run, training: str) -> Series:
    """Return the mean training score, under that name, and the metrics that a run's teacher reports."""

    def values(record: Mapping[str, Any]) -> dict[str, float]:
        found = dict(record["metrics"])
        # Between episodes there is no return.
        if "return" in record["train"]:
            found[training] = record["train"]["return"]
        return found

    return read_series(run, values)


def _metric_names(series: Mapping[str, Sequence[Mapping[str, object]]], training: str) -> list[str]:
    """Return the curves' names: the training score, learning progress, then those that most teachers have."""
    # A name counts once for each teacher, however many of its runs have it.
    teachers = [set().union(*runs) for runs in series.values()]
    names = set().union(*teachers) | {training}

    def order(name: str) -> tuple[bool, bool, int, str]:
        progress = any(word in name.lower() for word in ("alp", "progress", "lp"))
        # False comes before True: first the training score, then words of progress.
        return name != training, not progress, -sum(name in own for own in teachers), name

    return sorted(names, key=order)
