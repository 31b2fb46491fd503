"""Memory for N bits under three curricula at equal compute (Khajehabdollahi et al. 2024).

Single-head trains the newest N alone, cumulative all N so far, sliding the last three. After the comparison
comes a table of the largest N that was ever mastered in training, and of what is left of N = 2.

    python experiments/parity.py [--quick] [--seeds 0 1 2 3 4] [--budget 1.5e11]
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from _tables import cell, difference
from rich.console import Console
from rich.table import Table

from teacherstudent import Entry, Study
from teacherstudent.comparing import stats
from teacherstudent.comparing.compare import find_runs
from teacherstudent.recording.runs import Run

CURRICULA = {
    "single": Entry("mastery", {"window": 1}),
    "sliding": Entry("mastery", {"window": 3}),
    "cumulative": Entry("mastery", {"window": None}),
}
STUDY = Study(
    name="parity",
    family="parity",
    student="leaky-rnn",
    student_options={"units": 64, "batch": 64, "probe": 20},
    teachers=CURRICULA,
    budget=1.5e11,
    seeds=range(5),
    quick={
        "family_options": {"largest": 5, "tests": 200},
        "student_options": {"units": 32, "batch": 32, "steps": 50},
        "budget": 2e9,
        "seeds": (0,),
    },
)


def memory(run: Run, until: float) -> dict[str, float]:
    """Return what a run had learnt, and what it had kept, by the last test up to a cost."""
    rounds, tests = run.episodes(), run.tests()
    mastered = (rounds["score"] > run.manifest["mastered"]) & (rounds["spent"] <= until)
    last = tests["spent"][tests["spent"] <= until].max()
    first = (tests["spent"] == last) & (tests["task"] == 2)
    tau = [record["student"]["tau_mean"] for record in run.records() if record["spent"] <= until]
    return {
        "largest N mastered": float(rounds["task"][mastered].max(initial=1)),
        "accuracy at N = 2, %": 100 * float(tests["score"][first][0]),
        "mean tau": float(tau[-1]),
    }


def show(runs: list[Run], console: Console) -> None:
    """Print interquartile means over seeds at the largest cost that all runs reached, and differences."""
    until = min(float(run.tests()["spent"].max()) for run in runs)
    values: dict[str, dict[str, np.ndarray]] = {}
    for label in CURRICULA:
        found = [memory(run, until) for run in runs if run.teacher_name == label]
        if found:
            values[label] = {name: np.array([own[name] for own in found]) for name in found[0]}
    names = list(next(iter(values.values())))
    table = Table("curriculum", "seeds", *names, title=f"at {until:.3g} FLOPs; differences to single")
    for label, own in values.items():
        table.add_row(label, str(len(own[names[0]])), *(cell(stats.estimate([own[n]])) for n in names))
    for label in [k for k in values if k != "single" and "single" in values]:
        pairs = [(values[label][n], values["single"][n]) for n in names]
        table.add_row(f"{label} - single", "", *(difference(*pair) for pair in pairs))
    console.print(table)


def main() -> int:
    """Run the study, then look into its runs."""
    code = STUDY.main()
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path("runs"))
    parser.add_argument("--quick", action="store_true")
    given, _ = parser.parse_known_args()
    folder = given.out / (STUDY.name + ("-quick" if given.quick else ""))
    runs = [run for run in find_runs([folder]) if run.status()["status"] == "finished"]
    if runs:
        show(runs, Console(width=120))
        with (folder / "comparison" / "memory.txt").open("w", encoding="utf-8") as file:
            show(runs, Console(file=file, width=120))
    return code


if __name__ == "__main__":
    sys.exit(main())
