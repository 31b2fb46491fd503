"""Rows of the table: each teacher's results, difference to the baseline, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from teacherstudent.comparing import stats
from teacherstudent.comparing.groups import Group, Setting
from teacherstudent.comparing.quantities import SECONDS, Quantity
from teacherstudent.comparing.results import POOLED, Final, Row
from teacherstudent.comparing.stats import Estimate


def _find(setting: Setting, teacher: str | None) -> Group | None:
    return next((group for group in setting.groups if group.teacher == teacher), None)


def make_rows(
    setting: Setting, baseline: str | None, ledgers: Mapping[Path, Mapping[str, float]]
) -> list[Row]:
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
            area=stats.estimate([stats.area(group.grid, measure)]),
            final=_final(group),
            ledger=_mean_ledger([ledgers[run.folder] for run in group.runs]),
        )
        if reference is not None:
            row = _against(row, group, reference, setting)
        rows.append(row)
    return sorted(rows, key=lambda row: _rank(_ranked(row, setting)))


def _final(group: Group) -> Final:
    seconds = Quantity(SECONDS, "")
    known = all(seconds.known(curve) for curve in group.curves)
    return Final(
        mastered=stats.estimate([group.last("mastered")]),
        score=stats.estimate([group.last("score")]),
        spent=float(np.mean([curve.spent[-1] for curve in group.curves])),
        seconds=float(np.mean([seconds.of(curve)[-1] for curve in group.curves])) if known else np.nan,
    )


def _ranked(row: Row, setting: Setting) -> Estimate:
    """Return that of a row's estimates by which the setting's teachers are ranked."""
    results = row.final if setting.own_ends and row.final is not None else row
    return results.mastered if setting.metric == "mastered" else results.score


def _rank(estimate: Estimate) -> float:
    return float("inf") if np.isnan(estimate.value) else -estimate.value


def _against(row: Row, group: Group, reference: Group, setting: Setting) -> Row:
    """Add to a row how its group does against the reference."""
    final = setting.results(reference)
    threshold = float(stats.iqm(final))
    costs = np.array(
        [
            stats.first_reached(
                setting.quantity.of(curve),
                curve.score if setting.metric == "score" else curve.mastered,
                threshold,
            )
            for curve in group.curves
        ]
    )
    if not setting.own_ends:
        costs[costs > setting.end] = np.inf
    row = replace(row, reached=int(np.isfinite(costs).sum()), reached_at=_median(costs))
    if group is reference:
        return row
    own = setting.results(group)
    return replace(row, difference=stats.estimate_difference([own], [final]), p=stats.welch(own, final))


def _median(costs: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """Return the median, infinite if any of the middle values is."""
    ordered = np.sort(costs)
    return float((ordered[(len(costs) - 1) // 2] + ordered[len(costs) // 2]) / 2.0)


def _mean_ledger(ledgers: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = {name: None for ledger in ledgers for name in ledger}
    return {name: float(np.mean([ledger.get(name, 0.0) for ledger in ledgers])) for name in names}


def pooled_rows(settings: Sequence[Setting], baseline: str | None) -> list[Row]:
    """Return rows over all settings, for teachers that were run in every one, if there are two of them."""
    if len(settings) < 2 or any(setting.mastered is None for setting in settings):
        return []
    nothing = Estimate(float("nan"), float("nan"), float("nan"), 0)
    strata = {}
    for teacher in dict.fromkeys(group.teacher for group in settings[0].groups):
        found = [_find(setting, teacher) for setting in settings]
        pairs = [(s, group) for s, group in zip(settings, found, strict=True) if group is not None]
        if len(pairs) == len(settings):
            strata[teacher] = [setting.results(group) for setting, group in pairs]
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
