"""Training stages over the compute: the value of each knob, or the shares of listed stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from teacherstudent.comparing.figures.scene import Scene
from teacherstudent.comparing.figures.style import (
    COLOURS,
    Style,
    draw_band,
    head,
    legend_label,
    new_grid,
    tidy,
)
from teacherstudent.comparing.groups import Group, Setting
from teacherstudent.comparing.labels import task_columns
from teacherstudent.comparing.quantities import FLOPS
from teacherstudent.contract.purposes import Purpose
from teacherstudent.contract.types import Array, FloatArray
from teacherstudent.recording.runs import Run

POINTS = 400
"""Shares of the compute at which the stage is read."""

BINS = 40
"""Over these the shares of listed stages are averaged: the compute of ten readings each."""

LISTED = 24
"""A discrete space of more tasks holds examples, not stages."""

SHARES = (np.arange(POINTS) + 0.5) / POINTS


def are_stages(setting: Setting) -> bool:
    """Return whether the tasks are training stages: knobs with names, or a short list."""
    space = _space(setting)
    listed = space["kind"] == "Discrete" and space["n"] <= LISTED
    return setting.cost_unit == FLOPS and ("names" in space or listed)


def draw_stages(scene: Scene) -> dict[str, Figure]:
    """Draw what the teachers chose over the compute, by the figure's name; none if tasks are no stages.

    A share of the compute is one of a run's own budget, without what it was charged with beforehand.
    """
    setting = scene.setting
    if not are_stages(setting):
        return {}
    if "names" in _space(setting):
        return {"stages": _knobs(setting, scene.groups, scene.style)}
    return {"stages": _listed(setting, scene.groups)}


def _space(setting: Setting) -> Mapping[str, Any]:
    space: Mapping[str, Any] = setting.groups[0].runs[0].manifest["space"]
    return space


def stages_of(run: Run) -> Array:
    """Return the task that was trained on at each of `SHARES`: ``(POINTS, d)``, or ``(POINTS,)`` if listed.

    A task holds for the compute that its chunk took; rows that were only measured are left out.
    """
    table = run.episodes([*task_columns(run), "spent", "purpose"])
    if table:
        trained = table["purpose"] == Purpose.TRAIN
        table = {name: values[trained] for name, values in table.items()}
    # Nothing was trained yet: no value anywhere, in the same shape.
    if not table or len(table["spent"]) == 0:
        shape = [POINTS]
        if "names" in run.manifest["space"]:
            shape.append(len(run.manifest["space"]["names"]))
        return np.full(shape, np.nan)
    charged = float(run.manifest.get("charged", 0.0))
    # What was charged beforehand is no part of the run's own compute.
    own = (table["spent"] - charged) / (run.manifest["budget"] - charged)
    # The first row that ends at a share or behind it was in training there.
    rows = np.minimum(np.searchsorted(own, SHARES), len(own) - 1)
    return run.tasks(table)[rows]


def _knobs(setting: Setting, groups: Sequence[Group], style: Mapping[str, Style]) -> Figure:
    """Draw a panel for each knob: mean over seeds, and a standard deviation on either side."""
    space = _space(setting)
    names = space["names"]
    figure, grid = new_grid(len(names), 3, width=4.8, height=3.2)
    for i, group in enumerate(groups):
        # Of shape ``(seeds, points, knobs)``.
        values = np.stack([stages_of(run) for run in group.runs])
        middle = values.mean(axis=0)
        spread = values.std(axis=0)
        # Lines below others stay visible.
        width = 1.4 + 2.6 * (1.0 - (i + 1) / len(groups))
        own = style[group.teacher] | {"linewidth": width, "label": legend_label(group)}
        for k, axes in enumerate(grid):
            _line(axes, middle[:, k], spread[:, k], own)
    for k, axes in enumerate(grid):
        tidy(axes, y=names[k])
        _share_axis(axes)
        margin = 0.03 * (space["high"][k] - space["low"][k])
        axes.set_ylim(space["low"][k] - margin, space["high"][k] + margin)
    note = "Lines: mean over seeds. Bands: one standard deviation over seeds."
    head(figure, grid, f"{setting.label}: stages over the compute", note)
    return figure


def _line(axes: Axes, middle: FloatArray, spread: FloatArray, style: Style) -> None:
    axes.plot(SHARES, middle, **style)
    if spread.any():
        draw_band(axes, SHARES, middle - spread, middle + spread, style)


def _share_axis(axes: Axes) -> None:
    axes.set_xlim(0.0, 1.0)
    axes.set_xlabel("share of the compute")


def arm_shares(group: Group, first: int, count: int) -> FloatArray:
    """Return the share of the compute that each listed stage had ``(BINS, count)``, mean over seeds."""
    # Of shape ``(seeds, points)``.
    chosen = np.stack([stages_of(run) for run in group.runs])
    is_arm = chosen[..., None] == first + np.arange(count)
    # Readings in bins: average over seeds, and within each bin.
    parts = is_arm.reshape(len(chosen), BINS, POINTS // BINS, count)
    shares: FloatArray = parts.mean(axis=(0, 2), dtype=np.float64)
    return shares


def _listed(setting: Setting, groups: Sequence[Group]) -> Figure:
    """Draw a panel for each teacher: the shares of the stages, stacked, the first one below."""
    space = _space(setting)
    first = space["start"]
    count = space["n"]
    figure, grid = new_grid(len(groups), 4, width=3.2, height=2.5, shared=True)
    colours = colormaps[COLOURS](np.linspace(0.05, 0.95, count))
    names = _stage_names(setting, first, count)
    edges = np.linspace(0.0, 1.0, BINS + 1)
    for axes, group in zip(grid, groups, strict=True):
        top = np.zeros(BINS)
        for arm, share in enumerate(arm_shares(group, first, count).T):
            # Each stage begins where the one below it ends.
            bottom = top
            top = top + share
            axes.stairs(top, edges, baseline=bottom, fill=True, color=colours[arm], label=names[arm])
        tidy(axes, y="share of the stages", title=legend_label(group))
        axes.grid(False)
        axes.set_ylim(0.0, 1.0)
        _share_axis(axes)
        axes.label_outer()
    note = "Share of the compute that each stage had, mean over seeds."
    head(figure, grid, f"{setting.label}: stages over the compute", note)
    return figure


def _stage_names(setting: Setting, first: int, count: int) -> list[str]:
    """Return what the stages are called: by their names or knobs, if all teachers have the same list."""
    labels = [group.runs[0].manifest["space"].get("labels") for group in setting.groups]
    if labels[0] and len(labels[0]) == count and all(other == labels[0] for other in labels):
        return list(labels[0])
    lists = [_listed_stages(group.runs[0]) for group in setting.groups]
    listed = lists[0]
    # One legend for all panels needs one list for all teachers.
    if not isinstance(listed, Sequence) or len(listed) != count or any(other != listed for other in lists):
        return [f"stage {first + arm}" for arm in range(count)]
    names = []
    for arm, stage in enumerate(listed):
        knobs = ", ".join(f"{knob} {value:g}" for knob, value in stage.items())
        names.append(f"{first + arm}: {knobs or 'neutral'}")
    return names


def _listed_stages(run: Run) -> Any:
    """Return the option ``stages`` of a run's family: the teacher's own if it brings one along."""
    manifest = run.manifest
    return {**manifest["family"]["options"], **manifest["teacher"].get("family_options", {})}.get("stages")


__all__ = ["are_stages", "arm_shares", "draw_stages", "stages_of"]
