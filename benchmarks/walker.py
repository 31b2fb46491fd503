"""Speed of the compiled walker: steps a second, as a ratio to gymnasium's own walker in the same run.

    python benchmarks/walker.py [--batches 64 1024 4096 16384] [--device cpu] [--quick]
    python benchmarks/walker.py --profile

Random actions and random stump tracks; resets count. Every round measures gymnasium's walker and each case in
turn; shown are the fastest round of each, and the median over rounds of the ratio of processor seconds, which
hardly depends on what else the machine does. ``--profile`` times the parts of a step and counts the solver's
iterations.
"""

from __future__ import annotations

import argparse
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
from _walker_profile import profile

from teacherstudent import envs, spaces
from teacherstudent.contract.types import generator
from teacherstudent.envs.walkers.family import MAX_STEPS
from teacherstudent.envs.walkers.ground.tracks import STUMPS
from teacherstudent.envs.walkers.slots import WalkerSlots
from teacherstudent.slots.tensor_envs import make_tensor_envs

FAMILY, WALKER = "stump-tracks", "BipedalWalker-v3"
WARM_UP = 60  # steps, so that walkers have fallen here and there
TABLES = 50


@dataclass
class Case:
    """Something that is stepped; ``rates`` are a pair a round: steps a second by wall and by CPU time."""

    name: str
    slots: int
    make: Callable[[], Callable[[], None]]
    memory: float | None = None
    rates: list[tuple[float, float]] = field(default_factory=list)


def main() -> None:
    """Print the table, or the profile."""
    given = _parse()
    print(describe_machine())
    if given.profile:
        profile(_slots, given.quick)
        return
    gymnasium = Case(f"gymnasium's {WALKER}", 1, _gymnasium)
    cases = [gymnasium, *_cases(given)]
    for case in cases:  # one at a time, as a batch of 16 384 fills caches
        step = case.make()
        reference = gymnasium.make()
        for _ in range(given.rounds):
            if case is not gymnasium:
                gymnasium.rates.append(_rate(reference, 1, given.seconds / 2))
            case.rates.append(_rate(step, case.slots, given.seconds))
        _show(case, gymnasium.rates[-given.rounds :])


def _show(case: Case, reference: list[tuple[float, float]]) -> None:
    if case.slots == 1:
        print(f"{'':<46}{'slots':>6}{'steps/s':>12}{'ratio':>8}{'ratio by CPU time':>20}{'bytes/slot':>12}")
    mine, theirs = np.array(case.rates), np.array(reference)
    wall, cpu = mine[:, 0].max() / theirs[:, 0].max(), np.median(mine[:, 1] / theirs[:, 1])
    memory = "" if case.memory is None else f"{case.memory:,.0f}"
    print(
        f"{case.name:<46}{case.slots:>6}{mine[:, 0].max():>12,.0f}{wall:>8.1f}{cpu:>20.1f}{memory:>12}",
        flush=True,
    )


def _cases(given: argparse.Namespace) -> list[Case]:
    cases = []
    for walker, solver in ((w, s) for w in given.walkers for s in given.solvers):
        for threads in sorted({1, numba.config.NUMBA_NUM_THREADS}) if given.device == "cpu" else (0,):
            for n in given.batches:
                label = f"{threads} thread{'s' * (threads > 1)}" if threads else given.device
                on_cpu = partial(_cpu, walker, solver, threads, n)
                make = on_cpu if threads else partial(_device, given, walker, solver, n)
                memory = _memory(walker, n) if threads else None
                cases.append(Case(f"{walker}, {solver}, {label}", n, make, memory))
    return cases


def _memory(walker: str, n: int) -> float:
    """Return the bytes that a slot keeps: state, track, observation."""
    slots = _slots(walker, "default", 1, min(n, 64))
    arrays = [*slots._now.values(), *slots._tracks]
    return sum(array.nbytes for array in arrays) / slots.num_envs


def _slots(walker: str, solver: str, threads: int, n: int) -> WalkerSlots:
    space = envs.make(FAMILY).space
    return WalkerSlots(
        n, space=space, kind=STUMPS, walker=walker, solver=solver, threads=threads, max_steps=MAX_STEPS
    )


def _cpu(walker: str, solver: str, threads: int, n: int) -> Callable[[], None]:
    """Return a function that steps all slots once and restarts those that are done, on random tasks."""
    slots, rng, count = _slots(walker, solver, threads, n), generator(0), 0
    tasks = [spaces.sample(slots.task_space, rng, n) for _ in range(TABLES)]
    motors = slots.single_action_space.shape[0]
    actions = [rng.uniform(-1, 1, (n, motors)).astype(np.float32) for _ in range(TABLES)]
    slots.reset(seed=0, options={"task": tasks[0]})

    def step() -> None:
        nonlocal count
        _, _, terminated, truncated, _ = slots.step(actions[count % TABLES])
        count += 1
        done = terminated | truncated
        if done.any():
            slots.reset(options={"reset_mask": done, "task": tasks[count % TABLES]})

    return _warm(step)


def _device(given: argparse.Namespace, walker: str, solver: str, n: int) -> Callable[[], None]:
    """Return a function that does the same on a device; nothing leaves it but for the last wait."""
    device = torch.device(given.device)
    family: Any = envs.make(FAMILY, embodiment=walker, solver=solver)
    slots, source, count = make_tensor_envs(family, n, device), torch.Generator(device).manual_seed(0), 0
    low, high = (torch.as_tensor(end, device=device) for end in (family.space.low, family.space.high))
    tasks = low + (high - low) * torch.rand((n, len(low)), generator=source, device=device)
    seeds = torch.randint(2**30, (n,), generator=source, device=device)
    shape = (n, *slots.single_action_space.shape)
    actions = [2 * torch.rand(shape, generator=source, device=device) - 1 for _ in range(TABLES)]
    slots.start(torch.ones(n, dtype=torch.bool, device=device), tasks, seeds)

    def step() -> None:
        nonlocal count
        _, _, terminated, truncated = slots.step(actions[count % TABLES])
        slots.start(terminated | truncated, tasks, seeds + count)
        count += 1

    def steps() -> None:
        for _ in range(10):
            step()
        if device.type == "cuda":
            torch.cuda.synchronize()

    steps.repeats = 10  # type: ignore[attr-defined]
    return _warm(steps)


def _gymnasium() -> Callable[[], None]:
    """Return a function that steps gymnasium's walker once."""
    env, count = gym.make(WALKER, disable_env_checker=True), 0
    actions = generator(0).uniform(-1, 1, (1000, 4)).astype(np.float32)
    env.reset(seed=0)

    def step() -> None:
        nonlocal count
        _, _, terminated, truncated, _ = env.step(actions[count % 1000])
        count += 1
        if terminated or truncated:
            env.reset()

    return _warm(step)


def _warm(step: Callable[[], None]) -> Callable[[], None]:
    for _ in range(WARM_UP):
        step()
    return step


def _rate(step: Callable[[], None], slots: int, seconds: float) -> tuple[float, float]:
    """Return environment steps a second, by wall and by processor time of this process."""
    count, start, used = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - start < seconds:
        step()
        count += getattr(step, "repeats", 1)
    wall, used = time.perf_counter() - start, time.process_time() - used
    return count * slots / wall, count * slots / max(used, 1e-9)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--batches", type=int, nargs="+", default=[64, 1024, 4096, 16384])
    parser.add_argument("--walkers", nargs="+", default=["default", "quadruped"])
    parser.add_argument("--solvers", nargs="+", default=["default", "exact", "fast"])
    parser.add_argument("--seconds", type=float, default=1.0, help="length of one measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu", help="cpu, or a CUDA device")
    parser.add_argument("--profile", action="store_true", help="time the parts of a step instead")
    parser.add_argument("--quick", action="store_true", help="16 slots for 0.05 s: does it run?")
    given = parser.parse_args()
    if given.quick:
        given.batches, given.walkers, given.solvers = [16], ["default"], ["default"]
        given.seconds, given.rounds = 0.05, 1
    return given


if __name__ == "__main__":
    main()
