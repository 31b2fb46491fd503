"""Writes the page of a comparison: one HTML file with everything in it, which needs no network."""

from __future__ import annotations

import base64
import gzip
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from matplotlib.figure import Figure

from teacherstudent.comparing import report
from teacherstudent.comparing.figures.curves import draw_curves_over
from teacherstudent.comparing.figures.draw import Drawn
from teacherstudent.comparing.figures.scene import Scene
from teacherstudent.comparing.figures.style import legend_label, slug
from teacherstudent.comparing.groups import Setting
from teacherstudent.comparing.page import tables
from teacherstudent.comparing.page.drawing import picture_of
from teacherstudent.comparing.page.play import play_of
from teacherstudent.comparing.page.texts import Words, words_of
from teacherstudent.comparing.quantities import SECONDS, SPENT, Quantity
from teacherstudent.comparing.results import Comparison, Row
from teacherstudent.recording.disk import plain
from teacherstudent.recording.disk.plain import printable

OTHERS = (SPENT, SECONDS, "train", "updates", "episodes")
"""What curves are drawn against as well, where runs have recorded it."""


@dataclass(frozen=True)
class View:
    """One drawing of a panel: a panel has several where what it is drawn against can be switched.

    Attributes:
        key: its name in the page.
        name: what the switch says.
        svg: the drawing, or empty if it is shown as pixels.
        pixels: the drawing as a data address, or empty.
    """

    key: str
    name: str
    svg: Markup
    pixels: str


@dataclass(frozen=True)
class Panel:
    """A figure of the page with its title and what it shows."""

    words: Words
    views: list[View]


@dataclass(frozen=True)
class Part:
    """One setting on the page.

    Attributes:
        key: its name in the page.
        label: the setting's.
        facts: what a reader must know of it: test set, seeds, budget.
        best: the first line of the table in words; empty without one.
        results: tables of results.
        against: the table of differences, and the rest.
        bars: differences on one scale, or None.
        first: the panels of learning curves.
        play: the key of what can be played, by what tells spaces apart.
        panels: all other figures.
        costs: what was spent on what, in units of cost.
        seconds: the same in seconds.
        ledgers: tables of the whole ledger.
        runs: what each run was.
    """

    key: str
    label: str
    facts: list[str]
    best: str
    results: list[tables.Sheet]
    against: list[tables.Sheet]
    bars: tables.Bars | None
    first: list[Panel]
    play: list[tuple[str, str]]
    panels: list[Panel]
    costs: list[tables.Spent]
    seconds: list[tables.Spent]
    ledgers: list[tables.Sheet]
    runs: list[tables.About]


@dataclass
class Data:
    """What the page's script reads.

    Attributes:
        teachers: labels; parts of drawings are marked with the number of their teacher.
        colours: of each.
        panels: by view: where its panels lie, and their lines.
        csv: by view: the numbers behind it.
        svg: by view: the drawing, where it is shown as pixels.
        pdf: by view: a file, in letters.
        play: by key: where teachers sampled.
    """

    teachers: list[str]
    colours: Mapping[str, str]
    panels: dict[str, Any] = field(default_factory=dict)
    csv: dict[str, str] = field(default_factory=dict)
    svg: dict[str, str] = field(default_factory=dict)
    pdf: dict[str, str] = field(default_factory=dict)
    play: dict[str, Any] = field(default_factory=dict)


def write_page(comparison: Comparison, drawn: Sequence[Drawn], path: Path, *, live: str = "") -> None:
    """Write the page of a comparison.

    Args:
        comparison: what was found.
        drawn: its figures, setting by setting.
        path: the file.
        live: of a page that is served, the version of what it shows: it asks now and then for another.

    Raises:
        ValueError: if a run's file is unreadable; the message names it.
        WriteError: if the file cannot be written.
    """
    text = make_page(comparison, drawn, page=path, live=live)
    path.parent.mkdir(parents=True, exist_ok=True)
    # A label may hold half a letter, which no file can.
    plain.write_file(path, text.encode(errors="backslashreplace"))


def make_page(comparison: Comparison, drawn: Sequence[Drawn], *, page: Path | None, live: str = "") -> str:
    """Return the page of a comparison (arguments as `write_page`; without a path there are no links)."""
    style: Mapping[str, Any] = {}
    if drawn:
        style = drawn[0].scene.style
    data = Data(list(style), tables.colours(style))
    parts = [_part(comparison, each, f"s{i}", data, page) for i, each in enumerate(drawn)]
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_source),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = report.number
    return environment.get_template("page.html").render(
        title=_title(comparison),
        parts=parts,
        closing=[tables.sheet_of(table) for table in report.closing_tables(comparison)],
        notes=[printable(note) for note in comparison.notes],
        teachers=list(zip(data.teachers, data.colours.values(), strict=True)),
        baseline=comparison.baseline,
        data=_script(vars(data) | {"pdf": {}}),
        pdf=Markup(_letters(data.pdf)),
        style=Markup(_source("page.css")),
        script=Markup(_source("page.js")),
        live=live,
    )


def _source(name: str) -> str:
    """Return a file of this package."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _view_key(stem: str, data: Data) -> str:
    """Return a name that no other view of the page has; names of users' figures may look alike as such."""
    for i in itertools.count():
        view = f"{stem}-{i}"
        if view not in data.csv:
            return view
    raise AssertionError("numbers end")


def _letters(value: Any) -> str:
    """Return plain data as JSON that cannot end the element of a page that holds it."""
    text = json.dumps(plain.to_plain(value), allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _script(value: Any) -> str:
    """Return plain data as JSON, packed by gzip, in letters."""
    # No time in the head: the same data give the same page.
    return base64.b64encode(gzip.compress(_letters(value).encode(), mtime=0)).decode()


def _title(comparison: Comparison) -> str:
    labels = [setting.label for setting in comparison.settings]
    if len(labels) > 3:
        return f"{len(labels)} settings"
    return ", ".join(labels)


def _part(comparison: Comparison, drawn: Drawn, key: str, data: Data, page: Path | None) -> Part:
    """Return a setting as a part of the page; its drawings go to the page's data."""
    scene = drawn.scene
    setting = scene.setting
    rows = comparison.rows_of(setting)
    found = report.tables_of(comparison, setting)
    against = [tables.sheet_of(table) for table in found.against]
    texts = {row[0]: row[1] for sheet in against for row in sheet.rows}
    first = [_panel("curves", _curves(drawn), key, scene, data)]
    play: list[tuple[str, str]] = []
    shown = {"curves"}
    for suffix, alike in drawn.spaces.items():
        played = play_of(alike)
        if played is not None:
            name = f"{key}-play{len(play)}"
            data.play[name] = played
            play.append((name, suffix.lstrip("-")))
            # The player shows what this figure shows, which can be large: thousands of dots for each teacher.
            shown.add(f"sampling{suffix}")
    others = sorted(drawn.figures.keys() - shown, key=lambda name: (words_of(name).place, name))
    return Part(
        key=key,
        label=printable(setting.label),
        facts=_facts(scene),
        best=_best(comparison, setting, rows),
        results=[tables.sheet_of(table) for table in found.results],
        against=against,
        bars=tables.bars_of(rows, texts),
        first=first,
        play=play,
        panels=[_panel(name, {"": drawn.figures[name]}, key, scene, data) for name in others],
        costs=tables.spent_of(rows, "cost/"),
        seconds=tables.spent_of(rows, "seconds/"),
        ledgers=[tables.sheet_of(table) for table in found.costs],
        runs=tables.about(scene, page),
    )


def _facts(scene: Scene) -> list[str]:
    """Return the facts of a setting in words."""
    setting = scene.setting
    seeds = sorted({len(group.runs) for group in scene.groups})
    counted = f"{seeds[0]} to {seeds[-1]} seeds a teacher"
    if len(seeds) == 1:
        counted = f"{seeds[0]} seed(s) a teacher"
    budgets = " and ".join(report.number(budget) for budget in setting.budgets)
    facts = [
        f"test set {printable(setting.test_set)}",
        f"{len(scene.groups)} teachers, {counted}",
        f"budget {budgets} {setting.cost_unit}",
    ]
    if setting.mastered is not None:
        facts.append(f"a task is mastered above a {setting.score_name} of {setting.mastered:g}")
    return facts


def _best(comparison: Comparison, setting: Setting, rows: Sequence[Row]) -> str:
    """Return what the table says of its first line and the baseline, as a sentence."""
    if not rows:
        return ""
    unit = f"({setting.score_name})"
    if setting.metric == "mastered":
        unit = "points of test tasks mastered"
    best = rows[0]
    if best.teacher == comparison.baseline:
        return f"No teacher stands before {printable(best.teacher)}, the baseline."
    if best.difference is None or comparison.baseline is None:
        return f"{printable(best.teacher)} stands first."
    gain = report.signed(best.difference)
    baseline = printable(comparison.baseline)
    text = f"{printable(best.teacher)} stands first: {gain} {unit} against {baseline}."
    low, high = best.difference.low, best.difference.high
    if math.isnan(low):
        text += " With one seed on a side there is no interval: these runs show nothing of other seeds."
    elif low <= 0.0 <= high:
        text += " The interval holds 0: these runs do not show a difference."
    return text


def _curves(drawn: Drawn) -> dict[str, Figure]:
    """Return the figure of curves, and the same against other quantities that all runs have recorded."""
    scene = drawn.scene
    setting = scene.setting
    found = {setting.quantity.label: drawn.figures["curves"]}
    curves = [curve for group in scene.groups for curve in group.courses]
    for name in OTHERS:
        quantity = Quantity(name, setting.cost_unit)
        if name == setting.quantity.name or not all(quantity.known(curve) for curve in curves):
            continue
        values = [quantity.of(curve) for curve in curves]
        # Costs of training are those that count, where nothing else was paid for.
        same = all((own == curve.spent).all() for own, curve in zip(values, curves, strict=True))
        grows = all(own[-1] > own[0] for own in values)
        if grows and (name == SPENT or not same):
            found[quantity.label] = draw_curves_over(scene, quantity)
    return found


def _panel(name: str, figures: Mapping[str, Figure], key: str, scene: Scene, data: Data) -> Panel:
    """Return a panel of one or several drawings, whose files and lines go to the page's data."""
    labels = {legend_label(group): group.teacher for group in scene.groups}
    views: list[View] = []
    for switch, figure in figures.items():
        view = _view_key(f"{key}-{slug(name)}", data)
        picture = picture_of(figure, view, labels, data.teachers)
        if picture.panels:
            data.panels[view] = picture.panels
        data.csv[view] = picture.csv
        data.pdf[view] = base64.b64encode(picture.pdf).decode()
        # What the page shows as SVG it can save as such.
        if picture.pixels:
            data.svg[view] = picture.vector
        pixels = ""
        if picture.pixels:
            pixels = f"data:image/webp;base64,{base64.b64encode(picture.pixels).decode()}"
        # Matplotlib escapes every text that it draws.
        views.append(View(view, switch, Markup(picture.svg), pixels))
    return Panel(words_of(name), views)
