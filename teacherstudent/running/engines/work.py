"""What the process of one run does; its exit code says how the run ended."""

from __future__ import annotations

import multiprocessing.spawn
import os
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from teacherstudent.recording.disk.files import atomic_write, read_limited
from teacherstudent.recording.folder import CRASH
from teacherstudent.running.engines.interface import Ending
from teacherstudent.running.experiment import Experiment
from teacherstudent.slots.processes.lifetimes import listen, on_stop_signals, watch_parent

ORPHAN_SECONDS = 300.0
"""How long a run whose parent has ended may take to finish its round and save itself."""

# Exit codes of runs; 1 is Python's own for what fails before our code runs.
FAILED = 3
INTERRUPTED = 4
NOT_STARTED = 5

_WORDS = {0: "finished", FAILED: "failed", INTERRUPTED: "interrupted", NOT_STARTED: "not started"}


def work(
    experiment: Experiment,
    folder: Path,
    resume: bool,
    parent: int | None = None,
    like: Mapping[str, Any] | None = None,
) -> None:
    """Run one experiment in this process; the exit code says how it ended.

    The run stops with a checkpoint when a stop signal comes, or when the process ``parent`` has ended.

    Args:
        experiment: what to run.
        folder: the run folder.
        resume: whether a run that is there is continued.
        parent: the number of the process that started this one.
        like: `preparation` of a process on another machine, whose paths and script this process takes over.
    """
    asked: list[Any] = []
    # Signals are noted from the first moment on: those that were held back come with the next line.
    on_stop_signals(lambda *_: asked.append(True))
    # What has come since the process started is noted now.
    listen()
    if parent is not None:
        watch_parent(parent, lambda: _end_soon(asked))
    if asked:
        sys.exit(NOT_STARTED)
    # A traceback of an earlier try would be taken for one of this.
    (folder / CRASH).unlink(missing_ok=True)
    try:
        if like is not None:
            become(like)
        ledger = experiment.run(folder, resume=resume, stop=lambda: bool(asked))
    # BaseException: whatever ends the run, the parent should be able to show why.
    except BaseException:
        # The experiment may have failed before it made its folder.
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(folder / CRASH) as file:
            file.write(traceback.format_exc().encode())
        sys.exit(FAILED)
    if ledger.spent < experiment.plan.budget:
        sys.exit(INTERRUPTED)
    sys.exit(0)


def ending_of(code: int, folder: Path) -> Ending:
    """Return how a run ended by the exit code of its process."""
    if code in _WORDS:
        # The traceback was written by the process itself: an exit code holds no words.
        return Ending(_WORDS[code], _read_crash(folder / CRASH))
    how = f"ended with code {code}; see standard error"
    if code < 0:
        how = f"was killed by signal {-code}"
    return Ending("died", f"the process {how}")


def preparation() -> dict[str, Any]:
    """Return what makes a process elsewhere find what this one finds, see `become`.

    It is what Python itself gives to the processes that it starts: the folder, ``sys.path``, and the script
    that was started, which may register teachers, families and students.
    """
    data = multiprocessing.spawn.get_preparation_data("run")
    names = ("dir", "sys_path", "init_main_from_name", "init_main_from_path")
    # The rest holds the key of this process's pipes, which is nobody else's affair.
    return {name: data[name] for name in names if name in data}


def become(like: Mapping[str, Any]) -> None:
    """Take over the folder, ``sys.path`` and script of another process (raises what the script raises)."""
    # This machine's own paths stay in front: its packages may lie elsewhere than on the other one.
    paths = [*sys.path, *(path for path in like["sys_path"] if path not in sys.path)]
    multiprocessing.spawn.prepare({**like, "sys_path": paths})


def _read_crash(path: Path) -> str:
    """Return the traceback in a file, empty if there is none."""
    if not path.exists():
        return ""
    return read_limited(path, 2**20).decode(errors="replace")


def _end_soon(asked: list[Any]) -> None:
    """Ask the run to stop after its round, and end it if it does not: an environment may hang."""
    asked.append(True)
    # A thread cannot end the run in order, so it waits; the run itself ends the process earlier if it can.
    time.sleep(ORPHAN_SECONDS)
    os._exit(INTERRUPTED)
