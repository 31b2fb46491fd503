"""Makes settings of the runs that were read: their curves on one grid, their results in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from teacherstudent.comparing import stats
from teacherstudent.comparing.groups import Group, Setting, grid_between, on_grid, values_of
from teacherstudent.comparing.labels import Labels, group_by, text_of
from teacherstudent.comparing.quantities import SECONDS, SPENT, Quantity
from teacherstudent.comparing.table import Results
from teacherstudent.contract.types import Array, FloatArray, IntArray
from teacherstudent.recording.runs import Curve, Run


def _seed_order(seed: Any) -> tuple[bool, int, str]:
    """Order whole numbers by value and before everything else."""
    # False comes before True.
    if isinstance(seed, int):
        return False, seed, ""
    return True, 0, text_of(seed)


def _known_from(run: Run, curve: Curve, quantity: Quantity) -> float:
    """Return where a curve is known from: from 0 on if it was tested before it began to train.

    What a run is charged with beforehand goes into something else, and its score stays what it is at first.
    """
    # A charge is spent before the first update: until then the student is untrained.
    untrained = curve.spent[0] <= run.manifest.get("charged", 0.0)
    if untrained and quantity.name == SPENT:
        return 0.0
    return float(quantity.of(curve)[0])


def _last_acting(run: Run) -> dict[str, float]:
    """Return the share of steered rows and the decisions of a whole run, as entries of a ledger."""
    found = {}
    for record in run.records()[-1:]:
        for name in ("steered_share", "decisions"):
            if name in record.get("acting", {}):
                found[f"acting/{name}"] = float(record["acting"][name])
    return found


class Reading(NamedTuple):
    """A run with what was read of it, once: it may still be going on."""

    run: Run
    label: Labels
    curve: Curve
    status: Mapping[str, Any]

    @property
    def ledger(self) -> Mapping[str, float]:
        """Costs, counts and seconds at the end, and how far the teacher steered; empty if there are none."""
        ledger: Mapping[str, float] = self.status.get("ledger") or {}
        return {**ledger, **_last_acting(self.run)}


def make_setting(
    label: str, tested: Sequence[Reading], *, x: str = SPENT, baseline: str | None = None
) -> Setting:
    """Put the curves of runs that belong together on one grid, and their results into one table.

    The grid goes from the cost at which all runs have been tested once to the largest at which all have been,
    without tests on the test split.

    Args:
        label: the setting's label.
        tested: the runs, at least one, with at least one test each.
        x: the name of a `Quantity` that stands for the cost.
        baseline: the label of the teacher that others are compared with, or None.

    Raises:
        ValueError: if a run's ledger has no such quantity.
    """
    # Runs of one setting agree in all that is read from here.
    manifest = tested[0].run.manifest
    quantity = Quantity(x, manifest["cost_unit"])
    courses = [each.curve.course() for each in tested]
    places = [quantity.of(curve) for curve in courses]
    rows = range(len(tested))
    # The stretch on which every run is known.
    start = max(_known_from(tested[i].run, courses[i], quantity) for i in rows)
    end = min(float(x[-1]) for x in places)
    grid = grid_between(start, end)
    groups = []
    order: list[int] = []
    for teacher, members in sorted(group_by(rows, lambda i: tested[i].label.teacher).items()):
        # In the order of seeds, so that groups with equal seeds can be paired.
        members = sorted(members, key=lambda i: _seed_order(tested[i].run.seed))
        order += members
        own = tuple(courses[i] for i in members)
        at = [places[i] for i in members]
        groups.append(
            Group(
                teacher,
                tuple(tested[i].run for i in members),
                tuple(tested[i].curve for i in members),
                own,
                grid,
                on_grid(grid, at, [curve.score for curve in own]),
                on_grid(grid, at, [curve.mastered for curve in own]),
            )
        )
    setting = Setting(
        label,
        manifest["test_set"],
        manifest["mastered"],
        manifest["score_name"],
        quantity,
        tuple(groups),
        shared=start <= end,
    )
    results = tabulate(setting, [tested[i].ledger for i in order], baseline)
    return replace(setting, results=results)


def tabulate(setting: Setting, ledgers: Sequence[Mapping[str, float]], baseline: str | None) -> Results:
    """Return the table of a setting's results; ledgers are in its order, by teacher and seed."""
    own_ends = setting.own_ends
    groups = setting.groups
    curves = [curve for group in groups for curve in group.curves]
    split = setting.split
    ended = np.array([not split or bool(curve.on_test[-1]) for curve in curves])
    last = {name: _ends([values_of(curve, name) for curve in curves]) for name in ("mastered", "score")}
    common = {
        "mastered": np.concatenate([group.mastered[:, -1] for group in groups]),
        "score": np.concatenate([group.score[:, -1] for group in groups]),
    }
    counted = common
    drawn = [float(curve.spent[np.argmin(np.abs(curve.spent - setting.spent))]) for curve in curves]
    if own_ends:
        counted = last
        drawn = [float(curve.spent[-1]) for curve in curves]
    seconds = Quantity(SECONDS, "")
    took = [float(seconds.of(curve)[-1]) if seconds.known(curve) else np.nan for curve in curves]
    teacher = np.array([group.teacher for group in groups for _ in group.runs], np.object_)
    return Results(
        teacher=teacher,
        run=_objects([run for group in groups for run in group.runs]),
        ended=ended,
        result=counted[setting.metric],
        mastered=common["mastered"],
        score=common["score"],
        area=np.concatenate([stats.area(group.grid, group.measure(setting.metric)) for group in groups]),
        last_mastered=last["mastered"],
        last_score=last["score"],
        spent=_ends([curve.spent for curve in curves]),
        seconds=np.array(took),
        drawn=np.array(drawn),
        reached=_reached(setting, np.flatnonzero(ended & (teacher == baseline)), len(curves)),
        ledger=_objects(ledgers),
    )


def _reached(setting: Setting, baseline: IntArray, n: int) -> FloatArray:
    """Return where each of n runs first reached the result of the baseline, whose rows are given."""
    # A baseline of which no run has a result compares with nothing.
    if len(baseline) == 0:
        return np.full(n, np.nan)
    own_ends = setting.own_ends
    courses = [curve for group in setting.groups for curve in group.courses]
    tests = [_tests(curve, setting, own_ends) for curve in courses]
    # Read on the split of the curves.
    threshold = float(stats.iqm(np.array([tests[i][1][-1] for i in baseline])))
    return np.array([stats.first_reached(places, values, threshold) for places, values in tests])


def _tests(curve: Curve, setting: Setting, own_ends: bool) -> tuple[FloatArray, FloatArray]:
    """Return where a run was tested, on one split, and its results up to where they are compared."""
    places = setting.quantity.of(curve)
    values = values_of(curve, setting.metric)
    if own_ends:
        return places, values
    # Up to the common end, with a value between two tests there.
    before = places < setting.end
    last = np.interp(setting.end, places, values)
    return np.append(places[before], setting.end), np.append(values[before], last)


def _ends(columns: Sequence[FloatArray]) -> FloatArray:
    return np.array([column[-1] for column in columns])


def _objects(values: Sequence[Any]) -> Array:
    # One by one: NumPy would look into objects that have a length.
    column = np.empty(len(values), np.object_)
    for i, value in enumerate(values):
        column[i] = value
    return column
