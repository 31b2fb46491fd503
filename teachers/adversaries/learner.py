"""An adversary that builds tasks step by step and learns from the reward that each finished task brings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import gymnasium as gym
import numpy as np

from teacherstudent.contract.checks import check_keywords, check_names
from teacherstudent.contract.stored.saved import saved_array, saved_whole
from teacherstudent.contract.tasks.builder import builder_of
from teacherstudent.contract.types import Array, BoolArray, FloatArray, IntArray, Outcomes, State
from teacherstudent.teachers.adversaries.ppo import AdversaryOptions, AdversaryPPO, Steps
from teacherstudent.teachers.signals import signal

WAITING = 64
"""Batches that may wait for rewards; when there are more, the oldest is learnt from as far as it came."""


LARGEST = 1e12
"""The greatest size of a reward: the networks square it, in single precision."""


def reward_of(outcomes: Outcomes, name: str) -> FloatArray:
    """Return a signal as the rewards of an adversary, ``(n,)`` float64.

    Raises:
        ValueError: if it is not one number a row, or larger than `LARGEST`.
    """
    return check_rewards(f"signal {name!r}", signal(outcomes, name))


def check_rewards(what: str, values: FloatArray) -> FloatArray:
    """Return rewards of an adversary; raise ValueError if one is larger than `LARGEST`."""
    large = np.abs(values) > LARGEST
    if large.any():
        row = int(np.argmax(large))
        raise ValueError(
            f"{what}: row {row}: expected at most {LARGEST:g} in size, as the adversary's reward, "
            f"got {values[row]:g}: scale the environment's rewards"
        )
    return values


class Adversary:
    """Builds batches of tasks, waits for the rewards of each, and learns from them by PPO.

    A batch of tasks is learnt from when every row has been told of or dropped; tasks without any reward are
    left out. Rows are the ids that a teacher was handed: one task may be played in several rows, and its
    reward is the mean of theirs.

    Attributes:
        built: tasks built.
        steps: actions taken.
        updates: batches learnt from.

    Args:
        space: a box, or one with a method ``builder``.
        rng: the teacher's generator; everything random but the first weights comes from it.
        options: `AdversaryOptions`, or some of them by name.
        builder: options of the space's builder.
        device: of the networks.

    Raises:
        TypeError: if nothing can be built in the space, or there is no such option.
        ValueError: if an option is out of range.
    """

    def __init__(
        self,
        space: gym.Space[Any],
        rng: np.random.Generator,
        *,
        options: AdversaryOptions | Mapping[str, Any] | None = None,
        builder: Mapping[str, Any] | None = None,
        device: str = "cpu",
    ) -> None:
        if not isinstance(options, AdversaryOptions):
            options = AdversaryOptions(**check_keywords("adversary", options, AdversaryOptions))
        self._rng = rng
        self._builder = builder_of(space, builder)
        # The networks' seed is drawn from the teacher's generator, so one seed decides about everything.
        self._ppo = AdversaryPPO(self._builder, options, seed=int(rng.integers(2**63)), device=device)
        self._waiting: list[_Batch] = []
        self.built = self.steps = self.updates = 0
        # For the log: the rewards of the last batch learnt from.
        self._reward = np.zeros(0)

    def build(self, ids: IntArray, task: IntArray) -> Array:
        """Return a task for each row, ``(n, *space.shape)``, and wait for their rewards.

        Args:
            ids: ``(n,)`` consecutive, in ascending order.
            task: ``(n,)``: which of the tasks that are built is played in a row; numbers from 0 on.
        """
        # A student that never reports would fill the memory. The oldest
        # batch gives way, with the rewards it has.
        if len(self._waiting) >= WAITING:
            self._learn(self._waiting.pop(0))
        # Several rows may play one task, so there may be fewer tasks to build than rows.
        n = int(task.max()) + 1
        partial = self._builder.empty(n)
        partials = []
        seen = []
        for step in range(self._builder.steps):
            partials.append(partial)
            actions, what = self._ppo.act(self._builder.observe(partial), step, self._rng)
            seen.append(what)
            partial = self._builder.apply(partial, step, actions, self._rng)
        # Advantages run backwards in time, so time is the first axis of every column.
        columns = [_stacked(seen, name) for name in _Batch.kept]
        self._waiting.append(_Batch.new(int(ids[0]), task, np.stack(partials), columns))
        self.built += n
        self.steps += n * self._builder.steps
        # Each row gets the task that it plays; rows that share a task get equal copies.
        return np.asarray(self._builder.finish(partial)[task])

    def tell(self, ids: IntArray, rewards: FloatArray) -> None:
        """Take in the rewards ``(n,)`` of rows; ids that are not waited for are ignored."""
        for batch in self._waiting:
            batch.tell(ids, rewards)
        self._learn_from_the_whole()

    def drop(self, ids: IntArray) -> None:
        """Wait for these rows no longer."""
        for batch in self._waiting:
            batch.close(ids)
        self._learn_from_the_whole()

    def _learn_from_the_whole(self) -> None:
        # An update normalises over the whole batch, so it waits until no row is open.
        whole = [batch for batch in self._waiting if not batch.open.any()]
        self._waiting = [batch for batch in self._waiting if batch.open.any()]
        for batch in whole:
            self._learn(batch)

    def _learn(self, batch: _Batch) -> None:
        """Update the networks on the tasks of a batch that brought a reward."""
        # A task whose rows were all dropped has no reward and teaches nothing.
        there = batch.counts > 0
        if not there.any():
            return
        reward = batch.sums[there] / batch.counts[there]
        partial, (noise, raw, log_prob, value) = batch.steps(there)
        # A builder observes a flat batch. Time and task are one axis for the call, and two axes after it.
        seen = self._builder.observe(partial.reshape(-1, *partial.shape[2:]))
        seen = seen.reshape(*value.shape, *seen.shape[1:])
        self._ppo.update(Steps(seen, noise, raw, log_prob, value), reward, self._rng)
        self._reward = reward
        self.updates += 1

    def spent(self) -> dict[str, float]:
        """Return the actions taken, as a cost: ``adversary``."""
        return {"adversary": float(self.steps)}

    def metrics(self) -> dict[str, float]:
        """Return tasks built, steps, updates, and of the last update mean reward, losses and entropy."""
        found = {
            "built": float(self.built),
            "adversary_steps": float(self.steps),
            "adversary_updates": float(self.updates),
        }
        if self.updates:
            found |= {"reward": float(self._reward.mean()), **self._ppo.losses}
        return found

    def state_dict(self) -> State:
        """Return networks, optimiser, batches that wait and counters as plain data; a copy."""
        return {
            "ppo": self._ppo.state_dict(),
            "waiting": [batch.state() for batch in self._waiting],
            "counters": [self.built, self.steps, self.updates],
            "reward": self._reward.copy(),
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict` of an adversary made with the same arguments.

        Raises:
            ValueError: if the state is incomplete or damaged; some of it may have been taken over then.
        """
        check_names("adversary", ("ppo", "waiting", "counters", "reward"), state)
        self._ppo.load_state_dict(state["ppo"])
        if not isinstance(state["waiting"], list):
            raise ValueError(f"adversary: waiting: expected a list of batches, got {state['waiting']!r}")
        # An empty task tells the shape and dtype that saved tasks must have.
        empty = self._builder.empty(1)
        self._waiting = [_Batch.load(batch, self._builder.steps, empty) for batch in state["waiting"]]
        counters = saved_array("adversary: counters", state["counters"], np.int64, (3,), low=0)
        self.built, self.steps, self.updates = counters.tolist()
        self._reward = saved_array("adversary: reward", state["reward"], np.float64, (None,))
        # `metrics` takes the mean of these rewards, which needs at least one.
        if self.updates and not self._reward.size:
            raise ValueError(f"adversary: reward: expected some after {self.updates} updates, got none")


@dataclass(eq=False)
class _Batch:
    """Tasks built together, what the adversary did, and the rewards that came back.

    Attributes:
        first: id of the first row.
        task: ``(rows,)``: which task a row plays.
        open: ``(rows,)``: rows still waited for.
        sums: ``(n,)``: rewards of a task so far.
        counts: ``(n,)``: how many they are.
        partial: ``(T, n, ...)``: the tasks before each action.
        columns: noise, raw actions, log-probabilities and values, ``(T, n, ...)`` each.
    """

    kept = ("noise", "raw", "log_prob", "value")

    first: int
    task: IntArray
    open: BoolArray
    sums: FloatArray
    counts: IntArray
    partial: Array
    columns: list[Array]

    @classmethod
    def new(cls, first: int, task: IntArray, partial: Array, columns: list[Array]) -> _Batch:
        n = partial.shape[1]
        open_rows = np.ones(len(task), np.bool_)
        return cls(first, task.copy(), open_rows, np.zeros(n), np.zeros(n, np.int64), partial, columns)

    def tell(self, ids: IntArray, rewards: FloatArray) -> None:
        mine = self._mine(ids)
        # The ids of an ask are consecutive, so a row's place is its id less the first id.
        task = self.task[ids[mine] - self.first]
        # Several rows of one call may play the same task. A plain `+=` would count only one of them.
        np.add.at(self.sums, task, rewards[mine])
        np.add.at(self.counts, task, 1)
        self.close(ids)

    def close(self, ids: IntArray) -> None:
        self.open[ids[self._mine(ids)] - self.first] = False

    def _mine(self, ids: IntArray) -> BoolArray:
        return np.asarray((ids >= self.first) & (ids < self.first + len(self.task)))

    def steps(self, tasks: BoolArray) -> tuple[Array, list[Array]]:
        """Return partial tasks and columns of some tasks."""
        return self.partial[:, tasks], [column[:, tasks] for column in self.columns]

    def state(self) -> State:
        return {
            "first": self.first,
            "task": self.task.copy(),
            "open": self.open.copy(),
            "sums": self.sums.copy(),
            "counts": self.counts.copy(),
            "partial": self.partial.copy(),
            "columns": [column.copy() for column in self.columns],
        }

    @classmethod
    def load(cls, state: State, steps: int, empty: Array) -> _Batch:
        """Return a batch from `state`; tasks are built in so many steps, from ``empty``, one of them."""
        if not isinstance(state, Mapping):
            raise ValueError(f"adversary: batch: expected a mapping, got {state!r}")
        check_names("adversary: batch", [one.name for one in fields(cls)], state)
        counts = saved_array("adversary: counts", state["counts"], np.int64, (None,), low=0)
        n = len(counts)
        task = saved_array("adversary: task", state["task"], np.int64, (None,), low=0, high=n - 1)
        shape = (steps, n, *empty.shape[1:])
        columns = state["columns"]
        if not isinstance(columns, list) or len(columns) != len(cls.kept):
            raise ValueError(f"adversary: columns: expected {cls.kept}, got {columns!r}")
        return cls(
            first=saved_whole("adversary: first", state["first"], 0, 2**62),
            task=task,
            open=saved_array("adversary: open", state["open"], np.bool_, task.shape),
            sums=saved_array("adversary: sums", state["sums"], np.float64, (n,)),
            counts=counts,
            partial=saved_array("adversary: partial", state["partial"], empty.dtype, shape),
            columns=[
                _column(name, column, (steps, n)) for name, column in zip(cls.kept, columns, strict=True)
            ],
        )


def _stacked(steps: Sequence[Steps], name: str) -> Array:
    """Return one column of single steps, ``(T, n, ...)``."""
    return np.stack([getattr(step, name) for step in steps])


def _column(name: str, values: Any, lead: tuple[int, int]) -> Array:
    """Return a copy of what was noted of ``lead`` steps and tasks, in its own dtype."""
    given = np.asarray(values)
    # Only the network knows the sizes of the inner axes, so any size passes here.
    inner = (None,) * max(0, given.ndim - 2)
    return saved_array(f"adversary: {name}", given, given.dtype, (*lead, *inner))
