"""Environment speed: steps a second of every family, as a ratio to gymnasium's own single environment.

    python benchmarks/environments.py [--seconds 0.25] [--references CartPole-v1]

Random actions and random tasks; resets count. Every measurement is taken in turn with its reference, in
several rounds, and medians are compared: absolute numbers depend on the machine and its load, ratios hardly.
Steps for each second of this process's processor time depend on the load less; not of slots in processes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.envs.classic_control.cartpole import CartPoleVectorEnv
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv

from teacherstudent import envs, spaces
from teacherstudent.contract.family import RLFamily
from teacherstudent.contract.types import generator

ROUNDS = 5
WALKER, CARTPOLE = "BipedalWalker-v3", "CartPole-v1"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.25, help="length of one measurement")
    parser.add_argument(
        "--references", nargs="+", choices=(WALKER, CARTPOLE), default=(WALKER, CARTPOLE), help="whose cases"
    )
    parser.add_argument("--quick", action="store_true", help="measurements of 0.01 s: does it run?")
    given = parser.parse_args()
    seconds = 0.01 if given.quick else given.seconds
    print(f"{'environment':<44}{'slots':>6}{'steps/s':>12}{'/s processor':>14}   ratio to gymnasium's")
    for reference in given.references:
        baseline = _single(reference)
        cases = [(name, slots, make()) for name, slots, make in _cases(reference)]
        rates: dict[int, list[tuple[float, float]]] = {i: [] for i in range(-1, len(cases))}
        for _ in range(ROUNDS):
            rates[-1].append(_rate(baseline, 1, seconds))
            for i, (_, slots, step) in enumerate(cases):
                rates[i].append(_rate(step, slots, seconds))
        named = [(f"{reference} (gymnasium, one environment)", 1), *(case[:2] for case in cases)]
        for i, (name, slots) in enumerate(named, start=-1):
            rate, own = np.median(rates[i], axis=0)
            ratio = np.median(np.array(rates[i])[:, 0] / np.array(rates[-1])[:, 0])
            print(f"{name:<44}{slots:>6}{rate:>12,.0f}{own:>14,.0f}   {ratio:.2f}", flush=True)


Case = tuple[str, int, Callable[[], Callable[[], None]]]
"""Name, number of slots, and what returns the function that steps them all once."""


def _cases(reference: str) -> list[Case]:
    """Return what is compared with a reference."""
    if reference == CARTPOLE:
        theirs = "CartPole-v1 (gymnasium, its own vector)"
        found: list[Case] = [(theirs, n, partial(_gymnasium_cartpoles, n)) for n in (16, 256)]
        found += [_family("cartpole-parameters", n) for n in (1, 16, 256)]
        # Families whose steps cost next to nothing: what is around them shows in few slots.
        return found + [_family(name, n) for name in ("goal-maze", "maze") for n in (1, 1024, 4096)]
    found = [("BipedalWalker-v3 (gymnasium, SyncVectorEnv)", 16, partial(_gymnasium_walkers, 16))]
    for name in ("stump-tracks", "hexagon-tracks", "stump-sequence"):
        for embodiment in ("default", "short", "quadruped"):
            found += [_family(name, n, embodiment=embodiment) for n in (1, 16)]
    return [*found, _family("stump-tracks", 16, processes=2), _family("stump-tracks", 64, processes=2)]


def _family(name: str, n: int, *, processes: int = 1, **options: Any) -> Case:
    def make() -> Callable[[], None]:
        family: RLFamily = envs.make(name, **options)
        return _steps(family.make_vec(n, processes=processes), family)

    more = [*options.values(), *([f"{processes} processes"] if processes > 1 else [])]
    return " ".join([name, *(f"({word})" for word in more)]), n, make


def _gymnasium_walkers(n: int) -> Callable[[], None]:
    make = [lambda: gym.make(WALKER, disable_env_checker=True)] * n
    return _steps(SyncVectorEnv(make, autoreset_mode=AutoresetMode.DISABLED), None)


def _gymnasium_cartpoles(n: int) -> Callable[[], None]:
    return _steps(CartPoleVectorEnv(num_envs=n), None)


def _single(name: str) -> Callable[[], None]:
    """Return a function that steps one plain gymnasium environment."""
    env = gym.make(name, disable_env_checker=True)
    env.reset(seed=0)
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(1000)]
    count = 0

    def step() -> None:
        nonlocal count
        _, _, terminated, truncated, _ = env.step(actions[count % 1000])
        count += 1
        if terminated or truncated:
            env.reset()

    return step


def _steps(vec: VectorEnv[Any, Any, Any], family: RLFamily | None) -> Callable[[], None]:
    """Return a function that steps all slots once and restarts those that are done, on random tasks."""
    vec.action_space.seed(0)
    actions = [vec.action_space.sample() for _ in range(200)]
    rng, n, count = generator(0), vec.num_envs, 0
    tasks = None if family is None else [spaces.sample(family.space, rng, n) for _ in range(50)]
    vec.reset(seed=0, options=None if tasks is None else {"task": tasks[0]})
    disabled = vec.metadata.get("autoreset_mode") == AutoresetMode.DISABLED

    def step() -> None:
        nonlocal count
        _, _, terminated, truncated, _ = vec.step(actions[count % 200])
        count += 1
        done = terminated | truncated
        if disabled and done.any():
            own = {} if tasks is None else {"task": tasks[count % 50]}
            vec.reset(options={"reset_mask": done} | own)

    return step


def _rate(step: Callable[[], None], slots: int, seconds: float) -> tuple[float, float]:
    """Return environment steps a second, by wall and by processor time of this process."""
    step()
    count = 0
    start = time.perf_counter()
    used = time.process_time()
    while time.perf_counter() - start < seconds:
        step()
        count += 1
    wall = time.perf_counter() - start
    used = time.process_time() - used
    return count * slots / wall, count * slots / max(used, 1e-9)


if __name__ == "__main__":
    main()
