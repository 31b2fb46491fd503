"""``teacherstudent compare``: a table and figures of runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console

from teacherstudent.cli.arguments import Commands
from teacherstudent.recording.disk.terminal import folder_argument


def add(commands: Commands) -> None:
    """Add the command ``compare``."""
    compare = commands.add_parser("compare", help="compare runs: a table and figures")
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
    compare.set_defaults(command=show)


def show(given: argparse.Namespace, console: Console) -> int:
    """Print the comparison of the folders, write its figures."""
    # The comparison loads matplotlib, which the other commands do not need.
    from teacherstudent.running.console import show_comparison

    options: dict[str, Any] = {"include_stopped": given.include_stopped, "x": given.x}
    # Without a word of the user the option is left out: the comparison has a default of its own.
    if given.baseline is not None:
        options["baseline"] = given.baseline
    show_comparison(given.folders, given.out, console, **options)
    return 0
