"""What experiments do after their runs: look at each of them once more, and print what was found by seed."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from rich.console import Console

from teacherstudent import Study
from teacherstudent.comparing import stats
from teacherstudent.comparing.figures.scene import Draw
from teacherstudent.contract.types import FloatArray
from teacherstudent.recording.runs import Run, find_runs

Found = TypeVar("Found")
BySeed = dict[int, dict[str, float]]
"""Of one teacher: seed -> name -> value."""

CAPTION = (
    "Interquartile mean over seeds [95 % interval, docs/statistics.md]; p of the paired t-test on the same "
    "seeds (else Welch's), not corrected for {} comparisons."
)
"""What stands below a table with so many differences."""


def run_and_look(
    study: Study, look: Callable[[Run, bool], Found], *, figures: Sequence[Draw] = ()
) -> tuple[int, Path, dict[str, dict[int, Found]]]:
    """Run a study as the command line says, then look at each finished run.

    Args:
        study: what is run.
        look: is given a run, and whether ``--quick`` was said.
        figures: draws figures of the experiment's own beside the comparison's.

    Returns:
        The exit code, the folder of the comparison, and what was found, by teacher and seed.
    """
    code = study.main(figures=figures)
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path("runs"))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--data")
    given, _ = parser.parse_known_args()
    folder = study.folder(given.out, data=given.data, quick=given.quick)
    results: dict[str, dict[int, Found]] = {}
    for run in find_runs([folder]) if code != 2 else []:  # nothing was started
        if run.status()["status"] == "finished":
            results.setdefault(run.teacher_name, {})[run.seed] = look(run, given.quick)
    return code, folder / "comparison", results


def show_and_write(show: Callable[[Console], None], path: Path, width: int) -> None:
    """Print tables, and write them to a file, so many letters wide."""
    show(Console(width=width))
    with path.open("w", encoding="utf-8") as file:
        show(Console(file=file, width=width))


def column(rows: BySeed, name: str) -> FloatArray:
    """Return a value of every seed, ascending."""
    return np.array([rows[seed][name] for seed in sorted(rows)])


def cell(estimate: stats.Estimate) -> str:
    """Return an estimate with its interval, where there is one."""
    interval = f" [{estimate.low:.2f}, {estimate.high:.2f}]" if np.isfinite(estimate.low) else ""
    return f"{estimate.value:.2f}{interval}"


def spread(values: FloatArray) -> str:
    """Return the mean and, of several values, their sample standard deviation."""
    return f"{values.mean():.2f}" + (f" ± {values.std(ddof=1):.2f}" if len(values) > 1 else "")


def difference(treated: BySeed, baseline: BySeed, name: str) -> str:
    """Return the difference of two interquartile means with its interval, and p if there is one.

    Of the same seeds both are paired, as `teacherstudent compare` has them; else p is Welch's.
    """
    pair, paired = (column(treated, name), column(baseline, name)), set(treated) == set(baseline)
    p = (stats.paired_t if paired else stats.welch)(*pair)
    found = cell(stats.estimate_difference([pair[0]], [pair[1]], paired=paired))
    return found + (f", p {p:.2g}" if np.isfinite(p) else "")
