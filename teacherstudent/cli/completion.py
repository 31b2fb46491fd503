"""``teacherstudent completion SHELL``: the Tab key completes commands, options, names and folders."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

import shtab
from rich.console import Console

from teacherstudent.cli.arguments import Commands
from teacherstudent.contract.registry import FAMILIES, STUDENTS, TEACHERS

SHELLS = ("bash", "zsh")
_DEFINE = {
    "bash": '{function}() {{ compgen -W "{words}" -- "$1"; }}',
    "zsh": "{function}() {{ compadd -- {words} }}",
}
"""How a shell defines a function that completes some words."""


def add(commands: Commands) -> None:
    """Add the command ``completion``."""
    completion = commands.add_parser("completion", help="print what makes a shell complete words by Tab")
    completion.add_argument("shell", choices=SHELLS, help='bash: eval "$(teacherstudent completion bash)"')
    completion.set_defaults(command=show)


def show(given: argparse.Namespace, console: Console) -> int:
    """Print the script of a shell."""
    # Printed as it is: a console would break its lines and read its brackets as styles.
    console.file.write(script(given.parser, given.shell) + "\n")
    return 0


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the script of a shell that completes a parser's words; the names are those of now."""
    names = {
        "teacher": TEACHERS.names(),
        "family": FAMILIES.names(),
        "student": STUDENTS.names(),
    }
    # `describe` takes a name of any kind; `new` takes one that nobody has yet.
    names["described"] = sorted({each for known in names.values() for each in known})
    functions = {kind: f"_teacherstudent_{kind}" for kind in names}
    for command, action in _actions(parser):
        kind = action.dest
        if (command, kind) == ("describe", "name"):
            kind = "described"
        if kind in functions:
            _complete_by(action, dict.fromkeys(SHELLS, functions[kind]))
        elif kind in ("folders", "out"):
            _complete_by(action, shtab.FILE if command == "new" else shtab.DIRECTORY)
    lines = [
        _DEFINE[shell].format(function=functions[kind], words=" ".join(words))
        for kind, words in names.items()
    ]
    return shtab.complete(parser, shell, preamble="\n".join(lines))


def _complete_by(action: argparse.Action, how: Mapping[str, Any]) -> None:
    """Tell shtab how a word is completed: it looks at an attribute that argparse does not know."""
    setattr(action, "complete", how)  # noqa: B010


def _actions(parser: argparse.ArgumentParser, command: str = "") -> Iterator[tuple[str, argparse.Action]]:
    """Yield every action of a parser and of its commands, with the command's name."""
    for action in parser._actions:
        yield command, action
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from _actions(inner, name)
