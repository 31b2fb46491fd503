"""How figures look: colours, axes, lines, files. No pyplot, so nothing global changes."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from matplotlib.text import Text
from matplotlib.textpath import TextPath
from matplotlib.ticker import FuncFormatter, MaxNLocator

from teacherstudent.comparing import stats
from teacherstudent.comparing.groups import Group, Setting
from teacherstudent.comparing.stats import TRUSTED
from teacherstudent.contract.types import FloatArray
from teacherstudent.recording.disk.files import atomic_write, folder_name
from teacherstudent.recording.disk.plain import naming, printable, short

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C564B", "#332288")
"""Told apart by the colour-blind (after Okabe and Ito)."""

BASELINE_COLOUR = "#555555"
DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))
COLOURS = "viridis"
GRID = "#D9D9D9"
BAND = "-band"
"""What the name of a line's band ends with, after the line's own."""
DPI = 130

USUAL = 3
"""Lines of a legend that a figure has room for; with more it grows."""
LEADING = 1.5
"""Height of a legend's line, in that of its letters."""
LETTERS = 14
"""Letters of a note in an inch."""

_FILE_NAME = 200
"""Bytes of a figure's name without its ending."""
_KEY = 0.6
"""Inches of a line in a legend, with the space about it."""

Style = dict[str, Any]


def styles(settings: Iterable[Setting], baseline: str | None) -> dict[str, Style]:
    """Return line colour and dashes for each teacher, the same in all figures; the baseline is grey."""
    labels = sorted({group.teacher for setting in settings for group in setting.groups})
    found: dict[str, Style] = {}
    others = [label for label in labels if label != baseline]
    for i, label in enumerate(others):
        # When all colours are used, they start again with other dashes.
        dashes = DASHES[i // len(PALETTE) % len(DASHES)]
        found[label] = {"color": PALETTE[i % len(PALETTE)], "linestyle": dashes}
    if baseline in labels:
        found[str(baseline)] = {"color": BASELINE_COLOUR, "linestyle": DASHES[1]}
    return found


def new_figure(columns: int, rows: int, *, width: float = 5.0, height: float = 3.6) -> Figure:
    """Return a figure for a grid of panels, each ``width`` by ``height`` inches."""
    return Figure(figsize=(width * columns, height * rows), layout="constrained", facecolor="white")


def new_grid(
    count: int, columns: int, *, width: float, height: float, shared: bool = False
) -> tuple[Figure, list[Axes]]:
    """Return a figure of ``count`` panels in rows of at most ``columns``, and the panels.

    ``width`` and ``height`` are a panel's, in inches; ``shared``: the panels have the same axes.
    """
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = new_figure(columns, rows, width=width, height=height)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=shared, sharey=shared).ravel()
    # The grid has whole rows: panels beyond the number are removed.
    for axes in panels[count:]:
        axes.remove()
    return figure, list(panels[:count])


def tidy(axes: Axes, *, x: str = "", y: str = "", title: str = "") -> None:
    """Set labels and remove what does not inform."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    if title:
        axes.set_title(title, fontsize="medium")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)


def cost_axis(axes: Axes, label: str, low: float, high: float) -> None:
    """Make the horizontal axis go from ``low`` to ``high``, with short numbers."""
    # Limits that are equal would make Matplotlib warn.
    if low < high:
        axes.set_xlim(low, high)
    axes.set_xlabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))


def draw_line(
    axes: Axes,
    x: FloatArray,
    curves: FloatArray,
    style: Style,
    label: str,
    *,
    within: stats.Range | None = None,
) -> None:
    """Draw the interquartile mean over seeds of ``(seeds, points)``, with its interval as a band.

    The band does not leave the range ``within``.
    """
    middle, low, high = stats.estimate_curves(curves, within=within)
    # A line of one point cannot be seen, so it is marked.
    marker = None
    if len(x) == 1:
        marker = "o"
    (line,) = axes.plot(x, middle, linewidth=1.8, marker=marker, label=label, **style)
    # With one seed there is no interval.
    if np.isfinite(low).all():
        band = draw_band(axes, x, low, high, style)
        # Colours repeat where there are many teachers: a name says which line a band is of.
        name = f"line-{axes.figure.axes.index(axes)}-{len(axes.lines)}"
        line.set_gid(name)
        band.set_gid(f"{name}{BAND}")


def draw_band(axes: Axes, x: FloatArray, low: FloatArray, high: FloatArray, style: Style) -> PolyCollection:
    """Fill what lies between two curves with a light shade of a line's colour, and return it."""
    return axes.fill_between(x, low, high, color=style["color"], alpha=0.18, linewidth=0)


def align(curves: Sequence[tuple[FloatArray, FloatArray]]) -> tuple[FloatArray, FloatArray]:
    """Return curves of costs and values on one grid of cost, as far as all of them go.

    Returns:
        The grid ``(points,)``, and the values ``(curves, points)``; one point where no cost is common to all.
    """
    # Only as far as all curves go: nothing is extrapolated.
    start, end = max(float(x[0]) for x, _ in curves), min(float(x[-1]) for x, _ in curves)
    grid = np.array([max(start, end)])
    if start < end:
        grid = np.linspace(start, end, 101)
    return grid, np.stack([np.interp(grid, x, y) for x, y in curves])


def draw_series(
    panels: Sequence[Axes],
    names: Sequence[str],
    series: Mapping[str, Sequence[Mapping[str, tuple[FloatArray, FloatArray]]]],
    groups: Sequence[Group],
    style: Mapping[str, Style],
    unit: str,
) -> None:
    """Draw a panel for each name: a line for each teacher that has such a series.

    Args:
        panels: one for each name.
        names: of series.
        series: by teacher, for each of its runs: costs and values by name.
        groups: the teachers that are drawn.
        style: of each teacher's line.
        unit: of cost.
    """
    for axes, name in zip(panels, names, strict=True):
        for group in groups:
            # Some runs may lack a series that others of the teacher have.
            curves = [found[name] for found in series[group.teacher] if name in found]
            if curves:
                draw_line(axes, *align(curves), style[group.teacher], legend_label(group))
        tidy(axes, title=name)
        cost_axis(axes, f"cost ({unit})", 0.0, float(axes.dataLim.x1))


def legend_label(group: Group) -> str:
    """Return a teacher's label with its number of seeds; ``?`` marks few (`TRUSTED`)."""
    seeds = len(group.runs)
    counted = f"{seeds} seeds"
    if seeds == 1:
        counted = "1 seed"
    elif seeds < TRUSTED:
        counted += " ?"
    return f"{group.teacher} ({counted})"


def band_note(groups: Sequence[Group]) -> str:
    """Return how lines and bands of these groups are to be read."""
    counts = [len(group.runs) for group in groups]
    if max(counts) == 1:
        return "Lines: one seed each, no interval."
    note = "Lines: interquartile mean over seeds. Bands: 95 % interval over seeds, at each point for itself"
    if any(1 < count < TRUSTED for count in counts):
        note += f"; with fewer than {TRUSTED} seeds (?) only if results have one hump"
    return note + "."


def head(figure: Figure, panels: Sequence[Axes], title: str, note: str) -> None:
    """Put title and legend above the panels, and a note on how to read them below."""
    # Panels share their lines: each label comes once.
    handles = {
        label: handle
        for axes in panels
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    size = FontProperties().get_size_in_points()
    # Labels are measured (72 points an inch), so that the legend has as many columns as fit.
    widths = [
        TextPath((0, 0), label.replace("$", r"\$"), size=size).get_extents().width / 72 for label in handles
    ]
    entry = _KEY + max(widths, default=0.0)
    columns = max(1, min(4, len(handles), int(figure.get_figwidth() / entry)))
    # A long legend must not take its room from the panels.
    more = -(-len(handles) // columns) - USUAL
    if more > 0:
        figure.set_figheight(figure.get_figheight() + more * size * LEADING / 72)
    figure.legend(
        handles.values(), handles, title=title, loc="outside upper center", ncols=columns, frameon=False
    )
    # A note that is wider than its figure would be cut off.
    letters = max(20, int(LETTERS * figure.get_figwidth()))
    figure.supxlabel(textwrap.fill(note, letters), fontsize="small", color="#444444")


def colour_bar(figure: Figure, panels: Sequence[Axes], colours: Normalize, label: str, extend: str) -> None:
    """Put one colour bar right of the panels."""
    # Matplotlib takes shares of the figure, which are inches here.
    inches = 0.18 / figure.get_figwidth()
    figure.colorbar(
        ScalarMappable(colours, COLOURS),
        ax=list(panels),
        label=label,
        fraction=inches,
        pad=inches / 2,
        aspect=18,
        shrink=min(1.0, 3.2 / figure.get_figheight()),
        extend=extend,
    )


def save(figure: Figure, out: Path, name: str, formats: Sequence[str]) -> list[Path]:
    """Write a figure in each format and return the files (raises `WriteError`).

    Names that come from files are drawn as they are: dollar signs start no formula, control characters are
    escaped.
    """
    settle(figure)
    paths = [out / f"{folder_name(name, _FILE_NAME)}.{kind}" for kind in formats]
    for path, kind in zip(paths, formats, strict=True):
        with naming(path):
            out.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            figure.savefig(file, format=kind, dpi=DPI)
    return paths


def settle(figure: Figure) -> None:
    """Make a figure ready for its files, at the very end: texts are drawn as they are, panels have places.

    Finding places takes most of the time of drawing: it is done once, not for every file.
    """
    if isinstance(figure.get_layout_engine(), PlaceHolderLayoutEngine):
        return
    for text in figure.findobj(Text):
        # Powers of ten on a logarithmic axis are Matplotlib's own formulas.
        if text.get_text().startswith(r"$\mathdefault{"):
            continue
        text.set_parse_math(False)
        text.set_text(printable(text.get_text(), keep="\n"))
    figure.draw_without_rendering()
    figure.set_layout_engine("none")


def slug(label: str) -> str:
    """Return a label as a part of a file name."""
    return re.sub(r"[^A-Za-z0-9._=-]+", "-", label).strip("-")
