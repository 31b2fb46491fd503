"""Run tutorials, scripts in percent format, and render them with what they print and draw.

    python docs/hooks/tutorials.py OUT SCRIPT...

A line ``# %% [markdown]`` begins text, whose lines begin with ``# ``; a line ``# %%`` begins code. What a
cell prints stands below it, then the Matplotlib figures that it has opened. A line ``# show: PATH`` in a cell
of code shows a picture that the cell has written. A cell that raises ends the program with the script's name.
For each script OUT gets ``NAME.md`` and its pictures.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import io
import linecache
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHOW = re.compile(r"^# show: (?P<path>\S+)\n", re.M)
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""What moves cursors and sets colours in a terminal."""


@dataclass(frozen=True)
class Cell:
    """A cell of a script.

    Attributes:
        text: Markdown, or code.
        line: where it begins in the script, from 1.
        is_code: which of the two it is.
    """

    text: str
    line: int
    is_code: bool


def cells(script: str) -> list[Cell]:
    """Return the cells of a script.

    Raises:
        ValueError: if it does not begin with a cell of text that has a title.
    """
    found: list[Cell] = []
    lines = script.splitlines()
    if not lines or not lines[0].startswith("# %% [markdown]") or not "".join(lines[1:2]).startswith("# # "):
        raise ValueError("expected a first line `# %% [markdown]`, and a title `# # ...` in the next one")
    starts = [i for i, line in enumerate(lines) if line.startswith("# %%")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        is_code = "[markdown]" not in lines[start]
        body = lines[start + 1 : end]
        if not is_code:
            body = [line.removeprefix("#").removeprefix(" ") for line in body]
        found.append(Cell("\n".join(body).strip("\n") + "\n", start + 2, is_code))
    return found


class _Source(importlib.abc.InspectLoader):
    """Gives tracebacks and `inspect` the lines of a script that is run cell by cell."""

    def __init__(self, text: str) -> None:
        self._text = text

    def get_source(self, fullname: str) -> str:
        """Return the whole script."""
        return self._text


def run(path: Path, out: Path) -> str:
    """Run a script in an empty folder, write its page and pictures to a folder, return the page.

    Raises:
        RuntimeError: if a cell raises.
    """
    script = path.read_text(encoding="utf-8")
    name = path.stem
    space: dict[str, Any] = {"__name__": f"tutorial_{name}", "__loader__": _Source(script)}
    linecache.lazycache(str(path), space)
    parts = []
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for number, cell in enumerate(cells(script)):
            if not cell.is_code:
                parts.append(cell.text)
                continue
            parts.append(f"```python\n{SHOW.sub('', cell.text)}```\n")
            try:
                said = _execute(cell, path, space)
            except Exception as error:
                raise RuntimeError(f"{path}:{cell.line}: the cell raised {error!r}") from error
            if said:
                parts.append(f"```text\n{said}\n```\n")
            parts += [
                f"![what the code above draws]({picture})\n"
                for picture in _pictures(cell, f"{name}-{number}", out)
            ]
    page = "\n".join(parts)
    (out / f"{name}.md").write_text(page, encoding="utf-8")
    return page


def _execute(cell: Cell, path: Path, space: dict[str, Any]) -> str:
    """Run a cell of code and return what it printed."""
    # Lines above the cell keep the numbers of tracebacks right.
    code = compile("\n" * (cell.line - 1) + cell.text, str(path), "exec")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, space)
    return ESCAPES.sub("", printed.getvalue()).strip("\n")


def _pictures(cell: Cell, name: str, out: Path) -> Iterator[str]:
    """Write the pictures of a cell to a folder, and yield their names."""
    for i, match in enumerate(SHOW.finditer(cell.text)):
        source = Path(match["path"])
        target = f"{name}-file{i}{source.suffix}"
        shutil.copy(source, out / target)
        yield target
    from matplotlib import pyplot as plt

    for number in plt.get_fignums():
        target = f"{name}-figure{number}.png"
        plt.figure(number).savefig(out / target, dpi=110, bbox_inches="tight")
        yield target
    plt.close("all")


def main(arguments: list[str]) -> int:
    """Run the scripts one after the other, and say what each has cost."""
    out = Path(arguments[0]).resolve()
    out.mkdir(parents=True, exist_ok=True)
    # Tables are as wide as a page, and nothing is coloured.
    os.environ |= {"COLUMNS": "110", "NO_COLOR": "1", "MPLBACKEND": "Agg"}
    for script in arguments[1:]:
        before = time.process_time()
        run(Path(script).resolve(), out)
        sys.stderr.write(f"{script}: {time.process_time() - before:.1f} s of processor time\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
