"""Texts from and to a terminal; what comes from files gives it no commands and no styles."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.text import Text

from teacherstudent.recording.disk.files import check_folder
from teacherstudent.recording.disk.plain import printable


def shown(text: object, style: str = "") -> Text:
    """Return a text for `rich.console.Console.print`: control characters are escaped, markup is not read."""
    return Text(printable(text, keep="\n\t"), style)


def folder_argument(text: str) -> Path:
    """Return a folder that is given on the command line (raises ArgumentTypeError if it is empty)."""
    try:
        return check_folder("folder", text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
