"""Tasks waiting for a free environment slot."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from teacherstudent.contract.stored.saved import saved_generator
from teacherstudent.contract.types import UNASKED, Array, Assignment, IntArray, Seed, State, generator

More: TypeAlias = Callable[[int], Assignment]
"""Gives so many further tasks to train on in the midst of a round, or fewer."""


def copied(rows: Array | None, first: int = 0) -> Array | None:
    """Return a copy of the rows from the first one on; None of none."""
    if rows is None:
        return None
    return rows[first:].copy()


class TaskQueue:
    """Hands out assigned tasks first in, first out; when it runs dry, it asks for more.

    With somebody to ask (`more`), nothing is asked ahead: the first round begins with a task for each slot,
    and whenever slots are free and the queue is empty, as many tasks are asked for as there are free slots.
    So a task is chosen by all that the teacher was told up to the round in which it is played.

    Without `more`, the queue has to guess, since how many episodes a round finishes is known only afterwards.
    It wants a little more than the last round used; what is left over is played first in the next round, and
    where tasks are missing, those of the latest assignment are played again.

    Attributes:
        more: where further tasks come from; None if there is nobody to ask. It may give fewer than it is
            asked for: then tasks of the latest assignment are played again.
        repeated: how many episodes played a task again because the queue was dry.

    Args:
        slots: how many environment slots it feeds.
        seed: for the choice among the latest tasks.
    """

    def __init__(self, slots: int, *, seed: Seed) -> None:
        self._slots = slots
        self._rng = generator(seed)
        self._ids = np.zeros(0, np.int64)
        self._tasks: Array | None = None
        # The row of the two above that is drawn next.
        self._next = 0
        self._latest: Array | None = None
        self._used = 0
        # Slots that play a task again since `more` gave too few.
        self._short = 0
        self.more: More | None = None
        self.repeated = 0

    def __len__(self) -> int:
        return len(self._ids) - self._next

    @property
    def ids(self) -> IntArray:
        """Ids of the tasks that wait."""
        return self._ids[self._next :]

    def wants(self) -> int:
        """Return how many tasks to put in before the next round; the first one fills all slots besides."""
        if self.more is not None:
            # Slots that play on need nothing. Those that repeat a task get a new one as soon as it ends.
            needed = self._slots if self._latest is None else min(self._slots, self._short)
            return max(0, needed - len(self))
        # Ask for a fifth more than the last round used, as rounds vary, and never for fewer than the slots.
        first = self._slots if self._latest is None else 0
        return max(0, max(math.ceil(1.2 * self._used), self._slots) + first - len(self))

    def put(self, assignment: Assignment) -> None:
        """Append tasks."""
        # An assignment of measured rows alone is empty here and must not become the latest one.
        if len(assignment) == 0:
            return
        self._latest = assignment.tasks
        self._short = 0
        if self._tasks is None or len(self) == 0:
            self._ids = assignment.ids
            self._tasks = assignment.tasks
        else:
            # Drop the used rows only here, so that drawing never moves an array.
            self._ids = np.concatenate([self.ids, assignment.ids])
            self._tasks = np.concatenate([self._tasks[self._next :], assignment.tasks])
        self._next = 0

    def draw(self, n: int) -> tuple[IntArray, Array]:
        """Take ``n`` tasks, in time that does not depend on how many wait; repeated ones carry the id -1.

        Raises:
            ValueError: if no task was ever put in.
        """
        if self._tasks is None or self._latest is None:
            raise ValueError("task queue: expected an assignment before the first episode, got none")
        # Ask before any row is taken, so that old and new tasks are drawn in order.
        if self.more is not None and n > len(self):
            self.put(self.more(n - len(self)))
        rows = slice(self._next, self._next + n)
        ids = self._ids[rows]
        tasks = self._tasks[rows]
        self._next += len(ids)
        short = n - len(ids)
        if short == 0:
            return ids, tasks
        self.repeated += short
        self._short += short
        again = self._latest[self._rng.integers(len(self._latest), size=short)]
        # The id says that nobody waits for these outcomes.
        return np.concatenate([ids, np.full(short, UNASKED)]), np.concatenate([tasks, again])

    def observe(self, used: int) -> None:
        """Take note of how many episodes a round finished."""
        # Forget slowly: one short round must not starve the next.
        self._used = max(used, self._used // 2)

    def state_dict(self) -> State:
        """Return the queue as plain data."""
        return {
            "rng": dict(self._rng.bit_generator.state),
            "ids": self.ids.copy(),
            "tasks": copied(self._tasks, self._next),
            "latest": copied(self._latest),
            "used": self._used,
            "short": self._short,
            "repeated": self.repeated,
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict`."""
        self._rng.bit_generator.state = saved_generator("queue: rng", state["rng"])
        self._ids = state["ids"]
        self._tasks = state["tasks"]
        self._next = 0
        self._latest = state["latest"]
        self._used = state["used"]
        # Not there in older checkpoints.
        self._short = state.get("short", 0)
        self.repeated = state["repeated"]
