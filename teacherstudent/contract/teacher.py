"""The teacher: asked for tasks, told of outcomes, with the bookkeeping of ids that every teacher shares."""

from __future__ import annotations

import copy
import dataclasses
import functools
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import (
    Any,
    ClassVar,
    Concatenate,
    Generic,
    ParamSpec,
    Protocol,
    Self,
    TypeVar,
    final,
    runtime_checkable,
)

import gymnasium as gym
import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.accounts.columns import check_columns
from teacherstudent.contract.accounts.listener import Listener
from teacherstudent.contract.accounts.outstanding import MOST_ROWS, Outstanding
from teacherstudent.contract.checks import check_names, is_number, is_one_of, is_whole, see
from teacherstudent.contract.facts import facts_for
from teacherstudent.contract.family import Family
from teacherstudent.contract.stored.saved import difference, reading, saved_generator
from teacherstudent.contract.stored.settings import remember
from teacherstudent.contract.types import (
    UNASKED,
    Assignment,
    BoolArray,
    Granularity,
    IntArray,
    Outcomes,
    Seed,
    State,
    Wait,
    generator,
)

S = TypeVar("S", bound=gym.Space[Any])
P = ParamSpec("P")
R = TypeVar("R")


def _alone(method: Callable[Concatenate[Any, P], R]) -> Callable[Concatenate[Any, P], R]:
    """Let one thread at a time into a teacher's methods: a server asks in a thread of its own."""

    @functools.wraps(method)
    def alone(self: Teacher[Any], /, *args: P.args, **options: P.kwargs) -> R:
        # A fork may have copied the lock while another thread held it: nobody there would ever release it.
        if os.getpid() != self._process:
            return method(self, *args, **options)
        with self.lock:
            return method(self, *args, **options)

    return alone


class Teacher(ABC, Generic[S]):
    """Chooses tasks and learns from their outcomes.

    An author writes ``__init__`` (its keywords are the whole configuration), `_ask`, `_tell`, `_state` and
    `_load`, and may write `first_action`, `decisions`, `steered`, `caution`, `spent`, `metrics` and
    `snapshot`. Users call `ask` and `tell`.

    Many tasks may be outstanding; outcomes may come late, out of order, in any batch, or never.

    A teacher works in the process that made it and nowhere else: a copy in another process would hear of
    nothing, in silence. It cannot be pickled, and refuses to act in a forked process, unless a
    `teacherstudent.TeacherServer` serves it: then the pickle holds a client of the server. A wanted copy is a
    new teacher that takes `state_dict` by `load_state_dict`, or, in the same process, ``copy.deepcopy``.
    Threads of one process may share it.

    Attributes:
        accepts: the kinds of space that the teacher works on.
        needs: signals that every outcome must carry, one number a row; a teacher's options may say.
        measures: signals that outcomes of measured rows (those that nothing is trained on) must carry, one
            number a row; on other rows they may be NaN or absent. A teacher that measures rows names those of
            `needs` here as well: then a run refuses, before it starts, a student whose measured rows lack
            one.
        reads: signals that it looks at where an outcome carries them; one number a row, NaN or infinite too.
        granularity: how long a task binds the student.
        members: for how many members of the student its rows are; an ask must be for a row for each.
        differences: whether it takes differences of scores, so that a score must be a level and no gain.
        acts: whether what it is told may change which tasks it chooses; False for uniform draws and fixed
            schedules, of which no run expects that they act.
        space: the task space.
        rng: the teacher's own generator; part of its state.
        lock: held while the teacher acts; hold it around `metrics` and `snapshot` where threads share it.
        dropped: how many rows were open when the teacher was saved, and dropped when it was loaded.
        elsewhere: returns what a pickle holds in the teacher's place, a function and its arguments, as
            ``__reduce__`` does; None refuses to be pickled. A server sets it.
        fitted: rows and slots of the run that open options follow (`fit_options`); None if they follow none.
        listener: hears of every row; None if nobody does. The record of an own loop sets it, and a copy has
            none.

    Args:
        space: the task space.
        seed: an integer of at least 0 or a ``SeedSequence``.

    Raises:
        TypeError: if the space is of a kind that the teacher does not accept, or the seed is no integer.
        ValueError: if the space is empty or unbounded.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]]
    needs: frozenset[str] = frozenset()
    measures: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    granularity: Granularity = "episode"
    members: int = 1
    differences: bool = False
    acts: bool = True

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        # Arguments are noted when an object is made, also those of classes that users write.
        remember(cls)

    def __init__(self, space: S, *, seed: Seed) -> None:
        if not isinstance(space, self.accepts):
            accepted = " or ".join(kind.__name__ for kind in self.accepts)
            raise TypeError(
                f"{type(self).__name__}: expected a space of type {accepted}, got {spaces.named(space)}"
                f"{see('teachers.md')}"
            )
        spaces.check_space(space)
        self.space: S = space
        self.rng = generator(seed)
        self._ids = Outstanding()
        # A fork copies the object: the number of the process tells the copy from the original.
        self._process = os.getpid()
        self.lock = threading.RLock()
        self.dropped = 0
        self.fitted: tuple[int, int] | None = None
        self.elsewhere: Callable[[], tuple[Any, ...]] | None = None
        self.listener: Listener | None = None

    @classmethod
    def from_family(cls, family: Family, *, seed: Seed, **options: Any) -> Self:
        """Return a teacher of a family's tasks, which takes what it can use of the family's facts.

        A fact is taken where the constructor has an argument of its name (`FACTS`), the family knows it, and
        no option gives another value.

        Args:
            family: whose tasks it is to choose.
            seed: an integer of at least 0 or a ``SeedSequence``.
            options: of the constructor.

        Raises:
            TypeError, ValueError: as the constructor.
        """
        # The user's options come last, so that they count more than the family's facts.
        return cls(family.space, seed=seed, **{**facts_for(cls, family), **options})  # type: ignore[arg-type]

    @final
    @_alone
    def ask(self, n: int = 1, *, progress: float = 0.0) -> Assignment:
        """Return tasks to work on: ``n`` of them, or fewer where the teacher has no more, never none.

        Args:
            n: how many, at least one for each member.
            progress: the fraction of the budget that is spent, 0 to 1.

        Raises:
            TypeError: if ``n`` is no integer.
            ValueError: if ``n`` or ``progress`` is out of range.
            RuntimeError: in another process than the one that made the teacher.
        """
        self._check_process()
        if not is_whole(n):
            raise TypeError(f"ask: expected an integer n, got {n!r}")
        if n < self.members:
            what = ""
            if self.members != 1:
                what = ", a row for each member"
            raise ValueError(f"ask: expected n >= {self.members}{what}, got {n}")
        if n > MOST_ROWS:
            raise ValueError(f"ask: expected n <= {MOST_ROWS}, got {n}")
        if not (is_number(progress) and 0.0 <= progress <= 1.0):
            raise ValueError(f"ask: expected progress in [0, 1], got {progress!r}")
        # The ids are not used up yet: if the algorithm raises, the next ask hands out the same ones.
        ids = self._ids.peek(n)
        assignment = self._ask(ids, progress)
        given = len(assignment)
        # Most teachers return the very array, and comparing it
        # would be a waste. Fewer rows must be the first ones.
        if assignment.ids is not ids and not (given and np.array_equal(assignment.ids, ids[:given])):
            raise ValueError(
                f"{type(self).__name__}._ask: expected the first of the ids {ids}, got {assignment.ids}"
            )
        for name in ("member", "origin"):
            self._check_members(f"{type(self).__name__}._ask: {name}", getattr(assignment, name))
        self._ids.issue(given)
        if self.listener is not None:
            self.listener.asked(assignment)
        return assignment

    def _check_members(self, where: str, members: IntArray) -> None:
        """Raise ValueError unless rows are of members that the teacher has declared."""
        if len(members) and members.max() >= self.members:
            raise ValueError(
                f"{where}: expected members from 0 to {self.members - 1}, as the attribute members = "
                f"{self.members} says, got {members.max()}"
            )

    @final
    @_alone
    def tell(self, outcomes: Outcomes) -> None:
        """Take in what happened on tasks.

        Either the whole batch is accepted or an error is raised and nothing has changed.

        Args:
            outcomes: rows in any order, for any part of the outstanding tasks. Rows with id -1 are tasks that
                this teacher did not ask for.

        Raises:
            ValueError: if an id was never issued, is repeated, was told before or was dropped; if a task lies
                outside the space, or a row is of a member that the teacher does not have; if a score or cost
                is not finite or beyond 1e100, a cost is negative, or a signal that the row must carry
                (`needs`, `measures`) is missing, not one number a row, or such a number.
            TypeError: if it is told of anything but `Outcomes`.
            RuntimeError: in another process than the one that made the teacher.
        """
        self._check_process()
        where = type(self).__name__ + ".tell"
        if not isinstance(outcomes, Outcomes):
            raise TypeError(f"{where}: expected Outcomes, got {outcomes!r}")
        # All checks come before `_tell`, so that a refused batch has changed nothing.
        tasks = spaces.check_tasks(self.space, outcomes.tasks, where)
        self._check_members(f"{where}: member", outcomes.member)
        check_columns(outcomes, where, needs=self.needs, measures=self.measures, reads=self.reads)
        asked = outcomes.ids[outcomes.ids != UNASKED]
        self._ids.check(asked, where)
        # Nothing was told, so an algorithm never has to think of empty batches.
        if len(outcomes) == 0:
            return
        # The checked tasks may be of another dtype: algorithms may rely on the space's own.
        if tasks is not outcomes.tasks:
            outcomes = dataclasses.replace(outcomes, tasks=tasks)
        self._tell(outcomes)
        # Closed last: if the algorithm refuses the batch, its rows are still outstanding.
        self._ids.close(asked)
        if self.listener is not None:
            self.listener.told(outcomes)

    @final
    @_alone
    def drop(self, ids: IntArray) -> None:
        """Give up outstanding tasks whose outcome will never come; telling of them later is an error.

        Raises:
            ValueError: if an id is not outstanding or is repeated.
            TypeError: if the ids are no array ``(n,)`` of integers.
            RuntimeError: in another process than the one that made the teacher.
        """
        self._check_process()
        where = type(self).__name__ + ".drop"
        given = np.asarray(ids)
        # An empty list is an array of floats to NumPy, but names no wrong id.
        if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
            raise TypeError(f"{where}: ids: expected an array (n,) of integers, got {ids!r}")
        ids = given.astype(np.int64)
        self._ids.check(ids, where)
        # The algorithm forgets first: after an error the ids are still open, and a second try is possible.
        self._drop(ids)
        self._ids.close(ids)
        if self.listener is not None:
            self.listener.dropped(ids)

    @property
    @final
    @_alone
    def outstanding(self) -> IntArray:
        """Ids that were asked for and neither told of nor dropped, in ascending order."""
        return self._ids.open_ids()

    @abstractmethod
    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        """Return an assignment with these ids, in this order; of fewer rows where there are no more tasks.

        A teacher of rollouts must return all of them: every slot plays one.
        Its notes, which are logged with the outcomes, must have the same names in every call.
        """

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

        The state may be damaged: check, with `teacherstudent.contract.stored.saved`, every number that
        indexes an array or weighs a draw. Raise ValueError if something is wrong; the base then puts the old
        state back.
        """

    def metrics(self) -> dict[str, float]:
        """Return named numbers for the log."""
        return {}

    def first_action(self) -> Wait | None:
        """Return what the teacher waits for before it acts on what it is told; None if for nothing (more).

        A run whose budget ends before is refused, and rows that are asked for once it is None count as
        steered.
        """
        return None

    def decisions(self) -> int | None:
        """Return how often the teacher has changed its sampling by what it was told: fits, replays.

        None if it does not count them: a run then takes every tell after the first action for one.
        """
        return None

    def steered(self, assignment: Assignment) -> BoolArray | None:
        """Return ``(n,)`` which rows of its latest ask follow from what the teacher was told.

        By default what its note ``steered`` says, where it makes such a note. None if it does not tell rows
        apart: a run then takes all rows for steered from the first action on (`first_action`), uniform ones
        that the teacher mixes in too.
        """
        note = assignment.notes.get("steered")
        if note is None:
            return None
        return note.astype(np.bool_)

    def caution(self) -> str | None:
        """Return what a reader of the run should know of the teacher as it is now; None if nothing.

        A run that hears of it at several records in a row notes it, once.
        """
        return None

    def spent(self) -> Mapping[str, float]:
        """Return what the teacher itself spent so far, by name.

        It counts against the budget only where the family gives it a price (`Family.prices`).
        """
        return {}

    def snapshot(self) -> dict[str, Any]:
        """Return what a picture of the teacher needs, as plain data; empty if there is nothing to draw."""
        return {}

    @final
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the teacher to a file, from which ``teachers.load(path)`` makes it anew.

        The file holds plain data: the name, the arguments, the space's description, the state.

        Raises:
            ValueError: if its class is not registered.
            OSError: if the file cannot be written; an older file of that name is untouched.
        """
        # Files are another part's business, and that part may not be imported from here.
        if _WRITERS:
            _WRITERS[-1](self, path)
        else:
            raise RuntimeError("Teacher.save: expected `import teacherstudent` to have been run before")

    @final
    @_alone
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
    @_alone
    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict` of a teacher of the same class, space and configuration.

        Either the whole state is taken over or an error is raised and nothing has changed.

        Raises:
            ValueError: if the state is of another class or space, incomplete, or damaged.
        """
        if not isinstance(state, Mapping):
            raise ValueError(f"teacher state: expected what state_dict returned, got {state!r}")
        check_names("teacher state", ("teacher", "space", "ids", "rng", "algorithm"), state)
        if not is_one_of(state["teacher"], [type(self).__name__]):
            raise ValueError(f"teacher state: expected one of {type(self).__name__}, got {state['teacher']}")
        # Compared bit for bit: a box whose ends differ a little would give other tasks.
        if difference(spaces.describe(self.space), state["space"]) is not None:
            raise ValueError(
                f"teacher state: expected space {spaces.describe(self.space)}, got {state['space']}"
            )
        # An algorithm's `_load` may fail halfway, so the state before is kept to go back to.
        before = self.state_dict()
        try:
            self._take(state)
            # Saving it again shows whether the whole state was taken
            # over: a damaged entry that is ignored would pass else.
            if where := difference(self.state_dict(), dict(state), "teacher state"):
                raise ValueError(f"{where}: expected what state_dict returned, got something else")
        except BaseException:
            self._take(before)
            raise

    def _take(self, state: State) -> None:
        who = type(self).__name__
        with reading("teacher state: ids"):
            self._ids = Outstanding.of(state["ids"])
        with reading("teacher state: rng"):
            self.rng.bit_generator.state = saved_generator("teacher state: rng", state["rng"])
        with reading(f"teacher state: {who}"):
            self._load(state["algorithm"])

    @final
    def _check_process(self) -> None:
        """Raise RuntimeError in a process that holds a copy of the teacher by a fork."""
        if os.getpid() != self._process:
            raise RuntimeError(
                f"{type(self).__name__}: expected to act in process {self._process}, which made the teacher, "
                f"got process {os.getpid()}: a copy there teaches alone, and the original hears of nothing. "
                f"{_REMEDY}"
            )

    @property
    @final
    def at_home(self) -> bool:
        """Whether this is the process that made the teacher, and not a fork of it."""
        return os.getpid() == self._process

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Be pickled as a client of the server that serves it.

        Raises:
            TypeError: if there is no server.
        """
        if self.elsewhere is not None:
            return self.elsewhere()
        raise TypeError(
            f"{type(self).__name__}: expected to stay in the process that made the teacher, got a request to "
            f"pickle it: a copy would teach alone, and the original hear of nothing. {_REMEDY}"
        )

    def __copy__(self) -> Self:
        """Refuse: two teachers would share one state.

        Raises:
            TypeError: always.
        """
        raise TypeError(
            f"{type(self).__name__}: expected a deep copy, for a simulation in the same process, got a "
            f"request for a shallow one. {_REMEDY}"
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> Teacher[S]:
        """Return a teacher of its own that goes on from here, for a simulation in the same process."""
        # Past the constructor, and past __reduce_ex__, which refuses copies for other processes.
        other = object.__new__(type(self))
        # Noted before the attributes are copied: one of them may hold the teacher itself.
        memo[id(self)] = other
        # The twin is nobody's teacher yet: it has a lock of its own, no server, and no record.
        own = {"lock": threading.RLock(), "elsewhere": None, "listener": None}
        for name, value in vars(self).items():
            setattr(other, name, own[name] if name in own else copy.deepcopy(value, memo))
        return other


_WRITERS: list[Callable[[Teacher[Any], str | os.PathLike[str]], None]] = []


def write_with(writer: Callable[[Teacher[Any], str | os.PathLike[str]], None]) -> None:
    """Say what `Teacher.save` calls: the part that writes files does, when it is imported."""
    _WRITERS[:] = [writer]


@runtime_checkable
class Scales(Protocol):
    """A teacher whose options follow the length of a run, where the user has left them at None.

    A run calls `fit_to` before the first ask where it knows how many rows its budget holds, and notes it in
    its manifest: a resumed run gives the same numbers again. A teacher that nobody tells keeps the numbers of
    its paper.
    """

    def fit_to(self, rows: int, slots: int) -> Mapping[str, Any]:
        """Choose the options that are None.

        Args:
            rows: how many outcomes the run will bring, at least.
            slots: how many rows an ask is for.

        Returns:
            The options that were chosen, by name; empty where the user has given all.
        """


def fit_options(teacher: Teacher[Any], rows: int, slots: int) -> Mapping[str, Any]:
    """Let a teacher that was never asked choose its open options (`Scales.fit_to`), and note by what.

    A file of the teacher (`Teacher.save`) holds the note: what is loaded from it has the same options.

    Returns:
        The options that were chosen, by name; empty if the teacher does not follow the length of a run.
    """
    if not isinstance(teacher, Scales):
        return {}
    chosen = teacher.fit_to(rows, slots)
    teacher.fitted = (rows, slots)
    return chosen


@runtime_checkable
class Stops(Protocol):
    """A teacher that knows when there is nothing left to teach."""

    @property
    def done(self) -> str | None:
        """Why the run may end before its budget is spent, in a few words; None while it may not."""


_REMEDY = (
    "Use one TeacherVecEnv(teacher, family.make_vec(n, processes=k)), whose environments live in k processes "
    "and whose teacher stays, or TeacherServer(teacher), made before the processes start: then each of them "
    "gets a client; for a teacher of its own, make one in that process (and, to go on from "
    "another's state, carry its state_dict() over to load_state_dict)."
)
