"""Rows of the table: each teacher's results, difference to the baseline, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from teacherstudent.comparing import stats
from teacherstudent.comparing.groups import Group, Setting, values_of
from teacherstudent.comparing.quantities import SECONDS, Quantity
from teacherstudent.comparing.results import POOLED, Final, Row
from teacherstudent.comparing.stats import Difference, Estimate
from teacherstudent.contract.types import FloatArray
from teacherstudent.recording.runs import Curve, Run


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
            mastered=stats.estimate([group.mastered[:, -1]], within=stats.PERCENT),
            score=stats.estimate([group.score[:, -1]]),
            area=stats.estimate([stats.area(group.grid, measure)], within=setting.range),
            final=_final(group, setting),
            ledger=_mean_ledger([ledgers[run.folder] for run in group.runs]),
        )
        # A baseline of which no run has a result compares with nothing.
        if reference is not None and len(setting.results(reference)):
            row = _against(row, group, reference, setting)
        rows.append(row)
    # The correction needs all p of the setting.
    return sorted(_correct(rows), key=lambda row: _rank(_ranked(row, setting)))


def _correct(rows: Sequence[Row]) -> list[Row]:
    """Add to the differences of a setting the p-values corrected for how many they are."""
    found = []
    for row, p in zip(rows, stats.holm(np.array([row.p for row in rows])), strict=True):
        difference = row.difference
        if difference is not None:
            difference = replace(difference, holm=float(p))
        found.append(replace(row, difference=difference))
    return found


def _final(group: Group, setting: Setting) -> Final:
    seconds = Quantity(SECONDS, "")
    curves = [group.curves[i] for i in setting.ended(group)]
    # A mean of seconds over some of the seeds would mislead: all must have recorded them.
    spent = took = np.nan
    if curves:
        spent = float(np.mean([curve.spent[-1] for curve in curves]))
    if curves and all(seconds.known(curve) for curve in curves):
        took = float(np.mean([seconds.of(curve)[-1] for curve in curves]))
    return Final(
        mastered=stats.estimate([setting.last(group, "mastered")], within=stats.PERCENT),
        score=stats.estimate([setting.last(group, "score")]),
        spent=spent,
        seconds=took,
    )


def _ranked(row: Row, setting: Setting) -> Estimate:
    """Return that of a row's estimates by which the setting's teachers are ranked."""
    results: Row | Final = row
    if setting.own_ends and row.final is not None:
        results = row.final
    if setting.metric == "mastered":
        return results.mastered
    return results.score


def _rank(estimate: Estimate) -> float:
    if np.isnan(estimate.value):
        return float("inf")
    return -estimate.value


def _against(row: Row, group: Group, reference: Group, setting: Setting) -> Row:
    """Add to a row how its group does against the reference."""
    # What the baseline reached in the end, read on the split of the curves.
    tests = [_tests(reference.courses[i], setting)[1] for i in setting.ended(reference)]
    threshold = float(stats.iqm(np.array([values[-1] for values in tests])))
    costs = np.array([stats.first_reached(*_tests(curve, setting), threshold) for curve in group.courses])
    row = replace(row, reached=int(np.isfinite(costs).sum()), reached_at=_median(costs))
    # No teacher differs from itself, but its seeds too reach its own result sooner or later.
    if group is reference:
        return row
    own = setting.results(group)
    other = setting.results(reference)
    paired = setting.paired(group, reference)
    test = stats.welch
    if paired:
        test = stats.paired_t
    p = test(own, other)
    return replace(row, difference=_difference([own], [other], paired, p))


def _difference(
    own: Sequence[FloatArray], other: Sequence[FloatArray], paired: bool, p: float = float("nan")
) -> Difference:
    return Difference(**vars(stats.estimate_difference(own, other, paired=paired)), paired=paired, p=p)


def _tests(curve: Curve, setting: Setting) -> tuple[FloatArray, FloatArray]:
    """Return where a run was tested, on one split, and its results up to where they are compared."""
    places = setting.quantity.of(curve)
    values = values_of(curve, setting.metric)
    if setting.own_ends:
        return places, values
    # Up to the common end, with a value between two tests there.
    before = places < setting.end
    last = np.interp(setting.end, places, values)
    return np.append(places[before], setting.end), np.append(values[before], last)


def _median(costs: FloatArray) -> float:
    """Return the median, infinite if any of the middle values is."""
    ordered = np.sort(costs)
    # The two in the middle; of an odd number they are the same.
    return float((ordered[(len(costs) - 1) // 2] + ordered[len(costs) // 2]) / 2.0)


def _mean_ledger(ledgers: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = {name: None for ledger in ledgers for name in ledger}
    means = {}
    for name in names:
        means[name] = float(np.mean([ledger.get(name, 0.0) for ledger in ledgers]))
    return means


def pooled_rows(settings: Sequence[Setting], baseline: str | None) -> list[Row]:
    """Return rows over all settings, for teachers that were run in every one, if there are two of them."""
    if len(settings) < 2 or any(setting.mastered is None for setting in settings):
        return []
    # Scores of different settings have no common scale.
    nothing = Estimate(float("nan"), float("nan"), float("nan"), 0)
    found = {}
    strata = {}
    for teacher in dict.fromkeys(group.teacher for group in settings[0].groups):
        groups = [_find(setting, teacher) for setting in settings]
        pairs = [(s, group) for s, group in zip(settings, groups, strict=True) if group is not None]
        values = [setting.results(group) for setting, group in pairs]
        # Teachers that lack a setting would be compared on other tasks.
        if len(pairs) == len(settings) and all(map(len, values)):
            found[teacher] = pairs
            strata[teacher] = values
    if len(strata) < 2:
        return []
    rows = []
    for teacher, values in strata.items():
        difference = None
        if baseline in strata and teacher != baseline:
            # Pairs must hold in every setting: the bootstrap draws both sides together.
            both = zip(found[teacher], found[baseline], strict=True)
            paired = all(setting.paired(group, other) for (setting, group), (_, other) in both)
            difference = _difference(values, strata[baseline], paired)
        rows.append(
            Row(
                setting=POOLED,
                teacher=teacher,
                seeds=sum(map(len, values)),
                mastered=stats.estimate(values, within=stats.PERCENT),
                score=nothing,
                area=nothing,
                difference=difference,
                pooled=True,
            )
        )
    return sorted(rows, key=lambda row: _rank(row.mastered))


def last_acting(run: Run) -> dict[str, float]:
    """Return the share of steered rows and the decisions of a whole run, as entries of a ledger."""
    found = {}
    for record in run.records()[-1:]:
        for name in ("steered_share", "decisions"):
            if name in record.get("acting", {}):
                found[f"acting/{name}"] = float(record["acting"][name])
    return found
