"""Figures of a comparison: results over cost, and what the teachers' learning-progress curves say."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from matplotlib.figure import Figure

from teacherstudent.comparing.detail.reliability import draw_reliability
from teacherstudent.comparing.detail.tasks import draw_tasks
from teacherstudent.comparing.figures.acting import draw_acting
from teacherstudent.comparing.figures.buffers import draw_buffer
from teacherstudent.comparing.figures.curves import draw_curves, draw_learning
from teacherstudent.comparing.figures.levels import draw_success
from teacherstudent.comparing.figures.lineage import draw_lineage
from teacherstudent.comparing.figures.maps import draw_sampling, draw_tests
from teacherstudent.comparing.figures.scene import Draw, Scene
from teacherstudent.comparing.figures.stages import draw_stages
from teacherstudent.comparing.figures.style import (
    save,
    slug,
    styles,
)
from teacherstudent.comparing.groups import Group, Setting
from teacherstudent.comparing.labels import group_by, text_of
from teacherstudent.comparing.results import Comparison
from teacherstudent.recording.disk.files import folder_name

FORMATS = ("png", "svg", "pdf")

FIGURES: tuple[Draw, ...] = (
    draw_curves,
    draw_learning,
    draw_success,
    draw_buffer,
    draw_lineage,
    draw_acting,
    draw_reliability,
    draw_tasks,
)
"""Drawn once for each setting."""
FIGURES_OF_TASKS: tuple[Draw, ...] = (draw_stages, draw_sampling, draw_tests)
"""Drawn once for each task space of a setting."""


@dataclass(frozen=True)
class Drawn:
    """The figures of one setting.

    Attributes:
        scene: what they were drawn from.
        spaces: the same apart by the space that tasks are in, by what ends the names of these figures.
        figures: by the names of their files, without what tells settings apart.
        suffix: what ends the names of files where there are several settings.
    """

    scene: Scene
    spaces: Mapping[str, Scene]
    figures: Mapping[str, Figure]
    suffix: str


def draw_all(
    comparison: Comparison, *, dims: tuple[int, int] | None = None, more: Sequence[Draw] = ()
) -> list[Drawn]:
    """Draw every figure of a comparison, setting by setting.

    Args:
        comparison: what to draw.
        dims: which two dimensions of the task space to draw, where it has more.
        more: draws figures of your own, once for each setting.

    Raises:
        ValueError: if a dimension does not exist, a run's file is unreadable, or two figures have one name.
    """
    style = styles(comparison.settings, comparison.baseline)
    found: list[Drawn] = []
    taken: set[str] = set()
    for setting in comparison.settings:
        # Files of a single setting need no suffix.
        suffix = ""
        if len(comparison.settings) > 1:
            suffix = _suffix(setting.label, taken)
        # Lines stand in the order of the table; colours are those of the whole comparison.
        order = [row.teacher for row in comparison.rows_of(setting)]
        groups = sorted(setting.groups, key=lambda group: order.index(group.teacher))
        scene = Scene(setting, groups, style, dims, comparison.baseline)
        figures = _drawn((*FIGURES, *more), scene)
        spaces = {}
        # Teachers whose tasks are in different spaces cannot share a map.
        for name, alike, members in by_space(setting, groups):
            spaces[name] = replace(scene, setting=alike, groups=members)
            of_tasks = _drawn(FIGURES_OF_TASKS, spaces[name])
            figures |= _free(figures, {kind + name: figure for kind, figure in of_tasks.items()})
        found.append(Drawn(scene, spaces, figures, suffix))
    return found


def save_all(drawn: Sequence[Drawn], out: Path, formats: Sequence[str]) -> list[Path]:
    """Write figures into a folder, which is made if it does not exist, and return the files.

    Raises:
        ValueError: if a format is not one of `FORMATS`.
        WriteError: if a figure cannot be written.
    """
    check_formats(formats)
    paths: list[Path] = []
    for setting in drawn:
        for name, figure in setting.figures.items():
            paths += save(figure, out, f"{name}{setting.suffix}", formats)
    return paths


def check_formats(formats: Sequence[str]) -> None:
    """Raise ValueError unless these are some of `FORMATS`."""
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown or not formats:
        raise ValueError(f"formats: expected some of {FORMATS}, got {tuple(formats)}")


def _drawn(draws: Sequence[Draw], scene: Scene) -> dict[str, Figure]:
    """Return the figures of a scene by name; raise ValueError if two have one name."""
    figures: dict[str, Figure] = {}
    for draw in draws:
        figures |= _free(figures, draw(scene))
    return figures


def _free(there: Mapping[str, Figure], more: Mapping[str, Figure]) -> Mapping[str, Figure]:
    """Return more figures; raise ValueError if a name is taken."""
    if taken := there.keys() & more.keys():
        raise ValueError(f"figures: expected names that differ, got {sorted(taken)} twice")
    return more


def _suffix(label: str, taken: set[str]) -> str:
    """Return what a setting's files end with, and note it; labels that look alike in files get numbers."""
    plain = f"-{folder_name(slug(label), 120)}"
    found = plain
    for i in itertools.count(2):
        if found not in taken:
            break
        found = f"{plain}-{i}"
    taken.add(found)
    return found


def by_space(setting: Setting, groups: Sequence[Group]) -> list[tuple[str, Setting, list[Group]]]:
    """Return the groups apart by the space that their tasks are in, with a suffix for files' names.

    Teachers that are given the same stages in another form are one setting with several spaces.
    """
    apart = group_by(groups, lambda group: text_of(group.runs[0].manifest["space"]))
    if len(apart) == 1:
        return [("", setting, list(groups))]
    found: list[tuple[str, Setting, list[Group]]] = []
    for members in apart.values():
        space = members[0].runs[0].manifest["space"]
        name = f"{space.get('n', space['kind'])}-tasks"
        if "names" in space:
            name = "-".join(space["names"])
        suffix = f"-{slug(name)}"
        # Spaces of the same dimensions may differ in their ranges.
        while suffix in [taken for taken, _, _ in found]:
            suffix += "-2"
        found.append((suffix, replace(setting, groups=tuple(members)), members))
    return found
