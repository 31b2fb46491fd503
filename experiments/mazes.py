"""Teachers of level design on mazes at equal cost, tested on eight named mazes and 200 random ones.

After the comparison the last policy of every run is played again: every maze twenty times, in two evaluations
of ten. The worst share of the random mazes is found in the one and its success read in the other, so that bad
luck does not count as a bad maze (the protocol of Rutherford et al. 2024).

python experiments/mazes.py [--quick] [--seeds 0 1 2 3 4] [--budget 3e6]
"""

import sys
from functools import partial

import numpy as np
from _mazes import mazes, success
from _results import CAPTION, BySeed, cell, column, difference, run_and_look, show_and_write
from rich.console import Console
from rich.table import Table

from teacherstudent import Study
from teacherstudent.comparing import stats
from teacherstudent.comparing.figures.levels import worst_success
from teacherstudent.contract.types import FloatArray
from teacherstudent.recording.runs import Run

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
    _, worst = worst_success(*rates[:, drawn])
    shares = {f"worst {s:.0%} of random": float(worst[max(1, int(s * len(worst))) - 1]) for s in SHARES}
    named = {name: value for name, value, other in zip(names, mean, drawn, strict=True) if not other}
    return {"named": float(mean[~drawn].mean()), "random": float(mean[drawn].mean())} | shares | named


def show(results: dict[str, BySeed], console: Console) -> None:
    """Print percent solved for each teacher, and differences to domain randomisation."""
    names = list(next(iter(next(iter(results.values())).values())))
    table = Table("% solved", *results, title="last policies, actions sampled")
    for name in names:
        table.add_row(
            name,
            *(cell(stats.estimate([column(own, name)], within=stats.PERCENT)) for own in results.values()),
        )
    base = results.get("domain-randomization")
    if base is not None and len(results) > 1:
        table.add_section()
        for name in names[: 2 + len(SHARES)]:
            cells = ("" if own is base else difference(own, base, name) for own in results.values())
            table.add_row(f"{name}, minus domain-randomization", *cells)
        table.caption = CAPTION.format((2 + len(SHARES)) * (len(results) - 1))
    console.print(table)


def main() -> int:
    """Run the study, then play its last policies."""
    code, folder, results = run_and_look(STUDY, look)
    if results:
        show_and_write(partial(show, results), folder / "solved.txt", 150)
    return code


if __name__ == "__main__":
    sys.exit(main())
