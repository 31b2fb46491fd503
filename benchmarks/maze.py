"""Speed of the mazes: steps a second, observations and resets included, and what levels cost.

    python benchmarks/maze.py [--batches 64 1024 4096 16384] [--device cpu] [--quick]

Random actions on 60-wall mazes; an episode that ends starts the same level again, or a new random one. If
minigrid is installed, its FourRooms is measured in turn with each case: shown are the fastest round and
the median over rounds of the ratio of processor seconds, which hardly depends on what else the machine does.
Then the microseconds for a level of what teachers do with levels, 10 000 at a time.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import gymnasium as gym
import numba
import numpy as np
import torch
from _timing import describe_machine

from teacherstudent import envs
from teacherstudent.contract.types import generator
from teacherstudent.envs.mazes.batch.slots import MazeSlots
from teacherstudent.envs.mazes.codes import MAX_STEPS
from teacherstudent.envs.mazes.edits import EDITS
from teacherstudent.envs.mazes.generators import GENERATORS
from teacherstudent.envs.mazes.space import MazeLevels
from teacherstudent.slots.tensor_envs import make_tensor_envs

MINIGRID = "MiniGrid-FourRooms-v0"
TABLES = 50


@dataclass
class Case:
    """Something that is stepped; ``rates`` are a pair a round: steps a second by wall and by CPU time."""

    name: str
    slots: int
    make: Callable[[], Callable[[], int]]
    rates: list[tuple[float, float]] = field(default_factory=list)


def main() -> None:
    """Print both tables."""
    given = _parse()
    print(describe_machine())
    minigrid = Case(MINIGRID, 1, _minigrid) if importlib.util.find_spec("minigrid") else None
    if minigrid is None:
        print("minigrid is not installed (pip install minigrid): no ratios")
    print(f"{'':<32}{'slots':>6}{'steps/s':>13}{'ratio':>8}{'ratio by CPU time':>20}")
    cases = [*([minigrid] if minigrid else []), *_cases(given)]
    for case in cases:
        step = case.make()
        reference = minigrid.make() if minigrid and minigrid is not case else None
        rates = []
        for _ in range(given.rounds):
            if reference is not None:
                rates.append(_rate(reference, given.seconds / 2))
            case.rates.append(_rate(step, given.seconds))
        _show(case, rates)
    print()
    if given.device == "cpu":
        _levels(given)


def _show(case: Case, reference: list[tuple[float, float]]) -> None:
    mine, theirs = np.array(case.rates), np.array(reference)
    line = f"{case.name:<32}{case.slots:>6}{mine[:, 0].max():>13,.0f}"
    if len(theirs):
        wall, cpu = mine[:, 0].max() / theirs[:, 0].max(), np.median(mine[:, 1] / theirs[:, 1])
        line += f"{wall:>8.0f}{cpu:>20.0f}"
    print(line, flush=True)


def _cases(given: argparse.Namespace) -> list[Case]:
    on_cpu = given.device == "cpu"
    cases = []
    for new in (False, True):
        for threads in sorted({1, numba.config.NUMBA_NUM_THREADS}) if on_cpu else (0,):
            for n in given.batches:
                where = f"{threads} thread{'s' * (threads > 1)}" if on_cpu else given.device
                make = partial(_cpu, threads, new, n) if on_cpu else partial(_device, given.device, new, n)
                cases.append(Case(f"{'new' if new else 'same'} level, {where}", n, make))
    return cases


def _cpu(threads: int, new: bool, n: int) -> Callable[[], int]:
    """Return a function that steps all slots once and restarts those that are done."""
    space, rng, count = MazeLevels(), generator(0), 0
    slots = MazeSlots(n, space=space, threads=threads)
    levels, actions = space.draw(rng, n), rng.integers(0, 7, (TABLES, n))
    slots.reset(seed=0, options={"task": levels})

    def start(mask: Any) -> None:
        if new:
            levels[mask] = space.draw(rng, int(np.count_nonzero(mask)))
        slots.reset(options={"reset_mask": mask, "task": levels})

    def step() -> int:
        nonlocal count
        _, _, terminated, truncated, _ = slots.step(actions[count % TABLES])
        count += 1
        done = terminated | truncated
        if done.any():
            start(done)
        return n

    for _ in range(MAX_STEPS):  # so that episodes are of all ages
        step()
        early = rng.random(n) < 1 / MAX_STEPS
        if early.any():
            start(early)
    return step


def _device(device: str, new: bool, n: int) -> Callable[[], int]:
    """Return a function that does ten steps on a device; nothing leaves it but for the last wait.

    New levels are taken from a store of 100 000 that lies on the device.
    """
    there = torch.device(device)
    source, count = torch.Generator(there).manual_seed(0), 0
    slots = make_tensor_envs(envs.make("maze"), n, there)
    store = torch.from_numpy(MazeLevels().draw(generator(0), 100_000)).to(there)
    seeds = torch.zeros(n, dtype=torch.int64, device=there)
    actions = torch.randint(7, (TABLES, n), generator=source, device=there)
    levels = store[torch.randint(len(store), (n,), generator=source, device=there)]
    slots.start(torch.ones(n, dtype=torch.bool, device=there), levels, seeds)

    def steps() -> int:
        nonlocal count, levels
        for _ in range(10):
            _, _, terminated, truncated = slots.step(actions[count % TABLES])
            if new:
                levels = store[torch.randint(len(store), (n,), generator=source, device=there)]
            slots.start(terminated | truncated, levels, seeds)
            count += 1
        if there.type == "cuda":
            torch.cuda.synchronize()
        return 10 * n

    for _ in range(MAX_STEPS // 10):
        steps()
    return steps


def _minigrid() -> Callable[[], int]:
    """Return a function that steps minigrid's four rooms once."""
    importlib.import_module("minigrid")
    env, count = gym.make(MINIGRID, disable_env_checker=True), 0
    actions = generator(0).integers(0, 7, 1000)
    env.reset(seed=0)

    def step() -> int:
        nonlocal count
        _, _, terminated, truncated, _ = env.step(int(actions[count % 1000]))
        count += 1
        if terminated or truncated:
            env.reset()
        return 1

    return step


def _rate(step: Callable[[], int], seconds: float) -> tuple[float, float]:
    """Return environment steps a second, by wall and by processor time of this process."""
    count, start, used = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - start < seconds:
        count += step()
    wall, used = time.perf_counter() - start, time.process_time() - used
    return count / wall, count / max(used, 1e-9)


def _levels(given: argparse.Namespace) -> None:
    """Print what a level costs to draw, edit, hash and solve."""
    n, rng = 200 if given.quick else 10_000, generator(0)
    print(f"{f'levels, {n} at a time':<44}{'us/level':>9}")
    draws = {f"draw, {name}": partial(MazeLevels(generator=name).draw, rng, n) for name in GENERATORS}
    draws["draw, with replacement, solvable"] = partial(MazeLevels(solvable=True).draw, rng, n)
    levels = MazeLevels().draw(rng, n)
    edits = {f"20 edits, {name}": partial(MazeLevels(edits=name).mutate, rng, levels, 20) for name in EDITS}
    others: dict[str, Callable[[], object]] = {
        "hash": partial(MazeLevels().key, levels),
        "validity": partial(MazeLevels().contains_each, levels),
        "walls, shortest path and steps": partial(MazeLevels().features, levels),
    }
    for name, call in (draws | edits | others).items():
        call()
        times = []
        for _ in range(given.rounds):
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
        print(f"{name:<44}{min(times) / n * 1e6:>9.2f}", flush=True)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--batches", type=int, nargs="+", default=[64, 1024, 4096, 16384])
    parser.add_argument("--seconds", type=float, default=1.0, help="length of one measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu", help="cpu, or a CUDA device")
    parser.add_argument("--quick", action="store_true", help="64 slots for 0.05 s: does it run?")
    given = parser.parse_args()
    if given.quick:
        given.batches, given.seconds, given.rounds = [64], 0.05, 1
    return given


if __name__ == "__main__":
    main()
