"""Many experiments in parallel processes; one that crashes takes no other down."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from teacherstudent.recording.disk.files import atomic_write, read_limited
from teacherstudent.recording.disk.plain import first_difference, to_plain
from teacherstudent.recording.folder import CRASH, MANIFEST
from teacherstudent.recording.manifest import check_same
from teacherstudent.recording.runs import Run
from teacherstudent.running.experiment import Experiment
from teacherstudent.slots.processes.lifetimes import held_back, listen, on_stop_signals, watch_parent

_LIBRARIES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_KERNELS = "NUMBA_NUM_THREADS"

ORPHAN_SECONDS = 300.0
"""How long a run whose parent has ended may take to finish its round and save itself."""


@dataclass(frozen=True)
class Result:
    """How one run ended.

    ``finished``, ``interrupted``, ``failed``, ``died`` without a word, or ``not started``: it was stopped
    before it had begun.
    """

    experiment: Experiment
    folder: Path
    status: str
    error: str = ""


def cores() -> int:
    """Return how many processors this process may use."""
    # Containers and batch systems give a process fewer cores than the machine has.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_all(
    runs: Sequence[tuple[Experiment, Path]],
    *,
    jobs: int | None = None,
    threads: int | None = None,
    resume: bool = False,
    watch: Callable[[list[Path]], None] | None = None,
) -> list[Result]:
    """Run experiments, each in a process of its own, as many at a time as there are cores.

    Args:
        runs: what to run, and in which folder.
        jobs: how many at a time; None for the number of cores.
        threads: of torch and NumPy in each run; None for one, or what ``OMP_NUM_THREADS`` and its like say.
            Compiled environments share the cores out among the runs whatever it is.
        resume: continue runs that stopped; finished ones are left as they are.
        watch: called a few times a second with the folders of the runs under way.

    Returns:
        A result for each run, in order. Ctrl-C, SIGTERM, or SIGHUP stops all runs with a checkpoint each;
        those that have not begun are ``not started``; another Ctrl-C kills them at once. If this process is
        killed, every run finishes its round, writes a checkpoint and ends by itself.

    Raises:
        ValueError: if ``jobs`` or ``threads`` is less than 1, two experiments share a folder, or a folder to
            resume holds a run of another experiment; nothing has been started then.
        FileExistsError: if a folder holds a run and ``resume`` is False; nothing has been started then.
    """
    # Everything is checked before the first process starts: the
    # hundredth run must not fail after the first one's hours.
    _check(runs, {"jobs": jobs, "threads": threads}, resume)
    jobs = min(jobs or cores(), len(runs)) or 1
    pool = _Pool(_thread_variables(threads, max(1, cores() // jobs)), resume)
    # The list is reversed, because runs are taken from its end; finished ones need no process.
    waiting = [(e, f) for e, f in runs if not (resume and _is_over(e, f))][::-1]
    try:
        # Signals are noted and looked at once a round: an
        # exception in the midst of `start` could lose a process.
        with _stop_signals() as asked:
            while (waiting or pool.active) and not asked:
                pool.fill(waiting, jobs)
                pool.reap()
                if watch is not None:
                    watch(list(pool.active))
                # Short enough to follow runs of seconds, long enough to cost nothing.
                time.sleep(0.1)
    except KeyboardInterrupt:
        # A second Ctrl-C came before the loop had seen the first one.
        asked = [True]
    if asked:
        pool.stop()
    # Every run has a result, those that were never started too.
    return [pool.result(experiment, folder) for experiment, folder in runs]


@contextlib.contextmanager
def _stop_signals() -> Iterator[list[bool]]:
    """Note the stop signals: an exception is lost where something swallows it. A second one raises."""
    asked: list[bool] = []

    def note(number: int, frame: Any) -> None:
        asked.append(True)
        # The next Ctrl-C raises: somebody who presses it twice does not want to wait.
        signal.signal(number, signal.default_int_handler)

    before: dict[signal.Signals, Any] = {}
    with contextlib.suppress(ValueError):  # signals can be set in the main thread only
        before |= on_stop_signals(note)
    try:
        yield asked
    finally:
        for which, handler in before.items():
            # After a stop another Ctrl-C must still be able to kill the runs while they are waited for.
            signal.signal(which, signal.default_int_handler if asked else handler)


def _check(runs: Sequence[tuple[Experiment, Path]], numbers: Mapping[str, int | None], resume: bool) -> None:
    """Raise what `run_all` says it raises."""
    folders = [folder for _, folder in runs]
    if len(set(folders)) < len(folders):
        double = next(f for f in folders if folders.count(f) > 1)
        raise ValueError(f"run: expected different run folders, got {double} twice; give labels")
    for experiment, folder in runs:
        if (folder / MANIFEST).exists():
            if not resume:
                raise FileExistsError(f"{folder} holds a run: resume it, or choose another folder")
            _check_same(experiment, folder)
    for name, number in numbers.items():
        if number is not None and number < 1:
            raise ValueError(f"{name}: expected at least 1, got {number}")


def _check_same(experiment: Experiment, folder: Path) -> None:
    """Raise ValueError if the folder holds a run of other names, options, seed or charge."""
    # Manifests of older folders do not say what was charged: nothing was.
    there = {"charged": 0.0, **Run.load(folder).manifest}
    asked = to_plain(experiment.manifest())
    check_same(there, asked, str(folder))
    if (found := first_difference(there["charged"], experiment.plan.charged, "charged")) is not None:
        raise ValueError(f"{folder}: {found}")


def _is_over(experiment: Experiment, folder: Path) -> bool:
    """Return whether the folder holds a run that has spent the experiment's whole budget."""
    if not (folder / MANIFEST).exists():
        return False
    status = Run.load(folder).status()
    # A finished run that is given a larger budget goes on.
    return bool(status["status"] == "finished" and status["spent"] >= experiment.plan.budget)


def _thread_variables(threads: int | None, share: int) -> dict[str, str]:
    """Return what a run's environment is to say about threads; without a number, what is set there stays."""
    # What the user sets in the environment is respected; what is asked for here counts more.
    asked: dict[str, str] = {}
    if threads is not None:
        asked = dict.fromkeys(_LIBRARIES, str(threads))
    # Runs share the cores already: several threads in each would only get in each other's way.
    defaults = dict.fromkeys(_LIBRARIES, os.environ.get("OMP_NUM_THREADS", "1")) | {_KERNELS: str(share)}
    return {name: value for name, value in defaults.items() if name not in os.environ} | asked


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for processes started in the block."""
    # Libraries read these variables when they are loaded, so they must be there before the process starts.
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class _Pool:
    """Processes under way, by folder."""

    def __init__(self, variables: Mapping[str, str], resume: bool) -> None:
        # A forked process would inherit locks and threads of torch in an unknown state.
        self._context = multiprocessing.get_context("spawn")
        self._variables = variables
        self._resume = resume
        self.active: dict[Path, BaseProcess] = {}
        self._codes: dict[Path, int | None] = {}

    def start(self, experiment: Experiment, folder: Path) -> None:
        # The child is told the parent's number: when it looks, the parent may be gone.
        args = (experiment, folder, self._resume, os.getpid())
        process = self._context.Process(target=_work, args=args, daemon=False)
        # A Ctrl-C while Python starts would end the child without a word; held back, it finds it ready.
        with _environment(self._variables), held_back():
            process.start()
        self.active[folder] = process

    def fill(self, waiting: list[tuple[Experiment, Path]], jobs: int) -> None:
        """Start runs from the end of the list, until so many are under way."""
        while waiting and len(self.active) < jobs:
            self.start(*waiting.pop())

    def reap(self) -> None:
        # The dictionary is changed on the way, so a copy is walked through.
        for folder, process in list(self.active.items()):
            if not process.is_alive():
                process.join()
                self._codes[folder] = process.exitcode
                del self.active[folder]

    def stop(self) -> None:
        """Let every run finish its round, write a checkpoint and end; kill them all on another Ctrl-C."""
        # All are asked before one is waited for, so that they save themselves at the same time.
        for process in self.active.values():
            process.terminate()
        try:
            for process in self.active.values():
                process.join()
        except KeyboardInterrupt:
            for process in self.active.values():
                process.kill()
                process.join()
        self.reap()

    def result(self, experiment: Experiment, folder: Path) -> Result:
        code = self._codes.get(folder)
        # A run without a process was finished before, or never begun.
        if code is None or code == _NOT_STARTED:
            if _is_over(experiment, folder):
                return Result(experiment, folder, "finished")
            return Result(experiment, folder, "not started")
        words = {0: "finished", _FAILED: "failed", _INTERRUPTED: "interrupted"}
        if code in words:
            # The traceback was written by the process itself: an exit code holds no words.
            crash = folder / CRASH
            return Result(experiment, folder, words[code], _read_crash(crash))
        how = f"ended with code {code}; see standard error"
        if code < 0:
            how = f"was killed by signal {-code}"
        return Result(experiment, folder, "died", f"the process {how}")


def _read_crash(path: Path) -> str:
    """Return the traceback in a file, empty if there is none."""
    if not path.exists():
        return ""
    return read_limited(path, 2**20).decode(errors="replace")


# Exit codes of runs; 1 is Python's own for what fails before our code runs.
_FAILED = 3
_INTERRUPTED = 4
_NOT_STARTED = 5


def _work(experiment: Experiment, folder: Path, resume: bool, parent: int | None = None) -> None:
    """Run one experiment in this process; the exit code says how it ended.

    The run stops with a checkpoint when a stop signal comes, or when the process ``parent`` has ended.
    """
    asked: list[Any] = []
    # Signals are noted from the first moment on: those that were held back come with the next line.
    on_stop_signals(lambda *_: asked.append(True))
    # What has come since the process started is noted now.
    listen()
    if parent is not None:
        watch_parent(parent, lambda: _end_soon(asked))
    if asked:
        sys.exit(_NOT_STARTED)
    # A traceback of an earlier try would be taken for one of this.
    (folder / CRASH).unlink(missing_ok=True)
    try:
        ledger = experiment.run(folder, resume=resume, stop=lambda: bool(asked))
    # BaseException: whatever ends the run, the parent should be able to show why.
    except BaseException:
        # The experiment may have failed before it made its folder.
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(folder / CRASH) as file:
            file.write(traceback.format_exc().encode())
        sys.exit(_FAILED)
    if ledger.spent < experiment.plan.budget:
        sys.exit(_INTERRUPTED)
    sys.exit(0)


def _end_soon(asked: list[Any]) -> None:
    """Ask the run to stop after its round, and end it if it does not: an environment may hang."""
    asked.append(True)
    # A thread cannot end the run in order, so it waits; the run itself ends the process earlier if it can.
    time.sleep(ORPHAN_SECONDS)
    os._exit(_INTERRUPTED)
