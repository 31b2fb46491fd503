"""What a comparison finds: rows of the table, runs that did not finish, settings, notes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from teacherstudent.comparing.groups import Setting
from teacherstudent.comparing.stats import Difference, Estimate

POOLED = "all"
"""What the setting of pooled rows is called."""


@dataclass(frozen=True)
class Final:
    """Results of a teacher's last tests, whatever the runs have cost by then.

    Where runs end on the test split, those that did not get there are left out.

    Attributes:
        mastered: percent of test tasks mastered.
        score: mean test score.
        spent: what counts against the budget, mean over seeds.
        seconds: of student and teacher, mean over seeds; NaN if they were not recorded.
    """

    mastered: Estimate
    score: Estimate
    spent: float
    seconds: float


@dataclass(frozen=True)
class Row:
    """One line of the table: a teacher's final results in a setting.

    Attributes:
        setting: the setting's label; ``"all"`` for results pooled over settings.
        teacher: the teacher's label.
        seeds: the number of runs.
        mastered: percent of test tasks mastered at the common cost.
        score: mean test score there; NaN in pooled rows, since scores have no common scale.
        area: the ranking measure (mastered, or else score) averaged over cost; NaN in pooled rows.
        final: the results of the runs' last tests; None in pooled rows.
        difference: the ranking measure minus the baseline's, at the common cost or, where `Setting.own_ends`,
            of the last tests, with its test; None for the baseline or without one.
        reached: how many seeds reached the baseline's result, or where runs end on the test split, its last
            result on validation; None without a baseline.
        reached_at: median over all seeds of the cost at which they first did; infinite if half did not.
        ledger: costs, counts and seconds at the end, averaged over seeds.
        pooled: whether it is over all settings.
    """

    setting: str
    teacher: str
    seeds: int
    mastered: Estimate
    score: Estimate
    area: Estimate
    final: Final | None = None
    difference: Difference | None = None
    reached: int | None = None
    reached_at: float = float("nan")
    ledger: Mapping[str, float] = field(default_factory=dict)
    pooled: bool = False

    @property
    def p(self) -> float:
        """The p-value of the difference; NaN if there is none."""
        if self.difference is None:
            return float("nan")
        return self.difference.p

    @property
    def holm(self) -> float:
        """The same, corrected by Holm's method for the setting's comparisons; NaN if there is none."""
        if self.difference is None:
            return float("nan")
        return self.difference.holm


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

    def rows_of(self, setting: Setting) -> list[Row]:
        """Return the lines of one setting."""
        return [row for row in self.rows if row.setting == setting.label and not row.pooled]
