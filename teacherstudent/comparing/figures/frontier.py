"""The frontier of what is solved: the tasks that teachers sampled over time, as dots, and as a film."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.animation import PillowWriter
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection, PathCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from teacherstudent.comparing.figures.maps import Plane
from teacherstudent.comparing.figures.scene import Draw, Scene
from teacherstudent.comparing.figures.style import new_figure, tidy
from teacherstudent.comparing.groups import Group, Setting
from teacherstudent.comparing.labels import task_columns
from teacherstudent.contract.types import Array, BoolArray, FloatArray
from teacherstudent.recording.disk.files import atomic_write
from teacherstudent.recording.disk.plain import naming, short

PANELS: Final = 6
"""Columns: equal stretches of cost."""
POINTS: Final = 1_000
"""At most so many tasks are drawn in one panel."""
FRAMES: Final = 48
SHARE: Final = 1 / 16
"""Share of the cost whose tasks a frame of a film shows."""
SECONDS: Final = 8
"""Length of a film."""

_SOLVED = "#009E73"
_FAILED = "#C9A9A6"
_WALLS = "#4D4D4D"


class Sampled:
    """The tasks of one run in the plane that is drawn, in the order of their cost.

    Attributes:
        spent: ``(n,)`` the cost at which each came back.
        places: ``(n, 2)``.
        solved: ``(n,)`` bool: whether its score was above the family's line.
    """

    def __init__(self, group: Group, setting: Setting, plane: Plane) -> None:
        run = group.runs[0]
        assert setting.mastered is not None
        table = run.episodes([*task_columns(run), "score", "spent"])
        self.spent: FloatArray = table.get("spent", np.zeros(0))
        self.places: Array = np.zeros((0, 2))
        self.solved: BoolArray = np.zeros(0, np.bool_)
        # A run that has no rows yet has an empty table, without any column.
        if table:
            self.places = run.tasks(table)[:, plane.dims]
            self.solved = table["score"] > setting.mastered

    def between(self, low: float, high: float) -> Array:
        """Return the rows of a stretch of cost: every k-th, so that at most `POINTS` are left."""
        rows = self._rows(low, high)
        return rows[:: max(1, -(-len(rows) // POINTS))]

    def share(self, low: float, high: float) -> str:
        """Return what part of a stretch of cost was solved, as a title ends; empty of a stretch without."""
        rows = self._rows(low, high)
        if not len(rows):
            return ""
        return f": {100 * self.solved[rows].mean():.0f} %"

    def _rows(self, low: float, high: float) -> Array:
        return np.flatnonzero((self.spent > low) & (self.spent <= high))


def frontier(outline: Array | None = None) -> Draw:
    """Return what draws the tasks that each teacher sampled over time, solved ones apart from the others.

    It draws a row for each teacher, of the first of its seeds, if tasks have two dimensions (or two are
    chosen) and the family has a line above which a task is mastered; else nothing.

    Args:
        outline: rectangles ``(k, 4)`` that are drawn below the tasks, as a family with
            `teacherstudent.contract.family.HasOutline` returns them.
    """

    def draw(scene: Scene) -> Mapping[str, Figure]:
        plane = _plane(scene)
        if plane is None:
            return {}
        return {"frontier": _panels(scene, plane, outline)}

    return draw


def write_film(scene: Scene, path: Path, outline: Array | None = None, *, frames: int = FRAMES) -> bool:
    """Write an animated GIF of the tasks that each teacher samples, side by side; return whether it could.

    Args:
        scene: as for a figure.
        path: of the file.
        outline: as in `frontier`.
        frames: how many.

    Returns:
        False where `frontier` draws nothing either; then nothing is written.

    Raises:
        WriteError: if the file cannot be written.
    """
    plane = _plane(scene)
    if plane is None:
        return False
    figure = new_figure(len(scene.groups), 1, width=3.2, height=3.5)
    panels = figure.subplots(1, len(scene.groups), squeeze=False)[0]
    sampled = [Sampled(group, scene.setting, plane) for group in scene.groups]
    dots = [_prepare(axes, plane, outline) for axes in panels]
    writer = PillowWriter(fps=max(1, round(frames / SECONDS)))
    # The writer wants the name of a file: only a whole one takes the place of the last.
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "film.gif"
        with writer.saving(figure, str(whole), dpi=80):
            for end in np.linspace(SHARE, 1.0, frames) * scene.setting.spent:
                for group, own, axes, pair in zip(scene.groups, sampled, panels, dots, strict=True):
                    _show(own, own.between(end - SHARE * scene.setting.spent, end), pair)
                    axes.set_title(_caption(group, end), fontsize="medium")
                figure.suptitle(f"{short(end)} {scene.setting.cost_unit}", fontsize="medium")
                writer.grab_frame()
        with naming(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            file.write(whole.read_bytes())
    return True


def _plane(scene: Scene) -> Plane | None:
    """Return what is drawn; None if there is nothing to see."""
    if scene.setting.mastered is None:
        return None
    return Plane.of(scene.groups[0].runs[0].manifest["space"], scene.dims)


def _panels(scene: Scene, plane: Plane, outline: Array | None) -> Figure:
    groups = scene.groups
    figure = new_figure(PANELS, len(groups), width=2.1, height=2.3)
    panels = figure.subplots(len(groups), PANELS, squeeze=False, sharex=True, sharey=True)
    edges = np.linspace(0.0, scene.setting.spent, PANELS + 1)
    for group, row in zip(groups, panels, strict=True):
        own = Sampled(group, scene.setting, plane)
        for axes, low, high in zip(row, edges[:-1], edges[1:], strict=True):
            _show(own, own.between(low, high), _prepare(axes, plane, outline))
            axes.set_title(f"{short(low)} to {short(high)}{own.share(low, high)}", fontsize="small")
        row[0].set_ylabel(f"{group.teacher}, seed {group.runs[0].seed}\n{plane.names[1]}")
    for axes in panels[-1]:
        axes.set_xlabel(plane.names[0])
    figure.legend(handles=_legend(), loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle(
        f"{scene.setting.label}: tasks sampled, by stretch of cost ({scene.setting.cost_unit}), and the "
        "share that was solved",
        fontsize="medium",
    )
    return figure


def _legend() -> Sequence[Line2D]:
    names = {"solved": _SOLVED, "not solved": _FAILED}
    return [
        Line2D([], [], linestyle="", marker="o", markersize=5, color=colour, label=name)
        for name, colour in names.items()
    ]


def _prepare(axes: Axes, plane: Plane, outline: Array | None) -> tuple[PathCollection, PathCollection]:
    """Draw what stays in a panel; return its dots, of tasks that were not solved and of those that were."""
    tidy(axes)
    axes.grid(False)
    axes.set_aspect("equal")
    plane.frame(axes)
    # Rectangles lie in the plane of the first two dimensions.
    if outline is not None and plane.dims == (0, 1):
        boxes = [Rectangle((x, y), width, height) for x, y, width, height in outline]
        axes.add_collection(PatchCollection(boxes, facecolors=_WALLS, linewidths=0, zorder=0.5))
    failed = axes.scatter([], [], s=5, color=_FAILED, linewidths=0)
    # Later dots lie above earlier ones: a solved task is never hidden.
    return failed, axes.scatter([], [], s=7, color=_SOLVED, linewidths=0)


def _show(own: Sampled, rows: Array, dots: tuple[PathCollection, PathCollection]) -> None:
    failed, solved = dots
    failed.set_offsets(own.places[rows[~own.solved[rows]]])
    solved.set_offsets(own.places[rows[own.solved[rows]]])


def _caption(group: Group, spent: float) -> str:
    """Return what a film says above a teacher: how much was mastered in the last test until then."""
    curve = group.curves[0]
    # The first test comes before the first round, so that there is always one.
    last = max(0, int(np.searchsorted(curve.spent, spent, side="right")) - 1)
    return f"{group.teacher}, seed {group.runs[0].seed}: {curve.mastered[last]:.0f} % mastered"
