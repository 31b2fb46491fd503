"""Many experiments side by side, on an engine; one that crashes takes no other down."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from teacherstudent.recording.disk.plain import first_difference, to_plain
from teacherstudent.recording.folder import MANIFEST
from teacherstudent.recording.manifest import check_same
from teacherstudent.recording.runs import Run
from teacherstudent.running.engines.interface import Engine, Result, Settings
from teacherstudent.running.engines.processes import Processes
from teacherstudent.running.experiment import Experiment
from teacherstudent.slots.processes.lifetimes import on_stop_signals


def run_all(
    runs: Sequence[tuple[Experiment, Path]],
    *,
    engine: Engine | None = None,
    jobs: int | None = None,
    threads: int | None = None,
    resume: bool = False,
    watch: Callable[[list[Path]], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> list[Result]:
    """Run experiments side by side, each in a process of its own, as many at a time as there is room for.

    Args:
        runs: what to run, and in which folder.
        engine: where they run; None for processes of this machine, as many as it has cores.
        jobs: how many at a time; None for as many as the engine has room for.
        threads: of torch and NumPy in each run; None for one, or what ``OMP_NUM_THREADS`` and its like say.
            Compiled environments share the cores out among the runs whatever it is.
        resume: continue runs that stopped; finished ones are left as they are.
        watch: called a few times a second with the folders of the runs under way.
        say: called once with where the runs will be, if the engine has something to say about it.

    Returns:
        A result for each run, in order. Ctrl-C, SIGTERM, or SIGHUP stops all runs with a checkpoint each;
        those that have not begun are ``not started``; another Ctrl-C kills them at once. If this process is
        killed, every run finishes its round, writes a checkpoint and ends by itself.

    Raises:
        ValueError: if ``jobs`` or ``threads`` is less than 1, two experiments share a folder, or a folder to
            resume holds a run of another experiment; nothing has been started then.
        FileExistsError: if a folder holds a run and ``resume`` is False; nothing has been started then.
        ImportError, ConnectionError, ValueError: as the engine's `open`; nothing has been started then.
    """
    # Everything is checked before the first process starts: the
    # hundredth run must not fail after the first one's hours.
    _check(runs, {"jobs": jobs, "threads": threads}, resume)
    # Finished ones need no process.
    left = [(e, f) for e, f in runs if not (resume and _is_over(e, f))]
    if engine is None:
        engine = Processes()
    try:
        words = engine.open(left, Settings(jobs=jobs, threads=threads, resume=resume))
        if say is not None and words:
            say(words)
        _go(engine, left, watch)
        # Every run has a result, those that were never started too.
        return [_result(engine, experiment, folder) for experiment, folder in runs]
    finally:
        engine.close()


def _go(
    engine: Engine,
    runs: Sequence[tuple[Experiment, Path]],
    watch: Callable[[list[Path]], None] | None,
) -> None:
    """Start runs as there is room for them, until all have ended or somebody asks to stop."""
    # The list is reversed, because runs are taken from its end.
    waiting = list(runs)[::-1]
    try:
        # Signals are noted and looked at once a round: an
        # exception in the midst of `start` could lose a process.
        with _stop_signals() as asked:
            under_way: list[Path] = []
            while (waiting or under_way) and not asked:
                while waiting and engine.free():
                    engine.start(*waiting.pop())
                under_way = engine.look()
                if watch is not None:
                    watch(under_way)
                # Short enough to follow runs of seconds, long enough to cost nothing.
                time.sleep(0.1)
    except KeyboardInterrupt:
        # A second Ctrl-C came before the loop had seen the first one.
        asked = [True]
    if asked:
        engine.stop()


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


def _result(engine: Engine, experiment: Experiment, folder: Path) -> Result:
    """Return how a run ended by what the engine says and what its folder holds."""
    ending = engine.ending(folder)
    # A run that was not started was finished before, or never begun.
    if ending is None or ending.status == "not started":
        if _is_over(experiment, folder):
            return Result(experiment, folder, "finished")
        return Result(experiment, folder, "not started")
    return Result(experiment, folder, ending.status, ending.error)
