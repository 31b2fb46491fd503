"""How far teachers have acted on what they were told: steered rows, decisions, lag, distance from uniform."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from teacherstudent.comparing.figures.scene import Scene
from teacherstudent.comparing.figures.style import band_note, draw_series, head, new_grid
from teacherstudent.contract.types import FloatArray
from teacherstudent.recording.runs import Run

Series = dict[str, tuple[FloatArray, FloatArray]]

TITLES = {
    "steered_share": "rows steered so far (share)",
    "decisions": "decisions so far",
    "lag": "lag between ask and tell (rows)",
    "excess": "distance of tasks from uniform, beyond chance",
}
"""What is drawn of a record's entry ``acting``, and how its panel is called."""
COLUMNS = 4


def draw_acting(scene: Scene) -> dict[str, Figure]:
    """Draw the share of steered rows, decisions, lag and distance from uniform draws against cost.

    Nothing is drawn where no run has recorded them, as older ones have not.
    """
    held = {group.teacher: list(map(series_of, group.runs)) for group in scene.groups}
    shown = [group for group in scene.groups if any(held[group.teacher])]
    if not shown:
        return {}
    there = {name for group in shown for run in held[group.teacher] for name in run}
    names = [title for title in TITLES.values() if title in there]
    figure, panels = new_grid(len(names), COLUMNS, width=3.8, height=2.8)
    draw_series(panels, names, held, shown, scene.style, scene.setting.cost_unit)
    note = band_note(shown) + (
        " Distance: the largest Kolmogorov-Smirnov distance of a dimension, or total variation of listed"
        " tasks, over the newest rows, less what uniform draws have by chance."
    )
    head(figure, panels, f"{scene.setting.label}: how far the teachers acted on what they were told", note)
    return {"acting": figure}


def series_of(run: Run) -> Series:
    """Return what a run's records say of its teacher's acting: costs and values, by title."""
    points: dict[str, list[tuple[float, float]]] = {}
    for record in run.records():
        # Older runs have no such entry, and early records lack what has not happened yet.
        acting = dict(record.get("acting", {}))
        acting["excess"] = acting.get("distance", np.nan) - acting.get("distance_by_chance", np.nan)
        for name, title in TITLES.items():
            value = acting.get(name, np.nan)
            if np.isfinite(value):
                points.setdefault(title, []).append((record["spent"], value))
    found = {}
    for title, pairs in points.items():
        spent, values = np.array(pairs, np.float64).T
        found[title] = (spent, values)
    return found
