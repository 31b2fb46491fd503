"""A task queue that feeds thousands of slots without leaving their device."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from teacherstudent.contract.stored.saved import saved_generator
from teacherstudent.contract.types import UNASKED, Array, Assignment, IntArray, Seed, State, generator
from teacherstudent.students.rollouts.seeds import episode_seeds
from teacherstudent.students.rsl_rl.asked import AskedTasks
from teacherstudent.students.sb3.queue import More, copied


class RoundTasks:
    """The tasks of one round as tables on the device; slots that finish take the next row.

    A row is, in this order: a task under way in a slot, a task that waits, or a task of the latest
    assignment that may be played again.

    Attributes:
        ids: ``(rows,)`` on the host; -1 where a task is played again.
        tasks: ``(rows, *space.shape)`` on the host.
        rows: ``(n,)`` int64 on the device: the row that each slot plays.

    Args:
        ids: see above.
        tasks: see above.
        order: ``(starts,)`` int64 on the device: the row of the k-th episode that starts in this round.
        seeds: ``(starts,)`` int64 on the device: its environment seed.
        slots: number of slots n.
    """

    def __init__(self, ids: IntArray, tasks: Array, order: Tensor, seeds: Tensor, slots: int) -> None:
        device = seeds.device
        self.ids = ids
        self.tasks = tasks
        self.rows = torch.arange(slots, device=device)
        self._table = torch.from_numpy(tasks).to(device)
        self._order = order
        self._seeds = seeds
        self._started = torch.zeros((), dtype=torch.int64, device=device)

    def draw(self, done: Tensor) -> tuple[Tensor, Tensor]:
        """Give every slot of ``done`` the next task, lower slots first.

        Returns:
            Tasks ``(n, *space.shape)`` and seeds ``(n,)`` of all slots; those outside ``done`` mean nothing.
        """
        # Number the slots that are done from 1 on: each takes the row of its number.
        place = torch.cumsum(done, 0)
        # Slots that go on compute a row too, which means nothing but must lie in the table.
        following = (self._started + place - 1).clamp_(min=0, max=len(self._order) - 1)
        self.rows = torch.where(done, self._order[following], self.rows)
        self._started = self._started + place[-1]
        return self._table[self.rows], self._seeds[following]

    @property
    def started(self) -> int:
        """How many episodes started so far; waits for the device."""
        return int(self._started)


class TensorQueue:
    """Hands out assigned tasks first in, first out; when it runs dry, it asks for more.

    The counterpart of `teacherstudent.students.sb3.queue.TaskQueue` for environments on a device.

    With somebody to ask (`more`), nothing is asked ahead: tasks are asked for in the step in which slots are
    free. The host looks once a step which slots are free, and waits for the device then (`AskedTasks`).

    Without, the tables of a round are uploaded once (`open`), slots take rows on the device, and `close`
    learns how many were taken; when the queue runs dry, tasks of the latest assignment are played again, in a
    random order of the whole assignment, not drawn with replacement.

    Attributes:
        more: where further tasks come from in the midst of a round; None if there is nobody to ask.
        key: of the environment seeds.
        repeated: how many episodes played a task again because the queue was dry.

    Args:
        slots: how many environment slots it feeds.
        seed: for the order of repeated tasks and the environment seeds.
        device: where the slots are.
    """

    def __init__(self, slots: int, *, seed: Seed, device: torch.device) -> None:
        self._slots = slots
        self._device = device
        self._rng = generator(seed)
        self.key = int(self._rng.integers(2**31))
        self._ids: IntArray = np.zeros(0, np.int64)
        self._tasks: Array | None = None
        self._latest: Array | None = None
        self._used = 0
        self._started = 0
        # Slots that play a task again since `more` gave too few.
        self._short = 0
        self.more: More | None = None
        self.repeated = 0

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def ids(self) -> IntArray:
        """Ids of the tasks that wait."""
        return self._ids

    def wants(self) -> int:
        """Return how many tasks to put in before the next round; the first one fills all slots besides."""
        first = self._slots if self._latest is None else 0
        if self.more is not None:
            # Slots that play on need nothing; those that had to repeat a task get a new one when it ends.
            return max(0, first + min(self._slots, self._short) - len(self))
        return max(0, max(math.ceil(1.2 * self._used), self._slots) + first - len(self))

    def put(self, assignment: Assignment) -> None:
        """Append tasks."""
        if len(assignment) == 0:
            return
        self._latest = assignment.tasks
        self._short = 0
        self._ids = np.concatenate([self._ids, assignment.ids])
        parts = [assignment.tasks]
        if self._tasks is not None:
            parts.insert(0, self._tasks)
        self._tasks = np.concatenate(parts)

    def take(self, n: int) -> tuple[IntArray, Array, Tensor]:
        """Take ``n`` tasks for slots that are free, asking for what is missing.

        Returns:
            Ids ``(n,)`` and tasks ``(n, *space.shape)`` on the host, repeated tasks under the id -1, and the
            environment seeds ``(n,)`` on the device.
        """
        assert self.more is not None
        if n > len(self):
            self.put(self.more(n - len(self)))
        assert self._tasks is not None
        assert self._latest is not None
        ids = self._ids[:n]
        tasks = self._tasks[:n]
        self._ids = self._ids[n:]
        self._tasks = self._tasks[n:]
        short = n - len(ids)
        if short:
            self.repeated += short
            self._short += short
            again = self._latest[self._rng.integers(len(self._latest), size=short)]
            ids = np.concatenate([ids, np.full(short, UNASKED)])
            tasks = np.concatenate([tasks, again])
        number = torch.arange(self._started, self._started + n, device=self._device)
        self._started += n
        return ids, tasks, episode_seeds(number, self.key)

    def open(self, ids: IntArray, tasks: Array | None, starts: int) -> RoundTasks | AskedTasks:
        """Return the tables of a round in which at most ``starts`` episodes start.

        Args:
            ids: ``(n,)``, what the slots play now.
            tasks: ``(n, *space.shape)``, likewise; None if nothing is under way.
            starts: upper bound of the episodes that start.

        Raises:
            ValueError: if no task was ever put in.
        """
        if self._tasks is None or self._latest is None:
            raise ValueError("task queue: expected an assignment before the first episode, got none")
        if tasks is None:
            tasks = np.zeros((self._slots, *self._tasks.shape[1:]), self._tasks.dtype)
        if self.more is not None:
            return AskedTasks(ids, tasks, self.take, self._device)
        # The order of repeats is drawn before the round, since nothing is drawn on the device.
        again = torch.from_numpy(self._rng.permutation(len(self._latest))).to(self._device)
        number = torch.arange(starts, device=self._device)
        # Past the waiting tasks, walk round and round the latest assignment.
        repeated = len(self) + again[(number - len(self)).clamp_(min=0) % len(again)]
        # Rows in this order: the n under way, those that wait, those that may repeat.
        return RoundTasks(
            np.concatenate([ids, self._ids, np.full(len(self._latest), UNASKED)]),
            np.concatenate([tasks, self._tasks, self._latest]),
            self._slots + torch.where(number < len(self), number, repeated),
            episode_seeds(number + self._started, self.key),
            self._slots,
        )

    def close(self, tasks: RoundTasks | AskedTasks) -> None:
        """Take note of what a round has taken."""
        # What was asked for in the midst of the round is counted already.
        if isinstance(tasks, AskedTasks):
            return
        # This waits for the device, once for each round.
        started = tasks.started
        taken = min(started, len(self))
        assert self._tasks is not None
        self._ids = self._ids[taken:]
        self._tasks = self._tasks[taken:]
        self.repeated += started - taken
        self._started += started

    def observe(self, used: int) -> None:
        """Take note of how many episodes a round finished."""
        self._used = max(used, self._used // 2)

    def state_dict(self) -> State:
        """Return the queue as plain data."""
        return {
            "rng": dict(self._rng.bit_generator.state),
            "key": self.key,
            "ids": self._ids.copy(),
            "tasks": copied(self._tasks),
            "latest": copied(self._latest),
            "used": self._used,
            "short": self._short,
            "started": self._started,
            "repeated": self.repeated,
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict`."""
        self._rng.bit_generator.state = saved_generator("queue: rng", state["rng"])
        self.key = state["key"]
        self._ids = state["ids"]
        self._tasks = state["tasks"]
        self._latest = state["latest"]
        self._used = state["used"]
        # Not there in older checkpoints.
        self._short = state.get("short", 0)
        self._started = state["started"]
        self.repeated = state["repeated"]
