"""Maps of the task space: where teachers sampled over time, and the test return of each task."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, Rectangle
from matplotlib.ticker import MaxNLocator

from teacherstudent.comparing.figures.scene import Scene
from teacherstudent.comparing.figures.stages import are_stages
from teacherstudent.comparing.figures.style import (
    COLOURS,
    colour_bar,
    cost_axis,
    new_figure,
    new_grid,
    slug,
    tidy,
)
from teacherstudent.comparing.groups import Setting
from teacherstudent.comparing.labels import task_columns
from teacherstudent.comparing.table import Results
from teacherstudent.contract.types import Array, FloatArray
from teacherstudent.recording.disk.plain import short
from teacherstudent.recording.runs import Run

WINDOWS = 5
"""Columns of the sampling figure: equal stretches of cost."""

POINTS = 1_500
"""At most so many tasks are drawn in one panel."""

COST_BINS = 40
VALUE_BINS = 24
OUTLINE = "#D55E00"

MIXTURE = ("weights", "means", "covariances")
REGIONS = ("low", "high")
"""Entries of a teacher's snapshot that are drawn as outlines."""


@dataclass(frozen=True)
class Plane:
    """Two dimensions of a task space that are drawn against each other."""

    dims: tuple[int, int]
    names: tuple[str, str]
    low: tuple[float, float]
    high: tuple[float, float]

    @staticmethod
    def of(space: Mapping[str, Any], dims: tuple[int, int] | None) -> Plane | None:
        """Return the plane to draw: of two dimensions, or of the two that were chosen; else None.

        Raises:
            ValueError: if the chosen dimensions are not two different ones of the space.
        """
        names = space.get("names", ())
        if dims is None:
            if len(names) != 2:
                return None
            dims = (0, 1)
        elif len(names) < 2:
            return None
        if not all(0 <= dim < len(names) for dim in dims) or dims[0] == dims[1]:
            raise ValueError(f"dims: expected two different dimensions of {list(names)}, got {dims}")
        i, j = dims
        low, high = space["low"], space["high"]
        return Plane(dims, (names[i], names[j]), (low[i], low[j]), (high[i], high[j]))

    def frame(self, axes: Axes) -> None:
        """Set the limits to the space, with a little room for points on its border."""
        (x0, y0) = self.low
        (x1, y1) = self.high
        # A point on the border would be cut in half otherwise.
        axes.set_xlim(x0 - 0.02 * (x1 - x0), x1 + 0.02 * (x1 - x0))
        axes.set_ylim(y0 - 0.02 * (y1 - y0), y1 + 0.02 * (y1 - y0))


def draw_sampling(scene: Scene) -> dict[str, Figure]:
    """Draw where each teacher sampled over time, one figure by name or several; none for levels.

    Two dimensions are drawn as maps, others as a distribution over cost for each dimension; of training
    stages only the maps of teachers with a mixture or regions (`stages.draw_stages` draws the rest). Of each
    teacher the run in the middle of its ranking is drawn.
    """
    setting = scene.setting
    space = scene.groups[0].runs[0].manifest["space"]
    ranked = {group.teacher: setting.results.of(group.teacher).ranked() for group in scene.groups}
    # A teacher of which no run has a result has none in the middle.
    shown = {teacher: middle_run(results) for teacher, results in ranked.items() if len(results)}
    plane = Plane.of(space, scene.dims)
    # Stages have figures of their own: a map is of use only where there is a teacher's outline.
    if are_stages(setting):
        shown = {teacher: run for teacher, run in shown.items() if plane and _has_outlines(run)}
    if not shown:
        return {}
    if plane is not None:
        return {"sampling": _sampling_map(setting, shown, plane)}
    # With one dimension all teachers fit into one figure, else each needs its own.
    if space["kind"] == "Discrete" or len(space.get("names", ())) == 1:
        panels = [(_title(teacher, run), _marginals(run)[0]) for teacher, run in shown.items()]
        return {"sampling": _sampling_over_cost(setting, panels, f"{setting.label}: tasks over cost")}
    # Levels have no dimensions to draw along.
    if "names" not in space:
        return {}
    figures = {}
    for teacher, run in shown.items():
        dimensions = [(marginal.name, marginal) for marginal in _marginals(run)]
        title = f"{setting.label}: tasks of {_title(teacher, run)} over cost"
        # Labels that look alike in files get numbers.
        name = f"sampling-{slug(teacher)}"
        while name in figures:
            name += "-2"
        figures[name] = _sampling_over_cost(setting, dimensions, title)
    return figures


def _has_outlines(run: Run) -> bool:
    """Return whether `_overlay` has something to draw for a run."""
    snapshots = [record["snapshot"].keys() for record in run.records()]
    return any({*MIXTURE} <= names or {*REGIONS} <= names for names in snapshots)


def middle_run(results: Results) -> Run:
    order = np.argsort(results.result, kind="stable")
    # Of an even number the lower one: no run lies exactly in the middle.
    run: Run = results.run[order[(len(order) - 1) // 2]]
    return run


def _title(teacher: str, run: Run) -> str:
    return f"{teacher}, seed {run.seed}"


def _sampling_map(setting: Setting, shown: Mapping[str, Run], plane: Plane) -> Figure:
    figure = new_figure(WINDOWS, len(shown), width=2.5, height=2.5)
    panels = figure.subplots(len(shown), WINDOWS, squeeze=False, sharex=True, sharey=True)
    edges = np.linspace(0.0, setting.spent, WINDOWS + 1)
    tables = {teacher: run.episodes(_columns(run)) for teacher, run in shown.items()}
    # One scale for all panels, so that colours compare.
    scores = [table["score"] for table in tables.values() if table]
    colours = _scale(np.concatenate([np.zeros(0), *scores]))
    for row, (teacher, run) in enumerate(shown.items()):
        table = tables[teacher]
        records = run.records()
        # A run that has no rows yet has an empty table, without any column.
        spent = table.get("spent", np.zeros(0))
        score = table.get("score", np.zeros(0))
        tasks = np.zeros((0, 2))
        if table:
            tasks = run.tasks(table)[:, plane.dims]
        for column, axes in enumerate(panels[row]):
            low, high = edges[column], edges[column + 1]
            rows = np.flatnonzero((spent > low) & (spent <= high))
            # Every k-th row, so that at most `POINTS` are left, evenly spread over time.
            rows = rows[:: max(1, -(-len(rows) // POINTS))]
            axes.scatter(*tasks[rows].T, c=score[rows], cmap=COLOURS, norm=colours, s=7, linewidths=0)
            _overlay(axes, snapshot_at(records, high), plane)
            plane.frame(axes)
            title = ""
            if row == 0:
                title = _window(low, high)
            tidy(axes, title=title)
        panels[row, 0].set_ylabel(f"{textwrap.fill(_title(teacher, run), 28)}\n{plane.names[1]}")
    for axes in panels[-1]:
        axes.set_xlabel(plane.names[0])
    name = "training score"
    if setting.score_name == "return":
        name = "episode return"
    colour_bar(figure, list(panels.ravel()), colours, name, "both")
    figure.suptitle(
        f"{setting.label}: tasks sampled, by stretch of cost ({setting.cost_unit}); outlines: the teacher's "
        "mixture (2 standard deviations) or regions",
        fontsize="medium",
    )
    return figure


def _window(low: float, high: float) -> str:
    return f"{short(low)} to {short(high)}"


def _columns(run: Run) -> list[str]:
    return [*task_columns(run), "score", "spent"]


def _scale(values: FloatArray) -> Normalize:
    """Return a colour scale that leaves out the outermost two percent on either side."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return Normalize(0.0, 1.0)
    low, high = np.percentile(finite, (2, 98))
    # Equal scores would give a scale without width.
    if high <= low:
        high = low + 1.0
    return Normalize(low, high)


def snapshot_at(records: Sequence[Mapping[str, Any]], spent: float) -> Mapping[str, Any]:
    """Return the last snapshot that was taken until then; empty if there is none."""
    found: Mapping[str, Any] = {}
    for record in records:
        # Records are in the order of cost: later ones cannot count.
        if record["spent"] > spent:
            break
        found = record["snapshot"] or found
    return found


def _overlay(axes: Axes, snapshot: Mapping[str, Any], plane: Plane) -> None:
    """Draw a teacher's mixture as ellipses and its regions as boxes."""
    if {*MIXTURE} <= snapshot.keys():
        both = list(plane.dims)
        for weight, mean, covariance in zip(
            snapshot["weights"], snapshot["means"], snapshot["covariances"], strict=True
        ):
            axes.add_patch(_ellipse(mean[both], covariance[np.ix_(both, both)], float(weight)))
    if {*REGIONS} <= snapshot.keys():
        low, high = (np.atleast_2d(snapshot[key])[:, plane.dims] for key in ("low", "high"))
        boxes = [Rectangle(a, *(b - a)) for a, b in zip(low, high, strict=True)]
        # Regions without a value are drawn as outlines only.
        value = np.nan_to_num(np.asarray(snapshot.get("alp", np.zeros(len(boxes))), np.float64))
        # Inner nodes of a tree are outlines too.
        value = np.where(snapshot.get("leaf", True), value, 0.0)
        # Where all values are 0, nothing is divided by 0.
        shade = value / max(float(value.max(initial=0.0)), 1e-300)
        faces = [(*_rgb(OUTLINE), 0.3 * float(share)) for share in shade]
        collection = PatchCollection(boxes, facecolors=faces, edgecolors=OUTLINE, linewidths=0.8)
        # The boxes lie under the points.
        collection.set_zorder(0.8)
        axes.add_collection(collection)


def _rgb(colour: str) -> tuple[float, float, float]:
    return int(colour[1:3], 16) / 255, int(colour[3:5], 16) / 255, int(colour[5:7], 16) / 255


def _ellipse(mean: FloatArray, covariance: FloatArray, weight: float) -> Ellipse:
    """Return the line of two standard deviations of a Gaussian, thicker for a larger weight."""
    # Eigenvectors are the axes, roots of eigenvalues the standard deviations: four of them from end to end.
    values, vectors = np.linalg.eigh(covariance)
    width, height = 4.0 * np.sqrt(np.maximum(values, 0.0))
    angle = float(np.degrees(np.arctan2(vectors[1, 0], vectors[0, 0])))
    return Ellipse(
        (float(mean[0]), float(mean[1])),
        width,
        height,
        angle=angle,
        fill=False,
        edgecolor=OUTLINE,
        linewidth=0.6 + 2.4 * weight,
    )


@dataclass(frozen=True)
class Marginal:
    """One dimension of the tasks that a run sampled: cost, value, and the bins of the values."""

    name: str
    spent: FloatArray
    values: FloatArray
    bins: FloatArray


def _marginals(run: Run) -> list[Marginal]:
    """Return the dimensions of a box, or the one of a discrete space."""
    space = run.manifest["space"]
    table = run.episodes(_columns(run))
    spent = table.get("spent", np.zeros(0))
    if space["kind"] == "Discrete":
        first = space["start"]
        count = space["n"]
        # Bounds between whole numbers; many tasks share a bin.
        bins = first - 0.5 + np.round(np.linspace(0.0, count, min(count, 2 * VALUE_BINS) + 1))
        return [Marginal("task", spent, table.get("task", np.zeros(0)), bins)]
    return [
        Marginal(name, spent, table.get(f"task_{name}", np.zeros(0)), np.linspace(low, high, VALUE_BINS + 1))
        for name, low, high in zip(space["names"], space["low"], space["high"], strict=True)
    ]


def _sampling_over_cost(setting: Setting, panels: Sequence[tuple[str, Marginal]], title: str) -> Figure:
    """Draw the distribution of each marginal over cost, relative to uniform sampling."""
    figure, grid = new_grid(len(panels), 4, width=3.6, height=2.6)
    # With fewer batches there are fewer stretches, since most would be empty otherwise.
    batches = min(len(np.unique(marginal.spent)) for _, marginal in panels)
    edges = np.linspace(0.0, setting.spent, max(1, min(COST_BINS, batches // 2)) + 1)
    colours = Normalize(0.0, 3.0)
    for axes, (name, marginal) in zip(grid, panels, strict=True):
        counts, _, _ = np.histogram2d(marginal.spent, marginal.values, bins=(edges, marginal.bins))
        total = counts.sum(axis=1, keepdims=True)
        # A stretch without tasks has no shares, and stays white.
        share = np.divide(counts, total, out=np.full_like(counts, np.nan), where=total > 0)
        # Over the share of the space that a bin is: uniform sampling gives 1.
        widths = np.diff(marginal.bins) / (marginal.bins[-1] - marginal.bins[0])
        axes.pcolormesh(edges, marginal.bins, (share / widths).T, cmap=COLOURS, norm=colours)
        title = name
        if name == marginal.name:
            title = ""
        tidy(axes, y=marginal.name, title=title)
        axes.grid(False)
        if marginal.name == "task":
            axes.yaxis.set_major_locator(MaxNLocator(8, integer=True))
        cost_axis(axes, f"cost ({setting.cost_unit})", 0.0, setting.spent)
    colour_bar(figure, grid, colours, "times as often as uniform", "max")
    figure.suptitle(title, fontsize="medium")
    return figure


def draw_tests(scene: Scene) -> dict[str, Figure]:
    """Draw the score of each test task at the common cost, averaged over seeds; none if there is one task.

    Raises:
        ValueError: if runs that are said to share a test set have different numbers of test tasks.
    """
    setting = scene.setting
    ranked = {group.teacher: setting.results.of(group.teacher).ranked() for group in scene.groups}
    finals = {
        teacher: final_tests(teacher, results, setting) for teacher, results in ranked.items() if len(results)
    }
    plane = Plane.of(scene.groups[0].runs[0].manifest["space"], scene.dims)
    if all(len(tasks) == 1 for tasks, _ in finals.values()):
        return {}
    if plane is None:
        return {"tests": _test_rows(setting, {teacher: score for teacher, (_, score) in finals.items()})}
    return {"tests": _test_map(setting, finals, plane)}


def final_tests(teacher: str, results: Results, setting: Setting) -> tuple[Array, FloatArray]:
    """Return the test tasks, and their score ``(seeds, tasks)`` in the test nearest to the common cost."""
    tasks: Array = np.zeros((0, 1))
    scores = []
    for run, spent in zip(results.run, results.drawn, strict=True):
        table = run.tests(_columns(run))
        rows = np.flatnonzero(table["spent"] == spent)
        tasks = run.tasks(table)[rows]
        scores.append(table["score"][rows])
    # A mean over seeds needs the same tasks in all of them.
    if len({len(score) for score in scores}) > 1:
        raise ValueError(
            f"{setting.label}: {teacher}: expected equally many test tasks in all runs of test set "
            f"{setting.test_set!r}, got {[len(score) for score in scores]}"
        )
    return tasks, np.stack(scores)


def _test_map(setting: Setting, finals: Mapping[str, tuple[Array, FloatArray]], plane: Plane) -> Figure:
    figure, panels = new_grid(len(finals), 4, width=3.3, height=3.2, shared=True)
    colours = _scale(np.concatenate([score.mean(axis=0) for _, score in finals.values()]))
    for axes, (teacher, (tasks, score)) in zip(panels, finals.items(), strict=True):
        mean = score.mean(axis=0)
        edge = np.full(len(mean), 0.3)
        if setting.mastered is not None:
            edge = np.where((score > setting.mastered).mean(axis=0) > 0.5, 1.6, 0.3)
        # A score that is no number has no colour, and dots without any have no place in a PDF.
        shown = np.isfinite(mean)
        if shown.any():
            x, y = tasks[shown][:, plane.dims].T
            axes.scatter(
                x,
                y,
                c=mean[shown],
                cmap=COLOURS,
                norm=colours,
                s=55,
                edgecolors="black",
                linewidths=edge[shown].tolist(),
            )
        plane.frame(axes)
        tidy(axes, x=plane.names[0], y=plane.names[1], title=teacher)
        axes.label_outer()
    colour_bar(figure, panels, colours, f"mean test {setting.score_name}", "both")
    note = ""
    if setting.mastered is not None:
        note = "; thick rim: mastered by most seeds"
    figure.suptitle(
        f"{setting.label}: {setting.score_name} of each test task, mean over seeds{note}", fontsize="medium"
    )
    return figure


def _test_rows(setting: Setting, finals: Mapping[str, FloatArray]) -> Figure:
    """Draw a row of cells for each teacher, a cell for each test task, sorted by difficulty."""
    means = np.stack([score.mean(axis=0) for score in finals.values()])
    # Negative, so that the easiest task comes first.
    order = np.argsort(-means.mean(axis=0), kind="stable")
    figure = new_figure(1, 1, width=9.0, height=1.6 + 0.45 * len(finals))
    axes = figure.subplots()
    colours = _scale(means.ravel())
    axes.imshow(means[:, order], cmap=COLOURS, norm=colours, aspect="auto", interpolation="nearest")
    axes.set_yticks(range(len(finals)), list(finals))
    name = setting.score_name
    axes.set_xlabel(f"test task, from the easiest to the hardest by mean {name} over teachers")
    colour_bar(figure, [axes], colours, f"mean test {name}", "both")
    figure.suptitle(f"{setting.label}: {name} of each test task, mean over seeds", fontsize="medium")
    return figure


__all__ = ["Figure", "Marginal", "Plane", "draw_sampling", "draw_tests"]
