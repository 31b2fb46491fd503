"""``teacherstudent describe NAME``: what a teacher, family or student is, and its options."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.table import Table

from teacherstudent.cli.arguments import Commands, import_from_here
from teacherstudent.cli.docstrings import body, options
from teacherstudent.contract.checks import closest
from teacherstudent.contract.registry import FAMILIES, STUDENTS, TEACHERS, Registry
from teacherstudent.recording.disk.terminal import shown

REGISTRIES: tuple[Registry[Any], ...] = (TEACHERS, FAMILIES, STUDENTS)


def add(commands: Commands) -> None:
    """Add the command ``describe``."""
    about = commands.add_parser("describe", help="say what a teacher, family or student is, and its options")
    about.add_argument("name", help="a registered name or 'module:Class'")
    about.set_defaults(command=show)


def show(given: argparse.Namespace, console: Console) -> int:
    """Print what the docstring of a name says, and its options with their defaults."""
    import_from_here([given.name])
    for kind, make in _find(given.name):
        console.print(shown(f"{kind} {given.name}".strip(), "bold"))
        console.print(shown(body(make) or "It has no docstring."), soft_wrap=True)
        console.print()
        for fact in _facts(make):
            console.print(shown(fact))
        _show_options(kind, make, console)
    return 0


def _find(name: str) -> list[tuple[str, Callable[..., Any]]]:
    """Return what a name stands for, with what it is called; one name may stand for things of several kinds.

    Raises:
        ValueError: if it stands for nothing.
    """
    if ":" in name:
        return [("", TEACHERS.get(name))]
    found = [(registry.kind, registry.get(name)) for registry in REGISTRIES if name in registry.names()]
    if not found:
        known = [each for registry in REGISTRIES for each in registry.names()]
        raise ValueError(
            f"unknown name {name!r}{closest(name, known)}: expected a teacher, family or student of "
            "`teacherstudent list`, or 'module:Class'"
        )
    return found


def _facts(make: Callable[..., Any]) -> list[str]:
    """Return what the class of a teacher declares, a line each."""
    lines = []
    if accepts := getattr(make, "accepts", ()):
        lines.append("Spaces: " + ", ".join(kind.__name__ for kind in accepts))
    for name, rows in (("needs", "every row"), ("measures", "measured rows")):
        signals = getattr(make, name, None)
        # Where an option changes what is needed, the class has a property, and no names yet.
        if isinstance(signals, frozenset) and signals:
            lines.append(f"Signals of {rows}: " + ", ".join(sorted(signals)))
    return lines


def _show_options(kind: str, make: Callable[..., Any], console: Console) -> None:
    """Print a table of the options, and how a command line gives one."""
    found = options(make)
    if not found:
        console.print("No options.")
        return
    table = Table("option", "default", "meaning", box=None, pad_edge=False, header_style="bold")
    for option in found:
        default = shown(option.default or "(must be given)")
        table.add_row(shown(option.name), default, shown(option.meaning))
    console.print(table)
    if kind:
        console.print(f"\nOn the command line: --{kind}-options {found[0].name}=...")
