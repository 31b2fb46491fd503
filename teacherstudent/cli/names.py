"""``teacherstudent list``: what is registered, with a line each, by themes."""

from __future__ import annotations

import argparse
from typing import Any

from rich.console import Console
from rich.table import Table

from teacherstudent.cli.arguments import Commands
from teacherstudent.contract.registry import FAMILIES, STUDENTS, TEACHERS, Entry, Registry


def add(commands: Commands) -> None:
    """Add the command ``list``."""
    names = commands.add_parser("list", help="name teachers, families and students, a line each")
    names.set_defaults(command=show)


def show(given: argparse.Namespace, console: Console) -> int:
    """Print a table of each registry."""
    del given
    for title, registry in (("teachers", TEACHERS), ("families", FAMILIES), ("students", STUDENTS)):
        console.print(_table(title, registry))
    console.print("teacherstudent describe NAME tells more of one, and its options.")
    return 0


def _table(title: str, registry: Registry[Any]) -> Table:
    """Return the names by their themes; a theme stands beside the first of its names alone."""
    table = Table(title, "", "", box=None, pad_edge=False, header_style="bold")
    last = ""
    for theme, entry in sorted(_themed(registry), key=lambda pair: (pair[0], pair[1].name)):
        beside = ""
        if theme != last:
            beside = theme
        table.add_row(f"  {beside}", entry.name, entry.summary)
        last = theme
    return table


def _themed(registry: Registry[Any]) -> list[tuple[str, Entry]]:
    """Return every entry with its theme; a theme of one name would only repeat it, and is left out."""
    pairs = [(registry.theme(entry), entry) for entry in registry.entries()]
    themes = [theme for theme, _ in pairs]
    return [(theme if themes.count(theme) > 1 else "", entry) for theme, entry in pairs]
