"""How much of a run's wall time is spent in the framework: not in the algorithm, not in environments.

    python benchmarks/overhead.py [--quick]

Counted as framework: the teacher (ask and tell), recording, checkpoints, the loop, and, inside the student,
all that stands between stable-baselines3 and the environment: slots, queue, episode rows, value signals.
Evaluation on the test set is left out of both sides. Every run writes 20 checkpoints and 100 records,
whatever its budget, so the share of these two falls with longer runs.
"""

from __future__ import annotations

import argparse
from typing import Any

import torch
from _timing import INSIDE, measure, shares

from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.running.experiment import Experiment

PPO = {"n_steps": 128, "batch_size": 512, "n_epochs": 10}
CASES: list[dict[str, Any]] = [
    {"family": "cartpole-parameters", "budget": 600_000, "student_options": {"n_envs": 32, "options": PPO}},
    {"family": "stump-tracks", "budget": 150_000, "student_options": {"n_envs": 8, "options": PPO}},
]
FRAMEWORK = ("teacher: ask, tell", "episodes and records", "checkpoints", "loop, rest", INSIDE["slots"])


def report(case: dict[str, Any], teacher: str, budget: float) -> None:
    """Run one case and print a line of shares in percent."""
    plan = Plan(budget=budget, test_every=budget / 2, checkpoint_every=budget / 20)
    experiment = Experiment(
        teacher=teacher, family=case["family"], plan=plan, student_options=case["student_options"]
    )
    ledger, inside = measure(experiment)
    rows = shares(ledger, inside)
    whole = sum(rows.values()) - rows["tests"]
    framework = [rows[name] for name in FRAMEWORK]
    framework[-1] += rows[INSIDE["signals"]]
    parts = "".join(f"{100 * seconds / whole:>11.2f}" for seconds in (*framework, sum(framework)))
    environment = 100 * rows["environment"] / whole
    print(f"{case['family']:<22}{teacher:<11}{ledger.spent / whole:>9.0f}{parts}{environment:>13.1f}")


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
            report(case, teacher, case["budget"] / (10 if given.quick else 1))


if __name__ == "__main__":
    main()
