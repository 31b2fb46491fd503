"""How well bandits find the best of several arms: ``python benchmarks/bandits.py``.

Planted learners (`_planted.py`), 100 and 1 000 decisions, 20 seeds; every bandit sees noisy gains
(``reward="score"``). Prints

1. the regret: gain lost against the best policy, as a share of what uniform draws lose (0 is the best
   policy, 1 is uniform), with 95 % intervals over seeds;
2. identical arms, 40 decisions, 40 times the seeds: the smallest and largest mean share of an arm, and the
   p-value of Hotelling's test that all mean shares are equal;
3. a useless arm: its share from the 51st decision on, beside the bound that belongs to the bandit.

``--quick``: 2 seeds, 60 decisions.
"""

from __future__ import annotations

import argparse
import json
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from _planted import Annealed, Identical, Learner, Stages, Steady, Switching, Useless, teach
from scipy.stats import f, norm

from teacherstudent import teachers
from teacherstudent.comparing import stats
from teacherstudent.contract.spaces import Discrete
from teacherstudent.contract.types import FloatArray

SEEDS, HORIZONS = 20, (100, 1000)
FIRST_SEED = 100
"""Seeds 0 to 7 were looked at when the defaults of progress-thompson were chosen."""
QUICK_SEEDS, QUICK_HORIZONS = 2, (60,)
GAIN: dict[str, Any] = {"reward": "score", "per_cost": True}
BANDITS: dict[str, tuple[str, dict[str, Any]]] = {
    "random": ("random", {}),
    "exp3s": ("exp3s", GAIN),
    "exp3s eta=0.2": ("exp3s", GAIN | {"eta": 0.2}),
    "tscl-online": ("tscl-online", GAIN),
    "tscl-naive": ("tscl-naive", GAIN),
    "tscl-window": ("tscl-window", GAIN),
    "tscl-sampling": ("tscl-sampling", GAIN),
    "progress-thompson": ("progress-thompson", GAIN),
}
"""Rows of the tables: name and options."""
LEARNERS: dict[str, type[Learner]] = {
    "steady": Steady,
    "annealed": Annealed,
    "switching": Switching,
    "stages": Stages,
    "identical": Identical,
    "useless": Useless,
}
REGRET = ("steady", "annealed", "switching", "stages")
MANY, SHORT = 40, 40
"""Identical arms: how many times the seeds, and decisions."""
SETTLED = 50
"""Decisions before the share of a useless arm is counted."""


def play(bandit: str, learner: str, horizon: int, seed: int) -> tuple[float, list[float]]:
    """Run one seed; return the gain lost against the best policy, and the share of each arm once settled."""
    name, options = BANDITS[bandit]
    kind = LEARNERS[learner]
    world, best = (kind(horizon, np.random.default_rng([seed, 1])) for _ in range(2))
    teacher = teachers.make(name, Discrete(kind.k), seed=seed, **options)
    arms, gained = teach(teacher, world, np.random.default_rng([seed, 2]))
    late = arms[SETTLED:] if learner == "useless" else arms
    return best.best() - gained, (np.bincount(late, minlength=kind.k) / len(late)).tolist()


def interval(values: FloatArray, within: stats.Range | None = None) -> tuple[float, float]:
    """Return the 95 % interval of the mean over seeds, inside a range that it cannot leave."""
    found = stats.estimate([values], statistic="mean", within=within)
    return found.low, found.high


def thompson_bound(gap: float, noise: float, drift: float, common: float) -> float:
    """Return about how often progress-thompson plays an arm that is worse by ``gap``, as a share.

    ``s`` decisions after it was last played, the useless arm's variance is at most ``noise**2 + s * step``
    with ``step = drift * (1 - common) * noise**2`` (the common step cancels out), the best arm's at most
    ``noise**2``. Means and draws both err by as much, so the useless arm wins with probability at most
    ``Phi(-gap / sqrt(2 * (2 * noise**2 + s * step)))``. The bound is 1 / s where these sum to 1.
    """
    s = np.arange(1, 100_000)
    variance = 2 * noise**2 + s * drift * (1 - common) * noise**2
    expected = np.cumsum(norm.cdf(-gap / np.sqrt(2 * variance)))
    return 1 / float(s[np.searchsorted(expected, 1.0)])


def bound(bandit: str) -> float:
    """Return the bound on the share of a useless arm: 2 epsilon / k, or `thompson_bound`."""
    name, options = BANDITS[bandit]
    teacher = teachers.make(name, Discrete(Useless.k), seed=0, **options)
    if name == "progress-thompson":
        return thompson_bound(1.0, Useless.noise, teacher.drift, teacher.common)
    epsilon: float = teacher.epsilon if name == "exp3s" else teacher.policy[1]
    return 2 * epsilon / Useless.k


Cell = tuple[str, str, int]
Results = dict[Cell, list[tuple[float, list[float]]]]
"""What `play` returned for each seed, by bandit, learner and horizon."""


def plan(horizons: tuple[int, ...], seeds: int) -> dict[Cell, int]:
    """Return how many seeds of which cell the tables need."""
    cells = {(b, learner, horizon): seeds for b in BANDITS for learner in REGRET for horizon in horizons}
    cells |= {(b, "identical", SHORT): MANY * seeds for b in BANDITS}
    return cells | {(b, "useless", horizons[-1]): seeds for b in BANDITS}


def regret_table(results: Results, horizons: tuple[int, ...]) -> list[dict[str, Any]]:
    """Print the regret of every bandit as a share of uniform's; return its numbers."""
    cells = [(learner, horizon) for learner in REGRET for horizon in horizons]
    print("\nregret / regret of uniform draws: mean [95 % interval]")
    print(f"{'':<19}" + "".join(f"{f'{learner} {horizon}':<19}" for learner, horizon in cells))
    rows = []
    for bandit in BANDITS:
        line = f"{bandit:<19}"
        for learner, horizon in cells:
            uniform = np.mean([lost for lost, _ in results["random", learner, horizon]])
            lost = np.array([lost for lost, _ in results[bandit, learner, horizon]]) / uniform
            low, high = interval(lost)
            line += f"{f'{lost.mean():.2f} [{low:.2f}, {high:.2f}]':<19}"
            rows.append({"bandit": bandit, "learner": learner, "horizon": horizon, "regret": lost.tolist()})
        print(line)
    return rows


def equal_shares(shares: FloatArray) -> float:
    """Return the p-value of Hotelling's test that the mean of ``(n, k)`` shares is 1 / k in every column."""
    n, k = shares.shape
    distance = (shares.mean(axis=0) - 1 / k)[:-1]  # the last follows from the others
    statistic = n * distance @ np.linalg.solve(np.cov(shares[:, :-1].T), distance)
    return float(f.sf(statistic * (n - k + 1) / ((n - 1) * (k - 1)), k - 1, n - k + 1))


def share_tables(results: Results, horizon: int) -> list[dict[str, Any]]:
    """Print the shares of identical arms and of a useless one; return their numbers."""
    rows = []
    print(f"\n{Identical.k} identical arms, decisions 1 to {SHORT}: mean shares over seeds")
    print(f"{'':<19}{'smallest':>9}{'largest':>9}{'p':>7}")
    for bandit in BANDITS:
        shares = np.array([share for _, share in results[bandit, "identical", SHORT]])
        mean = shares.mean(axis=0)
        print(f"{bandit:<19}{mean.min():>9.3f}{mean.max():>9.3f}{equal_shares(shares):>7.2f}")
        rows.append({"bandit": bandit, "learner": "identical", "shares": shares.tolist()})
    print(f"\na useless arm of {Useless.k}, decisions {SETTLED + 1} to {horizon}")
    print(f"{'':<19}{'share':>7}   {'95 % interval':<18}{'bound':>7}")
    for bandit in BANDITS:
        share = np.array([share[0] for _, share in results[bandit, "useless", horizon]])
        low, high = interval(share, (0.0, 1.0))
        limit = "-" if bandit == "random" else f"{bound(bandit):.3f}"
        print(f"{bandit:<19}{share.mean():>7.3f}   {f'[{low:.3f}, {high:.3f}]':<18}{limit:>7}")
        rows.append({"bandit": bandit, "learner": "useless", "shares": share.tolist()})
    return rows


def main() -> None:
    """Run all, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="2 seeds, 60 decisions")
    parser.add_argument("--seeds", type=int, help="how many")
    parser.add_argument("--json", type=Path, help="where to write the results")
    arguments = parser.parse_args()
    seeds = arguments.seeds or (QUICK_SEEDS if arguments.quick else SEEDS)
    horizons = QUICK_HORIZONS if arguments.quick else HORIZONS
    os.environ["OMP_NUM_THREADS"] = "1"  # read by the processes that are started below
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        jobs = {
            cell: [pool.submit(play, *cell, FIRST_SEED + seed) for seed in range(runs)]
            for cell, runs in plan(horizons, seeds).items()
        }
        results = {cell: [job.result() for job in parts] for cell, parts in jobs.items()}
    print(f"planted learners, {seeds} seeds")
    rows = regret_table(results, horizons) + share_tables(results, horizons[-1])
    if arguments.json:
        arguments.json.write_text(json.dumps({"seeds": seeds, "results": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
