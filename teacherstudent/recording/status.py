"""How far a run is: the status file, and running means of what it trains on."""

from __future__ import annotations

import os
import socket
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from teacherstudent.contract.checks import is_number
from teacherstudent.contract.types import State
from teacherstudent.recording.disk import plain
from teacherstudent.recording.tables import Table

STATUS_SECONDS = 3.0
FAILED_SHOWN = 20
"""How many of the tasks whose environment failed the status names."""


class Means:
    """Running means of score, length and success of the episodes since the last record."""

    COLUMNS = {"score": "return", "length": "length", "success": "success"}

    def __init__(self, state: Mapping[str, float]) -> None:
        self._sums: dict[str, float] = dict(state)

    def add(self, table: Table) -> None:
        """Count these episodes in."""
        sums = self._sums
        sums["episodes"] = sums.get("episodes", 0.0) + len(table.get("score", ()))
        for column, name in self.COLUMNS.items():
            if column in table:
                sums[name] = sums.get(name, 0.0) + float(table[column].sum())

    def take(self) -> dict[str, float]:
        """Return the means with the number of episodes, empty if there was none, and start again."""
        count: float = self._sums.pop("episodes", 0.0)
        sums = self._sums
        self._sums = {}
        if not count:
            return {}
        means = {name: value / count for name, value in sums.items()}
        return {"episodes": count, **means}

    def state(self) -> dict[str, float]:
        """Return what a resumed run goes on from."""
        return dict(self._sums)


class Status:
    """The status file: written at start and end, and every few seconds while the run goes on.

    Args:
        path: of the file.
        manifest: of the run.
        state: of the recorder.
        failed: tasks of the run before a resume whose environment failed.
    """

    def __init__(
        self,
        path: Path,
        manifest: Mapping[str, Any],
        state: Mapping[str, Any],
        failed: list[dict[str, Any]],
    ) -> None:
        self._path = path
        self._fields: dict[str, Any] = {
            "status": "running",
            "spent": state["spent"],
            "budget": manifest["budget"],
            "seconds": state["seconds"],
            "test": state["test"],
            "score_name": manifest["score_name"],
            "ledger": dict(state["ledger"]),
            "started": manifest["sessions"][0]["started"],
            "error": None,
            "note": None,
            "failed_tasks": failed[-FAILED_SHOWN:],
            "process": os.getpid(),
            "host": socket.gethostname(),
        }
        # Written at once, so that a display finds the run before its first round ends.
        self.write()

    def seen(self, spent: float, seconds: float, ledger: Mapping[str, float] | None = None) -> None:
        """Note how far the run is."""
        self._fields["spent"] = float(spent)
        self._fields["seconds"] = seconds
        if ledger is not None:
            self._fields["ledger"] = {name: float(value) for name, value in ledger.items()}
        # Rounds may last milliseconds; readers look a few times a second at most.
        if time.monotonic() - self._written > STATUS_SECONDS:
            # Waiting for the disk every few seconds would slow
            # the run down, and a lost status is written again.
            self.write(durable=False)

    def tested(
        self, test: Mapping[str, Any], spent: float, seconds: float, ledger: Mapping[str, float]
    ) -> None:
        """Note a test's summary."""
        self._fields["test"] = dict(test)
        self.seen(spent, seconds, ledger)

    def note(self, text: str) -> None:
        """Say something more about the run that whoever reads its results should know."""
        there = self._fields["note"]
        # Notes are added and not replaced: a later one must not hide an earlier.
        self._fields["note"] = f"{there}; {text}" if there else text

    def failed(self, tasks: list[dict[str, Any]]) -> None:
        """Name tasks whose environment failed; the last ones are kept."""
        self._fields["failed_tasks"] = [*self._fields["failed_tasks"], *tasks][-FAILED_SHOWN:]

    def end(self, status: str, error: BaseException | None, seconds: float) -> None:
        """Write how the run ended, with the traceback of what ended it."""
        self._fields |= {"status": status, "seconds": seconds}
        if error is not None:
            self._fields["error"] = {
                "type": type(error).__name__,
                "message": str(error),
                "traceback": "".join(traceback.format_exception(error)),
            }
        self.write()

    def write(self, *, durable: bool = True) -> None:
        """Write the file now (raises `WriteError`)."""
        self._written = time.monotonic()
        fields = {**self._fields, "updated": time.strftime("%Y-%m-%dT%H:%M:%S%z")}
        plain.write_sealed(self._path, fields, durable=durable)

    def state(self) -> State:
        """Return what a resumed run goes on from."""
        return {name: self._fields[name] for name in ("spent", "test", "ledger")}


def read_status(path: Path) -> dict[str, Any]:
    """Return what a status file says, with what every reader asks for filled in.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is unreadable, damaged, or no status; the message names it.
    """
    status: dict[str, Any] = {
        "spent": 0.0,
        "budget": None,
        "test": None,
        "ledger": {},
        "error": None,
        "note": None,
    }
    status |= plain.read_sealed(path)
    status.pop("format", None)
    texts = {"status": str, "score_name": str, "ledger": dict}
    for name, kind in texts.items():
        # Only the status itself must be there; older folders may lack the other entries.
        if not isinstance(status.get(name, kind()), kind) or (name == "status" and name not in status):
            raise ValueError(f"{path}: {name}: expected {plain.KINDS[kind]}, got {status.get(name)!r}")
    for name, kind in {"test": dict, "error": dict, "note": str}.items():
        if not (status[name] is None or isinstance(status[name], kind)):
            raise ValueError(f"{path}: {name}: expected {plain.KINDS[kind]} or null, got {status[name]!r}")
    for name, value in status["ledger"].items():
        if not is_number(value):
            raise ValueError(f"{path}: ledger: {name}: expected a number, got {value!r}")
    for name in ("spent", "budget"):
        if not (is_number(status[name]) or (name == "budget" and status[name] is None)):
            raise ValueError(f"{path}: {name}: expected a number, got {status[name]!r}")
    return status
