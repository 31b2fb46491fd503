"""``teacherstudent run``: one student for each teacher and seed, side by side, then compared."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from teacherstudent.cli.arguments import THREADS, Commands, import_from_here, option
from teacherstudent.recording.disk.terminal import folder_argument, shown
from teacherstudent.running.engines.words import NO_COMPARE, add_engine_options, chosen_engine


def add(commands: Commands) -> None:
    """Add the command ``run``."""
    start = commands.add_parser(
        "run", help="train one student for each teacher and seed, in parallel processes"
    )
    start.add_argument("--teacher", nargs="+", required=True, help="registered names or 'module:Class'")
    start.add_argument("--family", required=True, help="a registered name or 'module:Class'")
    start.add_argument(
        "--student", default="", help="a registered name or 'module:Class' (default: the family's, or sb3)"
    )
    start.add_argument("--seeds", type=int, nargs="+", default=[0], help="default: 0")
    start.add_argument(
        "--budget", type=float, required=True, help="cost of each run (environment steps, or FLOPs)"
    )
    start.add_argument(
        "--test-every", type=float, help="cost between tests (default: a twentieth of the budget)"
    )
    start.add_argument(
        "--checkpoint-every", type=float, help="cost between checkpoints (default: as --test-every; 0: none)"
    )
    start.add_argument(
        "--signals",
        nargs="+",
        default=[],
        metavar="NAME",
        help="signals to compute and log beside what the teacher needs: value_l1",
    )
    start.add_argument(
        "--log",
        nargs="*",
        default=["tensorboard"],
        metavar="NAME",
        help="where scalars go beside the run folder: tensorboard (default), wandb, mlflow, trackio; no name "
        "for nowhere",
    )
    start.add_argument(
        "--max-failed-tasks",
        type=int,
        help="on how many tasks environments may fail (default: 3, and one for every 20 finished episodes)",
    )
    start.add_argument(
        "--may-never-act",
        action="store_true",
        help="begin though the budget ends before the teacher acts, or before anything is trained on",
    )
    for role in ("teacher", "family", "student"):
        start.add_argument(
            f"--{role}-options",
            type=option,
            nargs="+",
            default=[],
            metavar="KEY=VALUE",
            help=f"keywords of the {role}'s constructor; values are JSON or plain strings",
        )
    start.add_argument(
        "--out", type=folder_argument, default=Path("runs"), help="where run folders go (default: runs)"
    )
    start.add_argument("--jobs", type=int, help="runs at a time (default: the number of cores)")
    start.add_argument("--threads", type=int, help=THREADS)
    start.add_argument("--resume", action="store_true", help="continue runs that stopped, skip finished ones")
    start.add_argument("--no-compare", action="store_true", help=NO_COMPARE)
    add_engine_options(start)
    start.set_defaults(command=start_runs)


def start_runs(given: argparse.Namespace, console: Console) -> int:
    """Run what was asked for, print the comparison."""
    import_from_here([*given.teacher, given.family, given.student or "sb3"])
    # These imports take seconds (torch, numba): `list` and `--help` should not wait for them.
    from teacherstudent.contract.accounts.plan import Plan
    from teacherstudent.running.before.defaults import said, with_defaults
    from teacherstudent.running.console import exit_code, run_and_compare
    from teacherstudent.running.experiment import Experiment

    plan = Plan(
        budget=given.budget,
        test_every=given.test_every,
        checkpoint_every=given.checkpoint_every,
        max_failed_tasks=given.max_failed_tasks,
        signals=tuple(given.signals),
        may_never_act=given.may_never_act,
    )
    asked = [
        Experiment(
            teacher=teacher,
            family=given.family,
            plan=plan,
            student=given.student or "sb3",
            seed=seed,
            teacher_options=dict(given.teacher_options),
            family_options=dict(given.family_options),
            student_options=dict(given.student_options),
            log=given.log,
        )
        # Seeds are outermost, so that early results compare teachers.
        for seed in given.seeds
        for teacher in given.teacher
    ]
    experiments = [with_defaults(each, student_given=bool(given.student)) for each in asked]
    # What was left out is said once for each teacher.
    for line in dict.fromkeys(map(said, asked, experiments)):
        if line:
            console.print(shown(line), soft_wrap=True)
    how = {"jobs": given.jobs, "threads": given.threads, "resume": given.resume}
    how |= {"engine": chosen_engine(given), "compare": not given.no_compare}
    return exit_code(run_and_compare(experiments, given.out, **how, console=console))
