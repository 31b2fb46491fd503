"""Tables of a page: those of the terminal, differences as bars, what was spent, and what each run was."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rich.table import Table
from rich.text import Text

from teacherstudent.comparing.figures.scene import Scene
from teacherstudent.comparing.figures.style import Style
from teacherstudent.comparing.results import Row
from teacherstudent.recording.disk.plain import printable
from teacherstudent.recording.runs import Run

FILES = ("manifest.json", "status.json", "teacher.jsonl")


@dataclass(frozen=True)
class Sheet:
    """A table as a page shows it.

    Attributes:
        title: what stands above it.
        head: the columns' names.
        left: which columns are texts, that stand at the left.
        rows: cells as text.
    """

    title: str
    head: list[str]
    left: list[bool]
    rows: list[list[str]]


def sheet_of(table: Table) -> Sheet:
    """Return a table of the terminal as plain cells."""
    columns = table.columns
    cells = [[_plain(cell) for cell in column.cells] for column in columns]
    return Sheet(
        title=_plain(table.title),
        head=[_plain(column.header) for column in columns],
        left=[column.justify != "right" for column in columns],
        rows=[list(row) for row in zip(*cells, strict=True)],
    )


def _plain(cell: Any) -> str:
    if isinstance(cell, Text):
        return cell.plain
    return str(cell or "")


@dataclass(frozen=True)
class Bar:
    """A teacher's difference to the baseline, or its result, as a bar on a common scale.

    Attributes:
        teacher: its label.
        text: the estimate as the table has it.
        at: where the estimate lies, percent of the width.
        low: where its interval begins; equal to ``at`` without one.
        high: where it ends.
        certain: whether there is an interval, and 0 lies outside of it.
    """

    teacher: str
    text: str
    at: float
    low: float
    high: float
    certain: bool


@dataclass(frozen=True)
class Bars:
    """Differences of all teachers on one scale, with the place of 0 in percent of the width."""

    zero: float
    bars: list[Bar]


def bars_of(rows: Sequence[Row], texts: Mapping[str, str]) -> Bars | None:
    """Return the differences of rows to the baseline; None where there are none.

    Args:
        rows: of one setting.
        texts: the cell of each teacher in the table of differences.
    """
    found = [(row, row.difference) for row in rows if row.difference is not None]
    ends = [0.0]
    for _, difference in found:
        ends += [x for x in (difference.value, difference.low, difference.high) if math.isfinite(x)]
    least, most = min(ends), max(ends)
    if not found or most <= least:
        return None

    def place(value: float) -> float:
        return round(100.0 * (value - least) / (most - least), 2)

    bars = []
    for row, difference in found:
        if not math.isfinite(difference.value):
            continue
        low, high = difference.value, difference.value
        certain = False
        if math.isfinite(difference.low):
            low, high = difference.low, difference.high
            certain = low > 0.0 or high < 0.0
        text = texts.get(row.teacher, "")
        bars.append(Bar(row.teacher, text, place(difference.value), place(low), place(high), certain))
    return Bars(place(0.0), bars)


@dataclass(frozen=True)
class Spent:
    """What a teacher's runs spent on average, of one unit: a bar of parts.

    Attributes:
        teacher: its label.
        total: in the unit.
        parts: name, amount, percent of the largest total, and the number of the name among all of them.
    """

    teacher: str
    total: float
    parts: list[tuple[str, float, float, int]]


def spent_of(rows: Sequence[Row], prefix: str) -> list[Spent]:
    """Return what was spent under ``"cost/"`` or ``"seconds/"``, teacher by teacher."""
    found = []
    for row in rows:
        # The total of seconds is the sum of the others.
        parts = {
            name.removeprefix(prefix): value
            for name, value in row.ledger.items()
            if name.startswith(prefix) and name != "seconds/total" and value > 0.0
        }
        found.append((row.teacher, parts))
    largest = max((sum(parts.values()) for _, parts in found), default=0.0)
    if largest <= 0.0:
        return []
    # A name has one colour in all bars.
    names = list(dict.fromkeys(name for _, parts in found for name in parts))
    bars = []
    for teacher, parts in found:
        shares = [(name, v, 100.0 * v / largest, names.index(name)) for name, v in parts.items()]
        bars.append(Spent(teacher, sum(parts.values()), shares))
    return bars


@dataclass(frozen=True)
class About:
    """What one run was: a line of the list at the end of a page.

    Attributes:
        teacher: its label.
        seed: of the run.
        status: how it ended.
        folder: its path.
        links: names of its files, and where they lie as seen from the page; empty without links.
        acted: decisions, share of steered rows and lag at the end, as text; empty if it was not recorded.
        setup: its teacher, family and student with their options, as text.
        plan: what was said before the run.
        versions: of what it ran with, by session.
    """

    teacher: str
    seed: str
    status: str
    folder: str
    links: list[tuple[str, str]]
    acted: str
    setup: str
    plan: str
    versions: str


def about(scene: Scene, page: Path | None) -> list[About]:
    """Return the runs of a setting.

    Args:
        scene: the setting.
        page: the file from which the runs' files are linked, or None without links.
    """
    return [_about(group.teacher, run, page) for group in scene.groups for run in group.runs]


def _about(teacher: str, run: Run, page: Path | None) -> About:
    manifest = run.manifest
    setup = {role: manifest[role] for role in ("teacher", "family", "student")}
    setup |= {"budget": manifest["budget"], "test_set": manifest["test_set"]}
    links = []
    if page is not None:
        links = [(name, _link(run.folder / name, page)) for name in FILES if (run.folder / name).is_file()]
    return About(
        teacher=teacher,
        seed=str(run.seed),
        status=str(run.status()["status"]),
        folder=printable(str(run.folder)),
        links=links,
        acted=_acted(run),
        setup=json.dumps(setup, indent=2, default=str),
        plan=str(manifest.get("plan_text") or ""),
        versions=json.dumps(manifest.get("sessions", []), indent=2, default=str),
    )


def _link(file: Path, page: Path) -> str:
    """Return the way from a page to a file."""
    try:
        way = os.path.relpath(file.resolve(), page.resolve().parent)
    # On another drive there is no relative way.
    except ValueError:
        return file.resolve().as_uri()
    # A name that is no text has bytes that no letters stand for.
    return quote(os.fsencode(Path(way).as_posix()))


def _acted(run: Run) -> str:
    """Return how far a run's teacher acted, from its last record."""
    records = run.records()
    if not records:
        return ""
    acting = records[-1].get("acting") or {}
    # Files of somebody else may hold anything under these names.
    numbers = {name: value for name, value in acting.items() if isinstance(value, int | float)}
    words = []
    if "decisions" in numbers:
        words.append(f"{numbers['decisions']:g} decisions")
    if "steered_share" in numbers:
        words.append(f"{100.0 * numbers['steered_share']:.0f} % of rows steered")
    if "lag" in numbers:
        words.append(f"lag {numbers['lag']:.3g} rows")
    return ", ".join(words)


def colours(style: Mapping[str, Style]) -> dict[str, str]:
    """Return the colour of each teacher."""
    return {teacher: str(each["color"]) for teacher, each in style.items()}
