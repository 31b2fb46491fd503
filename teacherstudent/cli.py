"""The command line: ``teacherstudent list | run | resume | compare``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from teacherstudent.contract.registry import FAMILIES, STUDENTS, TEACHERS
from teacherstudent.recording.disk.terminal import folder_argument, shown

_THREADS = "threads of torch and NumPy in each run (default: 1, or what OMP_NUM_THREADS says)"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 if all went well, 1 if a run failed, 2 if the arguments make no sense, 130 after Ctrl-C.
    """
    given = _parser().parse_args(argv)
    console = Console()
    errors = Console(stderr=True)
    try:
        code: int = given.command(given, console)
        return code
    except (ValueError, TypeError, OSError) as error:
        errors.print(shown(f"teacherstudent: {error}"), soft_wrap=True)
        return 2
    # Ctrl-C comes here before runs have begun or after they have ended: `run_all` takes it in between.
    except KeyboardInterrupt:
        errors.print("teacherstudent: interrupted")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="teacherstudent", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")

    names = commands.add_parser("list", help="name teachers, families and students")
    names.set_defaults(command=_list)

    start = "train one student for each teacher and seed, in parallel processes"
    _add_run(commands.add_parser("run", help=start))
    _add_resume(commands.add_parser("resume", help="continue stopped runs from their last checkpoints"))
    _add_compare(commands.add_parser("compare", help="compare runs: a table and figures"))
    return parser


def _add_run(start: argparse.ArgumentParser) -> None:
    start.add_argument("--teacher", nargs="+", required=True, help="registered names or 'module:Class'")
    start.add_argument("--family", required=True, help="a registered name or 'module:Class'")
    start.add_argument("--student", default="sb3", help="a registered name or 'module:Class' (default: sb3)")
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
            type=_option,
            nargs="+",
            default=[],
            metavar="KEY=VALUE",
            help=f"keywords of the {role}'s constructor; values are JSON or plain strings",
        )
    start.add_argument(
        "--out", type=folder_argument, default=Path("runs"), help="where run folders go (default: runs)"
    )
    start.add_argument("--jobs", type=int, help="runs at a time (default: the number of cores)")
    start.add_argument("--threads", type=int, help=_THREADS)
    start.add_argument("--resume", action="store_true", help="continue runs that stopped, skip finished ones")
    start.set_defaults(command=_run)


def _add_resume(again: argparse.ArgumentParser) -> None:
    again.add_argument(
        "folders", type=folder_argument, nargs="+", help="run folders, or folders that hold some"
    )
    again.add_argument(
        "--trust",
        action="store_true",
        help="also import what the runs' files name as 'module:Class', which runs that module's code; "
        "without it such runs are left out",
    )
    again.add_argument("--jobs", type=int, help="runs at a time (default: the number of cores)")
    again.add_argument("--threads", type=int, help=_THREADS)
    again.set_defaults(command=_resume)


def _add_compare(compare: argparse.ArgumentParser) -> None:
    compare.add_argument(
        "folders", type=folder_argument, nargs="+", help="run folders, or folders that hold some"
    )
    compare.add_argument(
        "--out", type=folder_argument, default=Path("comparison"), help="where tables and figures go"
    )
    compare.add_argument(
        "--baseline", help="the teacher that others are measured against (default: plain, random or uniform)"
    )
    compare.add_argument(
        "--x",
        default="spent",
        help="compare at equal spent (default), seconds, train, measure, updates or another ledger entry",
    )
    compare.add_argument(
        "--include-stopped", action="store_true", help="count runs that did not finish, as far as they went"
    )
    compare.set_defaults(command=_compare)


def _option(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE, got {text!r}")
    # A value that is no JSON is a plain string, so that names need no quotes on the command line.
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


def _list(given: argparse.Namespace, console: Console) -> int:
    for title, registry in (("teachers", TEACHERS), ("families", FAMILIES), ("students", STUDENTS)):
        table = Table(title, "", box=None, pad_edge=False, show_header=True, header_style="bold")
        for entry in registry.entries():
            table.add_row(f"  {entry.name}", entry.summary)
        console.print(table)
    return 0


def _run(given: argparse.Namespace, console: Console) -> int:
    # These imports take seconds (torch, numba): `list` and `--help` should not wait for them.
    from teacherstudent.contract.accounts.plan import Plan
    from teacherstudent.running.console import run_and_compare
    from teacherstudent.running.experiment import Experiment

    plan = Plan(
        budget=given.budget,
        test_every=given.test_every,
        checkpoint_every=given.checkpoint_every,
        max_failed_tasks=given.max_failed_tasks,
        signals=tuple(given.signals),
        may_never_act=given.may_never_act,
    )
    experiments = [
        Experiment(
            teacher=teacher,
            family=given.family,
            plan=plan,
            student=given.student,
            seed=seed,
            teacher_options=dict(given.teacher_options),
            family_options=dict(given.family_options),
            student_options=dict(given.student_options),
        )
        # Seeds are outermost, so that early results compare teachers.
        for seed in given.seeds
        for teacher in given.teacher
    ]
    how = {"jobs": given.jobs, "threads": given.threads, "resume": given.resume}
    return run_and_compare(experiments, given.out, **how, console=console)


def _resume(given: argparse.Namespace, console: Console) -> int:
    # Imported here for speed, as in `_run`.
    from teacherstudent.recording.runs import Run, find_folders
    from teacherstudent.running.console import run_watched
    from teacherstudent.running.experiment import Experiment

    experiments = []
    errors = {}
    # One unreadable folder must not keep the others from going on: its error is shown beside their results.
    for folder in find_folders(given.folders):
        try:
            experiment = Experiment.from_folder(folder, trust=given.trust)
            # A finished run is not built again, so its names need not be known or trusted.
            if Run.load(folder).status()["status"] != "finished":
                experiment.check_names()
            experiments.append((experiment, folder))
        except (ValueError, OSError) as error:
            errors[folder] = error
    if not experiments:
        raise next(iter(errors.values()))
    for folder, reason in errors.items():
        console.print(shown(folder, "bold"), "left out:", shown(reason), soft_wrap=True)
    results = run_watched(experiments, jobs=given.jobs, threads=given.threads, resume=True, console=console)
    if errors or any(result.status != "finished" for result in results):
        return 1
    return 0


def _compare(given: argparse.Namespace, console: Console) -> int:
    # The comparison loads matplotlib, which the other commands do not need.
    from teacherstudent.running.console import show_comparison

    options: dict[str, Any] = {"include_stopped": given.include_stopped, "x": given.x}
    # Without a word of the user the option is left out: the comparison has a default of its own.
    if given.baseline is not None:
        options["baseline"] = given.baseline
    show_comparison(given.folders, given.out, console, **options)
    return 0
