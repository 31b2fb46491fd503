"""What every figure of a comparison is drawn from, and what draws one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from matplotlib.figure import Figure

from teacherstudent.comparing.figures.style import Style
from teacherstudent.comparing.groups import Group, Setting


@dataclass(frozen=True)
class Scene:
    """One setting of a comparison: runs of one family, student and budget, apart by teacher.

    Attributes:
        setting: what the runs share: family, test set, common cost, units.
        groups: a teacher each, in the order of the table, with its runs (`recording.runs.Run`).
        style: the colour and marker of each teacher, by its name.
        dims: which two dimensions of the task space to draw, where it has more; None for the first two.
        baseline: the teacher that others are compared with, if there is one.
    """

    setting: Setting
    groups: Sequence[Group]
    style: Mapping[str, Style]
    dims: tuple[int, int] | None = None
    baseline: str | None = None


Draw: TypeAlias = Callable[[Scene], Mapping[str, Figure]]
"""Draws figures of a scene, by the names of their files; none where there is nothing to see."""
