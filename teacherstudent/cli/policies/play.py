"""``teacherstudent play RUN``: a run's policy on chosen tasks, in a window or as a film."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console

from teacherstudent.cli.arguments import Commands
from teacherstudent.cli.policies.chosen import chosen_tasks
from teacherstudent.recording.disk.terminal import folder_argument, shown

TRUST = "also import what the run's files name as 'module:Class', which runs that module's code"


def add(commands: Commands) -> None:
    """Add the command ``play``."""
    play = commands.add_parser("play", help="show a run's policy on tasks, in a window or as a film")
    play.add_argument("folder", type=folder_argument, help="a run folder")
    play.add_argument(
        "-o", "--out", type=folder_argument, help="the film, x.gif or x.mp4 (default: a window)"
    )
    play.add_argument(
        "--test", nargs="+", default=[], metavar="TASK", help="test tasks, by number from 0 on or by name"
    )
    play.add_argument(
        "--task",
        nargs="+",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a task by its values, or by its number; may come several times (default: the first test task)",
    )
    how = play.add_mutually_exclusive_group()
    how.add_argument("--greedy", action="store_true", help="best actions (default: as the family tests)")
    how.add_argument("--sampled", action="store_true", help="actions that are drawn, as in training")
    play.add_argument("--seed", type=int, default=0, help="of the episodes and the actions (default: 0)")
    play.add_argument("--trust", action="store_true", help=TRUST)
    play.set_defaults(command=show)


def show(given: argparse.Namespace, console: Console) -> int:
    """Show the policy, print what it scored."""
    # Imported here for speed, as `run` does.
    from teacherstudent.contract import spaces
    from teacherstudent.running.policies import pictures, saved

    if given.seed < 0:
        raise ValueError(f"--seed: expected at least 0, got {given.seed}")
    if given.out is not None:
        pictures.check_film(given.out)
    with saved.opened(Path(given.folder), trust=given.trust) as run:
        tasks = chosen_tasks(run.family, given.test, given.task)
        sampled = given.sampled or (run.sampled and not given.greedy)
        words = "drawn" if sampled else "best"
        console.print(f"policy at cost {run.spent:g}, {words} actions")
        how: dict[str, Any] = {"greedy": not sampled, "seed": given.seed}
        try:
            if given.out is None:
                played = pictures.window(run, tasks, **how)
            else:
                played = pictures.film(run, tasks, given.out, **how)
        except RuntimeError as error:
            raise ValueError(str(error)) from error
        for each in played:
            cut = f", cut after {each.steps} steps" if each.cut else ""
            text = (
                f"task {_told(spaces, run.family.space, each.task)}: score {each.score:g}, {each.steps} steps"
            )
            console.print(shown(f"{text}{cut}"), soft_wrap=True)
    if given.out is not None:
        console.print(shown(given.out), soft_wrap=True)
    return 0


def _told(spaces: Any, space: Any, task: Any) -> str:
    """Return a task in words: its values by name, or its number."""
    names = spaces.dimension_names(space)
    if names:
        return ", ".join(f"{name}={value}" for name, value in spaces.task_dict(space, task).items())
    if task.ndim == 0:
        return str(task)
    return f"of shape {task.shape}"
