"""The command line: ``teacherstudent new | list | describe | run | resume | compare | report | completion``.

A command is one file with a function ``add``, which adds the command's words to the parser and says what is
called: a function of the words and of a console that returns an exit code. `COMMANDS` lists the files.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from teacherstudent import __version__
from teacherstudent.cli import compare, completion, describe, names, new, report, resume, run
from teacherstudent.recording.disk.terminal import shown

COMMANDS = (new, names, describe, run, resume, compare, report, completion)
"""The commands in the order of ``--help``."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 if all went well, 1 if a run failed, 2 if the arguments make no sense, 130 after Ctrl-C.
    """
    given = _parser().parse_args(argv)
    console = Console()
    errors = Console(stderr=True)
    # A user of the command line has no use for the line of our code that warns.
    usual = warnings.formatwarning
    warnings.formatwarning = _format_warning
    try:
        code: int = given.command(given, console)
        return code
    except (ValueError, TypeError, OSError, ImportError) as error:
        errors.print(shown(f"teacherstudent: {error}"), soft_wrap=True)
        return 2
    # Ctrl-C comes here before runs have begun or after they have ended: `run_all` takes it in between.
    except KeyboardInterrupt:
        errors.print("teacherstudent: interrupted")
        return 130
    finally:
        warnings.formatwarning = usual


def _format_warning(message: Warning | str, *place: Any, **more: Any) -> str:
    """Return what a warning says without its place in the code."""
    del place, more
    return f"warning: {message}\n"


def _parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    about = "Teachers choose tasks, students learn them, runs are compared."
    parser = argparse.ArgumentParser(prog="teacherstudent", description=about)
    parser.add_argument("--version", action="version", version=f"teacherstudent {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    for command in COMMANDS:
        command.add(commands)
    # The completion of a shell is made from all of it.
    parser.set_defaults(parser=parser)
    return parser
