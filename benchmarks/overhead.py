"""How much of a run's wall time is spent in the framework: not in the algorithm, not in environments.

    python benchmarks/overhead.py [--quick]

Counted as framework: the teacher (ask and tell), recording, checkpoints, the loop, and, inside the student,
all that stands between stable-baselines3 and the environment: slots, queue, episode rows, value signals.
Evaluation on the test set is left out of both sides. Every run writes 20 checkpoints and 100 records,
whatever its budget, so the share of these two falls with longer runs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from teacherstudent.experiment import Experiment
from teacherstudent.loop import Plan, run
from teacherstudent.rl.rollout_signals import RolloutSignals
from teacherstudent.rl.task_queue import TaskQueue
from teacherstudent.rl.task_vec_env import TaskVecEnv

PPO = {"n_steps": 128, "batch_size": 512, "n_epochs": 10}
CASES: list[dict[str, Any]] = [
    {"family": "cartpole-parameters", "budget": 600_000, "student_options": {"n_envs": 32, "options": PPO}},
    {"family": "stump-tracks", "budget": 150_000, "student_options": {"n_envs": 8, "options": PPO}},
]
INSIDE = [(TaskVecEnv, "step_wait"), (RolloutSignals, "update"), (TaskQueue, "put"), (TaskQueue, "wants")]


def timed(kind: type, name: str, spent: dict[str, float]) -> Callable[[], None]:
    """Add the wall time of every call of a method to ``spent``; return what undoes it."""
    original = getattr(kind, name)

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        try:
            return original(*args, **kwargs)
        finally:
            spent[name] = spent.get(name, 0.0) + time.perf_counter() - start

    setattr(kind, name, wrapper)
    return lambda: setattr(kind, name, original)


def measure(case: dict[str, Any], teacher: str, budget: float) -> None:
    """Run one case and print a line of shares in percent."""
    plan = Plan(budget=budget, test_every=budget / 2, checkpoint_every=budget / 20)
    experiment = Experiment(
        teacher=teacher, family=case["family"], plan=plan, student_options=case["student_options"]
    )
    family, instructor, student = experiment.build()
    spent: dict[str, float] = {}
    undo = [timed(kind, name, spent) for kind, name in INSIDE]
    try:
        with tempfile.TemporaryDirectory() as folder:
            ledger = run(family, instructor, student, Path(folder) / "run", plan)
    finally:
        for put_back in undo:
            put_back()
        student.close()
    seconds = ledger.seconds
    whole = seconds["total"] - seconds["evaluate"]
    shares = {
        "teacher": seconds["teacher"],
        "record": seconds["record"],
        "checkpoint": seconds["checkpoint"],
        "loop": ledger.framework_seconds() - sum(seconds[k] for k in ("teacher", "record", "checkpoint")),
        "slots": sum(spent.values()) - seconds["environment"],
    }
    parts = "".join(f"{100 * share / whole:>11.2f}" for share in shares.values())
    total = 100 * sum(shares.values()) / whole
    environment = 100 * seconds["environment"] / whole
    speed = ledger.spent / whole
    print(f"{case['family']:<22}{teacher:<11}{speed:>9.0f}{parts}{total:>11.2f}{environment:>13.1f}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a tenth of the steps; the fixed costs weigh more"
    )
    given = parser.parse_args()
    torch.set_num_threads(1)
    print("share of wall time in percent, evaluation left out; one process, one torch thread")
    heads = ("teacher", "record", "checkpoint", "loop", "slots", "framework")
    columns = "".join(f"{head:>11}" for head in heads)
    print(f"{'family':<22}{'teacher':<11}{'steps/s':>9}{columns}{'environment':>13}")
    for case in CASES:
        for teacher in ("random", "alp-gmm"):
            measure(case, teacher, case["budget"] / (10 if given.quick else 1))


if __name__ == "__main__":
    main()
