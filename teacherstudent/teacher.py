"""The teacher: asked for tasks, told of outcomes, with the bookkeeping of ids that every teacher shares."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Generic, TypeVar, final

import gymnasium as gym
import numpy as np

from teacherstudent import spaces
from teacherstudent.saved import difference, saved_array, saved_whole
from teacherstudent.types import (
    LARGEST,
    UNASKED,
    Array,
    Assignment,
    Granularity,
    IntArray,
    Outcomes,
    Seed,
    State,
    check_names,
    generator,
)

EDITED = 2
"""In a column ``kind`` of `Teacher.columns`: the level is an edited copy of another one."""

S = TypeVar("S", bound=gym.Space[Any])


class Teacher(ABC, Generic[S]):
    """Chooses tasks and learns from their outcomes.

    An author writes ``__init__`` (its keywords are the whole configuration), `_ask`, `_tell`, `_state` and
    `_load`, and may write `columns`, `spent`, `metrics` and `snapshot`. Users call `ask` and `tell`.

    Many tasks may be outstanding; outcomes may come late, out of order, in any batch, or never.

    Attributes:
        accepts: the kinds of space that the teacher works on.
        needs: signals that every outcome must carry, one number a row.
        reads: signals that it looks at where an outcome carries them; one number a row, NaN or infinite too.
        granularity: how long a task binds the student.
        differences: whether it takes differences of scores, so that a score must be a level and no gain.
        space: the task space.
        rng: the teacher's own generator; part of its state.

    Args:
        space: the task space.
        seed: an integer of at least 0 or a ``SeedSequence``.

    Raises:
        TypeError: if the space is of a kind that the teacher does not accept, or the seed is no integer.
        ValueError: if the space is empty or unbounded.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]]
    needs: ClassVar[frozenset[str]] = frozenset()
    reads: ClassVar[frozenset[str]] = frozenset()
    granularity: ClassVar[Granularity] = "episode"
    differences: bool = False

    def __init__(self, space: S, *, seed: Seed) -> None:
        if not isinstance(space, self.accepts):
            accepted = " or ".join(kind.__name__ for kind in self.accepts)
            raise TypeError(f"{type(self).__name__}: expected a space of type {accepted}, got {space!r}")
        spaces.check_space(space)
        self.space: S = space
        self.rng = generator(seed)
        self._ids = _Outstanding()

    @final
    def ask(self, n: int = 1, *, progress: float = 0.0) -> Assignment:
        """Return ``n`` tasks to work on.

        Args:
            n: how many, at least 1.
            progress: the fraction of the budget that is spent, 0 to 1.

        Raises:
            TypeError: if ``n`` is no integer.
            ValueError: if ``n`` or ``progress`` is out of range.
        """
        if not isinstance(n, int | np.integer):
            raise TypeError(f"ask: expected an integer n, got {n!r}")
        if n < 1:
            raise ValueError(f"ask: expected n >= 1, got {n}")
        if not 0.0 <= progress <= 1.0:
            raise ValueError(f"ask: expected progress in [0, 1], got {progress}")
        ids = self._ids.peek(n)
        assignment = self._ask(ids, progress)
        if assignment.ids is not ids and not np.array_equal(assignment.ids, ids):
            raise ValueError(f"{type(self).__name__}._ask: expected the ids {ids}, got {assignment.ids}")
        self._ids.issue(n)
        return assignment

    @final
    def tell(self, outcomes: Outcomes) -> None:
        """Take in what happened on tasks.

        Either the whole batch is accepted or an error is raised and nothing has changed.

        Args:
            outcomes: rows in any order, for any part of the outstanding tasks. Rows with id -1 are tasks that
                this teacher did not ask for.

        Raises:
            ValueError: if an id was never issued, is repeated, was told before or was dropped; if a task lies
                outside the space; if a score or cost is not finite or beyond 1e100, a cost is negative, or a
                needed signal is missing, not one number a row, or such a number.
        """
        where = type(self).__name__ + ".tell"
        tasks = spaces.check_tasks(self.space, outcomes.tasks, where)
        _check_finite(where, "score", outcomes.score, outcomes)
        _check_finite(where, "cost", outcomes.cost, outcomes)
        if (outcomes.cost < 0).any():
            raise ValueError(f"{where}: expected costs of at least 0, got {outcomes.cost.min()}")
        for name in sorted(self.needs):
            if name not in outcomes.signals:
                raise ValueError(f"{where}: expected the signal {name!r}, got {sorted(outcomes.signals)}")
        for name in sorted((self.needs | self.reads) & outcomes.signals.keys()):
            values = outcomes.signals[name]
            if values.shape != (len(outcomes),) or values.dtype.kind not in "biuf":
                raise ValueError(
                    f"{where}: signal {name!r}: expected one number for each of {len(outcomes)} rows, "
                    f"got shape {values.shape}, dtype {values.dtype}"
                )
            if name in self.needs:
                _check_finite(where, f"signal {name!r}", values, outcomes)
        asked = outcomes.ids[outcomes.ids != UNASKED]
        self._ids.check(asked, where)
        if len(outcomes) == 0:
            return
        if tasks is not outcomes.tasks:
            outcomes = Outcomes(
                ids=outcomes.ids,
                tasks=tasks,
                score=outcomes.score,
                cost=outcomes.cost,
                signals=outcomes.signals,
            )
        self._tell(outcomes)
        self._ids.close(asked)

    @final
    def drop(self, ids: IntArray) -> None:
        """Give up outstanding tasks whose outcome will never come; telling of them later is an error.

        Raises:
            ValueError: if an id is not outstanding or is repeated.
        """
        ids = np.asarray(ids, np.int64)
        self._ids.check(ids, type(self).__name__ + ".drop")
        self._drop(ids)
        self._ids.close(ids)

    @property
    @final
    def outstanding(self) -> IntArray:
        """Ids that were asked for and neither told of nor dropped, in ascending order."""
        return self._ids.open_ids()

    @abstractmethod
    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        """Return an assignment with exactly these ids, in this order."""

    @abstractmethod
    def _tell(self, outcomes: Outcomes) -> None:
        """Learn from at least one row; ids, tasks, scores and needed signals are checked already.

        Whatever else may be wrong must be found before anything of the teacher changes.
        """

    def _drop(self, ids: IntArray) -> None:
        """Forget whatever is kept for these outstanding ids."""

    @abstractmethod
    def _state(self) -> State:
        """Return the algorithm's state as plain data (see `State`); the base adds ids and generator."""

    @abstractmethod
    def _load(self, state: State) -> None:
        """Take over what `_state` returned.

        The state may be damaged: check, with `teacherstudent.saved`, every number that indexes an array or
        weighs a draw. Raise ValueError if something is wrong; the base then puts the old state back.
        """

    def columns(self, outcomes: Outcomes) -> Mapping[str, Array]:
        """Return what to log beside outcomes that are about to be told, ``(n,)`` each, by name.

        A column ``kind`` that is `EDITED` for a row that is only measured moves that row's cost from
        ``measure`` to ``mutate`` in the ledger. The same names must come in every call.
        """
        del outcomes
        return {}

    def metrics(self) -> dict[str, float]:
        """Return named numbers for the log."""
        return {}

    def spent(self) -> Mapping[str, float]:
        """Return what the teacher itself spent so far: ``adversary``, steps of building tasks."""
        return {}

    def snapshot(self) -> dict[str, Any]:
        """Return what a picture of the teacher needs, as plain data; empty if there is nothing to draw."""
        return {}

    @final
    def state_dict(self) -> State:
        """Return everything that the future depends on, as plain data; a copy."""
        return {
            "teacher": type(self).__name__,
            "space": spaces.describe(self.space),
            "ids": self._ids.state(),
            "rng": dict(self.rng.bit_generator.state),
            "algorithm": self._state(),
        }

    @final
    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict` of a teacher of the same class, space and configuration.

        Either the whole state is taken over or an error is raised and nothing has changed.

        Raises:
            ValueError: if the state is of another class or space, incomplete, or damaged.
        """
        if not isinstance(state, Mapping):
            raise ValueError(f"teacher state: expected what state_dict returned, got {state!r}")
        check_names("teacher state", ("teacher", "space", "ids", "rng", "algorithm"), state)
        if state["teacher"] != type(self).__name__:
            raise ValueError(f"teacher state: expected one of {type(self).__name__}, got {state['teacher']}")
        if state["space"] != spaces.describe(self.space):
            raise ValueError(
                f"teacher state: expected space {spaces.describe(self.space)}, got {state['space']}"
            )
        before = self.state_dict()
        try:
            self._take(state)
            if where := difference(self.state_dict(), dict(state), "teacher state"):
                raise ValueError(f"{where}: expected what state_dict returned, got something else")
        except BaseException:
            self._take(before)
            raise

    def _take(self, state: State) -> None:
        who = type(self).__name__
        with _damaged("ids"):
            self._ids.load(state["ids"])
        with _damaged("rng"):
            _set_generator(self.rng, state["rng"])
        with _damaged(who):
            self._load(state["algorithm"])


def _set_generator(rng: np.random.Generator, state: Any) -> None:
    try:
        rng.bit_generator.state = state
    except ValueError as error:
        raise ValueError(f"teacher state: rng: expected a state of its generator, got {error}") from error


@contextlib.contextmanager
def _damaged(what: str) -> Iterator[None]:
    """Turn what reading a state of another form raises into a ValueError that says where."""
    try:
        yield
    except KeyError as error:
        raise ValueError(f"teacher state: {what} expected an entry {error}") from error
    except (TypeError, AttributeError, LookupError, ArithmeticError, RuntimeError) as error:
        raise ValueError(
            f"teacher state: {what}: expected what state_dict returned, got {type(error).__name__}: {error}"
        ) from error


def _check_finite(where: str, what: str, values: Array, outcomes: Outcomes) -> None:
    with np.errstate(invalid="ignore"):
        good = np.abs(values.astype(np.float64, copy=False)) <= LARGEST
    if not good.all():
        row = int(good.argmin())
        expected = f"a finite {what}" if not np.isfinite(values[row]) else f"a {what} within {LARGEST:g}"
        raise ValueError(
            f"{where}: row {row} (id {outcomes.ids[row]}, task {outcomes.tasks[row].tolist()}): "
            f"expected {expected}, got {values[row]}"
        )


_MOST, _SPAN = 2**62, 2**34
"""Ids that a state may count to, and from its oldest open one on: a byte is kept for each of these."""


class _Outstanding:
    """Which ids are outstanding: one byte for each id from the oldest open one on."""

    def __init__(self) -> None:
        self._first = 0  # every id below is closed
        self._next = 0
        self._open = np.zeros(64, np.bool_)

    def peek(self, n: int) -> IntArray:
        """Return the next ``n`` ids without issuing them."""
        return np.arange(self._next, self._next + n, dtype=np.int64)

    def issue(self, n: int) -> None:
        end = self._next + n - self._first
        if end > len(self._open):
            self._trim()
            end = self._next + n - self._first
        if end > len(self._open):
            self._open = np.concatenate([self._open, np.zeros(max(end, len(self._open)), np.bool_)])
        self._open[end - n : end] = True
        self._next += n

    def _trim(self) -> None:
        """Forget the closed ids before the oldest open one."""
        used = self._open[: self._next - self._first]
        closed = int(used.argmax()) if used.any() else len(used)
        self._open[: len(used) - closed] = used[closed:].copy()
        self._open[len(used) - closed :] = False
        self._first += closed

    def check(self, ids: IntArray, where: str) -> None:
        """Raise ValueError unless all ids are outstanding and different."""
        if ids.size == 0:
            return
        wrong = (ids < 0) | (ids >= self._next)
        if wrong.any():
            raise ValueError(f"{where}: id {ids[wrong][0]} was never issued (next id: {self._next})")
        index = ids - self._first
        closed = (index < 0) | ~self._open[np.maximum(index, 0)]
        if closed.any():
            raise ValueError(
                f"{where}: id {ids[closed][0]} is not outstanding: it was told or dropped before"
            )
        if ids.size > 1:
            ordered = np.sort(ids)
            twice = ordered[1:] == ordered[:-1]
            if twice.any():
                raise ValueError(f"{where}: id {ordered[1:][twice][0]} comes twice in one batch")

    def close(self, ids: IntArray) -> None:
        self._open[ids - self._first] = False

    def open_ids(self) -> IntArray:
        return np.flatnonzero(self._open[: self._next - self._first]) + self._first

    def state(self) -> State:
        return {"next": self._next, "open": self.open_ids()}

    def load(self, state: Mapping[str, Any]) -> None:
        check_names("teacher state: ids", ("next", "open"), state)
        following = saved_whole("teacher state: ids: next", state["next"], high=_MOST)
        ids = saved_array(
            "teacher state: ids: open", state["open"], np.int64, (None,), low=0, high=following - 1
        )
        if (np.diff(ids) <= 0).any():
            raise ValueError(f"teacher state: ids: open: expected ascending ids, got {ids}")
        first = int(ids[0]) if ids.size else following
        if following - first > _SPAN:
            raise ValueError(
                f"teacher state: ids: expected at most {_SPAN} ids from the oldest open one on, "
                f"got {following - first}"
            )
        self._first, self._next = first, following
        self._open = np.zeros(max(64, following - first), np.bool_)
        self._open[ids - first] = True
