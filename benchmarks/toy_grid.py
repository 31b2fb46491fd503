"""How much of the toy grid each teacher masters: ``python benchmarks/toy_grid.py``.

2-D, 10 x 10 cells, 20 000 episodes one after the other, 10 seeds, every teacher on boxes that needs no
signal, in every variant. Prints the mean share of cells with a competence above 75, its 95 % interval
over seeds, and the median time of an episode, grid included. ``--quick``: 3 seeds, 4 000 episodes.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np

from teacherstudent import teachers
from teacherstudent.comparing import stats
from teacherstudent.contract.spaces import Box
from teacherstudent.envs import toy_grid

SEEDS, EPISODES = 10, 20_000
QUICK_SEEDS, QUICK_EPISODES = 3, 4_000


TOLD = {"easy", "target", "curriculum", "teacher"}
"""Options of teachers that are told more than the grid knows, or stand before another teacher."""
NETWORKS = "teacherstudent.teachers.generators."
"""Teachers that train a network, for which the quick version has no time."""


def candidates(quick: bool) -> list[str]:
    """Return the teachers that can teach the grid."""
    factories: dict[str, Any] = {name: teachers.get(name) for name in teachers.names()}
    found = []
    for name, cls in factories.items():
        fits = issubclass(Box, cls.accepts) and not cls.needs and cls.granularity == "episode"
        told = TOLD & inspect.signature(cls).parameters.keys()
        if fits and not told and not (quick and cls.__module__.startswith(NETWORKS)):
            found.append(name)
    return found


def variants(name: str) -> tuple[str | None, ...]:
    """Return the teacher's variants, ``(None,)`` if it has none."""
    hints = get_type_hints(teachers.get(name).__init__)
    return get_args(hints["variant"]) if "variant" in hints else (None,)


def play(name: str, variant: str | None, seed: int, episodes: int, batch: int) -> tuple[float, float]:
    """Run one seed; return the share mastered and the microseconds for an episode, grid included."""
    family = toy_grid.ToyGrid()
    known = {
        "variant": variant,
        "score_range": family.score_range,
        "mastered": family.mastered,
        "difficulty_step": family.difficulty_step,
    }
    taken = inspect.signature(teachers.get(name)).parameters
    options = {key: value for key, value in known.items() if key in taken and value is not None}
    teacher = teachers.make(name, family.space, seed=seed, **options)
    start = time.perf_counter()
    share = toy_grid.run(teacher, episodes, batch, family=family)
    return share, (time.perf_counter() - start) / episodes * 1e6


def interval(shares: list[float]) -> tuple[float, float]:
    """Return the 95 % interval of the mean over seeds."""
    found = stats.estimate([np.array(shares)], statistic="mean", within=(0.0, 1.0))
    return found.low, found.high


def main() -> None:
    """Run all, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="3 seeds, 4 000 episodes")
    parser.add_argument("--teachers", nargs="+", help="names to compare; default: all that can")
    parser.add_argument("--batch", type=int, default=1, help="tasks asked for at a time")
    parser.add_argument("--json", type=Path, help="where to write the results")
    arguments = parser.parse_args()
    arguments.teachers = arguments.teachers or candidates(arguments.quick)
    seeds, episodes = (QUICK_SEEDS, QUICK_EPISODES) if arguments.quick else (SEEDS, EPISODES)
    os.environ["OMP_NUM_THREADS"] = "1"  # read by the processes that are started below
    cells = [(name, variant) for name in arguments.teachers for variant in variants(name)]
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        jobs = {
            cell: [pool.submit(play, *cell, seed, episodes, arguments.batch) for seed in range(seeds)]
            for cell in cells
        }
        print(f"toy grid, 2-D, 10 x 10 cells, {episodes} episodes, batch {arguments.batch}, {seeds} seeds")
        print(f"{'teacher':<12}{'variant':<9}{'mastered':>9}   {'95 % interval':<18}{'us/episode':>11}")
        rows = [report(cell, [job.result() for job in parts]) for cell, parts in jobs.items()]
    if arguments.json:
        settings = {"episodes": episodes, "seeds": seeds, "batch": arguments.batch}
        arguments.json.write_text(json.dumps({"settings": settings, "results": rows}, indent=1) + "\n")


def report(cell: tuple[str, str | None], results: list[tuple[float, float]]) -> dict[str, Any]:
    """Print a line of the table and return its numbers."""
    name, variant = cell
    shares, times = ([result[i] for result in results] for i in (0, 1))
    mean, (low, high) = float(np.mean(shares)), interval(shares)
    spread = f"[{low:.1%}, {high:.1%}]"
    print(f"{name:<12}{variant or '-':<9}{mean:>9.1%}   {spread:<18}{np.median(times):>11.0f}", flush=True)
    return {
        "teacher": name,
        "variant": variant,
        "mean": mean,
        "low": low,
        "high": high,
        "shares": shares,
        "microseconds": times,
    }


if __name__ == "__main__":
    main()
