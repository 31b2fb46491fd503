"""What a reader of a comparison must know, one sentence each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from teacherstudent.comparing import stats
from teacherstudent.comparing.groups import Setting
from teacherstudent.comparing.results import POOLED, Row
from teacherstudent.recording.runs import Run

OWN_ENDS = (
    "Teachers are ranked, and compared with the baseline, by the last test of each run, whatever it has cost "
    "by then. Where results at a common cost are shown too, longer runs are still on their way there."
)


def setting_notes(setting: Setting, runs: Sequence[Run]) -> list[str]:
    """Return what must be known about a setting: where the cost ends, and what its runs do not share."""
    quantity = setting.quantity
    notes = [f"{setting.label}: test set {setting.test_set}."]
    # The first note goes on: both halves are about the same results.
    if setting.overlap:
        notes[0] = (
            f"{notes[0][:-1]}; results at {setting.end:,.0f} {quantity.unit}, the largest {quantity.word} at "
            "which every run counted here was tested."
        )
    if len(setting.budgets) > 1:
        listed = ", ".join(f"{budget:,.0f}" for budget in setting.budgets)
        notes.append(f"{setting.label}: budgets differ ({listed}). {OWN_ENDS}")
    elif not setting.overlap and not setting.split:
        notes.append(f"{setting.label}: the runs have no stretch of {quantity.word} in common. {OWN_ENDS}")
    notes += [*_splits(setting), *_charges(setting), *_no_numbers(setting), *_own_loops(setting, runs)]
    # A run that was resumed has several sessions, perhaps on several machines.
    sessions = [session for run in runs for session in run.manifest.get("sessions", [])]
    versions = {
        (session["versions"]["teacherstudent"], str((session["git"]["package"] or {}).get("commit")))
        for session in sessions
    }
    if len(versions) > 1:
        notes.append(f"{setting.label}: the runs come from {len(versions)} versions of teacherstudent.")
    machines = {_machine(session["machine"]) for session in sessions}
    if len(machines) > 1:
        notes.append(f"{setting.label}: the runs come from {len(machines)} machines; seconds do not compare.")
    return notes


def _machine(described: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(described[key]) for key in ("host", "processor", "gpus"))


def _own_loops(setting: Setting, runs: Sequence[Run]) -> list[str]:
    """Return how many runs are of loops that their users own."""
    own = sum(run.manifest.get("loop") is not None for run in runs)
    if not own:
        return []
    return [
        f"{setting.label}: {own} of {len(runs)} run(s) are of a loop of its user's own, which says itself "
        "what a test is and what it has spent."
    ]


def _splits(setting: Setting) -> list[str]:
    """Return which results are on which split where runs end on the test split, and who did not."""
    if not setting.split:
        return []
    notes = [
        f"{setting.label}: curves and results before the end are on the validation split, the last test of "
        "each run on the test split. Teachers are ranked, and compared with the baseline, by the last test; "
        "who caught up is told on validation, by the baseline's last result there."
    ]
    # How many runs of each teacher have no result on the test split.
    results = setting.results
    short = {group.teacher: int((~results.of(group.teacher).ended).sum()) for group in setting.groups}
    listed = ", ".join(f"{count} of {teacher}" for teacher, count in short.items() if count)
    if listed:
        notes.append(f"{setting.label}: runs that never reached the test split are not ranked: {listed}.")
    return notes


def _charges(setting: Setting) -> list[str]:
    """Return which teachers are charged with what was spent before their runs."""
    charged = {
        group.teacher: float(group.runs[0].manifest["charged"])
        for group in setting.groups
        if group.runs[0].manifest.get("charged")
    }
    if not charged:
        return []
    listed = ", ".join(f"{teacher} {cost:.3g}" for teacher, cost in charged.items())
    return [
        f"{setting.label}: charged with what was spent before the run, as part of its budget: {listed} "
        f"{setting.cost_unit}; seconds leave that out."
    ]


def _no_numbers(setting: Setting) -> list[str]:
    """Return which runs hold tests whose mean score is no finite number."""
    bad = [
        f"seed {run.seed} of {group.teacher} ({run.folder})"
        for group in setting.groups
        for run, curve in zip(group.runs, group.curves, strict=True)
        if not np.isfinite(curve.score).all()
    ]
    if not bad:
        return []
    return [
        f"{setting.label}: tests hold scores that are no finite numbers: {', '.join(bad)}. Such tasks are "
        "not mastered, and the means of these teachers' scores are not shown (-)."
    ]


def caveats(rows: Sequence[Row], settings: Sequence[Setting], baseline: str | None) -> list[str]:
    """Return how the numbers are to be read.

    Args:
        rows: of all settings, pooled ones too.
        settings: the settings.
        baseline: the label of the teacher that others are compared with, or None.
    """
    notes = [
        "Values are interquartile means over seeds; brackets are 95 % intervals over seeds: at either end "
        "the farther of a t interval (standard deviation over the square root of seeds) and a percentile "
        "bootstrap interval."
    ]
    if any(row.seeds == 1 for row in rows):
        notes.append("With one seed there is no interval.")
    if any(1 < row.seeds < stats.TRUSTED for row in rows):
        notes.append(
            f"With fewer than {stats.TRUSTED} seeds, marked ?, an interval covers 95 % only of results with "
            "one hump: less where seeds either solve a task or do not."
        )
    if any(_is_point(row) for row in rows):
        notes.append(
            "Where all seeds agree, an interval is a point, and there is no p; more seeds may differ."
        )
    notes += _comparisons(rows, settings, baseline)
    pooled = [row.teacher for row in rows if row.pooled]
    if pooled:
        notes.append(
            f"'{POOLED}' pools the seeds of {len(settings)} settings, each at its own end; the "
            "bootstrap resamples within each setting. A setting with more seeds weighs more."
        )
        every = {group.teacher for setting in settings for group in setting.groups}
        left = sorted(every - set(pooled))
        if left:
            notes.append(f"Not pooled, since not run in every setting: {', '.join(left)}.")
    return notes


def _is_point(row: Row) -> bool:
    """Return whether a row has an interval without width."""
    shown = (row.mastered, row.score, row.difference)
    return any(each.low == each.high for each in shown if each is not None)


def _comparisons(rows: Sequence[Row], settings: Sequence[Setting], baseline: str | None) -> list[str]:
    """Return what is compared with the baseline and how, or why nothing is."""
    if baseline is None:
        # With one teacher in each setting nobody misses a baseline.
        if all(len(setting.groups) < 2 for setting in settings):
            return []
        return ["No teacher is the baseline, so there are no differences; name one (--baseline)."]
    # Rows that were not compared at all have no number of seeds that caught up.
    compared = {row.setting for row in rows if row.reached is not None and not row.pooled}
    notes = [
        f"{setting.label}: {baseline} was not run (or has no result) here, so there are no differences."
        for setting in settings
        if setting.label not in compared
    ]
    differences = [(row, row.difference) for row in rows if row.difference is not None]
    if differences:
        notes += _tested(differences)
        notes.append(
            "Caught up: seeds whose tests reached the baseline's final value, and the median over all seeds "
            f"of the {settings[0].quantity.word} at which they first did."
        )
    return notes


def _tested(differences: Sequence[tuple[Row, stats.Difference]]) -> list[str]:
    """Return which test p is of, for how many comparisons it is corrected, and how seeds are paired."""
    paired = "the paired t-test over seeds, and a difference's interval takes both sides' seeds together"
    welch = "Welch's t-test over seeds"
    # Teachers may have the baseline's seeds or others: the sentence names the tests that were made.
    apart = sorted({row.teacher for row, each in differences if not each.paired})
    if not apart:
        said = f"p is of {paired}"
    elif any(each.paired for _, each in differences):
        said = f"Where a teacher has the baseline's seeds, p is of {paired}; "
        said += f"else ({', '.join(apart)}) of {welch}"
    else:
        said = f"p is of {welch}"
    notes = [
        f"{said}; two-sided. p is about plain means, the interval about interquartile means: near 0.05 the "
        "two may disagree."
    ]
    tests: dict[str, int] = {}
    for row, each in differences:
        # Without spread there is no p, and nothing to be corrected for.
        if np.isfinite(each.p):
            tests[row.setting] = tests.get(row.setting, 0) + 1
    if any(count > 1 for count in tests.values()):
        listed = ", ".join(f"{count} in {name}" for name, count in tests.items())
        notes.append(
            f"Comparisons with a p: {listed}. 'p, Holm' is corrected for that by Holm's method, within each "
            "setting; p itself and the intervals are not."
        )
    return notes
