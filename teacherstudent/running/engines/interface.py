"""What an engine offers: it starts runs, says which are under way, stops them, and says how each ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from teacherstudent.running.experiment import Experiment


@dataclass(frozen=True)
class Ending:
    """How a run ended: a status of `Result`, and words where something went wrong."""

    status: str
    error: str = ""


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


@dataclass(frozen=True)
class Settings:
    """What holds for all runs of one call.

    Attributes:
        jobs: how many runs at a time; None for as many as the engine has room for.
        threads: of torch and NumPy in each run; None for one, or what ``OMP_NUM_THREADS`` says.
        resume: whether runs that stopped are continued.
    """

    jobs: int | None = None
    threads: int | None = None
    resume: bool = False


@runtime_checkable
class Engine(Protocol):
    """Runs experiments somewhere, several at a time.

    `open` comes first and `close` last. In between `look` is called a few times a second.

    Attributes:
        distant: whether runs may be on other machines. A display then says in lines how they get on, where
            there is no terminal for bars.
    """

    distant: bool

    def open(self, runs: Sequence[tuple[Experiment, Path]], settings: Settings) -> str:
        """Get ready for these runs, or raise before any of them has started.

        Returns:
            Words about where they will run; empty if there is nothing to say.
        """

    def free(self) -> bool:
        """Return whether another run may be started now."""

    def start(self, experiment: Experiment, folder: Path) -> None:
        """Start a run; it may have to wait for its turn."""

    def look(self) -> list[Path]:
        """Note which runs have ended, and return the folders of those under way."""

    def stop(self) -> None:
        """Let every run finish its round, write a checkpoint and end; kill them all on another Ctrl-C."""

    def ending(self, folder: Path) -> Ending | None:
        """Return how a run ended; None if it was never started."""

    def close(self) -> None:
        """Give back what `open` took."""
