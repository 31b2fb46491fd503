"""Tasks waiting for a free environment slot."""

from __future__ import annotations

import math

import numpy as np

from teacherstudent.types import UNASKED, Array, Assignment, IntArray, Seed, State, generator


class TaskQueue:
    """Hands out assigned tasks first in, first out; when it runs dry, tasks of the latest assignment again.

    How many episodes a round of training finishes is known only afterwards. The queue asks for a little more
    than the last round used; what is left over is played first in the next round.

    Attributes:
        repeated: how many episodes played a task again because the queue was dry.

    Args:
        slots: how many environment slots it feeds.
        seed: for the choice among the latest tasks.
    """

    def __init__(self, slots: int, *, seed: Seed) -> None:
        self._slots = slots
        self._rng = generator(seed)
        self._waiting: Assignment | None = None
        self._latest: Array | None = None
        self._used = 0
        self.repeated = 0

    def __len__(self) -> int:
        return 0 if self._waiting is None else len(self._waiting)

    @property
    def ids(self) -> IntArray:
        """Ids of the tasks that wait."""
        return np.zeros(0, np.int64) if self._waiting is None else self._waiting.ids

    def wants(self) -> int:
        """Return how many tasks to put in before the next round; the first one fills all slots besides."""
        first = self._slots if self._latest is None else 0
        return max(0, max(math.ceil(1.2 * self._used), self._slots) + first - len(self))

    def put(self, assignment: Assignment) -> None:
        """Append tasks."""
        if len(assignment) == 0:
            return
        self._latest = assignment.tasks
        waiting = self._waiting
        if waiting is None or len(waiting) == 0:
            self._waiting = assignment
        else:
            self._waiting = Assignment(
                ids=np.concatenate([waiting.ids, assignment.ids]),
                tasks=np.concatenate([waiting.tasks, assignment.tasks]),
            )

    def draw(self, n: int) -> tuple[IntArray, Array]:
        """Take ``n`` tasks; repeated ones carry the id -1.

        Raises:
            ValueError: if no task was ever put in.
        """
        if self._waiting is None or self._latest is None:
            raise ValueError("task queue: expected an assignment before the first episode, got none")
        head, self._waiting = self._waiting.select(slice(n)), self._waiting.select(slice(n, None))
        short = n - len(head)
        if short == 0:
            return head.ids, head.tasks
        self.repeated += short
        again = self._latest[self._rng.integers(len(self._latest), size=short)]
        return np.concatenate([head.ids, np.full(short, UNASKED)]), np.concatenate([head.tasks, again])

    def observe(self, used: int) -> None:
        """Take note of how many episodes a round finished."""
        self._used = max(used, self._used // 2)

    def state_dict(self) -> State:
        """Return the queue as plain data."""
        waiting = self._waiting
        return {
            "rng": dict(self._rng.bit_generator.state),
            "ids": self.ids.copy(),
            "tasks": None if waiting is None else waiting.tasks.copy(),
            "latest": None if self._latest is None else self._latest.copy(),
            "used": self._used,
            "repeated": self.repeated,
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict`."""
        self._rng.bit_generator.state = state["rng"]
        tasks = state["tasks"]
        self._waiting = None if tasks is None else Assignment(ids=state["ids"], tasks=tasks)
        self._latest = state["latest"]
        self._used, self.repeated = state["used"], state["repeated"]
