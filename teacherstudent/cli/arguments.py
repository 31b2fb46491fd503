"""Words of the command line that several commands take."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable
from typing import Any, TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""What commands add themselves to."""

THREADS = "threads of torch and NumPy in each run (default: 1, or what OMP_NUM_THREADS says)"


def option(text: str) -> tuple[str, Any]:
    """Return key and value of ``KEY=VALUE`` (raises ArgumentTypeError if it is none)."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE, got {text!r}")
    # A value that is no JSON is a plain string, so that names need no quotes on the command line.
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


def import_from_here(names: Iterable[str]) -> None:
    """Let ``module:Class`` among the names lead to a file of the current folder.

    The folder comes last on the path, so that no file in it hides an installed module.
    """
    here = os.getcwd()
    # Of a program that is installed, Python does not look into the folder where it is called.
    if any(":" in name for name in names) and here not in sys.path:
        sys.path.append(here)
