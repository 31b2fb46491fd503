"""Rows of the table: each teacher's results, difference to the baseline, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from teacherstudent.comparing import stats
from teacherstudent.comparing.groups import Setting
from teacherstudent.comparing.results import POOLED, Final, Row
from teacherstudent.comparing.stats import Difference, Estimate
from teacherstudent.comparing.table import Results
from teacherstudent.contract.types import FloatArray


def make_rows(setting: Setting, baseline: str | None) -> list[Row]:
    """Return a setting's rows, the best teacher first."""
    rows = []
    for group in setting.groups:
        own = setting.results.of(group.teacher)
        row = Row(
            setting=setting.label,
            teacher=group.teacher,
            seeds=len(own),
            mastered=stats.estimate([own.mastered], within=stats.PERCENT),
            score=stats.estimate([own.score]),
            area=stats.estimate([own.area], within=setting.range),
            final=_final(own.ranked()),
            ledger=_mean_ledger(own.ledger.tolist()),
        )
        rows.append(_against(row, own, setting.results, baseline))
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


def _final(ended: Results) -> Final:
    # No mean is taken of nothing; one of seconds over some of the seeds would mislead, and is NaN.
    spent = took = np.nan
    if len(ended):
        spent = float(np.mean(ended.spent))
        took = float(np.mean(ended.seconds))
    return Final(
        mastered=stats.estimate([ended.last_mastered], within=stats.PERCENT),
        score=stats.estimate([ended.last_score]),
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


def _against(row: Row, own: Results, results: Results, baseline: str | None) -> Row:
    """Add to a row how its teacher does against the baseline, where that has a result."""
    if np.isnan(own.reached).any():
        return row
    row = replace(row, reached=int(np.isfinite(own.reached).sum()), reached_at=_median(own.reached))
    # No teacher differs from itself, but its seeds too reach its own result sooner or later.
    if row.teacher == baseline:
        return row
    ours = own.ranked()
    theirs = results.of(str(baseline)).ranked()
    paired = ours.paired(theirs)
    test = stats.welch
    if paired:
        test = stats.paired_t
    p = test(ours.result, theirs.result)
    return replace(row, difference=_difference([ours.result], [theirs.result], paired, p))


def _difference(
    own: Sequence[FloatArray], other: Sequence[FloatArray], paired: bool, p: float = float("nan")
) -> Difference:
    return Difference(**vars(stats.estimate_difference(own, other, paired=paired)), paired=paired, p=p)


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
    for teacher in [group.teacher for group in settings[0].groups]:
        parts = [setting.results.of(teacher).ranked() for setting in settings]
        # Teachers that lack a setting would be compared on other tasks.
        if all(map(len, parts)):
            found[teacher] = parts
    if len(found) < 2:
        return []
    rows = []
    for teacher, parts in found.items():
        values = [part.result for part in parts]
        difference = None
        if baseline in found and teacher != baseline:
            others = found[baseline]
            # Pairs must hold in every setting: the bootstrap draws both sides together.
            paired = all(part.paired(other) for part, other in zip(parts, others, strict=True))
            difference = _difference(values, [other.result for other in others], paired)
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
