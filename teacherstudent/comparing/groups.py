"""Which runs may be compared with each other, and their curves over a common stretch of cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from teacherstudent.comparing import stats
from teacherstudent.comparing.quantities import SPENT, Quantity
from teacherstudent.comparing.stats import Range
from teacherstudent.comparing.table import NOTHING, Results
from teacherstudent.contract.types import FloatArray
from teacherstudent.recording.runs import Curve, Run

POINTS = 101
"""Points of a grid."""


@dataclass(frozen=True, eq=False)
class Group:
    """The runs of one teacher in one setting, one for each seed.

    Attributes:
        teacher: the teacher's label: its name, with the options in which it differs from its namesakes.
        runs: the runs, by seed.
        curves: their tests, in the same order.
        courses: the same without tests on the test split, where there are others (`Curve.course`).
        grid: ``(points,)`` the setting's grid of cost, or of another quantity.
        score: ``(seeds, points)`` mean test score on that grid, interpolated linearly.
        mastered: ``(seeds, points)`` percent of test tasks mastered; NaN if the family has no such line.
    """

    teacher: str
    runs: tuple[Run, ...]
    curves: tuple[Curve, ...]
    courses: tuple[Curve, ...]
    grid: FloatArray
    score: FloatArray
    mastered: FloatArray

    def measure(self, name: str) -> FloatArray:
        """Return ``score`` or ``mastered``, by name."""
        if name == "mastered":
            return self.mastered
        return self.score

    def lines(self, name: str, quantity: Quantity) -> tuple[FloatArray, FloatArray]:
        """Return ``score`` or ``mastered`` over any quantity, as far as all runs of this teacher go.

        Returns:
            The grid ``(points,)`` and the values ``(seeds, points)``.
        """
        places = [quantity.of(curve) for curve in self.courses]
        # From where all runs have begun to where the first one ends.
        grid = grid_between(max(float(x[0]) for x in places), min(float(x[-1]) for x in places))
        return grid, on_grid(grid, places, [values_of(curve, name) for curve in self.courses])


@dataclass(frozen=True, eq=False)
class Setting:
    """Runs that may be compared: same family, options, student, test set and unit of cost.

    Attributes:
        label: the family's name, with whatever tells it from its namesakes.
        test_set: the name of the fixed test set.
        mastered: the score above which a task counts as mastered, or None.
        score_name: what the family calls a test score: ``"return"``, ``"accuracy"``.
        quantity: what the runs are compared at.
        groups: one for each teacher, by label.
        shared: whether there is an amount of the quantity at which every run was tested, or between tests.
        results: the table of the runs' results.
    """

    label: str
    test_set: str
    mastered: float | None
    score_name: str
    quantity: Quantity
    groups: tuple[Group, ...]
    shared: bool = True
    results: Results = NOTHING

    @property
    def metric(self) -> str:
        """The measure by which teachers are ranked: ``"mastered"``, or ``"score"`` without such a line."""
        if self.mastered is None:
            return "score"
        return "mastered"

    @property
    def range(self) -> Range | None:
        """What the ranking measure cannot leave: 0 to 100 % mastered; None for scores."""
        if self.metric == "mastered":
            return stats.PERCENT
        return None

    @property
    def cost_unit(self) -> str:
        """The unit of cost."""
        return self.quantity.cost_unit

    @property
    def budgets(self) -> list[float]:
        """The runs' different budgets, ascending."""
        return sorted({float(run.manifest["budget"]) for group in self.groups for run in group.runs})

    @property
    def split(self) -> bool:
        """Whether runs end with a test on the test split, and were tested on validation before."""
        curves = [curve for group in self.groups for curve in group.curves]
        # Curves that end on the test split, while earlier tests were on another one.
        return any(bool(curve.on_test[-1]) for curve in curves) and not all(c.on_test.all() for c in curves)

    @property
    def own_ends(self) -> bool:
        """Whether results are those of each run's end.

        They are if budgets differ, if the end is on a split of its own, or if the runs share no stretch.
        """
        return len(self.budgets) > 1 or self.split or not self.overlap

    @property
    def end(self) -> float:
        """The largest cost (or other quantity) at which all runs were tested, on one split."""
        return float(self.groups[0].grid[-1])

    @property
    def overlap(self) -> bool:
        """Whether there are results at an equal amount of the quantity, all on one split."""
        # A result on validation and one on test do not compare, at whatever cost.
        courses = [curve for group in self.groups for curve in group.courses]
        if len({bool(curve.on_test[-1]) for curve in courses}) > 1:
            return False
        if len(self.groups[0].grid) > 1:
            return True
        if self.split:
            return False
        # one point: where all runs end, or a cost that all had when the first of them stopped
        ends = {float(self.quantity.of(curve)[-1]) for curve in courses}
        return len(ends) == 1 or (self.shared and self.quantity.name == SPENT)

    @property
    def spent(self) -> float:
        """The cost up to which pictures go: that which all runs reach, or the longest does."""
        ends = [float(curve.spent[-1]) for group in self.groups for curve in group.curves]
        if self.own_ends:
            return max(ends)
        return min(ends)


def values_of(curve: Curve, name: str) -> FloatArray:
    """Return ``score`` or ``mastered`` of a run's tests, by name."""
    if name == "mastered":
        return curve.mastered
    return curve.score


def grid_between(start: float, end: float) -> FloatArray:
    """Return the points of a grid of cost: one, the end, where there is no stretch."""
    if start < end:
        return np.linspace(start, end, POINTS)
    return np.array([end])


def on_grid(grid: FloatArray, places: Sequence[FloatArray], values: Sequence[FloatArray]) -> FloatArray:
    """Return curves ``(seeds, points)`` on a grid, interpolated linearly."""
    return np.stack([np.interp(grid, x, y) for x, y in zip(places, values, strict=True)])
