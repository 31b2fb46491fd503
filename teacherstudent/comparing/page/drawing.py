"""Figures as a page needs them: as SVG that follows the page's colours, as PDF, and as the numbers behind."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection, PolyCollection, QuadMesh
from matplotlib.colors import to_hex
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from teacherstudent.comparing.figures.style import BAND, BASELINE_COLOUR, DPI, GRID, settle
from teacherstudent.comparing.report import csv_cell
from teacherstudent.contract.types import Array

LARGEST = 400_000
"""Letters of an SVG that a page still holds as such; larger ones are shown as pixels."""

COLOUR_BAR = "<colorbar>"
"""What Matplotlib calls the axes of a scale of colours."""

PIXELS = 120
"""Of an inch of a figure, at most, on a page."""

ROWS = 20_000
"""Dots and cells among a figure's numbers; more are thinned out."""

INKS = {
    "#000000": "var(--ink)",
    "#ffffff": "var(--paper)",
    "#444444": "var(--soft)",
    "#4d4d4d": "var(--soft)",
    GRID.lower(): "var(--grid)",
    BASELINE_COLOUR.lower(): "var(--base)",
}
"""Colours of a figure that follow the page, light or dark; those of teachers stay."""

_HEAD = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)
_SIZE = re.compile(r'(<svg[^>]*?) width="[^"]*"')
_HEIGHT = re.compile(r'(<svg[^>]*?) height="[^"]*"')
_PATH = re.compile(r'\b(?:d|x|y|x1|y1|x2|y2|transform|points)="[^"]*"')
_NUMBER = re.compile(r"(\d\.\d\d)\d+")
_INK = re.compile("|".join(INKS))
_SERIES = re.compile(r'id="series:(\d+)"')
_ID = re.compile(r'\bid="([^"]+)"')
_LINK = re.compile(r'(href="#|url\(#)([^")]+)')


@dataclass(frozen=True)
class Series:
    """A line of a panel.

    Attributes:
        label: what it is of; empty if it has no name.
        colour: as ``"#rrggbb"``.
        x: ``(k,)``.
        y: ``(k,)``.
        low: ``(k,)`` lower end of the band around the line, or None.
        high: upper end.
    """

    label: str
    colour: str
    x: Array
    y: Array
    low: Array | None
    high: Array | None


@dataclass(frozen=True)
class Picture:
    """A figure as a page shows it.

    Attributes:
        svg: the drawing; empty if it is shown as pixels.
        pixels: the drawing as WebP; empty if it is shown as SVG.
        vector: the SVG as a file of its own, in its own colours.
        pdf: the same as PDF.
        csv: the numbers behind, as a table.
        panels: what a page needs to show values where the pointer is, one entry a panel with lines.
    """

    svg: str
    pixels: bytes
    vector: str
    pdf: bytes
    csv: str
    panels: list[dict[str, Any]]


def picture_of(figure: Figure, prefix: str, names: Mapping[str, str], teachers: Sequence[str]) -> Picture:
    """Return a figure for a page.

    Args:
        figure: the figure; it is drawn anew, and otherwise left as it is.
        prefix: what the identifiers of its parts begin with, so that no two figures of a page share any.
        names: the teacher of a legend's label; lines of others cannot be hidden.
        teachers: all teachers of the page: the parts of one are marked with its number among them.
    """
    settle(figure)
    series = {id(axes): _series_of(axes) for axes in figure.axes}
    marked = _mark(figure, names, teachers)
    try:
        vector = _saved(figure, "svg", prefix).decode()
    finally:
        for artist, before in marked:
            artist.set_gid(before)
    svg = _inline(vector, prefix, PIXELS * figure.get_figwidth())
    pixels = b""
    if len(svg) > LARGEST:
        svg = ""
        pixels = _saved(figure, "webp", prefix)
    return Picture(
        svg=svg,
        pixels=pixels,
        vector=_SERIES.sub(r'id="series-\1"', vector),
        pdf=_saved(figure, "pdf", prefix),
        csv=_table(figure, series),
        panels=[found for axes in figure.axes if (found := _panel(figure, axes, series[id(axes)], names))],
    )


def _saved(figure: Figure, kind: str, salt: str) -> bytes:
    """Return a figure's file; texts stay texts, and the same figure gives the same file."""
    file = io.BytesIO()
    metadata: dict[str, Any] | None = None
    if kind == "svg":
        metadata = {"Date": None, "Creator": None}
    elif kind == "pdf":
        metadata = {"CreationDate": None}
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):
        figure.savefig(file, format=kind, dpi=DPI, metadata=metadata)
    return file.getvalue()


def _mark(figure: Figure, names: Mapping[str, str], teachers: Sequence[str]) -> list[tuple[Any, str | None]]:
    """Name the lines and bands of teachers, so that a page can hide them; return their names before."""
    before: list[tuple[Any, str | None]] = []
    for axes in figure.axes:
        for line, band in _lines(axes):
            teacher = names.get(str(line.get_label()))
            if teacher is None:
                continue
            for artist in (line, band):
                if artist is not None:
                    before.append((artist, artist.get_gid()))
                    artist.set_gid(f"series:{teachers.index(teacher)}")
    return before


def _inline(vector: str, prefix: str, width: float) -> str:
    """Return an SVG as a part of a page: without a head, in the page's colours, with its own names."""
    svg = _METADATA.sub("", _HEAD.sub("", vector))
    # As wide as the page has room, but no wider than can be read well.
    svg = _HEIGHT.sub(r"\1", _SIZE.sub(rf'\1 style="max-width:{width:.0f}px"', svg, count=1), count=1)
    svg = _PATH.sub(lambda found: _NUMBER.sub(r"\1", found.group()), svg)
    svg = _INK.sub(lambda found: INKS[found.group()], svg)
    # Numbers of teachers stand for their labels, which the page knows.
    svg = _SERIES.sub(r'class="series" data-series="\1"', svg)
    svg = _ID.sub(rf'id="{prefix}-\1"', svg)
    return _LINK.sub(rf"\1{prefix}-\2", svg)


def _lines(axes: Axes) -> Iterator[tuple[Line2D, PolyCollection | None]]:
    """Yield the lines of a panel, each with the band that is named after it (`style.draw_line`), if any."""
    bands = {band.get_gid(): band for band in axes.collections if isinstance(band, PolyCollection)}
    for line in axes.lines:
        yield line, bands.get(f"{line.get_gid()}{BAND}")


def _colour(line: Line2D) -> str:
    """Return a line's colour as ``"#rrggbb"``."""
    colour: Any = line.get_color()
    return to_hex(colour)


def _series_of(axes: Axes) -> list[Series]:
    """Return the lines of a panel as numbers."""
    found = []
    for line, band in _lines(axes):
        x = np.asarray(line.get_xdata(), np.float64)
        y = np.asarray(line.get_ydata(), np.float64)
        # Lines across the whole panel are no data.
        if line.get_transform() != axes.transData:
            continue
        label = str(line.get_label())
        # What has no entry in a legend may have a name all the same, but Matplotlib's numbers are none.
        if label.startswith("_"):
            label = "" if label.startswith("_child") else label[1:]
        low, high = _ends(band, len(x))
        found.append(Series(label, _colour(line), x, y, low, high))
    return found


def _ends(band: PolyCollection | None, k: int) -> tuple[Array | None, Array | None]:
    """Return the ends of a band of k points, or None where its outline has other ones."""
    if band is None or len(band.get_paths()) != 1:
        return None, None
    # The outline: a first point, k along one end, one between, k back along the other, and the first again.
    outline = np.asarray(band.get_paths()[0].vertices)
    if len(outline) != 2 * k + 3:
        return None, None
    one = outline[1 : k + 1, 1]
    other = outline[k + 2 : 2 * k + 2, 1][::-1]
    return np.minimum(one, other), np.maximum(one, other)


def _panel(
    figure: Figure, axes: Axes, series: list[Series], names: Mapping[str, str]
) -> dict[str, Any] | None:
    """Return where a panel lies in its SVG and what its lines are; None without a line that has a label."""
    shown = [each for each in series if each.label and len(each.x) > 1]
    if not shown or axes.get_xscale() != "linear" or axes.get_yscale() != "linear":
        return None
    # An SVG counts in points from the top.
    width, height = 72.0 * figure.get_size_inches()
    box = axes.get_position()
    # Most lines of a panel stand on one grid, which is then given once.
    grid = shown[0].x
    shared = all(np.array_equal(each.x, grid) for each in shown)
    return {
        "grid": _short(grid) if shared else None,
        "box": [box.x0 * width, (1.0 - box.y1) * height, box.width * width, box.height * height],
        "x": list(axes.get_xlim()),
        "y": list(axes.get_ylim()),
        "name": axes.get_xlabel(),
        "series": [
            {
                "label": names.get(each.label, each.label),
                "colour": each.colour,
                "x": None if shared else _short(each.x),
                "y": _short(each.y),
                "low": _short(each.low),
                "high": _short(each.high),
            }
            for each in shown
        ],
    }


def _short(values: Array | None) -> list[float | None] | None:
    """Return numbers of five digits; None for what is no number."""
    if values is None:
        return None
    return [float(f"{value:.5g}") if np.isfinite(value) else None for value in values]


def _table(figure: Figure, series: Mapping[int, list[Series]]) -> str:
    """Return the numbers behind a figure as CSV: lines with their bands, dots and meshes with values."""
    # Each set of dots has an equal share of the rows.
    parts = sum(1 for axes in figure.axes if axes.get_label() != COLOUR_BAR for _ in _values(axes))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["panel", "series", "x", "y", "low", "high", "value"])
    for number, axes in enumerate(figure.axes):
        # A scale is no data.
        if axes.get_label() == COLOUR_BAR:
            continue
        panel = axes.get_title() or axes.get_ylabel().replace("\n", " ") or str(number)
        for each in series[id(axes)]:
            for k in range(len(each.x)):
                ends: tuple[Any, Any] = ("", "")
                if each.low is not None and each.high is not None:
                    ends = (each.low[k], each.high[k])
                writer.writerow([csv_cell(panel), csv_cell(each.label), each.x[k], each.y[k], *ends, ""])
        for rows in _values(axes):
            some = rows[:: max(1, -(-len(rows) * parts // ROWS))]
            writer.writerows([csv_cell(panel), "", x, y, "", "", value] for x, y, value in some)
        for label, x, height in _bars(axes):
            writer.writerow([csv_cell(panel), csv_cell(label), x, height, "", "", ""])
    return text.getvalue()


def _bars(axes: Axes) -> Iterator[tuple[str, float, float]]:
    """Yield the bars of a panel: label, the middle of its width, height."""
    for bars in axes.containers:
        if isinstance(bars, BarContainer):
            for bar in bars:
                yield str(bars.get_label()), bar.get_x() + bar.get_width() / 2.0, bar.get_height()


def _values(axes: Axes) -> Iterator[Array]:
    """Yield ``(k, 3)`` places and values of a panel's dots, meshes and images of values."""
    for image in axes.images:
        shown = np.ma.filled(np.ma.asarray(image.get_array(), np.float64), np.nan)
        # A picture has colours instead of values.
        if shown.ndim == 2:
            rows, columns = np.indices(shown.shape)
            yield np.column_stack([columns.ravel(), rows.ravel(), shown.ravel()])
    for found in axes.collections:
        values = found.get_array()
        if values is None:
            continue
        if isinstance(found, PathCollection):
            places = np.asarray(found.get_offsets(), np.float64)
        elif isinstance(found, QuadMesh):
            corners = np.asarray(found.get_coordinates(), np.float64)
            # The middle of each cell.
            places = (corners[:-1, :-1] + corners[1:, 1:]).reshape(-1, 2) / 2.0
        else:
            continue
        yield np.column_stack([places, np.ma.filled(values.astype(np.float64), np.nan).ravel()])
