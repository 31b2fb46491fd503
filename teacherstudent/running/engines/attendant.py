"""What stands by a run on the machine where it is: starts its process, passes a stop on, sees how it ends."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from teacherstudent.recording.lock import SILENT_SECONDS, FolderLock
from teacherstudent.running.engines.interface import Ending, Settings
from teacherstudent.running.engines.processes import Processes
from teacherstudent.running.engines.work import ORPHAN_SECONDS
from teacherstudent.running.experiment import Experiment

LOOK_SECONDS = 0.1
"""Seconds between two looks at the process."""

LOCK_SECONDS = ORPHAN_SECONDS + SILENT_SECONDS
"""How long the process that had the run before may take to end: cut off from the others, it saves itself."""


class Attendant:
    """Runs one experiment in a process beside this one, as the engine of one machine does.

    The process has its own environment and ends by itself when this one does, with a checkpoint. Its methods
    are called by an engine elsewhere, and take turns.

    Args:
        name: of the run, for logs.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._stopped = False
        self._engine: Processes | None = None

    def __repr__(self) -> str:
        return self._name

    async def where(self) -> str:
        """Return the name of this machine; an answer says that the machine has taken the run on."""
        return socket.gethostname()

    async def run(
        self,
        experiment: Experiment,
        folder: Path,
        resume: bool,
        like: Mapping[str, Any],
        variables: Mapping[str, str],
        moved: bool = False,
    ) -> Ending:
        """Run the experiment and return how it ended.

        Args:
            experiment: what to run.
            folder: the run folder, shared with the engine's machine.
            resume: whether a run that is there is continued.
            like: `work.preparation` of the engine's process.
            variables: of the environment of the run's process.
            moved: whether another machine had the run before, whose process may still be saving it.
        """
        # Relative paths in options mean what they mean where the study was started.
        if os.path.isdir(like.get("dir", "")):
            os.chdir(like["dir"])
        if moved and not await self._free(folder):
            return Ending("failed", f"{folder}: still written by another process after {LOCK_SECONDS:g} s")
        if self._stopped:
            return Ending("not started")
        self._engine = Processes(variables=variables, like=like)
        self._engine.open([(experiment, folder)], Settings(jobs=1, resume=resume))
        self._engine.start(experiment, folder)
        # Nothing is awaited between the look at a stop and here: none can come in between unseen.
        while self._engine.look():
            await asyncio.sleep(LOOK_SECONDS)
        ending = self._engine.ending(folder)
        assert ending is not None  # the engine has no run under way any more
        return ending

    async def _free(self, folder: Path) -> bool:
        """Wait until nobody writes the folder; return False if somebody does not end."""
        end = time.monotonic() + LOCK_SECONDS
        while FolderLock.held(folder):
            if time.monotonic() > end:
                return False
            if self._stopped:
                return True
            await asyncio.sleep(LOOK_SECONDS)
        return True

    async def stop(self) -> None:
        """Let the run finish its round, write a checkpoint and end."""
        self._stopped = True
        if self._engine is not None:
            self._engine.ask_to_stop()

    async def kill(self) -> None:
        """End the run at once."""
        self._stopped = True
        if self._engine is not None:
            self._engine.kill()
