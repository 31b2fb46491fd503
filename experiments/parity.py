"""Memory for N bits under three curricula at equal compute (Khajehabdollahi et al. 2024).

Single-head trains the newest N alone, cumulative all N so far, sliding the last three. After the comparison
comes a table of the largest N that was ever mastered in training, and of what is left of N = 2.

    python experiments/parity.py [--quick] [--seeds 0 1 2 3 4] [--budget 1.5e11]
"""

import sys
from functools import partial

from _results import CAPTION, cell, column, difference, run_and_look, show_and_write
from rich.console import Console
from rich.table import Table

from teacherstudent import Entry, Study
from teacherstudent.comparing import stats
from teacherstudent.recording.runs import Run

RULE = {"lookback": 1, "patience": 1}
"""The paper's: a row is the accuracy over all sequences of a round, so one is enough."""
CURRICULA = {
    "single": Entry("mastery", {"window": 1, **RULE}),
    "sliding": Entry("mastery", {"window": 3, **RULE}),
    "cumulative": Entry("mastery", {"window": None, **RULE}),
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


def show(runs: dict[str, dict[int, Run]], console: Console) -> None:
    """Print interquartile means over seeds at the largest cost that all runs reached, and differences."""
    until = min(float(run.tests()["spent"].max()) for own in runs.values() for run in own.values())
    found = {
        label: {seed: memory(run, until) for seed, run in runs[label].items()}
        for label in CURRICULA
        if label in runs
    }
    names = list(next(iter(next(iter(found.values())).values())))
    table = Table("curriculum", "seeds", *names, title=f"at {until:.3g} FLOPs; differences to single")
    for label, own in found.items():
        within = {name: stats.PERCENT for name in names if name.endswith("%")}
        cells = (cell(stats.estimate([column(own, n)], within=within.get(n))) for n in names)
        table.add_row(label, str(len(own)), *cells)
    others = [label for label in found if label != "single" and "single" in found]
    for label in others:
        table.add_row(f"{label} - single", "", *(difference(found[label], found["single"], n) for n in names))
    if others:
        table.caption = CAPTION.format(len(others) * len(names))
    console.print(table)


def main() -> int:
    """Run the study, then look into its runs."""
    code, folder, runs = run_and_look(STUDY, lambda run, _: run)
    if runs:
        show_and_write(partial(show, runs), folder / "memory.txt", 120)
    return code


if __name__ == "__main__":
    sys.exit(main())
