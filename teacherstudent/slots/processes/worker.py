"""The other side of `ProcessSlots`: a process that steps one group and answers through shared arrays."""

from __future__ import annotations

import os
import pickle
import signal
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import VectorEnv
from gymnasium.vector.utils import create_empty_array

from teacherstudent.contract.types import Array
from teacherstudent.slots.failures import tolerate
from teacherstudent.slots.processes.lifetimes import STOP_SIGNALS, die_with_parent, listen, watch_parent
from teacherstudent.slots.requests import TaskError

STEP = b"step"
"""The command to step on the shared actions; the others are pickled pairs of a name and an argument."""
DONE = b""
"""The answer to it if there are no infos; the others are pickled pairs of a kind and an answer."""


class MakeGroup(Protocol):
    """Returns a group of ``n`` slots whose first is number ``first_slot`` of the whole."""

    def __call__(self, n: int, *, first_slot: int) -> VectorEnv[Any, Any, Any]:
        """Return the group."""


class Block:
    """An array that processes share."""

    def __init__(self, context: Any, shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
        self._shape = shape
        self._dtype = np.dtype(dtype)
        # At least one byte: shared memory cannot be empty.
        self._raw = context.RawArray("b", max(1, int(np.prod(shape)) * self._dtype.itemsize))

    def array(self) -> Array:
        """Return a view of the memory."""
        # Views do not travel between processes; each makes its own of the shared memory.
        size = int(np.prod(self._shape))
        return np.frombuffer(self._raw, self._dtype, size).reshape(self._shape)


@dataclass(frozen=True)
class Blocks:
    """Actions and what a step returns, of all slots; actions and observations are None if no plain arrays.

    ``current`` holds, where a group begins, the slot of the group whose environment is being called, or -1.
    """

    actions: Block | None
    observations: Block | None
    rewards: Block
    flags: Block
    current: Block

    @staticmethod
    def of(context: Any, group: VectorEnv[Any, Any, Any], n: int) -> Blocks:
        """Return blocks for ``n`` slots of the kind of ``group``."""
        return Blocks(
            _block(context, group.single_action_space, n),
            _block(context, group.single_observation_space, n),
            Block(context, (n,), np.float64),
            Block(context, (2, n), np.bool_),
            Block(context, (n,), np.int64),
        )


def _block(context: Any, space: gym.Space[Any], n: int) -> Block | None:
    batch = create_empty_array(space, n=n)
    # Nested or ragged observations cannot lie in one array.
    if isinstance(batch, np.ndarray) and batch.dtype != object and batch.shape[1:] == space.shape:
        return Block(context, batch.shape, batch.dtype)
    return None


def _view(block: Block | None, rows: slice) -> Array | None:
    """Return a group's rows of a block; None where the values go through the pipe."""
    if block is None:
        return None
    return block.array()[rows]


@dataclass(frozen=True)
class Job:
    """What a worker needs: its group, its part of the blocks, and the process that starts it."""

    # A CloudpickleWrapper around MakeGroup.
    make: Any
    first: int
    last: int
    blocks: Blocks
    parent: int
    by_main_thread: bool
    tolerant: bool


def work(theirs: Connection, ours: Connection, job: Job) -> None:
    """Serve one group until told to close or until the other side is gone, even if an environment hangs."""
    # Else this process would keep its own pipe open after the other side has died.
    ours.close()
    # Interrupts are the main process's affair.
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    listen()
    # The system watches the thread that started this process, and only the main thread lives as long.
    if job.by_main_thread:
        die_with_parent()
    # This ends the process even while an environment hangs.
    watch_parent(job.parent, lambda: os._exit(1))
    worker: _Worker | None = None
    while True:
        try:
            message = theirs.recv_bytes()
        except (EOFError, OSError):
            # The other side is gone: nobody would read an answer.
            break
        command, argument = _command(message)
        if command == "close":
            break
        try:
            # Build on the first command, so that a failure is answered like any other error.
            if worker is None:
                worker = _Worker(job)
            answer = worker.answer(command, argument)
            theirs.send_bytes(_reply(command, answer))
        except TaskError as error:
            # Send the text: the exception itself may not survive pickling.
            theirs.send(("task", str(error)))
        except Exception as error:
            slots = f"process of slots {job.first} to {job.last - 1}"
            theirs.send(("error", f"{slots}: {type(error).__name__}: {error}\n{traceback.format_exc()}"))
    if worker is not None:
        worker.group.close()


def _command(message: bytes) -> tuple[Any, Any]:
    """Return the command that a message holds, and its argument."""
    if message == STEP:
        return STEP, None
    command, argument = pickle.loads(message)
    return command, argument


def _reply(command: str | bytes, answer: Any) -> bytes:
    """Return the message that carries an answer back."""
    if answer == {} and command == STEP:
        return DONE
    return pickle.dumps(("answer", answer))


class _Worker:
    """The group, and views of its part of the shared arrays."""

    def __init__(self, job: Job) -> None:
        self.group: Any = job.make.fn(job.last - job.first, first_slot=job.first)
        tolerate(self.group, job.tolerant)
        rows = slice(job.first, job.last)
        blocks = job.blocks
        # A view of one number: written here, and read by the main process after a hang.
        self._current = blocks.current.array()[job.first : job.first + 1]
        if hasattr(self.group, "current"):
            self.group.current = self._current
        self._actions = _view(blocks.actions, rows)
        self._observations = _view(blocks.observations, rows)
        self._rewards = blocks.rewards.array()[rows]
        self._flags = blocks.flags.array()[:, rows]

    def answer(self, command: str | bytes, argument: Any) -> Any:
        """Do what a command says and return what goes back through the pipe."""
        answer = self._answer(command, argument)
        # Nothing is being called any more.
        self._current[0] = -1
        return answer

    def _answer(self, command: str | bytes, argument: Any) -> Any:
        match command:
            case "ready":
                return None
            case "tolerate":
                return tolerate(self.group, argument)
            case "park":  # a group of another kind is left out as a whole by the other side
                return self.group.park() if hasattr(self.group, "park") else None
            case "reset":
                return self._put(*self.group.reset(seed=argument[0], options=argument[1]))
            case b"step" | "step":
                # A copy, as an environment may keep its action or write into it.
                actions = argument
                if self._actions is not None:
                    actions = self._actions.copy()
                observations, self._rewards[:], self._flags[0], self._flags[1], infos = self.group.step(
                    actions
                )
                return self._put(observations, infos)
            case "set_state":
                return self.group.set_state(argument)
            case _:
                return getattr(self.group, str(command))()

    def _put(self, observations: Any, infos: dict[str, Any]) -> Any:
        """Share the observations, or answer with them."""
        if self._observations is None:
            return observations, infos
        self._observations[:] = observations
        return infos
