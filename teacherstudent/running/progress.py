"""Progress bars: of one run in this process, of several in others. Quiet where there is no terminal."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.text import Text

from teacherstudent.recording.disk.plain import printable, short
from teacherstudent.recording.folder import STATUS
from teacherstudent.recording.status import read_status

INTERVAL = 0.2
"""Seconds between two looks at what is shown."""


class Progress:
    """Shows cost spent, speed, last test and time left of one run.

    A context manager; outside of the block, and where the console is no terminal, nothing is shown.

    Args:
        total: the run's budget, in cost.
        label: what stands in front of the bar.
        unit: the unit of cost, short.
        console: where to draw; the terminal's standard error if not given.
    """

    def __init__(
        self, total: float, label: str, *, unit: str = "steps", console: Console | None = None
    ) -> None:
        self._bars = _bars(unit, console)
        self._task = self._bars.add_task(printable(label), total=total, test="")
        self._next = 0.0

    def __enter__(self) -> Progress:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def update(self, spent: float) -> None:
        """Note the cost spent so far; cheap enough for every round."""
        now = time.monotonic()
        # Drawing is slow beside a short round, but the last state must always be shown.
        if now >= self._next or spent >= (self._bars.tasks[0].total or 0.0):
            self._next = now + INTERVAL
            self._bars.update(self._task, completed=spent)

    def compiling(self, yes: bool) -> None:
        """Show that the student is compiling, or that it no longer is."""
        self._bars.update(self._task, test="compiling" if yes else "")

    def tested(self, summary: Mapping[str, float | None]) -> None:
        """Note what the last test gave: what `Recorder.tests` returns."""
        self._bars.update(self._task, test=describe_test(summary))


class RunsProgress:
    """Shows several runs, a bar for each, from what their processes write into their folders.

    A context manager, quiet like `Progress`; `watch` is called again and again.

    Args:
        unit: the unit of cost, short.
        console: where to draw; the terminal's standard error if not given.
        lines: whether to print a line where bars cannot be drawn: when a run begins, when it has been tested,
            and when it ends.
    """

    def __init__(self, *, unit: str = "steps", console: Console | None = None, lines: bool = False) -> None:
        self._bars = _bars(unit, console)
        self._unit = unit
        # The last line of each run is kept, so that no line is printed twice.
        self._said: dict[Path, str] = {}
        self._lines = lines and not self._bars.console.is_terminal
        self._tasks: dict[Path, Any] = {}
        self._next = 0.0

    def __enter__(self) -> RunsProgress:
        # Without a terminal rich draws nothing, so this is safe in scripts and logs.
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Runs may have ended since the last look: the final bars show their ends.
        self._look(self._tasks)
        self._bars.stop()

    def watch(self, folders: Iterable[Path]) -> None:
        """Look at these runs and at all those seen before; at most a few times a second."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + INTERVAL
            # Runs that have ended are looked at too: their bars should not stop before the end.
            self._look({**self._tasks, **dict.fromkeys(folders)})

    def _look(self, folders: Iterable[Path]) -> None:
        for folder in list(folders):
            try:
                status = read_status(folder / STATUS)
            # There is nothing to show yet; whoever reads results is told of a damaged file.
            except (FileNotFoundError, ValueError):
                continue
            # The budget stands in the file, so a bar can only begin once the run has written it.
            if folder not in self._tasks:
                label = printable("/".join(folder.parts[-2:]))
                self._tasks[folder] = self._bars.add_task(label, total=status["budget"], test="")
            # A run that goes on or ended well needs no word; the others stand out by one.
            ended = ""
            if status["status"] not in ("running", "finished"):
                ended = f"{status['status']}  "
            text = ended + describe_test(status["test"] or {}, status.get("score_name", "return"))
            self._bars.update(self._tasks[folder], completed=status["spent"], test=printable(text))
            if self._lines:
                self._say(folder, status)

    def _say(self, folder: Path, status: Mapping[str, Any]) -> None:
        """Print how far a run is, unless its last line said so."""
        host = status.get("host", "")
        test = describe_test(status["test"] or {}, status.get("score_name", "return"))
        # The cost is left out of what is compared: it grows all the time, and a line a test is enough.
        news = f"{host} {status['status']} {test}"
        if self._said.get(folder) == news:
            return
        self._said[folder] = news
        words = [f"{short(status['spent'])}/{short(status['budget'] or 0.0)} {self._unit}"]
        if status["status"] != "running":
            words.append(status["status"])
        if test:
            words.append(test)
        label = "/".join(folder.parts[-2:])
        line = f"{label} on {host}: " + ", ".join(words)
        self._bars.console.print(Text(printable(line)), soft_wrap=True)


@contextlib.contextmanager
def watch(
    console: Console | None = None, *, unit: str = "steps"
) -> Iterator[Callable[[Iterable[Path]], None]]:
    """Show runs while the block lasts; it gets the function to call with their folders again and again."""
    with RunsProgress(unit=unit, console=console) as bars:
        yield bars.watch


def describe_test(summary: Mapping[str, float | None], score_name: str = "return") -> str:
    """Return a test's summary in a few words; empty if there was none."""
    words = []
    if (mastered := summary.get("mastered_percent")) is not None:
        words.append(f"{mastered:.0f} % mastered")
    if (score := summary.get("return")) is not None:
        words.append(f"{score_name} {score:.3g}")
    if not words:
        return ""
    return "test: " + ", ".join(words)


class _Spent(ProgressColumn):
    """Spent of budget, and speed."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        speed = f"{short(task.speed)}/s" if task.speed else ""
        return Text(f"{short(task.completed)}/{short(task.total or 0.0)} {self._unit} {speed:>7}")


def _bars(unit: str, console: Console | None) -> Bars:
    console = console or Console(stderr=True)
    return Bars(
        # Labels come from folders, whose names may look like markup.
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        _Spent(unit),
        TimeRemainingColumn(),
        TextColumn("{task.fields[test]}", markup=False),
        console=console,
        disable=not console.is_terminal,
        refresh_per_second=4,
    )
