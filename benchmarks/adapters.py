"""What a teacher costs in loops that users own: requests to its server, and time beside the bare loop.

    python benchmarks/adapters.py [--quick]

First, 16 processes ask one teacher and tell it, as fast as they can, over a Unix socket: rows a second that
are asked for and told of (1 row an ask, and 8, as a worker with 8 slots does), and the processor time that an
ask and its tell take at the server and at the worker. The best of three rounds.

Then 64 slots are stepped with an adapter and without one, each in a loop that does nothing else: the
processor's time that the adapter adds, a step and slot. The least of five differences; episodes of 200 steps,
of tensors once with all slots ending in one step, and once with the ends spread over all steps.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from _timing import describe_machine
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3.common.vec_env import DummyVecEnv

from teacherstudent import (
    Outcomes,
    Parameters,
    TeacherClient,
    TeacherEnv,
    TeacherServer,
    TeacherSlots,
    TeacherVecEnv,
    TeacherVectorEnv,
    teachers,
)

WORKERS = 16
SLOTS = 64
SPACE = Parameters(height=(0, 1), width=(0, 1))


def work(client: TeacherClient, rows: int, rounds: int, pipe: Any) -> None:
    """Wait for the start, ask and tell, and report the processor's time."""
    client.ask(1)
    pipe.send(0.0)
    pipe.recv()
    begin = time.process_time()
    ones = np.ones(rows)
    for _ in range(rounds):
        assignment = client.ask(rows)
        client.tell(Outcomes.of(assignment, score=ones, cost=ones, signals={"length": ones}))
    client.flush()
    pipe.send(time.process_time() - begin)


def served(name: str, rows: int, rounds: int) -> tuple[float, float, float]:
    """Return rows a second, and microseconds for a request and its outcome at the server and at a worker."""
    context = multiprocessing.get_context("fork")
    with TeacherServer(teachers.make(name, SPACE, seed=0)) as server:
        pipes = []
        processes = []
        for _ in range(WORKERS):
            here, there = context.Pipe()
            pipes.append(here)
            processes.append(
                context.Process(target=work, args=(server.client(), rows, rounds, there), daemon=True)
            )
            processes[-1].start()
        for pipe in pipes:
            pipe.recv()
        begin, own = time.perf_counter(), time.process_time()
        for pipe in pipes:
            pipe.send("go")
        spent = [pipe.recv() for pipe in pipes]
        seconds, own = time.perf_counter() - begin, time.process_time() - own
        for process in processes:
            process.join()
    requests = WORKERS * rounds
    return requests * rows / seconds, 1e6 * own / requests, 1e6 * sum(spent) / requests


class Quick(gym.Env[Any, Any]):
    """Steps that cost nothing, 200 an episode."""

    observation_space = gym.spaces.Box(-1.0, 1.0, (4,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def __init__(self) -> None:
        self.seen = np.zeros(4, np.float32)
        self.steps = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        """Begin; the task is looked at and changes nothing."""
        (options or {}).get("task")
        self.steps = 0
        return self.seen, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Step."""
        self.steps += 1
        return self.seen, 1.0, False, self.steps == 200, {}


def teacher() -> Any:
    """Return a teacher that costs little itself."""
    return teachers.make("random", SPACE, seed=0)


def vector_loop(envs: Any, steps: int) -> None:
    """Step a vector environment, of either library."""
    envs.reset()
    actions = np.zeros(SLOTS, np.int64)
    for _ in range(steps):
        envs.step(actions)


def single_loop(envs: Any, steps: int) -> None:
    """Step 64 environments one after the other."""
    for env in envs:
        env.reset()
    for _ in range(steps):
        for env in envs:
            _, _, terminated, truncated, _ = env.step(0)
            if terminated or truncated:
                env.reset()


class QuickTensors:
    """Slots in tensors, whose steps cost nothing; each ends every 200 steps, all together or one by one."""

    def __init__(self, *, together: bool, slots: TeacherSlots | None = None) -> None:
        self.slots = slots
        self.rewards = torch.ones(SLOTS)
        self.tasks = torch.zeros(SLOTS, 2, dtype=torch.float64)
        self.begun = torch.arange(SLOTS) * (0 if together else 200 // SLOTS)


def tensor_loop(envs: QuickTensors, steps: int) -> None:
    """Step, and reset what has ended by its numbers, as Isaac Lab does."""
    slots = envs.slots
    if slots is not None:
        slots.drop()
        slots.restart()
    for step in range(1, steps + 1):
        env_ids = ((envs.begun + step) % 200 == 0).nonzero().squeeze(-1)
        if slots is not None:
            slots.add(envs.rewards)
        if len(env_ids):
            envs.tasks[env_ids] = 0.0
            if slots is not None:
                slots.restart(env_ids)


def own_loops() -> list[tuple[str, Callable[[Any, int], None], Any, Any]]:
    """Return loops by name, each with its environments and with these under a teacher."""
    one = teacher()
    alone = [Quick() for _ in range(SLOTS)]
    cases: list[tuple[str, Callable[[Any, int], None], Any, Any]] = []
    cases.append(("TeacherEnv", single_loop, alone, [TeacherEnv(Quick(), one) for _ in range(SLOTS)]))
    for mode in (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP):
        bare = SyncVectorEnv([Quick] * SLOTS, autoreset_mode=mode)
        taught = TeacherVectorEnv(teacher(), SyncVectorEnv([Quick] * SLOTS, autoreset_mode=mode))
        cases.append((f"TeacherVectorEnv, {mode.name}", vector_loop, bare, taught))
    vec = TeacherVecEnv(teacher(), DummyVecEnv([Quick] * SLOTS))
    cases.append(("TeacherVecEnv, DummyVecEnv", vector_loop, DummyVecEnv([Quick] * SLOTS), vec))
    for together in (True, False):
        slots = TeacherSlots(teacher(), SLOTS)
        plain = QuickTensors(together=together)
        ends = "ends together" if together else "ends spread"
        cases.append(
            (f"TeacherSlots, {ends}", tensor_loop, plain, QuickTensors(together=together, slots=slots))
        )
    return cases


def processor(loop: Callable[[Any, int], None], envs: Any, steps: int) -> float:
    """Return microseconds of the processor a step and slot."""
    begin = time.process_time()
    loop(envs, steps)
    return 1e6 * (time.process_time() - begin) / steps / SLOTS


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and steps")
    quick = parser.parse_args().quick
    print(describe_machine())
    print(f"\none teacher, {WORKERS} processes, Unix socket")
    print(f"{'teacher':<10}{'rows an ask':>12}{'rows/s':>10}{'server us':>11}{'worker us':>11}")
    for name in ("random", "riac"):
        for rows in (1, 8):
            rounds = [served(name, rows, 50 if quick else 500) for _ in range(1 if quick else 3)]
            a_second, server_us, worker_us = max(rounds)
            print(f"{name:<10}{rows:>12}{a_second:>10.0f}{server_us:>11.0f}{worker_us:>11.0f}")
    print(f"\n{SLOTS} slots in this process: microseconds a step and slot")
    print(f"{'adapter':<32}{'bare':>8}{'taught':>8}{'added':>8}")
    for name, loop, bare, taught in own_loops():
        pairs = []
        for _ in range(2 if quick else 5):
            steps = 250 if quick else 2_000
            pairs.append((processor(loop, bare, steps), processor(loop, taught, steps)))
        least, most = min(pairs, key=lambda pair: pair[1] - pair[0])
        print(f"{name:<32}{least:>8.2f}{most:>8.2f}{most - least:>8.2f}")


if __name__ == "__main__":
    main()
