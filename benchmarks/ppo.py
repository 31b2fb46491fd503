"""What stable-baselines3's PPO costs: microseconds an environment step where environments are free.

    python benchmarks/ppo.py [--threads 2] [--processes 1] [--net 64 --epochs 4 ...] [--quick]

First the wrapper alone (`TaskVecEnv` and `TaskQueue`), then the student `sb3` with ``normalize=True``, tanh
networks of two equal layers and a walker's sizes: 24 observations, 4 actions, episodes of about 200 steps.
Several values of an option are combined; the fastest round counts. With ``--processes 2`` two students learn
side by side, as two runs of a study do, and their steps a second are added up.

torch's threads spin while they wait for each other: with more than one thread in a process, other work on the
same cores slows the update many times over. One thread in each of several processes does not suffer so.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import time
import warnings
from typing import Any

import numpy as np
import torch
from _free import FreeFamily, FreeSlots
from _timing import PARTS, Stopwatch, describe_machine

from teacherstudent import spaces
from teacherstudent.contract.types import Assignment, generator
from teacherstudent.students.sb3.queue import TaskQueue
from teacherstudent.students.sb3.student import SB3Student
from teacherstudent.students.sb3.vec_env import TaskVecEnv

COLUMNS = ("policy", "normalisation", "slots", "buffer", "signals", "update")


def main() -> None:
    """Print both tables."""
    given = _parse()
    print(f"{describe_machine()}; torch threads: {given.threads}, processes: {given.processes}")
    print(f"{'slots':>6}{'us a step of all':>18}{'us/step':>9}   TaskVecEnv and TaskQueue alone")
    for n in (64, 1024, 4096):
        seconds = wrapper(n, steps=50 if given.quick else 3000)
        print(f"{n:>6}{1e6 * seconds:>18.1f}{1e6 * seconds / n:>9.3f}")
    heads = "".join(f"{head[:9]:>10}" for head in (*COLUMNS, "rest"))
    print(f"{'net':>4}{'slots x steps':>15}{'batch':>7}{'epochs':>7}{'steps/s':>10}{heads}   us/step")
    for net, rollout, batch, epochs in itertools.product(given.net, given.rollout, given.batch, given.epochs):
        slots, steps = map(int, rollout.split("x"))
        case = {"net": net, "slots": slots, "steps": steps, "batch": batch, "epochs": epochs}
        case |= {"threads": given.threads, "seconds": given.seconds, "fused": given.fused}
        rate, parts = side_by_side(case, given.processes)
        columns = "".join(f"{1e6 * parts[name]:>10.2f}" for name in (*COLUMNS, "rest"))
        print(f"{net:>4}{rollout:>15}{batch:>7}{epochs:>7}{rate:>10,.0f}{columns}", flush=True)


def wrapper(n: int, *, steps: int) -> float:
    """Return the seconds that the wrapper takes to step ``n`` slots once, the environments' own left out."""
    queue, rng, count = TaskQueue(n, seed=0), generator(0), 0
    env = TaskVecEnv(FreeSlots(n), queue.draw, seed=0, mastered=0.0)
    actions = np.zeros((n, 4), np.float32)

    def fill() -> None:
        nonlocal count
        wanted = queue.wants()
        queue.put(Assignment(ids=np.arange(count, count + wanted), tasks=rng.random((wanted, 2))))
        count += wanted

    fill()
    env.reset()
    start, outside = time.perf_counter(), env.environment_seconds
    for i in range(steps):
        env.step(actions)
        if i % 64 == 63:
            finished = env.pop_finished()
            queue.observe(0 if finished is None else len(finished))
            fill()
    return (time.perf_counter() - start - env.environment_seconds + outside) / steps


def side_by_side(case: dict[str, Any], processes: int) -> tuple[float, dict[str, float]]:
    """Return steps a second of all processes together, and seconds of a step by part.

    Of each process the fastest round counts, as other work on the machine slows the rest; parts are means.
    """
    if processes == 1:
        return learn(case)
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(processes), context.Queue()
    workers = [context.Process(target=_work, args=(case, barrier, answers)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    found = [answers.get() for _ in workers]
    for worker in workers:
        worker.join()
    parts = {name: float(np.mean([part[name] for _, part in found])) for name in found[0][1]}
    return sum(rate for rate, _ in found), parts


def _work(case: dict[str, Any], barrier: Any, answers: Any) -> None:
    answers.put(learn(case, barrier))


def learn(case: dict[str, Any], barrier: Any = None) -> tuple[float, dict[str, float]]:
    """Train for ``case["seconds"]`` after a round that is not counted; see `side_by_side`."""
    warnings.filterwarnings("ignore", "You have specified a mini-batch size")
    torch.set_num_threads(case["threads"])
    adam = {"optimizer_kwargs": {"eps": 1e-5, "fused": True}} if case["fused"] else {}
    options = {"n_steps": case["steps"], "batch_size": case["batch"], "n_epochs": case["epochs"]}
    options["policy_kwargs"] = {"net_arch": [case["net"]] * 2} | adam
    family, rng, count = FreeFamily(), generator(0), 0
    student = SB3Student(family, seed=0, n_envs=case["slots"], normalize=True, device="cpu", options=options)

    def train() -> None:
        nonlocal count
        wanted = student.wants()
        ids = np.arange(count, count + wanted)
        student.train(Assignment(ids=ids, tasks=spaces.sample(family.space, rng, wanted)))
        count += wanted

    train()
    if barrier is not None:
        barrier.wait()
    rounds: list[dict[str, float]] = []
    end = time.perf_counter() + case["seconds"]
    while not rounds or time.perf_counter() < end:
        with Stopwatch() as watch:
            for target, label in PARTS["sb3"].items():
                watch.time(target, label)
            with watch.running("rest"):
                train()
        rounds.append(watch.seconds)
    student.close()
    best = min(rounds, key=lambda seconds: sum(seconds.values()))
    parts = {name: best[name] / (case["slots"] * case["steps"]) for name in (*COLUMNS, "rest")}
    return 1 / sum(parts.values()), parts


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--net", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--rollout", nargs="+", default=["256x64", "1024x32"], help="slots x steps")
    parser.add_argument("--batch", type=int, nargs="+", default=[4096])
    parser.add_argument("--epochs", type=int, nargs="+", default=[4, 10])
    parser.add_argument("--threads", type=int, default=2, help="of torch, in each process")
    parser.add_argument("--processes", type=int, default=1, help="students that learn side by side")
    parser.add_argument("--fused", action="store_true", help="Adam with fused=True")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one measurement")
    parser.add_argument("--quick", action="store_true", help="one short case: does it run?")
    given = parser.parse_args()
    if given.quick:
        given.net, given.rollout, given.batch, given.epochs = [16], ["64x8"], [256], [1]
        given.seconds = 0.05
    return given


if __name__ == "__main__":
    main()
