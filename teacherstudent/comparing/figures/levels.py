"""Pictures of level design: success on named test tasks and on the worst share of levels, and the levels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from teacherstudent.comparing import stats
from teacherstudent.comparing.figures.scene import Scene
from teacherstudent.comparing.figures.style import (
    Style,
    band_note,
    draw_line,
    head,
    legend_label,
    new_figure,
    tidy,
)
from teacherstudent.comparing.groups import Group, Setting
from teacherstudent.comparing.labels import task_columns
from teacherstudent.contract.types import Array, FloatArray, IntArray
from teacherstudent.recording.disk.arrays import places
from teacherstudent.recording.runs import Run

FEWEST = 20
"""With fewer test levels a share of the worst ones says little."""


RANDOM = re.compile(r"random\d+")
"""Names of test tasks that were drawn; they stand for a distribution, others for themselves."""


def draw_success(scene: Scene) -> dict[str, Figure]:
    """Draw success on single levels, by the figure's name.

    ``solved``: success on test tasks that have names of their own (`Family.test_names`); ``worst``: on the
    worst share of at least `FEWEST` levels, of the drawn ones (``random<i>``) alone if there are any.
    Success is that a task is mastered in a run's last test; families without such a line have neither.
    """
    setting = scene.setting
    groups = scene.groups
    style = scene.style
    if setting.mastered is None:
        return {}
    found = {}
    first = groups[0].runs[0]
    names = first.manifest.get("test_names")
    level = levels_of(first)
    # Tasks without names are not drawn ones.
    drawn = np.array([RANDOM.fullmatch(name) is not None for name in names or [""] * len(level)])
    if names and not drawn.all():
        found["solved"] = _solved(setting, groups, style, names)
    # Drawn levels stand for a distribution; tasks with names of their own would change its worst share.
    rows = np.arange(len(level))
    if drawn.any():
        rows = np.flatnonzero(drawn)
    if len(np.unique(level[rows])) >= FEWEST:
        found["worst"] = _worst(setting, groups, style, level, rows)
    return found


def levels_of(run: Run) -> IntArray:
    """Return ``(tasks,)``: which level each test task is, in the order of first appearance.

    Test tasks that are equal and have equal names are repeats of one level.
    """
    table = run.tests([*task_columns(run), "task_index"])
    # Rows of the last test, in the order of the tasks.
    rows = np.flatnonzero(table["index"] == table["index"].max())
    rows = rows[np.argsort(table["task_index"][rows])]
    tasks = run.tasks(table)[rows]
    names = run.manifest.get("test_names") or [""] * len(rows)
    # Levels get numbers as they appear; bytes are equal exactly if levels are.
    order: dict[tuple[str, bytes], int] = {}
    keys = [(name, task.tobytes()) for name, task in zip(names, tasks, strict=True)]
    return np.array([order.setdefault(key, len(order)) for key in keys])


def evaluations(run: Run) -> list[FloatArray]:
    """Return the scores of a run's last two tests, ``(tasks,)`` each, or of its only one."""
    table = run.tests(["score", "task_index"])
    last = int(table["index"].max())
    found = []
    for index in range(max(0, last - 1), last + 1):
        rows = np.flatnonzero(table["index"] == index)
        found.append(table["score"][rows][np.argsort(table["task_index"][rows])])
    return found


def solved_rates(run: Run, names: Sequence[str], mastered: float) -> tuple[list[str], FloatArray]:
    """Return the different names, but of drawn tasks, and the percent solved of each in the last test."""
    own = np.array([RANDOM.fullmatch(name) is None for name in names])
    # A dictionary keeps the order in which names appear.
    order = {name: k for k, name in enumerate(dict.fromkeys(np.array(names)[own].tolist()))}
    which = np.array([order[name] for name, kept in zip(names, own, strict=True) if kept])
    solved = evaluations(run)[-1][own] > mastered
    # A sum over each name's tasks, divided by their number.
    return list(order), 100.0 * np.bincount(which, solved) / np.bincount(which)


def _solved(
    setting: Setting, groups: Sequence[Group], style: Mapping[str, Style], names: Sequence[str]
) -> Figure:
    """Draw a bar for each teacher and name, with the interval over seeds."""
    assert setting.mastered is not None
    unique, _ = solved_rates(groups[0].runs[0], names, setting.mastered)
    figure = new_figure(1, 1, width=max(6.0, 0.5 + 0.25 * len(unique) * (len(groups) + 1)), height=4.0)
    axes: Axes = figure.subplots()
    width = 0.8 / len(groups)
    for i, group in enumerate(groups):
        rates = np.stack([solved_rates(run, names, setting.mastered)[1] for run in group.runs])
        middle, low, high = stats.estimate_curves(rates, within=stats.PERCENT)
        # The bars of a name stand side by side, centred at its mark.
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


def two_evaluations(
    tests: Sequence[FloatArray], level: IntArray, mastered: float
) -> tuple[FloatArray, FloatArray]:
    """Return two evaluations of every level: one to rank by, the other to read success in.

    Where every level was tested at least twice in the last test, they are the first half of its repeats and
    the second: the same policy twice, so that a level that failed by chance is not counted as hard for that.
    Else they are the last test but one and the last, or the same test twice if there is only one.

    Both are of success, not of scores, which need not mean the same from level to level: the worst levels are
    those that are mastered least often (the conditional value at risk of success of Rutherford et al. 2024,
    https://arxiv.org/abs/2408.15099).

    Args:
        tests: the last two tests or the only one, scores ``(tasks,)``.
        level: ``(tasks,)`` which level each task is; every number from 0 on.
        mastered: a task is mastered above this score.

    Returns:
        ``(levels,)`` share mastered in the one, and in the other.
    """
    last = tests[-1]
    repeats = np.bincount(level)
    if repeats.min() >= 2:
        # Numbers within each level: the first half of its repeats.
        first = places(level) < repeats[level] // 2
        return _means(last[first] > mastered, level[first]), _means(last[~first] > mastered, level[~first])
    return _means(tests[0] > mastered, level), _means(last > mastered, level)


def _means(values: Array, level: IntArray) -> FloatArray:
    found: FloatArray = np.bincount(level, values) / np.bincount(level)
    return found


def worst_success(ranks: FloatArray, success: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return how much of the worst levels is mastered: the conditional value at risk of success.

    Levels of equal rank (all that failed, say) come in any order: each counts as their mean.

    Args:
        ranks: ``(levels,)``, the lowest is the worst.
        success: ``(levels,)`` share mastered, of another evaluation.

    Returns:
        ``(levels,)`` percent of levels, and percent mastered among so many of the lowest rank.
    """
    _, tied = np.unique(ranks, return_inverse=True)
    # Levels of equal rank have no order: each counts as their mean.
    expected = _means(success, tied)[np.sort(tied)]
    count = np.arange(1, len(ranks) + 1)
    return 100.0 * count / len(ranks), 100.0 * np.cumsum(expected) / count


def _ranking(tests: Sequence[Sequence[FloatArray]], level: IntArray) -> tuple[str, str]:
    """Return what title and note say about how levels are ranked."""
    if np.bincount(level).min() >= 2:
        return (
            "",
            "Ranked by success in the first half of each level's repeats, last test; read in the second.",
        )
    if any(len(run) == 1 for run in tests):
        note = "Ranked and read in the same test where a run has one: the worst look worse than they are."
        return ", ranked and read in one test", note
    note = "Ranked by success in the last test but one of each run, by an earlier policy; read in the last."
    return ", one repeat each", note


def _worst(
    setting: Setting, groups: Sequence[Group], style: Mapping[str, Style], level: IntArray, rows: IntArray
) -> Figure:
    """Draw success on the worst share of the levels in some rows against that share."""
    mastered = setting.mastered
    assert mastered is not None
    figure = new_figure(1, 1, width=6.4, height=4.4)
    axes: Axes = figure.subplots()
    # Some levels may have dropped out: number those that are left.
    _, level = np.unique(level[rows], return_inverse=True)
    tests: list[list[FloatArray]] = []
    # Two evaluations of each run: one ranks the levels, in the other success is read.
    for group in groups:
        found = []
        for run in group.runs:
            tests.append([test[rows] for test in evaluations(run)])
            found.append(worst_success(*two_evaluations(tests[-1], level, mastered)))
        curves = np.stack([success for _, success in found])
        label = legend_label(group)
        draw_line(axes, found[0][0], curves, style[group.teacher], label, within=stats.PERCENT)
    tidy(axes, x="worst share of the test levels (%)", y="mastered among them (%)")
    axes.set_xlim(0.0, 100.0)
    axes.set_ylim(bottom=0.0)
    how, note = _ranking(tests, level)
    title = f"{setting.label}: the worst of {level.max() + 1} test levels{how}"
    head(figure, [axes], title, f"{note}\n{band_note(groups)}")
    return figure


__all__ = ["draw_success", "evaluations", "levels_of", "solved_rates", "two_evaluations", "worst_success"]
