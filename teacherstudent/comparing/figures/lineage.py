"""How an edited level came about: its chain of parents, as pictures."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure

from teacherstudent.comparing.figures.scene import Scene
from teacherstudent.comparing.figures.style import GRID, PALETTE, new_figure
from teacherstudent.comparing.labels import task_columns
from teacherstudent.contract.types import Array, FloatArray, IntArray
from teacherstudent.recording.disk.plain import short
from teacherstudent.recording.runs import Run
from teacherstudent.recording.tables import tasks_of

CODES = ("#F5F5F5", "#464646", "#3CAA5A", "#C8322D", "#D9653B", "#A3223C", "#E08A6A", "#8A8A8A", "#6E3C3C")
"""Colours of a cell's codes: light floor, dark walls; those after the last go round in `PALETTE`."""

SHOWN = 10
"""At most so many levels of a chain are drawn, the first and the last among them."""

LATE = 0.1
"""The level whose chain is drawn is in this last share of the rows."""

KINDS = ("new", "replay", "edit")


@dataclass(frozen=True)
class Chain:
    """A level and what it was edited from, oldest first.

    Attributes:
        tasks: ``(k, ...)`` the levels.
        kinds: ``(k,)`` the code of the first row of each: 0 new, 1 replay, 2 edit.
        spent: ``(k,)`` cost at that row.
        score: ``(k,)`` the row's score.
    """

    tasks: Array
    kinds: IntArray
    spent: FloatArray
    score: FloatArray


def draw_lineage(scene: Scene) -> dict[str, Figure]:
    """Draw the longest chain of edits of each teacher, in its run of the first seed.

    Nothing is drawn if no teacher's rows say what was edited, or levels are of more than two axes.
    """
    found = {group.teacher: longest_chain(group.runs[0]) for group in scene.groups}
    chains = {
        name: chain for name, chain in found.items() if chain is not None and chain.tasks.ndim in (2, 3)
    }
    if not chains:
        return {}
    # Pictures and tables do not mix: tables are drawn only if there is no picture.
    pictures = {name: chain for name, chain in chains.items() if chain.tasks.ndim == 3}
    if pictures:
        figure = _pictures(pictures)
    else:
        spaces = {group.teacher: group.runs[0].manifest["space"] for group in scene.groups}
        figure = _tables(chains, spaces)
    notes = [
        "The longest chain of edits that ends in the last tenth of the rows of each teacher's first seed; "
        "captions are of each level's first row."
    ]
    if any(len(chain.tasks) > SHOWN for chain in chains.values()):
        notes.append(f"{SHOWN} of the chain are drawn, evenly spread.")
    changed = "Grey: numbers that"
    if pictures:
        changed = "Colours are codes of cells. Outlined: cells that"
    notes.append(f"{changed} differ from the level drawn before.")
    title = f"{scene.setting.label}: an edited level and its parents, oldest first"
    figure.suptitle(title, fontsize="medium")
    note = textwrap.fill(" ".join(notes), int(14 * figure.get_figwidth()))
    figure.supxlabel(note, fontsize="small", color="#444444")
    return {"lineage": figure}


def longest_chain(run: Run) -> Chain | None:
    """Return the longest chain of parents that ends in a late row; None if rows do not name their levels."""
    table = run.episodes(["kind", "parent", "key", "score", "spent", *task_columns(run)])
    # Teachers without edits do not write these columns.
    if any(name not in table or table[name].dtype.kind != "i" for name in ("kind", "parent", "key")):
        return None
    rows = chain_of(table["key"], table["parent"])
    if len(rows) < 2:
        return None
    tasks = tasks_of(run.manifest["space"], {name: table[name][rows] for name in task_columns(run)})
    return Chain(tasks, table["kind"][rows], table["spent"][rows], table["score"][rows])


def chain_of(key: IntArray, parent: IntArray) -> IntArray:
    """Return the rows of the longest chain that ends in the last tenth of the rows, oldest first.

    A level stands for its first row whose parent is another level (an edit may leave a level as it is); its
    parent is looked up among earlier levels only, so that there is no cycle. Of equal chains the latest ends.

    Args:
        key: ``(n,)`` of each row's level.
        parent: ``(n,)`` key of the level it was edited from, 0 for none.
    """
    # A row that is its own parent does not say where it comes from.
    own = np.flatnonzero(parent != key)
    if not len(own):
        return own
    # For every level its first row.
    keys, first = np.unique(key[own], return_index=True)
    first = own[first]
    # Where the parent stands among the keys, if it is there: the next line looks.
    at = np.minimum(np.searchsorted(keys, parent[first]), len(keys) - 1)
    known = (keys[at] == parent[first]) & (parent[first] != 0) & (first[at] < first)
    up = np.where(known, at, -1)
    depth = np.zeros(len(keys), np.int64)
    # All chains are climbed at once, a step each turn; depth counts the steps.
    reached = up
    while (reached >= 0).any():
        depth += reached >= 0
        reached = np.where(reached >= 0, up[reached], -1)
    # From the last row back: of equal depths, argmax takes the first one, which is the latest.
    late = key[len(key) - max(1, round(LATE * len(key))) :][::-1]
    place = np.minimum(np.searchsorted(keys, late), len(keys) - 1)
    place = place[keys[place] == late]
    if not len(place):
        return np.zeros(0, np.int64)
    found = [int(place[np.argmax(depth[place])])]
    # From the level up to its oldest parent, and then the other way round.
    while up[found[-1]] >= 0:
        found.append(int(up[found[-1]]))
    return np.asarray(first[found[::-1]], np.int64)


def _some(chain: Chain) -> IntArray:
    """Return which levels of a chain are drawn."""
    length = len(chain.tasks)
    some: IntArray = np.linspace(0, length - 1, min(length, SHOWN)).round().astype(np.int64)
    return some


def _caption(chain: Chain, k: int) -> str:
    kind = str(chain.kinds[k])
    if chain.kinds[k] < len(KINDS):
        kind = KINDS[chain.kinds[k]]
    return f"{k}: {kind}\nat {short(chain.spent[k])}\nscore {chain.score[k]:.2g}"


def _pictures(chains: Mapping[str, Chain]) -> Figure:
    """Draw each chain as a row of pictures of two-dimensional codes."""
    columns = max(2, *(len(_some(chain)) for chain in chains.values()))
    figure = new_figure(columns, len(chains), width=max(1.4, 6.0 / columns), height=2.4)
    panels = figure.subplots(len(chains), columns, squeeze=False)
    # A colour for every code that occurs: codes beyond the known ones take the palette's in turn.
    top = int(max(chain.tasks.max() for chain in chains.values()))
    colours = ListedColormap(
        [*CODES, *itertools.islice(itertools.cycle(PALETTE), max(0, top - len(CODES) + 1))]
    )
    # Bounds between whole numbers: every code has one colour.
    norm = BoundaryNorm(np.arange(-0.5, colours.N), colours.N)
    for line, (name, chain) in zip(panels, chains.items(), strict=True):
        before = None
        for axes, k in zip(line, _some(chain), strict=False):
            axes.imshow(chain.tasks[k], cmap=colours, norm=norm, interpolation="nearest")
            # The first level has none before it to differ from.
            if before is not None:
                y, x = np.nonzero(chain.tasks[k] != before)
                axes.plot(x, y, "s", markersize=5, fillstyle="none", color=PALETTE[4], markeredgewidth=1.2)
            before = chain.tasks[k]
            _bare(axes, _caption(chain, int(k)))
        # Shorter chains leave panels empty.
        for axes in line[len(_some(chain)) :]:
            axes.remove()
        line[0].set_ylabel(name)
    return figure


def _tables(chains: Mapping[str, Chain], spaces: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Draw each chain as a table: a column for each level, a row for each of its numbers."""
    columns = max(len(_some(chain)) for chain in chains.values())
    numbers = max(chain.tasks.shape[1] for chain in chains.values())
    figure = new_figure(1, len(chains), width=max(6.0, 2.0 + 0.8 * columns), height=1.2 + 0.32 * numbers)
    panels = figure.subplots(len(chains), 1, squeeze=False)[:, 0]
    for axes, (name, chain) in zip(panels, chains.items(), strict=True):
        some = _some(chain)
        shown = chain.tasks[some].T.astype(np.float64)
        # What differs from the column before; the first one is compared with itself.
        changed = np.diff(shown, axis=1, prepend=shown[:, :1]) != 0
        axes.imshow(changed, cmap=ListedColormap(["white", GRID]), vmin=0, vmax=1, aspect="auto")
        for (i, j), value in np.ndenumerate(shown):
            text = f"{value:.3g}"
            if not abs(value) < 1e4:
                text = short(value)
            axes.text(j, i, text, ha="center", va="center", fontsize="small")
        _bare(axes, "")
        labels = spaces[name].get("names") or [f"entry {i}" for i in range(len(shown))]
        axes.set_yticks(range(len(shown)), labels, fontsize="small")
        axes.set_xticks(range(len(some)), [_caption(chain, int(k)) for k in some], fontsize="small")
        axes.set_title(name, fontsize="medium")
    return figure


def _bare(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize="x-small")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color(GRID)


__all__ = ["Chain", "chain_of", "draw_lineage", "longest_chain"]
