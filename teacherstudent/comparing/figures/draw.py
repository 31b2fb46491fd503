"""Figures of a comparison: results over cost, and what the teachers' learning-progress curves say."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from teacherstudent.comparing.figures import levels, maps, stages
from teacherstudent.comparing.figures.curves import draw_curves, draw_learning
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


def draw_all(
    comparison: Comparison,
    out: Path,
    *,
    formats: Sequence[str] = ("png",),
    dims: tuple[int, int] | None = None,
) -> list[Path]:
    """Draw every figure of a comparison and return the files.

    Args:
        comparison: what to draw.
        out: the folder; made if it does not exist.
        formats: ``"png"``, ``"svg"``, ``"pdf"``.
        dims: which two dimensions of the task space to draw, where it has more.

    Raises:
        ValueError: if a format or a dimension does not exist, or a run's file is unreadable.
        WriteError: if a figure cannot be written.
    """
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown or not formats:
        raise ValueError(f"formats: expected some of {FORMATS}, got {tuple(formats)}")
    style = styles(comparison.settings, comparison.baseline)
    paths: list[Path] = []
    taken: set[str] = set()
    for setting in comparison.settings:
        # Files of a single setting need no suffix.
        suffix = ""
        if len(comparison.settings) > 1:
            suffix = _suffix(setting.label, taken)
        # Lines stand in the order of the table; colours are those of the whole comparison.
        order = [row.teacher for row in comparison.rows_of(setting)]
        groups = sorted(setting.groups, key=lambda group: order.index(group.teacher))
        figures = {
            "curves": draw_curves(setting, groups, style),
            "learning": draw_learning(setting, groups, style),
            **levels.draw_levels(setting, groups, style),
        }
        # Teachers whose tasks are in different spaces cannot share a map.
        for name, alike, members in by_space(setting, groups):
            of_tasks = {
                **stages.draw_stages(alike, members, style),
                **maps.draw_sampling(alike, members, dims),
                **maps.draw_tests(alike, members, dims),
            }
            figures |= {kind + name: figure for kind, figure in of_tasks.items()}
        for name, figure in figures.items():
            paths += save(figure, out, f"{name}{suffix}", formats)
    return paths


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
    found = []
    for members in apart.values():
        space = members[0].runs[0].manifest["space"]
        name = f"{space.get('n', space['kind'])}-tasks"
        if "names" in space:
            name = "-".join(space["names"])
        found.append((f"-{slug(name)}", replace(setting, groups=tuple(members)), members))
    return found
