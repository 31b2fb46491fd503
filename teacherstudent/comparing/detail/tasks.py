"""The figure of single test tasks over the runs: which were learnt when, and which were forgotten."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from teacherstudent.comparing.figures.scene import Scene
from teacherstudent.comparing.figures.style import COLOURS, colour_bar, cost_axis, new_grid, tidy
from teacherstudent.comparing.groups import Group, Setting
from teacherstudent.contract.types import Array, FloatArray
from teacherstudent.recording.runs import Run

NAMED = 40
"""With more test tasks their names would not be read."""

COLUMNS = 4


def draw_tasks(scene: Scene) -> dict[str, Figure]:
    """Draw, as ``tasks``, the score of each test task in each test, a panel for each teacher.

    Scores are means over seeds. Tasks are rows, from the easiest at the bottom by the mean over teachers and
    tests to the hardest at the top, in one order for all panels. Nothing is drawn of one test task, of one
    test, or where a teacher's runs were tested at different costs, since their means would mix times.
    """
    setting = scene.setting
    found = {}
    for group in scene.groups:
        tested = _tested(group, setting)
        if tested is not None:
            found[group.teacher] = tested
    # One order of rows needs the same tasks in all panels.
    sizes = {scores.shape[1] for _, scores in found.values()}
    if len(sizes) != 1 or sizes == {1}:
        return {}
    order = np.argsort(-np.mean([scores.mean(axis=0) for _, scores in found.values()], axis=0), kind="stable")
    every = np.concatenate([scores.ravel() for _, scores in found.values()])
    low, high = np.percentile(every[np.isfinite(every)], (1, 99)) if np.isfinite(every).any() else (0.0, 1.0)
    # Equal scores would give a scale without width.
    colours = Normalize(low, max(high, low + 1e-9))
    height = 2.8
    names = _names(scene.groups[0].runs[0], len(order))
    if names:
        height = max(height, 0.6 + 0.16 * len(order))
    figure, panels = new_grid(len(found), COLUMNS, width=3.6, height=height, shared=True)
    for axes, (teacher, (spent, scores)) in zip(panels, found.items(), strict=True):
        _panel(axes, spent, scores[:, order], colours)
        tidy(axes, title=teacher)
        axes.grid(False)
        cost_axis(axes, f"cost ({setting.cost_unit})", float(spent[0]), float(spent[-1]))
    for axes in panels[::COLUMNS]:
        axes.set_ylabel("test task, the easiest first")
        if names:
            axes.set_yticks(range(len(order)), [names[k] for k in order], fontsize="x-small")
    colour_bar(figure, panels, colours, f"mean test {setting.score_name}", "both")
    figure.suptitle(f"{setting.label}: each test task over the run, mean over seeds", fontsize="medium")
    return {"tasks": figure}


def _panel(axes: Axes, spent: FloatArray, scores: FloatArray, colours: Normalize) -> None:
    """Draw scores ``(tests, tasks)``: each test is a column that ends halfway to its neighbours."""
    middles = (spent[1:] + spent[:-1]) / 2.0
    edges = np.concatenate([spent[:1], middles, spent[-1:]])
    rows = np.arange(scores.shape[1] + 1) - 0.5
    axes.pcolormesh(edges, rows, scores.T, cmap=COLOURS, norm=colours, rasterized=True)


def _tested(group: Group, setting: Setting) -> tuple[FloatArray, FloatArray] | None:
    """Return the costs ``(tests,)`` of a teacher's tests, and scores ``(tests, tasks)``, if it has any."""
    parts: list[FloatArray] = []
    costs: list[Array] = []
    for run, course in zip(group.runs, group.courses, strict=True):
        table = run.tests(["index", "task_index", "score", "spent"])
        # Tests on the test split have tasks of their own: curves and this figure leave them out.
        # The last one is the nearest to the common cost: whole rounds end a little before or after it.
        last = int(np.argmin(np.abs(course.spent - setting.spent)))
        spent = course.spent[: last + 1]
        tests = [np.flatnonzero(table["spent"] == cost) for cost in spent]
        sizes = {len(rows) for rows in tests}
        if len(spent) < 2 or len(sizes) != 1:
            return None
        ordered = [rows[np.argsort(table["task_index"][rows])] for rows in tests]
        parts.append(table["score"][np.stack(ordered)])
        costs.append(spent)
    # Costs of whole rounds are equal over seeds; those of others are not.
    shortest = min(map(len, costs))
    if any(not np.array_equal(cost[:shortest], costs[0][:shortest]) for cost in costs):
        return None
    if len({part.shape[1] for part in parts}) != 1:
        return None
    scores = np.mean([part[:shortest] for part in parts], axis=0)
    return np.asarray(costs[0][:shortest], np.float64), np.asarray(scores, np.float64)


def _names(run: Run, tasks: int) -> Sequence[str]:
    """Return the names of the test tasks, if there are few and they have any."""
    names = run.manifest.get("test_names") or []
    if tasks > NAMED or len(names) != tasks:
        return []
    return [str(name) for name in names]
