"""The processes that step slots: started, asked, timed, and started anew when one dies or hangs."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import select
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.util import Finalize
from typing import Any, cast

from gymnasium.vector.utils import CloudpickleWrapper

from teacherstudent.contract.checks import is_number
from teacherstudent.contract.types import Array, BoolArray
from teacherstudent.slots.processes.lifetimes import held_back
from teacherstudent.slots.processes.worker import DONE, STEP, Blocks, Job, MakeGroup, work
from teacherstudent.slots.requests import TaskError

_CLOSE_SECONDS = 5.0
_START_SECONDS = 120.0
"""Seconds that the building of a group may take at least, imports included."""
ENDLESS = 2e6
"""Seconds (23 days): a limit of more is none; `select` takes no such times."""


class ProcessGroups:
    """One process for each group of slots.

    Attributes:
        close: stops the processes; one that does not answer is killed. Called when the object is dropped, and
            at the end of Python; does nothing in a fork.
        tolerant: whether the groups of processes started anew are tolerant.
        workers: the processes.

    Args:
        make: returns one group; carried to the processes by cloudpickle.
        bounds: first slot of each group, and the one after its last.
        blocks: the shared arrays.
        timeout: seconds that a process may take for one answer; None for no end.

    Raises:
        RuntimeError: if a group cannot be built, or not within the time.
    """

    def __init__(
        self,
        make: MakeGroup,
        bounds: list[tuple[int, int]],
        blocks: Blocks,
        *,
        timeout: float | None,
    ) -> None:
        self.tolerant = False
        # cloudpickle carries lambdas and local functions, which plain pickle refuses.
        self._make = cast("Any", CloudpickleWrapper)(make)
        self._bounds = bounds
        self._blocks = blocks
        self._timeout = timeout
        # The task that each slot was last given.
        self._tasks: Array | None = None
        self._pipes: list[Connection] = []
        self._waits: list[Callable[[float | None], bool]] = []
        self.workers: list[Any] = []
        # Also called before `multiprocessing` waits, at the end of Python, for processes that are deaf to it.
        self.close = Finalize(self, _stop, args=(self._pipes, self.workers), exitpriority=10)
        try:
            for k in range(len(bounds)):
                pipe, worker = self._spawn(k)
                self._pipes.append(pipe)
                self._waits.append(_waiting(pipe))
                self.workers.append(worker)
            # Wait for every group: an error of construction belongs to the constructor.
            self.all("ready")
        except Exception:
            # The processes that did start would outlive the failed constructor.
            self.close()
            raise

    def __len__(self) -> int:
        return len(self._bounds)

    def _spawn(self, k: int) -> tuple[Connection, Any]:
        """Start the process of a group."""
        context: Any = multiprocessing.get_context()
        ours, theirs = context.Pipe()
        lo, hi = self._bounds[k]
        by_main = threading.current_thread() is threading.main_thread()
        job = Job(self._make, lo, hi, self._blocks, os.getpid(), by_main, self.tolerant)
        worker = context.Process(
            target=work, args=(theirs, ours, job), daemon=True, name=f"slots-{lo}-{hi - 1}"
        )
        # No interrupt may meet the worker before it has learnt to ignore interrupts.
        with held_back():
            worker.start()
        # The child has an end of its own; this copy would keep the pipe open after its death.
        theirs.close()
        return ours, worker

    def all(self, command: str, argument: Any = None) -> list[Any]:
        """Send a command to every process and return the answers, in order (raises as `call`)."""
        return list(self.call(command, dict.fromkeys(range(len(self)), argument)).values())

    def call(self, command: str | None, arguments: dict[int, Any]) -> dict[int, Any]:
        """Send a command to the processes named and return their answers.

        Raises:
            RuntimeError, TaskError: as the first process that failed, died or took too long says.
        """
        answers, gone = self.exchange(command, arguments)
        if gone:
            raise next(iter(gone.values()))
        return answers

    def exchange(
        self, command: str | None, arguments: dict[int, Any]
    ) -> tuple[dict[int, Any], dict[int, RuntimeError]]:
        """Send a command (None: step on the shared actions) to the processes named.

        All answers are read before the first error is raised, so that pipes never hold stale ones.

        Returns:
            The answers, and what happened to the processes that died or took too long.

        Raises:
            RuntimeError, TaskError: as the first process that failed says.
        """
        if not self._pipes:
            raise RuntimeError(f"{command or 'step'}: expected an open environment, got a closed one")
        for k, argument in arguments.items():
            # A dead process shows when its answer is read.
            with contextlib.suppress(OSError):
                self._pipes[k].send_bytes(_message(command, argument))
        limit = self._timeout
        if limit is not None and command == "ready":
            # Building a group imports libraries, which takes far longer than a step.
            limit = max(limit, _START_SECONDS)
        end = None if limit is None else time.monotonic() + limit
        answers: dict[int, Any] = {}
        gone: dict[int, RuntimeError] = {}
        errors: list[RuntimeError] = []
        for k in arguments:
            try:
                # All processes work at the same time, so they share one deadline.
                if not self._waits[k](_seconds_until(end)):
                    gone[k] = self._hung(k, command or "step", limit)
                    continue
                message = self._pipes[k].recv_bytes()
            except (EOFError, OSError):
                gone[k] = self._death(k)
                continue
            # Most steps have no infos: the empty message spares a pickle.
            if message == DONE:
                answers[k] = {}
                continue
            kind, answer = pickle.loads(message)
            if kind == "answer":
                answers[k] = answer
            else:
                errors.append(_error(kind, answer))
        if errors:
            raise errors[0]
        return answers, gone

    def restart(self, k: int) -> None:
        """Start a process anew; its slots are parked."""
        self._pipes[k].close()
        self._pipes[k], self.workers[k] = self._spawn(k)
        self._waits[k] = _waiting(self._pipes[k])
        # No environment is being called, so that nobody is blamed for what comes next.
        self._blocks.current.array()[self._bounds[k][0]] = -1
        self.call("ready", {k: None})
        self.call("park", {k: None})

    def blamed(self, k: int) -> int | None:
        """Return the slot whose environment a process was calling last; None if that is not known."""
        lo = self._bounds[k][0]
        inside = int(self._blocks.current.array()[lo])
        if inside < 0:
            return None
        return lo + inside

    def remember(self, tasks: Array | None, mask: BoolArray) -> None:
        """Keep the tasks of the slots that start, to name them if a process ends.

        Args:
            tasks: (n, ...) those of all slots; None if slots have none.
            mask: (n,) which slots start.
        """
        if tasks is None:
            self._tasks = None
        elif self._tasks is None:
            self._tasks = tasks.copy()
        else:
            self._tasks[mask] = tasks[mask]

    def _name(self, k: int) -> str:
        """Return the slots of a process, and the tasks of those that may be to blame."""
        lo, hi = self._bounds[k]
        name = f"process of slots {lo} to {hi - 1}"
        if self._tasks is None:
            return name
        blamed = self.blamed(k)
        # All slots of the process are suspects if the one to blame is not known.
        slots = list(range(lo, hi))
        if blamed is not None:
            slots = [blamed]
        return f"{name}: " + ", ".join(f"slot {i}, task {self._tasks[i].tolist()}" for i in slots)

    def _death(self, k: int) -> RuntimeError:
        # Wait for the end of the process: until then there is no exit code.
        self.workers[k].join(_CLOSE_SECONDS)
        code = self.workers[k].exitcode
        how = f"it died with exit code {code}"
        # A negative exit code is a signal; the kernel sends 9 when memory runs out.
        if code is not None and code < 0:
            how = f"it was killed by signal {-code}"
            if code == -9:
                how += " (out of memory?)"
        return RuntimeError(f"{self._name(k)}: {how}")

    def _hung(self, k: int, command: str, limit: float | None) -> RuntimeError:
        """Kill a process that takes too long, and return the error."""
        self.workers[k].kill()
        self.workers[k].join()
        text = f"{self._name(k)}: {command}: expected an answer within {limit:g} s (step_timeout), got none"
        # A group that cannot be built is no fault of a task.
        if command == "ready":
            return RuntimeError(text)
        return TaskError(text)


def _stop(pipes: list[Connection], workers: list[Any]) -> None:
    """Stop the processes; one that does not answer is killed."""
    for pipe in pipes:
        with contextlib.suppress(OSError):  # it is gone already
            pipe.send(("close", None))
    # The processes share this time: many that hang must not add up.
    end = time.monotonic() + _CLOSE_SECONDS
    for worker, pipe in zip(workers, pipes, strict=True):
        worker.join(max(0.0, end - time.monotonic()))
        if worker.is_alive():
            worker.kill()
            worker.join()
        pipe.close()
    # Clear in place: the finaliser and the object share these lists.
    pipes.clear()
    workers.clear()


def check_timeout(seconds: float | None) -> float | None:
    """Return a time limit, None for no end; raise ValueError unless it is above 0."""
    if seconds is None:
        return None
    if not is_number(seconds) or not seconds > 0:
        raise ValueError(f"step_timeout: expected seconds above 0, or None, got {seconds!r}")
    if seconds >= ENDLESS:
        return None
    return float(seconds)


def _message(command: str | None, argument: Any) -> bytes:
    """Return what is sent for a command; None is a step on the shared actions."""
    if command is None:
        return STEP
    return pickle.dumps((command, argument))


def _error(kind: str, text: str) -> RuntimeError:
    """Return the error that a process has answered with."""
    if kind == "task":
        return TaskError(text)
    return RuntimeError(text)


def _seconds_until(end: float | None) -> float | None:
    """Return the seconds that are left until a time; None for no end."""
    if end is None:
        return None
    return max(0.0, end - time.monotonic())


def _waiting(pipe: Connection) -> Callable[[float | None], bool]:
    """Return a function that waits so many seconds (None: for ever) for something to read or the end.

    `Connection.poll` makes a selector in every call; where there is ``poll`` (not on Windows), one is kept.
    """
    if not hasattr(select, "poll"):
        return pipe.poll
    poll = select.poll()
    poll.register(pipe.fileno(), select.POLLIN)
    # `poll` counts in milliseconds.
    return lambda seconds: bool(poll.poll(None if seconds is None else 1000 * seconds))
