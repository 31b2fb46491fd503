"""What a reader of a comparison must know, one sentence each."""

from __future__ import annotations

from collections.abc import Sequence

from teacherstudent.comparing import stats
from teacherstudent.comparing.groups import Setting
from teacherstudent.comparing.quantities import SPENT
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
    if setting.overlap:
        notes[0] = (
            f"{notes[0][:-1]}; results at {setting.end:,.0f} {quantity.unit}, the largest {quantity.word} at "
            "which every run counted here was tested."
        )
    if len(setting.budgets) > 1:
        listed = ", ".join(f"{budget:,.0f}" for budget in setting.budgets)
        notes.append(f"{setting.label}: budgets differ ({listed}). {OWN_ENDS}")
    elif not setting.overlap and quantity.name != SPENT:
        notes.append(f"{setting.label}: the runs have no stretch of {quantity.word} in common. {OWN_ENDS}")
    notes += [*_splits(setting), *_charges(setting)]
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


def _splits(setting: Setting) -> list[str]:
    """Return which results are on which split where runs end on the test split, and who did not."""
    if not setting.split:
        return []
    notes = [
        f"{setting.label}: curves and results before the end are on the validation split, the last test of "
        "each run on the test split. Teachers are ranked, and compared with the baseline, by the last test; "
        "who caught up is told on validation, by the baseline's last result there."
    ]
    short = {group.teacher: len(group.runs) - len(setting.ended(group)) for group in setting.groups}
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


def caveats(rows: Sequence[Row], settings: Sequence[Setting]) -> list[str]:
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
    differences = [row.difference for row in rows if row.difference is not None]
    if differences:
        notes.append(_tested(differences))
        notes.append(
            "Caught up: seeds whose tests reached the baseline's final value, and the median over all seeds "
            f"of the {settings[0].quantity.word} at which they first did."
        )
    if any(row.setting == POOLED for row in rows):
        notes.append(
            f"'{POOLED}' pools the seeds of {len(settings)} settings, each at its own end; the "
            "bootstrap resamples within each setting. A setting with more seeds weighs more."
        )
    return notes


def _tested(differences: Sequence[stats.Difference]) -> str:
    """Return which test p is of, and how the differences' intervals resample seeds."""
    paired = "the paired t-test over seeds, and a difference's interval resamples both sides' seeds together"
    welch = "Welch's t-test on the means over seeds"
    if all(each.paired for each in differences):
        said = f"p is of {paired}"
    elif any(each.paired for each in differences):
        said = f"Where a teacher has the baseline's seeds, p is of {paired}; elsewhere p is of {welch}"
    else:
        said = f"p is of {welch}"
    return f"{said}; two-sided, not corrected for the number of teachers."
