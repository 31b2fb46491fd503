"""A comparison as a table: on the terminal, and as text, CSV and JSON."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from teacherstudent import plain
from teacherstudent.comparing.groups import Setting
from teacherstudent.comparing.quantities import FLOPS, SPENT
from teacherstudent.comparing.results import Comparison, Final, Row
from teacherstudent.comparing.stats import TRUSTED, Estimate
from teacherstudent.files import remove_temporaries
from teacherstudent.terminal import shown

WIDTH = 110
"""Columns of the text file."""

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
        rows = comparison.rows_of(setting)
        tables = [_results(setting, rows)] if setting.overlap else []
        # The table by which teachers are ranked comes first.
        if setting.own_ends:
            tables.insert(0, _finals(setting, rows))
        elif setting.quantity.name != SPENT or setting.cost_unit == FLOPS:
            tables.append(_finals(setting, rows))
        parts += tables
        if any(row.reached is not None for row in rows):
            parts.append(_against(setting, rows, comparison.baseline))
        parts += [_costs(setting, rows[i : i + SIDE_BY_SIDE]) for i in range(0, len(rows), SIDE_BY_SIDE)]
    pooled = [row for row in comparison.rows if row.pooled]
    if pooled:
        parts.append(_pooled(pooled, comparison.baseline))
    if comparison.stopped:
        parts.append(_stopped(comparison))
    parts += [shown(f"- {note}") for note in comparison.notes]
    return Group(*parts)


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
    return [score] if setting.metric == "score" else ["% mastered", score]


def _estimates(setting: Setting, results: Row | Final) -> list[Text]:
    """Return the cells below `_measures`."""
    both = [results.mastered, results.score]
    return [shown(_estimate(e)) for e in (both[1:] if setting.metric == "score" else both)]


def _results(setting: Setting, rows: Sequence[Row]) -> Table:
    """Return the table of results at the common cost."""
    quantity = setting.quantity
    title = f"{setting.label}: at {_number(setting.end)} {quantity.unit}"
    measures = _measures(setting, "validation" if setting.split else "test")
    if setting.split:
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
    names = ["seeds", *_measures(setting), setting.cost_unit, *(parts if len(parts) > 1 else []), "seconds"]
    title = f"{setting.label}: last test of each run"
    table = _table(title + (", test split" if setting.split else ""), ["teacher"], names)
    for row in rows:
        assert row.final is not None
        # None of its runs reached the test split.
        if row.final.score.seeds == 0:
            continue
        costs = [row.final.spent]
        if len(parts) > 1:
            costs += [row.ledger.get(f"cost/{name}", 0.0) for name in parts]
        numbers = map(_number, (*costs, row.final.seconds))
        seeds = str(row.final.score.seeds)
        table.add_row(shown(row.teacher), seeds, *_estimates(setting, row.final), *numbers)
    return table


def _against(setting: Setting, rows: Sequence[Row], baseline: str | None) -> Table:
    """Return the table of differences; with several p-values, those corrected for it stand beside them."""
    # A single p needs no correction.
    several = int(np.isfinite([row.p for row in rows]).sum()) > 1
    names = [f"minus {baseline}", "p", *(["p, Holm"] if several else [])]
    names += ["caught up", f"at median {setting.quantity.word}"]
    title = f"{setting.label}: {_measures(setting)[0]} compared with {baseline}"
    table = _table(title + (", last tests" if setting.own_ends else ""), ["teacher"], names)
    for row in rows:
        table.add_row(
            shown(row.teacher),
            shown(_estimate(row.difference, sign="+") if row.difference else ""),
            _p(row.p),
            *([_p(row.holm)] if several else []),
            f"{row.reached} of {row.seeds}",
            _number(row.reached_at) if math.isfinite(row.reached_at) else "not by half",
        )
    return table


def _costs(setting: Setting, rows: Sequence[Row]) -> Table:
    """Return the ledger, a row for each entry since there are many."""
    title = f"{setting.label}: spent per run, mean over seeds (costs in {setting.cost_unit})"
    table = _table(title, [""], [row.teacher for row in rows])
    for name in _ledger_names(rows):
        words = name.replace("_", " ").replace("/", " ")
        table.add_row(shown(words), *(_number(row.ledger.get(name, math.nan)) for row in rows))
    return table


def _ledger_names(rows: Sequence[Row]) -> list[str]:
    """Return the ledger's names in its own order, without costs that are 0 in every row."""
    # A dictionary keeps the ledger's order, and each name once.
    names = dict.fromkeys(name for row in rows for name in row.ledger)
    return [n for n in names if not n.startswith("cost/") or any(row.ledger.get(n) for row in rows)]


def _pooled(rows: Sequence[Row], baseline: str | None) -> Table:
    compared = any(row.difference for row in rows)
    names = ["seeds", "% mastered"] + ([f"minus {baseline}"] if compared else [])
    table = _table("all settings, pooled", ["teacher"], names)
    for row in rows:
        difference = [_estimate(row.difference, sign="+") if row.difference else ""] if compared else []
        table.add_row(
            shown(row.teacher), str(row.seeds), shown(_estimate(row.mastered)), *map(shown, difference)
        )
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
            _number(run.spent),
            _number(run.budget),
        )
        table.add_row(*(shown(str(cell)) for cell in cells))
    return table


def _number(value: float) -> str:
    """Return a number for reading: thousands separated, and as many decimals as matter."""
    if math.isnan(value):
        return "-"
    if abs(value) >= 1e9:
        return f"{value:.3g}"
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _estimate(estimate: Estimate, *, sign: str = "") -> str:
    if math.isnan(estimate.value):
        return "-"
    # All three numbers have as many decimals as the largest one needs.
    largest = max(abs(x) for x in (estimate.value, estimate.low, estimate.high) if not math.isnan(x))
    form = sign + (".0f" if largest >= 1000 else ".1f" if largest >= 10 else ".2f" if largest > 1 else ".3f")
    if math.isnan(estimate.low):
        return format(estimate.value, form)
    mark = " ?" if estimate.seeds < TRUSTED else ""
    low, high = format(estimate.low, form), format(estimate.high, form)
    return f"{format(estimate.value, form)} [{low}, {high}]{mark}"


def _p(value: float) -> str:
    if math.isnan(value):
        return ""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def to_dict(comparison: Comparison) -> dict[str, Any]:
    """Return the comparison as plain data; what is not a finite number becomes None."""
    return {
        "baseline": comparison.baseline,
        "settings": [
            {
                "label": setting.label,
                "test_set": setting.test_set,
                "mastered": setting.mastered,
                "cost_unit": setting.cost_unit,
                "score_name": setting.score_name,
                "x": setting.quantity.name,
                "end": setting.end,
                "own_ends": setting.own_ends,
                "split": setting.split,
                "runs": {group.teacher: [str(run.folder) for run in group.runs] for group in setting.groups},
            }
            for setting in comparison.settings
        ],
        "rows": [plain.to_plain(_flat(row)) for row in comparison.rows],
        "stopped": [plain.to_plain(vars(run)) for run in comparison.stopped],
        "notes": list(comparison.notes),
        "figures": [str(path) for path in comparison.figures],
    }


def _flat(row: Row) -> dict[str, Any]:
    flat: dict[str, Any] = {"setting": row.setting, "pooled": row.pooled, "teacher": row.teacher}
    flat["seeds"] = row.seeds
    estimates: Mapping[str, Estimate | None] = {
        "mastered": row.mastered,
        "return": row.score,
        "area": row.area,
        "final_mastered": None if row.final is None else row.final.mastered,
        "final_return": None if row.final is None else row.final.score,
        "difference": row.difference,
    }
    for name, estimate in estimates.items():
        flat[name] = None if estimate is None else estimate.value
        flat[f"{name}_low"] = None if estimate is None else estimate.low
        flat[f"{name}_high"] = None if estimate is None else estimate.high
    flat |= {
        "p": row.p,
        "p_holm": row.holm,
        "paired": None if row.difference is None else row.difference.paired,
    }
    flat |= {"reached": row.reached, "reached_at": row.reached_at}
    flat |= {name: None if row.final is None else getattr(row.final, name) for name in ("spent", "seconds")}
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
        for group in setting.groups:
            for i, (run, curve) in enumerate(zip(group.runs, group.curves, strict=True)):
                found = {"setting": setting.label, "teacher": group.teacher, "seed": run.seed}
                found |= {"mastered": group.mastered[i, -1], "score": group.score[i, -1]}
                found |= {"final_mastered": curve.mastered[-1], "final_score": curve.score[-1]}
                rows.append(plain.to_plain(found | {"final_spent": curve.spent[-1]}))
    return _csv(rows)


def _csv(records: Sequence[Mapping[str, Any]]) -> str:
    rows = [{name: _cell(value) for name, value in row.items()} for row in records]
    # Rows may have different entries: the header has all of them.
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    # A spreadsheet would compute such a text; behind an apostrophe it is text.
    formula = isinstance(value, str) and value.startswith(("=", "+", "-", "@"))
    return f"'{value}" if formula else value
