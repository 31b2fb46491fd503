"""The one table of results: a row for each run, from which all that is printed, tested and drawn is taken."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from teacherstudent.comparing.labels import text_of
from teacherstudent.contract.types import Array, BoolArray, FloatArray


@dataclass(frozen=True, eq=False)
class Results:
    """The results of a setting's runs, one row each: by teacher, and by seed within a teacher.

    All columns are ``(n,)``. *Common* is the largest cost, or other quantity, at which all runs were tested.

    Attributes:
        teacher: the label of the run's teacher.
        run: the run (`teacherstudent.recording.runs.Run`).
        ended: whether the last test counts: it is on the split of the others' last tests.
        result: what teachers are ranked and compared by: the measure that ranks, at the common cost or, where
            `Setting.own_ends`, in the last test.
        mastered: percent of test tasks mastered at the common cost; NaN if the family has no such line.
        score: mean test score there.
        area: the measure that ranks, averaged over cost.
        last_mastered: percent mastered in the last test.
        last_score: mean score in it.
        spent: the cost at it, of what counts against the budget.
        seconds: those of student and teacher at it; NaN if they were not recorded.
        drawn: the cost at the test whose tasks are drawn: the nearest to the common one, or the last.
        reached: the cost, or other quantity, at which the run first reached the baseline's result; infinite
            if it never did, NaN if there is no baseline or it has no result.
        ledger: a mapping: costs, counts and seconds at the end.
    """

    teacher: Array
    run: Array
    ended: BoolArray
    result: FloatArray
    mastered: FloatArray
    score: FloatArray
    area: FloatArray
    last_mastered: FloatArray
    last_score: FloatArray
    spent: FloatArray
    seconds: FloatArray
    drawn: FloatArray
    reached: FloatArray
    ledger: Array

    def __len__(self) -> int:
        return len(self.teacher)

    def of(self, teacher: str) -> Results:
        """Return the rows of one teacher; none if it was not run."""
        return self._some(self.teacher == teacher)

    def ranked(self) -> Results:
        """Return the rows whose last test counts."""
        return self._some(self.ended)

    def paired(self, other: Results) -> bool:
        """Return whether both have the same seeds in the same order."""
        return self._seeds() == other._seeds()

    def _seeds(self) -> list[str]:
        return [text_of(run.seed) for run in self.run]

    def _some(self, which: Array) -> Results:
        return Results(*(getattr(self, column.name)[which.astype(np.bool_)] for column in fields(self)))


_EMPTY: Any = np.zeros(0)
NOTHING = Results(**{column.name: _EMPTY for column in fields(Results)})
"""A table without rows."""
