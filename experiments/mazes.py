"""Teachers of level design on mazes at equal cost, tested on eight named mazes and 200 random ones.

After the comparison the last policy of every run is played again: every maze twenty times, in two evaluations
of ten. The worst share of the random mazes is found in the one and its success read in the other, so that bad
luck does not count as a bad maze (the protocol of Rutherford et al. 2024).

python experiments/mazes.py [--quick] [--seeds 0 1 2 3 4] [--budget 3e6]
"""

import sys

import numpy as np
from _mazes import mazes, run_and_look, success
from _tables import cell, difference
from rich.console import Console
from rich.table import Table

from teacherstudent import Study
from teacherstudent.comparing import stats
from teacherstudent.recording.runs import Run
from teacherstudent.types import FloatArray

STUDY = Study(name="mazes", **mazes())
ATTEMPTS, SEEDS = 10, (1001, 1002)
SHARES = (0.05, 0.1, 0.2)
RANDOM = "random"


def look(run: Run, quick: bool) -> dict[str, float]:
    """Return percent solved by a run's last policy; see `summarise`."""
    return summarise(*success(run, SEEDS, attempts=2 if quick else ATTEMPTS))


def summarise(names: list[str], rates: FloatArray) -> dict[str, float]:
    """Return percent solved: named mazes, each of them, random ones, the worst shares of these."""
    drawn = np.array([name.startswith(RANDOM) for name in names])
    mean = 100 * rates.mean(axis=0)
    first, second = rates[:, drawn]
    order = np.argsort(first, kind="stable")
    worst = {
        f"worst {share:.0%} of random": 100 * second[order[: max(1, int(share * len(order)))]].mean()
        for share in SHARES
    }
    named = {name: value for name, value, other in zip(names, mean, drawn, strict=True) if not other}
    return {"named": float(mean[~drawn].mean()), "random": float(mean[drawn].mean())} | worst | named


def show(results: dict[str, list[dict[str, float]]], console: Console) -> None:
    """Print percent solved for each teacher, and differences to domain randomisation."""
    values = {t: {n: np.array([r[n] for r in rows]) for n in rows[0]} for t, rows in results.items()}
    names = list(next(iter(values.values())))
    table = Table("% solved", *values, title="last policies, actions sampled")
    for name in names:
        table.add_row(name, *(cell(stats.estimate([own[name]])) for own in values.values()))
    base = values.get("domain-randomization")
    if base is not None and len(values) > 1:
        table.add_section()
        for name in names[: 2 + len(SHARES)]:
            cells = ("" if own is base else difference(own[name], base[name]) for own in values.values())
            table.add_row(f"{name}, minus domain-randomization", *cells)
    console.print(table)


def main() -> int:
    """Run the study, then play its last policies."""
    code, folder, results = run_and_look(STUDY, look)
    if results:
        show(results, Console(width=150))
        with (folder / "comparison" / "solved.txt").open("w", encoding="utf-8") as file:
            show(results, Console(file=file, width=150))
    return code


if __name__ == "__main__":
    sys.exit(main())
