"""Pictures of level design: success on named test tasks, and on the worst share of all test tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from teacherstudent.comparing import stats
from teacherstudent.comparing.drawing import Style, band_note, head, legend_label, new_figure, tidy
from teacherstudent.comparing.groups import Group, Setting
from teacherstudent.recording.runs import Run
from teacherstudent.types import FloatArray, IntArray

FEWEST = 20
"""With fewer test tasks a share of the worst ones says little."""


def draw_levels(setting: Setting, groups: Sequence[Group], style: Mapping[str, Style]) -> dict[str, Figure]:
    """Draw success on named test tasks and on the worst share of tasks, by the figure's name.

    Success is that a task is mastered in a run's last test. Nothing is drawn for families without such a
    line; names need a family that gives them (`Family.test_names`), shares at least `FEWEST` test tasks.
    """
    if setting.mastered is None:
        return {}
    found = {}
    names = groups[0].runs[0].manifest.get("test_names")
    if names:
        found["solved"] = _solved(setting, groups, style, names)
    tests = {group.teacher: [evaluations(run) for run in group.runs] for group in groups}
    if all(len(runs[0][-1]) >= FEWEST for runs in tests.values()):
        found["worst"] = _worst(setting, groups, style, tests)
    return found


def evaluations(run: Run) -> list[FloatArray]:
    """Return the scores of a run's last two tests, ``(tasks,)`` each, or of its only one."""
    table = run.tests(["score", "task_index"])
    last = int(table["index"].max())
    found = []
    for index in range(max(0, last - 1), last + 1):
        rows = np.flatnonzero(table["index"] == index)
        found.append(table["score"][rows][np.argsort(table["task_index"][rows])])
    return found


def solved_rates(run: Run, names: Sequence[str], mastered: float) -> FloatArray:
    """Return percent solved in the last test for each different name, in the order of first appearance."""
    order = {name: k for k, name in enumerate(dict.fromkeys(names))}
    which = np.array([order[name] for name in names])
    solved = evaluations(run)[-1] > mastered
    found: FloatArray = 100.0 * np.bincount(which, solved) / np.bincount(which)
    return found


def _solved(
    setting: Setting, groups: Sequence[Group], style: Mapping[str, Style], names: Sequence[str]
) -> Figure:
    """Draw a bar for each teacher and name, with the interval over seeds."""
    unique = list(dict.fromkeys(names))
    assert setting.mastered is not None
    figure = new_figure(1, 1, width=max(6.0, 0.5 + 0.25 * len(unique) * (len(groups) + 1)), height=4.0)
    axes: Axes = figure.subplots()
    width = 0.8 / len(groups)
    for i, group in enumerate(groups):
        rates = np.stack([solved_rates(run, names, setting.mastered) for run in group.runs])
        middle, low, high = stats.estimate_curves(rates)
        at = np.arange(len(unique)) + (i - (len(groups) - 1) / 2) * width
        axes.bar(at, middle, width, color=style[group.teacher]["color"], label=legend_label(group))
        if np.isfinite(low).all():
            axes.errorbar(at, middle, [middle - low, high - middle], fmt="none", ecolor="black", linewidth=1)
    tidy(axes, y=f"solved (%)\n{setting.score_name} > {setting.mastered:g}")
    axes.set_xticks(range(len(unique)), unique, rotation=30, ha="right")
    axes.set_ylim(0.0, 100.0)
    note = band_note(groups).replace("Lines", "Bars").replace("Bands", "Whiskers")
    head(figure, [axes], f"{setting.label}: named test tasks, last test of each run", note)
    return figure


def worst_success(tests: Sequence[FloatArray], mastered: float) -> tuple[FloatArray, FloatArray]:
    """Return how much of the worst tasks is mastered: the conditional value at risk of success.

    Tasks are ranked by their score in the first of the tests and success is read in the last, so that a task
    that failed by chance is not counted as hard for that; with a single test it is.

    Args:
        tests: scores ``(tasks,)``.
        mastered: a task is mastered above this score.

    Returns:
        ``(tasks,)`` percent of tasks, and percent mastered among so many of the lowest rank.
    """
    order: IntArray = np.argsort(tests[0], kind="stable")
    solved = (tests[-1] > mastered)[order]
    count = np.arange(1, len(order) + 1)
    return 100.0 * count / len(order), 100.0 * np.cumsum(solved) / count


def _worst(
    setting: Setting,
    groups: Sequence[Group],
    style: Mapping[str, Style],
    tests: Mapping[str, Sequence[Any]],
) -> Figure:
    """Draw success on the worst share of tasks against that share."""
    assert setting.mastered is not None
    figure = new_figure(1, 1, width=6.4, height=4.4)
    axes: Axes = figure.subplots()
    for group in groups:
        found = [worst_success(run, setting.mastered) for run in tests[group.teacher]]
        middle, low, high = stats.estimate_curves(np.stack([success for _, success in found]))
        share = found[0][0]
        axes.plot(share, middle, linewidth=1.8, label=legend_label(group), **style[group.teacher])
        if np.isfinite(low).all():
            axes.fill_between(share, low, high, color=style[group.teacher]["color"], alpha=0.18, linewidth=0)
    tidy(axes, x="worst share of the test tasks (%)", y="mastered among them (%)")
    axes.set_xlim(0.0, 100.0)
    axes.set_ylim(bottom=0.0)
    ranked = "Tasks are ranked in the last test but one of each run and read in the last."
    if any(len(run) == 1 for runs in tests.values() for run in runs):
        ranked = "Ranked and read in the same test where a run has one: the worst look worse than they are."
    head(figure, [axes], f"{setting.label}: the worst test tasks", f"{ranked}\n{band_note(groups)}")
    return figure


__all__ = ["draw_levels", "evaluations", "solved_rates", "worst_success"]
