import argparse
import io
from pathlib import Path

import pytest
from rich.console import Console

from teacherstudent.recording.disk.terminal import folder_argument, shown


def test_texts_of_files_give_a_terminal_no_commands_and_no_styles():
    console = Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None)
    console.print(shown("[red]a[/red]\x1b[2J\n\tb"))
    said = console.file.getvalue()
    assert "[red]a[/red]\\x1b[2J\n" in said
    assert "\x1b[2J" not in said
    assert said.rstrip().endswith("b")


def test_a_style_is_what_the_caller_gives():
    assert shown("[red]x", "bold").style == "bold"
    assert shown(Path("a/b")).plain == str(Path("a/b"))


def test_an_empty_folder_is_an_error_of_the_argument():
    assert folder_argument("runs") == Path("runs")
    with pytest.raises(argparse.ArgumentTypeError, match=r"expected the path of a folder .* got ''"):
        folder_argument("")
