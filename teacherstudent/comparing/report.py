"""A comparison as a table: on the terminal, and as text, CSV and JSON."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from teacherstudent.comparing.groups import Setting
from teacherstudent.comparing.quantities import FLOPS, SPENT
from teacherstudent.comparing.results import Comparison, Final, Row
from teacherstudent.comparing.stats import TRUSTED, Estimate
from teacherstudent.recording.disk import plain
from teacherstudent.recording.disk.files import remove_temporaries
from teacherstudent.recording.disk.terminal import shown

WIDTH = 110
"""Columns of the text file."""

SEEDS = {
    "mastered": "mastered",
    "score": "score",
    "final_mastered": "last_mastered",
    "final_score": "last_score",
    "final_spent": "spent",
}
"""Columns of ``seeds.csv``, and those of `Results` that they hold."""

SIDE_BY_SIDE = 5
"""Teachers in one table of the ledger, so that their numbers fit."""


def write(comparison: Comparison, out: Path) -> None:
    """Write ``comparison.txt``, ``.csv``, ``.json`` and ``seeds.csv`` into a folder (raises OSError).

    ``seeds.csv`` holds the results of every seed: what the intervals of results and differences are made of.
    """
    out.mkdir(parents=True, exist_ok=True)
    names = [path.name for path in comparison.figures]
    # A process that was killed may have left parts of these files.
    remove_temporaries(out, ["comparison.txt", "comparison.csv", "comparison.json", "seeds.csv", *names])
    plain.write_file(out / "seeds.csv", to_seeds(comparison).encode())
    plain.write_file(out / "comparison.txt", to_text(comparison).encode())
    plain.write_file(out / "comparison.csv", to_csv(comparison).encode())
    plain.write_json(out / "comparison.json", to_dict(comparison))


def to_text(comparison: Comparison, *, width: int = WIDTH) -> str:
    """Return everything that `to_rich` shows, as plain text without trailing blanks."""
    # Without colours and of fixed width: the file does not depend on the terminal.
    console = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(to_rich(comparison))
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def to_rich(comparison: Comparison) -> Group:
    """Return the tables and notes for ``rich.print``."""
    parts: list[Table | Text] = []
    for setting in comparison.settings:
        tables = tables_of(comparison, setting)
        parts += [*tables.results, *tables.against, *tables.costs]
    parts += closing_tables(comparison)
    parts += [shown(f"- {note}") for note in comparison.notes]
    return Group(*parts)


class Tables(NamedTuple):
    """The tables of one setting; some may be missing.

    Attributes:
        results: at the common cost, and of the last tests; the one by which teachers are ranked comes first.
        against: differences to the baseline.
        costs: what was spent on what, a few teachers side by side in each.
    """

    results: list[Table]
    against: list[Table]
    costs: list[Table]


def tables_of(comparison: Comparison, setting: Setting) -> Tables:
    """Return the tables of one setting."""
    rows = comparison.rows_of(setting)
    results = []
    if setting.overlap:
        results.append(_results(setting, rows))
    if setting.own_ends:
        results.insert(0, _finals(setting, rows))
    elif setting.quantity.name != SPENT or setting.cost_unit == FLOPS:
        results.append(_finals(setting, rows))
    against = []
    if any(row.reached is not None for row in rows):
        against.append(_against(setting, rows, comparison.baseline))
    costs = [_costs(setting, rows[i : i + SIDE_BY_SIDE]) for i in range(0, len(rows), SIDE_BY_SIDE)]
    return Tables(results, against, costs)


def closing_tables(comparison: Comparison) -> list[Table]:
    """Return the tables that are about all settings: pooled results, and runs that did not finish."""
    found = []
    pooled = [row for row in comparison.rows if row.pooled]
    if pooled:
        found.append(_pooled(pooled, comparison.baseline))
    if comparison.stopped:
        found.append(_stopped(comparison))
    return found


def _table(title: str, left: Sequence[str], right: Sequence[str]) -> Table:
    """Return an empty table with left- and right-justified columns; texts are taken literally."""
    table = Table(title=shown(title, "bold"), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    # A title that is wider than its table would be broken.
    table.min_width = len(title)
    for name in left:
        table.add_column(shown(name), overflow="fold")
    for name in right:
        table.add_column(shown(name), justify="right", overflow="fold")
    return table


def _measures(setting: Setting, split: str = "test") -> list[str]:
    """Return what the results are called, the one by which teachers are ranked first."""
    score = f"{split} {setting.score_name}"
    if setting.metric == "score":
        return [score]
    return ["% mastered", score]


def _estimates(setting: Setting, results: Row | Final) -> list[Text]:
    """Return the cells below `_measures`."""
    both = [results.mastered, results.score]
    if setting.metric == "score":
        both = [results.score]
    return [shown(_estimate(each)) for each in both]


def _results(setting: Setting, rows: Sequence[Row]) -> Table:
    """Return the table of results at the common cost."""
    quantity = setting.quantity
    title = f"{setting.label}: at {number(setting.end)} {quantity.unit}"
    measures = _measures(setting)
    if setting.split:
        measures = _measures(setting, "validation")
        title += ", validation split"
    table = _table(title, ["teacher"], ["seeds", *measures, f"averaged over {quantity.word}"])
    for row in rows:
        cells = [*_estimates(setting, row), shown(_estimate(row.area))]
        table.add_row(shown(row.teacher), str(row.seeds), *cells)
    return table


def _finals(setting: Setting, rows: Sequence[Row]) -> Table:
    """Return the table of the last tests, with what the runs had cost by then."""
    parts = [
        name.removeprefix("cost/")
        for name in _ledger_names(rows)
        if name.startswith("cost/") and name != "cost/evaluate"
    ]
    names = ["seeds", *_measures(setting), setting.cost_unit]
    if len(parts) > 1:
        names += parts
    title = f"{setting.label}: last test of each run"
    if setting.split:
        title += ", test split"
    table = _table(title, ["teacher"], [*names, "seconds"])
    for row in rows:
        assert row.final is not None
        # None of its runs reached the test split.
        if row.final.score.seeds == 0:
            continue
        costs = [row.final.spent]
        if len(parts) > 1:
            costs += [row.ledger.get(f"cost/{name}", 0.0) for name in parts]
        numbers = map(number, (*costs, row.final.seconds))
        seeds = str(row.final.score.seeds)
        table.add_row(shown(row.teacher), seeds, *_estimates(setting, row.final), *numbers)
    return table


def _against(setting: Setting, rows: Sequence[Row], baseline: str | None) -> Table:
    """Return the table of differences; with several p-values, those corrected for it stand beside them."""
    # A single p needs no correction.
    several = int(np.isfinite([row.p for row in rows]).sum()) > 1
    names = [f"minus {baseline}", "p"]
    if several:
        names.append("p, Holm")
    names += ["caught up", f"at median {setting.quantity.word}"]
    title = f"{setting.label}: {_measures(setting)[0]} compared with {baseline}"
    if setting.own_ends:
        title += ", last tests"
    table = _table(title, ["teacher"], names)
    for row in rows:
        cells: list[Text | str] = [shown(signed(row.difference)), _p(row.p)]
        if several:
            cells.append(_p(row.holm))
        reached_at = "not by half"
        if math.isfinite(row.reached_at):
            reached_at = number(row.reached_at)
        table.add_row(shown(row.teacher), *cells, f"{row.reached} of {row.seeds}", reached_at)
    return table


def _costs(setting: Setting, rows: Sequence[Row]) -> Table:
    """Return the ledger, a row for each entry since there are many."""
    title = f"{setting.label}: spent per run, mean over seeds (costs in {setting.cost_unit})"
    table = _table(title, [""], [row.teacher for row in rows])
    for name in _ledger_names(rows):
        words = name.replace("_", " ").replace("/", " ")
        table.add_row(shown(words), *(number(row.ledger.get(name, math.nan)) for row in rows))
    return table


def _ledger_names(rows: Sequence[Row]) -> list[str]:
    """Return the ledger's names in its own order, without costs that are 0 in every row."""
    # A dictionary keeps the ledger's order, and each name once.
    names = dict.fromkeys(name for row in rows for name in row.ledger)
    spent = {name for row in rows for name, value in row.ledger.items() if value}
    return [name for name in names if not name.startswith("cost/") or name in spent]


def _pooled(rows: Sequence[Row], baseline: str | None) -> Table:
    compared = any(row.difference for row in rows)
    names = ["seeds", "% mastered"]
    if compared:
        names.append(f"minus {baseline}")
    table = _table("all settings, pooled", ["teacher"], names)
    for row in rows:
        cells = [_estimate(row.mastered)]
        if compared:
            cells.append(signed(row.difference))
        table.add_row(shown(row.teacher), str(row.seeds), *map(shown, cells))
    return table


def _stopped(comparison: Comparison) -> Table:
    table = _table(
        "runs that did not finish", ["teacher", "seed", "status", "error", "folder"], ["stopped at", "of"]
    )
    for run in comparison.stopped:
        cells = (
            run.teacher,
            run.seed,
            run.status,
            run.error,
            run.folder,
            number(run.spent),
            number(run.budget),
        )
        table.add_row(*(shown(str(cell)) for cell in cells))
    return table


def number(value: float) -> str:
    """Return a number for reading: thousands separated, and as many decimals as matter."""
    if math.isnan(value):
        return "-"
    if abs(value) >= 1e9:
        return f"{value:.3g}"
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}"


def _estimate(estimate: Estimate, *, sign: str = "") -> str:
    if math.isnan(estimate.value):
        return "-"
    # All three numbers have as many decimals as the largest one needs.
    largest = max(abs(x) for x in (estimate.value, estimate.low, estimate.high) if not math.isnan(x))
    form = sign + _decimals(largest)
    if math.isnan(estimate.low):
        return format(estimate.value, form)
    mark = " ?" if estimate.seeds < TRUSTED else ""
    low, high = format(estimate.low, form), format(estimate.high, form)
    return f"{format(estimate.value, form)} [{low}, {high}]{mark}"


def signed(difference: Estimate | None) -> str:
    """Return a difference with its interval, all with their signs; empty without one."""
    if difference is None:
        return ""
    return _estimate(difference, sign="+")


def _decimals(largest: float) -> str:
    """Return the format of numbers up to this one: as many decimals as matter."""
    if largest >= 1000:
        return ".0f"
    if largest >= 10:
        return ".1f"
    if largest > 1:
        return ".2f"
    return ".3f"


def _p(value: float) -> str:
    if math.isnan(value):
        return ""
    if value < 0.001:
        return "< 0.001"
    return f"{value:.3f}"


def to_dict(comparison: Comparison) -> dict[str, Any]:
    """Return the comparison as plain data; what is not a finite number becomes None."""
    return {
        "baseline": comparison.baseline,
        "settings": [_described(setting) for setting in comparison.settings],
        "rows": [plain.to_plain(_flat(row)) for row in comparison.rows],
        "stopped": [plain.to_plain(vars(run)) for run in comparison.stopped],
        "notes": list(comparison.notes),
        "figures": [str(path) for path in comparison.figures],
    }


def _described(setting: Setting) -> dict[str, Any]:
    runs = {}
    for group in setting.groups:
        runs[group.teacher] = [str(run.folder) for run in group.runs]
    return {
        "label": setting.label,
        "test_set": setting.test_set,
        "mastered": setting.mastered,
        "cost_unit": setting.cost_unit,
        "score_name": setting.score_name,
        "x": setting.quantity.name,
        "end": setting.end,
        "own_ends": setting.own_ends,
        "split": setting.split,
        "runs": runs,
    }


def _flat(row: Row) -> dict[str, Any]:
    flat: dict[str, Any] = {"setting": row.setting, "pooled": row.pooled, "teacher": row.teacher}
    flat["seeds"] = row.seeds
    # Every row has all columns, in the same order: entries are None until they are known.
    estimates: dict[str, Estimate | None] = {
        "mastered": row.mastered,
        "return": row.score,
        "area": row.area,
        "final_mastered": None,
        "final_return": None,
        "difference": row.difference,
    }
    if row.final is not None:
        estimates |= {"final_mastered": row.final.mastered, "final_return": row.final.score}
    for name, estimate in estimates.items():
        flat |= dict.fromkeys((name, f"{name}_low", f"{name}_high"))
        if estimate is not None:
            flat |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    flat |= {"p": row.p, "p_holm": row.holm, "paired": None}
    if row.difference is not None:
        flat["paired"] = row.difference.paired
    flat |= {"reached": row.reached, "reached_at": row.reached_at, "spent": None, "seconds": None}
    if row.final is not None:
        flat |= {"spent": row.final.spent, "seconds": row.final.seconds}
    return flat | {f"ledger_{name}": value for name, value in row.ledger.items()}


def to_csv(comparison: Comparison) -> str:
    """Return the rows as CSV with a header; what is not a finite number is empty.

    A label that a spreadsheet would take for a formula is preceded by an apostrophe.
    """
    return _csv(to_dict(comparison)["rows"])


def to_seeds(comparison: Comparison) -> str:
    """Return the results of every run as CSV: at the common cost, and of its last test with what it cost."""
    rows = []
    for setting in comparison.settings:
        results = setting.results
        for i in range(len(results)):
            found = {"setting": setting.label, "teacher": results.teacher[i], "seed": results.run[i].seed}
            found |= {name: getattr(results, column)[i] for name, column in SEEDS.items()}
            rows.append(plain.to_plain(found))
    return _csv(rows)


def _csv(records: Sequence[Mapping[str, Any]]) -> str:
    rows = [dict(zip(row, map(csv_cell, row.values()), strict=True)) for row in records]
    # Rows may have different entries: the header has all of them.
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def csv_cell(value: Any) -> Any:
    """Return a value as a cell of CSV; what a spreadsheet would compute has an apostrophe before it."""
    formula = isinstance(value, str) and value.startswith(("=", "+", "-", "@"))
    if formula:
        return f"'{value}"
    return value
