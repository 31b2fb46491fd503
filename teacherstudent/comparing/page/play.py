"""Where teachers sampled over time, as a page plays it: tasks and scores in compact form, and outlines."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from teacherstudent.comparing.figures.maps import MIXTURE, REGIONS, middle_run, snapshot_at
from teacherstudent.comparing.figures.scene import Scene
from teacherstudent.comparing.labels import task_columns
from teacherstudent.contract.types import Array
from teacherstudent.recording.runs import Run

FRAMES = 32
"""Equal stretches of cost that a page goes through."""

POINTS = 9_000
"""Tasks of one teacher; with many teachers fewer."""

MOST = 60_000
"""Tasks of all teachers."""

BOXES = 150
"""Regions, components or particles of a teacher in one stretch."""

STEPS = 65_535
"""Places and scores are whole numbers of two bytes: shares of their range."""


def play_of(scene: Scene) -> dict[str, Any] | None:
    """Return what a page needs to play a setting's sampling; None where tasks have no dimensions, or no rows.

    Of each teacher it is the run in the middle of its ranking.
    """
    setting = scene.setting
    space = scene.groups[0].runs[0].manifest["space"]
    ranges = _ranges(space)
    if ranges is None:
        return None
    names, low, high = ranges
    runs = {}
    for group in scene.groups:
        results = setting.results.of(group.teacher).ranked()
        # A teacher of which no run has a result has none in the middle.
        if len(results):
            runs[group.teacher] = middle_run(results)
    tables = {teacher: _table(run, setting.spent) for teacher, run in runs.items()}
    scores = np.concatenate([np.zeros(0), *(table["score"] for table in tables.values())])
    if not len(scores):
        return None
    worst, best = np.percentile(scores, (2, 98))
    # Equal scores would give a scale without width.
    if best <= worst:
        best = worst + 1.0
    edges = np.linspace(0.0, setting.spent, FRAMES + 1)
    most = min(POINTS, MOST // max(1, len(runs)))
    teachers = []
    for teacher, run in runs.items():
        table = tables[teacher]
        tasks = np.zeros((0, len(names)))
        if len(table["spent"]):
            tasks = np.asarray(run.tasks(table), np.float64).reshape(len(table["spent"]), -1)
        rows, frame = _rows(table["spent"], edges, most)
        # Of what is rounded nobody could say whether it was above the line.
        solved = np.zeros(len(rows), np.uint8)
        if setting.mastered is not None:
            solved = (table["score"][rows] > setting.mastered).astype(np.uint8)
        records = run.records()
        teachers.append(
            {
                "teacher": teacher,
                "seed": str(run.seed),
                "frame": _packed(frame.astype(np.float64), 0.0, float(STEPS)),
                "places": [_packed(tasks[rows, dim], low[dim], high[dim]) for dim in range(len(names))],
                "scores": _packed(table["score"][rows], float(worst), float(best)),
                "solved": base64.b64encode(solved.tobytes()).decode(),
                "outlines": [_outlines(snapshot_at(records, edge), len(names)) for edge in edges[1:]],
                "acts": _curve(run),
            }
        )
    return {
        "names": names,
        "low": low,
        "high": high,
        "listed": space["kind"] == "Discrete",
        "worst": float(worst),
        "best": float(best),
        "score": setting.score_name,
        "mastered": setting.mastered,
        "unit": setting.cost_unit,
        "edges": _numbers(edges),
        "walls": _walls(scene.groups[0].runs[0]),
        "teachers": teachers,
    }


def _ranges(space: Mapping[str, Any]) -> tuple[list[str], list[float], list[float]] | None:
    """Return the names and ends of a task's dimensions; None of levels and other spaces without any."""
    if space["kind"] == "Discrete":
        start = float(space["start"])
        return ["task"], [start - 0.5], [start + float(space["n"]) - 0.5]
    if "names" not in space or "low" not in space:
        return None
    return list(space["names"]), [float(x) for x in space["low"]], [float(x) for x in space["high"]]


def _table(run: Run, until: float) -> dict[str, Array]:
    """Return the rows of a run until a cost whose score is a number; the others cannot be drawn."""
    columns = [*task_columns(run), "score", "spent"]
    table = run.episodes(columns)
    # A run that has no rows yet has an empty table, without any column.
    if not table:
        return {"score": np.zeros(0), "spent": np.zeros(0)}
    kept = (table["spent"] <= until) & np.isfinite(table["score"])
    return {name: values[kept] for name, values in table.items()}


def _rows(spent: Array, edges: Array, most: int) -> tuple[Array, Array]:
    """Return which rows are shown, at most so many, and the stretch of cost that each is in.

    Every stretch has an equal share of them, since a teacher may ask for many short tasks at one time.
    """
    frame = np.clip(np.searchsorted(edges, spent, side="left") - 1, 0, FRAMES - 1)
    share = max(1, most // FRAMES)
    kept = []
    for k in range(FRAMES):
        rows = np.flatnonzero(frame == k)
        kept.append(rows[:: max(1, -(-len(rows) // share))])
    rows = np.concatenate(kept)
    return rows, frame[rows]


def _packed(values: Array, low: float, high: float) -> str:
    """Return numbers as whole ones of two bytes, little end first, in letters; what is no number is 0."""
    share = (np.nan_to_num(np.asarray(values, np.float64), nan=low) - low) / (high - low)
    whole = np.round(np.clip(share, 0.0, 1.0) * STEPS).astype("<u2")
    return base64.b64encode(whole.tobytes()).decode()


def _outlines(snapshot: Mapping[str, Any], dims: int) -> dict[str, Any]:
    """Return what a teacher's snapshot outlines: a mixture, regions with their value, particles."""
    found: dict[str, Any] = {}
    if {*MIXTURE} <= snapshot.keys():
        weights, means, covariances = (np.asarray(snapshot[name], np.float64) for name in MIXTURE)
        order = np.argsort(-weights, kind="stable")[:BOXES]
        # Learning progress is a mixture's last dimension: tasks are those before it.
        found["mixture"] = [
            [_number(weights[k]), _numbers(means[k][:dims]), _numbers(covariances[k][:dims, :dims].ravel())]
            for k in order
        ]
    if {*REGIONS} <= snapshot.keys():
        low, high = (np.atleast_2d(np.asarray(snapshot[name], np.float64)) for name in REGIONS)
        value = np.nan_to_num(np.asarray(snapshot.get("alp", np.zeros(len(low))), np.float64))
        # Inner nodes of a tree hold their children: only leaves are shown.
        leaves = np.flatnonzero(np.broadcast_to(np.asarray(snapshot.get("leaf", True)), (len(low),)))
        top = max(float(value[leaves].max(initial=0.0)), 1e-300)
        order = leaves[np.argsort(-value[leaves], kind="stable")][:BOXES]
        found["regions"] = [
            [_number(value[k] / top), _numbers(low[k][:dims]), _numbers(high[k][:dims])] for k in order
        ]
    particles = np.asarray(snapshot.get("particles", np.zeros(0)), np.float64)
    # Another teacher may mean something else by this name.
    if particles.ndim == 2 and particles.shape[1] == dims:
        found["particles"] = [_numbers(each) for each in particles[:: max(1, -(-len(particles) // BOXES))]]
    return found


def _number(value: float) -> float:
    # Eight digits: a narrow region far from 0 must keep its place.
    return float(f"{value:.8g}")


def _numbers(values: Sequence[float] | Array) -> list[float]:
    return [_number(float(value)) for value in values]


def _curve(run: Run) -> dict[str, list[float | None]]:
    """Return the run's tests: cost, and percent mastered or else the score."""
    curve = run.curve().course()
    values = curve.mastered
    if not np.isfinite(values).any():
        values = curve.score
    value = [_number(each) if np.isfinite(each) else None for each in values]
    return {"spent": [*_numbers(curve.spent)], "value": value}


def _walls(run: Run) -> list[list[float]]:
    """Return the rectangles that a family draws around its tasks; none where the run has noted none."""
    walls = np.asarray(run.manifest.get("walls") or np.zeros((0, 4)), np.float64)
    # A manifest of somebody else may hold anything.
    if walls.ndim != 2 or walls.shape[1] != 4 or not np.isfinite(walls).all():
        return []
    return [_numbers(box) for box in walls]
