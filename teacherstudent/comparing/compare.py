"""Comparing runs at equal cost: statistics over seeds, differences to a baseline, what they cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from teacherstudent.comparing import stats
from teacherstudent.comparing.groups import (
    Group,
    Labels,
    Setting,
    drop_repeated,
    group_by,
    label_runs,
    make_setting,
)
from teacherstudent.comparing.stats import Estimate
from teacherstudent.recording.runs import Run, find_runs

BASELINE = "random"
POOLED = "all"


@dataclass(frozen=True)
class Row:
    """One line of the table: a teacher's final results in a setting.

    Attributes:
        setting: the setting's label; ``"all"`` for results pooled over settings.
        teacher: the teacher's label.
        seeds: the number of runs.
        mastered: percent of test tasks mastered at the common cost.
        score: mean test return there; NaN in pooled rows, since returns have no common scale.
        area: the ranking measure (mastered, or else score) averaged over cost; NaN in pooled rows.
        difference: the ranking measure minus the baseline's; None for the baseline or without one.
        p: Welch's t-test of that difference; NaN if there is none.
        reached: how many seeds reached the baseline's final value; None without a baseline.
        reached_at: median over all seeds of the cost at which they first did; infinite if half did not.
        ledger: costs, counts and seconds, averaged over seeds.
    """

    setting: str
    teacher: str
    seeds: int
    mastered: Estimate
    score: Estimate
    area: Estimate
    difference: Estimate | None = None
    p: float = float("nan")
    reached: int | None = None
    reached_at: float = float("nan")
    ledger: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Stopped:
    """A run that did not finish: where it stopped, and why."""

    folder: Path
    setting: str
    teacher: str
    seed: Any
    status: str
    spent: float
    budget: float
    error: str


@dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare` found.

    Attributes:
        settings: the settings with their curves.
        rows: the lines of the table, the best first in each setting; pooled rows come last.
        stopped: the runs that did not finish.
        notes: what a reader of the table must know, one sentence each.
        baseline: the label of the teacher that others are compared to, or None.
        figures: the files that were drawn.
    """

    settings: tuple[Setting, ...]
    rows: tuple[Row, ...]
    stopped: tuple[Stopped, ...]
    notes: tuple[str, ...]
    baseline: str | None
    figures: tuple[Path, ...] = ()


def compare(
    paths: Iterable[str | Path],
    out: str | Path | None = None,
    *,
    baseline: str | None = None,
    include_stopped: bool = False,
    formats: Sequence[str] = ("png",),
    dims: tuple[int, int] | None = None,
) -> Comparison:
    """Compare runs at equal cost; write table and figures.

    Args:
        paths: run folders, or folders that hold some at any depth.
        out: the folder for ``comparison.txt``, ``.csv``, ``.json`` and the figures; None writes nothing.
        baseline: the label of the teacher to compare with; ``random`` if there is one.
        include_stopped: whether runs that did not finish count; the common cost then ends where the first of
            them was last tested.
        formats: of the figures: ``"png"``, ``"svg"``, ``"pdf"``.
        dims: which two dimensions of the task space to draw, where it has more.

    Raises:
        FileNotFoundError: if a path does not exist.
        ValueError: if there is no run, none that counts, no such baseline, or an unreadable file (named).
    """
    comparison = analyse(find_runs(paths), baseline=baseline, include_stopped=include_stopped)
    if out is None:
        return comparison
    from teacherstudent.comparing import figures, report

    drawn = figures.draw_all(comparison, Path(out), formats=formats, dims=dims)
    comparison = replace(comparison, figures=tuple(drawn))
    report.write(comparison, Path(out))
    return comparison


def analyse(runs: Sequence[Run], *, baseline: str | None = None, include_stopped: bool = False) -> Comparison:
    """Compare runs that are open already (arguments and errors as `compare`)."""
    labels = dict(zip([run.folder for run in runs], label_runs(runs), strict=True))
    runs, notes = drop_repeated(runs, [labels[run.folder] for run in runs])
    curves = {run.folder: run.curve() for run in runs}
    states = {run.folder: run.status() for run in runs}
    counted, stopped = [], []
    for run in runs:
        tested = len(curves[run.folder].spent) > 0
        finished = states[run.folder]["status"] == "finished" and tested
        if not finished:
            stopped.append(_stopped(run, labels[run.folder], states[run.folder]))
        if finished or (include_stopped and tested):
            counted.append(run)
    if not counted:
        raise ValueError(
            f"expected at least one finished run that was tested, got {len(runs)} that are not: "
            f"{', '.join(f'{s.folder} ({s.status})' for s in stopped[:5])}; to count them as far as they "
            "went, include stopped runs (--include-stopped)"
        )
    if stopped:
        verb = "count as far as they went" if include_stopped else "are left out of all results"
        notes.append(f"{len(stopped)} run(s) did not finish, or were not tested; they {verb}.")
    settings = []
    for label, members in sorted(group_by(counted, lambda run: labels[run.folder].setting).items()):
        teachers = [labels[run.folder].teacher for run in members]
        settings.append(make_setting(label, members, teachers, [curves[run.folder] for run in members]))
        notes += _notes(settings[-1], members)
    chosen = _choose_baseline(settings, baseline)
    ledgers = {folder: state.get("ledger") or {} for folder, state in states.items()}
    rows = [row for setting in settings for row in _rows(setting, chosen, ledgers)]
    rows += _pooled(settings, chosen)
    notes += _caveats(rows, settings)
    return Comparison(tuple(settings), tuple(rows), tuple(stopped), tuple(notes), chosen)


def _stopped(run: Run, label: Labels, state: Mapping[str, Any]) -> Stopped:
    error = state.get("error") or {}
    return Stopped(
        folder=run.folder,
        setting=label.setting,
        teacher=label.teacher,
        seed=run.seed,
        status=state["status"],
        spent=float(state.get("spent") or 0.0),
        budget=float(run.manifest["budget"]),
        error=f"{error['type']}: {error['message']}" if error else "",
    )


def _choose_baseline(settings: Sequence[Setting], asked: str | None) -> str | None:
    """Return the label of the baseline: the one that was asked for, or random if there is one."""
    there = sorted({group.teacher for setting in settings for group in setting.groups})
    if asked is None:
        return BASELINE if BASELINE in there else None
    if asked not in there:
        raise ValueError(f"baseline: expected one of {there}, got {asked!r}")
    return asked


def _find(setting: Setting, teacher: str | None) -> Group | None:
    return next((group for group in setting.groups if group.teacher == teacher), None)


def _rows(setting: Setting, baseline: str | None, ledgers: Mapping[Path, Mapping[str, float]]) -> list[Row]:
    """Return a setting's rows, the best teacher first."""
    reference = _find(setting, baseline)
    rows = []
    for group in setting.groups:
        measure = group.measure(setting.metric)
        row = Row(
            setting=setting.label,
            teacher=group.teacher,
            seeds=len(group.runs),
            mastered=stats.estimate([group.mastered[:, -1]]),
            score=stats.estimate([group.score[:, -1]]),
            area=stats.estimate([stats.area(group.spent, measure)]),
            ledger=_mean_ledger([ledgers[run.folder] for run in group.runs]),
        )
        if reference is not None:
            row = _against(row, group, reference, setting)
        rows.append(row)
    return sorted(rows, key=lambda row: _rank(row.mastered if setting.mastered is not None else row.score))


def _rank(estimate: Estimate) -> float:
    return float("inf") if np.isnan(estimate.value) else -estimate.value


def _against(row: Row, group: Group, reference: Group, setting: Setting) -> Row:
    """Add to a row how its group does against the reference."""
    final = reference.measure(setting.metric)[:, -1]
    threshold = float(stats.iqm(final))
    costs = np.array(
        [
            stats.first_reached(
                curve.spent, curve.score if setting.metric == "score" else curve.mastered, threshold
            )
            for curve in group.curves
        ]
    )
    costs[costs > setting.spent] = np.inf
    row = replace(row, reached=int(np.isfinite(costs).sum()), reached_at=_median(costs))
    if group is reference:
        return row
    own = group.measure(setting.metric)[:, -1]
    return replace(row, difference=stats.estimate_difference([own], [final]), p=stats.welch(own, final))


def _median(costs: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """Return the median, infinite if any of the middle values is."""
    ordered = np.sort(costs)
    return float((ordered[(len(costs) - 1) // 2] + ordered[len(costs) // 2]) / 2.0)


def _mean_ledger(ledgers: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = {name: None for ledger in ledgers for name in ledger}
    return {name: float(np.mean([ledger.get(name, 0.0) for ledger in ledgers])) for name in names}


def _pooled(settings: Sequence[Setting], baseline: str | None) -> list[Row]:
    """Return rows over all settings, for teachers that were run in every one, if there are two of them."""
    if len(settings) < 2 or any(setting.mastered is None for setting in settings):
        return []
    nothing = Estimate(float("nan"), float("nan"), float("nan"), 0)
    strata = {}
    for teacher in dict.fromkeys(group.teacher for group in settings[0].groups):
        found = [_find(setting, teacher) for setting in settings]
        groups = [group for group in found if group is not None]
        if len(groups) == len(settings):
            strata[teacher] = [group.mastered[:, -1] for group in groups]
    if len(strata) < 2:
        return []
    rows = []
    for teacher, values in strata.items():
        compared = baseline in strata and teacher != baseline
        rows.append(
            Row(
                setting=POOLED,
                teacher=teacher,
                seeds=sum(map(len, values)),
                mastered=stats.estimate(values),
                score=nothing,
                area=nothing,
                difference=stats.estimate_difference(values, strata[str(baseline)]) if compared else None,
            )
        )
    return sorted(rows, key=lambda row: _rank(row.mastered))


def _notes(setting: Setting, runs: Sequence[Run]) -> list[str]:
    """Return what must be known about a setting: where the cost ends, and what its runs do not share."""
    notes = [
        f"{setting.label}: test set {setting.test_set}; results at {setting.spent:,.0f} {setting.cost_unit}, "
        "the largest cost at which every run counted here was tested."
    ]
    budgets = sorted({float(run.manifest["budget"]) for run in runs})
    if len(budgets) > 1:
        listed = ", ".join(f"{budget:,.0f}" for budget in budgets)
        notes.append(
            f"{setting.label}: budgets differ ({listed}); what lies beyond the common cost is unused."
        )
    sessions = [session for run in runs for session in run.manifest.get("sessions", [])]
    versions = {
        (session["versions"]["teacherstudent"], str((session["git"]["package"] or {}).get("commit")))
        for session in sessions
    }
    if len(versions) > 1:
        notes.append(f"{setting.label}: the runs come from {len(versions)} versions of teacherstudent.")
    machines = {
        tuple(str(session["machine"][key]) for key in ("host", "processor", "gpus")) for session in sessions
    }
    if len(machines) > 1:
        notes.append(f"{setting.label}: the runs come from {len(machines)} machines; seconds do not compare.")
    return notes


def _caveats(rows: Sequence[Row], settings: Sequence[Setting]) -> list[str]:
    """Return how the numbers are to be read."""
    notes = [
        "Values are interquartile means over seeds; brackets are 95 % percentile bootstrap intervals over "
        "seeds."
    ]
    if any(row.seeds == 1 for row in rows):
        notes.append("With one seed there is no interval.")
    if any(1 < row.seeds < stats.TRUSTED for row in rows):
        notes.append(
            f"With fewer than {stats.TRUSTED} seeds, marked ?, the interval is not to be trusted: it is too "
            "narrow."
        )
    if any(row.difference is not None for row in rows):
        notes.append(
            "p is of Welch's t-test on the means over seeds, two-sided, not corrected for the number of "
            "teachers."
        )
        notes.append(
            "Caught up: seeds whose tests reached the baseline's final value, and the median over all seeds "
            "of the cost at which they first did."
        )
    if any(row.setting == POOLED for row in rows):
        notes.append(
            f"'{POOLED}' pools the seeds of {len(settings)} settings, each at its own final cost; the "
            "bootstrap resamples within each setting. A setting with more seeds weighs more."
        )
    return notes
