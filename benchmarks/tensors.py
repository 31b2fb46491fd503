"""Speed of slots whose tensors never leave their device: ``python benchmarks/tensors.py --device cuda``.

Random actions on random tasks from a store on the device; an episode that ends starts on another task.
Nothing waits for the device but the end of a measurement. Prints the fastest of the rounds, in steps a
second. On the CPU the same interface is measured around the slots of the CPU. ``--quick``: 64 slots, 0.05 s.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import gymnasium as gym
import torch
from _timing import describe_machine

from teacherstudent import envs
from teacherstudent.contract import spaces
from teacherstudent.contract.family import RLFamily
from teacherstudent.contract.types import generator
from teacherstudent.slots.tensor_envs import make_tensor_envs

TABLES = 50
"""Different tables of actions."""
STORE = 20_000
"""Tasks on the device."""
STEPS = 10
"""Of all slots, between two looks at the clock."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--families", nargs="+", default=["goal-maze", "maze", "stump-tracks"])
    parser.add_argument("--batches", type=int, nargs="+", default=[4096, 16384, 65536])
    parser.add_argument("--seconds", type=float, default=1.0, help="length of one measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu", help="cpu, or a CUDA device")
    parser.add_argument("--quick", action="store_true", help="64 slots for 0.05 s: does it run?")
    given = parser.parse_args()
    if given.quick:
        given.families = ["goal-maze", "maze"]
        given.batches = [64]
        given.seconds = 0.05
        given.rounds = 1
    print(describe_machine())
    print(f"{'family':<16}{'slots':>8}{'steps/s':>16}")
    for name in given.families:
        family = envs.make(name)
        assert isinstance(family, RLFamily)
        for n in given.batches:
            steps = stepping(family, n, torch.device(given.device))
            best = max(rate(steps, given.seconds) for _ in range(given.rounds))
            print(f"{name:<16}{n:>8}{best:>16,.0f}", flush=True)


def stepping(family: RLFamily, n: int, device: torch.device) -> Callable[[], int]:
    """Return a function that does `STEPS` steps of all slots, and returns how many that were."""
    source = torch.Generator(device).manual_seed(0)
    slots = make_tensor_envs(family, n, device)
    store = torch.from_numpy(spaces.sample(family.space, generator(0), STORE)).to(device)
    seeds = torch.arange(n, device=device)
    actions = drawn_actions(slots.single_action_space, (TABLES, n), source)
    count = 0

    def tasks() -> torch.Tensor:
        return store[torch.randint(len(store), (n,), generator=source, device=device)]

    def steps() -> int:
        nonlocal count
        for _ in range(STEPS):
            _, _, terminated, truncated = slots.step(actions[count % TABLES])
            slots.start(terminated | truncated, tasks(), seeds)
            count += 1
        if device.type == "cuda":
            torch.cuda.synchronize()
        return STEPS * n

    slots.start(torch.ones(n, dtype=torch.bool, device=device), tasks(), seeds)
    # The first call compiles.
    steps()
    return steps


def drawn_actions(space: gym.Space[object], shape: tuple[int, int], source: torch.Generator) -> torch.Tensor:
    """Return random actions ``(*shape, *action shape)``."""
    if isinstance(space, gym.spaces.Discrete):
        return torch.randint(int(space.n), shape, generator=source, device=source.device)
    return 2 * torch.rand((*shape, *(space.shape or ())), generator=source, device=source.device) - 1


def rate(steps: Callable[[], int], seconds: float) -> float:
    """Return environment steps a second."""
    count = 0
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        count += steps()
    return count / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
