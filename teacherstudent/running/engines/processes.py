"""The usual engine: each run in a process of this machine; one that crashes takes no other down."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from teacherstudent.running.engines.interface import Ending, Settings
from teacherstudent.running.engines.threads import cores, environment, thread_variables
from teacherstudent.running.engines.work import ending_of, work
from teacherstudent.running.experiment import Experiment
from teacherstudent.slots.processes.lifetimes import held_back


class Processes:
    """Runs experiments in processes of this machine, as many at a time as there are cores (`Engine`).

    Args:
        variables: of the runs' environment; those of `Settings` if not given.
        like: `work.preparation` of a process on another machine that the runs are to be like.
    """

    distant = False

    def __init__(
        self, *, variables: Mapping[str, str] | None = None, like: Mapping[str, Any] | None = None
    ) -> None:
        # A forked process would inherit locks and threads of torch in an unknown state.
        self._context = multiprocessing.get_context("spawn")
        self._given = variables
        self._like = like
        self._variables: Mapping[str, str] = {}
        self._resume = False
        self._jobs = 1
        self._active: dict[Path, BaseProcess] = {}
        self._codes: dict[Path, int | None] = {}

    def open(self, runs: Sequence[tuple[Experiment, Path]], settings: Settings) -> str:
        """Note how many runs go on at a time, with how many threads each."""
        self._jobs = min(settings.jobs or cores(), len(runs)) or 1
        self._resume = settings.resume
        self._variables = self._given or thread_variables(settings.threads, max(1, cores() // self._jobs))
        return ""

    def free(self) -> bool:
        """Return whether fewer runs are under way than are wanted at a time."""
        return len(self._active) < self._jobs

    def start(self, experiment: Experiment, folder: Path) -> None:
        """Start the process of a run."""
        # The child is told the parent's number: when it looks, the parent may be gone.
        args = (experiment, folder, self._resume, os.getpid(), self._like)
        process = self._context.Process(target=work, args=args, daemon=False)
        # A Ctrl-C while Python starts would end the child without a word; held back, it finds it ready.
        with environment(self._variables), held_back():
            process.start()
        self._active[folder] = process

    def look(self) -> list[Path]:
        """Note which processes have ended, and return the folders of the others."""
        # The dictionary is changed on the way, so a copy is walked through.
        for folder, process in list(self._active.items()):
            if not process.is_alive():
                process.join()
                self._codes[folder] = process.exitcode
                del self._active[folder]
        return list(self._active)

    def ask_to_stop(self) -> None:
        """Ask every run to finish its round, write a checkpoint and end; nothing is waited for."""
        for process in self._active.values():
            process.terminate()

    def kill(self) -> None:
        """End every run at once."""
        for process in self._active.values():
            process.kill()
            process.join()

    def stop(self) -> None:
        """Let every run finish its round, write a checkpoint and end; kill them all on another Ctrl-C."""
        # All are asked before one is waited for, so that they save themselves at the same time.
        self.ask_to_stop()
        try:
            for process in self._active.values():
                process.join()
        except KeyboardInterrupt:
            self.kill()
        self.look()

    def ending(self, folder: Path) -> Ending | None:
        """Return how a run ended; None if it was never started."""
        code = self._codes.get(folder)
        if code is None:
            return None
        return ending_of(code, folder)

    def close(self) -> None:
        """Nothing is held once the runs have ended."""
