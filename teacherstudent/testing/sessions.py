"""What the conformance kits share: a student that answers late and out of order, and exact comparison."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.stored.saved import difference
from teacherstudent.contract.stored.settings import maker
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import UNASKED, Array, Assignment, FloatArray, IntArray, Outcomes, State
from teacherstudent.recording.disk import checkpoint
from teacherstudent.recording.positions import OWN_COLUMNS

Play: TypeAlias = Callable[[Teacher[Any], Assignment, np.random.Generator], Outcomes]
"""Returns an outcome for each row of an assignment, in order."""


__all__ = [
    "ContractError", "Play", "Session", "check_assignment", "copied", "difference", "difficulty", "name",
    "plausible_outcomes", "replaced", "rule", "through_file", "unasked",
]  # fmt: skip


class ContractError(AssertionError):
    """What a conformance kit raises: a sentence that names the rule."""


def must(kept: Any, sentence: str) -> None:
    """Raise `ContractError` with the sentence unless the rule is kept."""
    if not kept:
        raise ContractError(sentence)


def factory_of(what: str, thing: Any, kind: type[Any], example: str) -> Callable[[int], Any]:
    """Return what makes the objects that are checked, from a seed.

    It is the function that was given, or one that repeats how the object was made that was given; that object
    itself is left alone.

    Args:
        what: the kit's name.
        thing: what it was given.
        kind: the class of what is checked.
        example: a call with a function.

    Raises:
        TypeError: if it is neither, or an object of which it is not known how to make another.
    """
    told = f"{what}: expected a function that makes what is checked, as it is made more than once: {example}"
    if isinstance(thing, kind) and not isinstance(thing, type):
        try:
            return maker(thing, "seed")
        except TypeError as error:
            raise TypeError(f"{told}; got an object, and {error}") from error
    if not callable(thing):
        raise TypeError(f"{told}; got {thing!r}")
    made: Callable[[int], Any] = thing
    return made


def plausible_outcomes(teacher: Teacher[Any], assignment: Assignment, rng: np.random.Generator) -> Outcomes:
    """Return noisy scores in [0, 1] that rise with the ids, on some tasks sooner; uniform signals; cost 1.

    Signals that only measured rows must carry are NaN on the others.
    """
    n = len(assignment)
    # Scores rise as the run goes on, so that teachers get to their later phases.
    age = assignment.ids / (assignment.ids + 200.0)
    score = np.clip(2 * age - difficulty(teacher, assignment.tasks) + 0.1 * rng.standard_normal(n), 0, 1)
    signals = {name: rng.random(n) for name in sorted(teacher.needs)}
    for name in sorted(teacher.measures - teacher.needs):
        signals[name] = np.where(assignment.learn, np.nan, rng.random(n))
    return Outcomes.of(assignment, score=score, cost=np.ones(n), signals=signals)


def difficulty(teacher: Teacher[Any], tasks: Array) -> FloatArray:
    """Return a fixed number in [0, 1] for each task of the teacher's space."""
    space = teacher.space
    if (box := spaces.box_of(space)) is not None:
        return np.asarray(spaces.to_unit(box, tasks).mean(axis=1))
    if (numbers := spaces.numbers(space)) is not None:
        return np.asarray((tasks - numbers.start) / len(numbers))
    return np.asarray(np.remainder(spaces.keys(space, tasks), 1000) / 1000)


class Session:
    """Asks and tells in batches of random size, late, out of order, and for some tasks never.

    Args:
        teacher: the teacher to drive.
        play: what happens on tasks.
        seed: of the session's own generator.
        reuse: overwrite every array that was handed over, as a student with fixed buffers does.
    """

    def __init__(self, teacher: Teacher[Any], play: Play, *, seed: int = 0, reuse: bool = False) -> None:
        self.teacher = teacher
        self.play = play
        self.reuse = reuse
        self.rng = np.random.Generator(np.random.PCG64(seed))
        # Its own generator for the arrays that are overwritten:
        # the session's draws must not depend on `reuse`.
        self._waste = np.random.Generator(np.random.PCG64(1))
        self.waiting: list[Assignment] = []
        self.asked: list[Array] = []
        self._notes: set[str] | None = None  # names

    def fork(self, teacher: Teacher[Any]) -> Session:
        """Return a session that goes on from here with another teacher."""
        other = Session(teacher, self.play, reuse=self.reuse)
        other.rng.bit_generator.state = self.rng.bit_generator.state
        # Assignments do not change, so that both sessions can hold the same ones.
        other.waiting = list(self.waiting)
        return other

    def ask(self, n: int, progress: float = 0.0) -> Assignment:
        """Ask until there are ``n`` tasks, check what comes back, and return a copy of it.

        A teacher of several members is asked for a row for each at least.
        """
        parts = [self._ask(max(n, self.teacher.members), progress)]
        # A teacher may hand out fewer than it is asked for.
        while (missing := n - sum(map(len, parts))) > 0:
            parts.append(self._ask(max(missing, self.teacher.members), progress))
        return Assignment.concatenate(parts)

    def _ask(self, n: int, progress: float) -> Assignment:
        assignment = self.teacher.ask(n, progress=progress)
        check_assignment(self.teacher, assignment, n)
        self._check_notes(assignment)
        self._check_measures(assignment)
        # A copy: with `reuse` the arrays of the teacher are overwritten, as a student might do.
        copy = copied(assignment)
        self.asked.append(copy.tasks)
        if self.reuse:
            self._overwrite(assignment.tasks)
        return copy

    def _check_notes(self, assignment: Assignment) -> None:
        """Raise `ContractError` unless the notes have the names of the first assignment, and free ones."""
        names = set(assignment.notes)
        if self._notes is None:
            self._notes = names
        if names != self._notes:
            raise ContractError(
                f"{name(self.teacher)}: every ask must note the same names, {sorted(self._notes)}, "
                f"got {sorted(names)}"
            )
        # Notes share a table with the recorder's own columns.
        if taken := names & OWN_COLUMNS:
            raise ContractError(f"{name(self.teacher)}: notes must not be called {sorted(taken)}")

    def _check_measures(self, assignment: Assignment) -> None:
        """Raise `ContractError` if rows are measured of which it is not said what they must carry."""
        undeclared = self.teacher.needs - self.teacher.measures
        if undeclared and not assignment.learn.all():
            raise ContractError(
                f"{name(self.teacher)}: a teacher that measures rows must name in measures what these must "
                f"carry, needs included: lacks {sorted(undeclared)}"
            )

    def tell(self, outcomes: Outcomes) -> None:
        """Tell, and check that the arrays told are left alone."""
        given = [outcomes.ids, outcomes.tasks, outcomes.score, outcomes.cost, *outcomes.signals.values()]
        # The teacher may not write into what it is told: the student still uses it.
        before = [array.copy() for array in given]
        self.teacher.tell(outcomes)
        same = (difference(a, b) is None for a, b in zip(given, before, strict=True))
        if not all(same):
            raise ContractError(f"{name(self.teacher)}: tell must not change the arrays it is given")
        if self.reuse:
            self._overwrite(outcomes.tasks)
            for array in (outcomes.ids, outcomes.score, outcomes.cost, *outcomes.signals.values()):
                if array.flags.writeable:
                    # No right value of any column: a teacher that kept
                    # the array instead of a copy goes wrong visibly.
                    array[...] = np.array(-77).astype(array.dtype)

    def _overwrite(self, tasks: Array) -> None:
        """Put other tasks of the space where these were."""
        if tasks.flags.writeable:
            tasks[...] = spaces.sample(self.teacher.space, self._waste, len(tasks))

    def run(self, rows: int) -> list[Array]:
        """Ask for at least ``rows`` tasks, tell most of them, and return the tasks asked by this call."""
        first = len(self.asked)
        count = 0
        while count < rows:
            n = int(self.rng.integers(1, 25))
            assignment = self.ask(n, progress=min(1.0, count / rows))
            # Counted by what came and not by what was asked for: a teacher may have fewer tasks.
            count += len(assignment)
            # Single rows wait, so that they can be told in any order and batch.
            self.waiting += [assignment.select(slice(i, i + 1)) for i in range(len(assignment))]
            self._tell_some()
        return self.asked[first:]

    def _tell_some(self) -> None:
        order = self.rng.permutation(len(self.waiting))
        # A random part is told now, the rest later.
        now, later = np.split(order, [int(self.rng.integers(len(order) + 1))])
        # Now and then one row is lost: dropped, or never heard of again.
        lost, now = np.split(now, [int(self.rng.random() < 0.2)])
        chosen = [self.waiting[i] for i in now]
        if lost.size and self.rng.random() < 0.5:
            self.teacher.drop(self.waiting[lost[0]].ids)
        self.waiting = [self.waiting[i] for i in later]
        if chosen:
            rows = Assignment.concatenate(chosen)
            self.tell(self.play(self.teacher, rows, self.rng))


def check_assignment(teacher: Teacher[Any], assignment: Assignment, n: int) -> None:
    """Raise `ContractError` unless these are new tasks of the teacher's space, at most ``n``.

    A teacher of rollouts must return all of them, since every slot plays one.
    """
    who = name(teacher)
    space = teacher.space
    # Bound for rollouts every slot needs a task; otherwise fewer are fine.
    least = n if teacher.granularity == "rollout" else 1
    if not isinstance(assignment, Assignment) or not least <= len(assignment) <= n:
        raise ContractError(
            f"{who}: ask({n}) must return an Assignment of {least} to {n} rows, got {assignment!r}"
        )
    n = len(assignment)
    tasks = assignment.tasks
    if tasks.shape != (n, *(space.shape or ())) or tasks.dtype != space.dtype:
        raise ContractError(
            f"{who}: tasks must have the space's shape and dtype, ({n}, *{space.shape}) {space.dtype}, "
            f"got {tasks.shape} {tasks.dtype}"
        )
    inside = spaces.contains_each(space, tasks)
    if not inside.all():
        raise ContractError(f"{who}: tasks must lie in the space {space}, got {tasks[~inside][0].tolist()}")
    # New ids are all different and outstanding: that is how a told outcome is found.
    if len(np.unique(assignment.ids)) != n or not np.isin(assignment.ids, teacher.outstanding).all():
        raise ContractError(f"{who}: ask must return the ids it was handed, got {assignment.ids.tolist()}")


def copied(assignment: Assignment) -> Assignment:
    """Return an assignment that shares no memory with the given one."""
    # Indexing by numbers copies, where a slice would be a view.
    return assignment.select(np.arange(len(assignment)))


def replaced(outcomes: Outcomes, **columns: Any) -> Outcomes:
    """Return outcomes with some columns replaced."""
    return dataclasses.replace(outcomes, **columns)


def unasked(outcomes: Outcomes) -> Outcomes:
    """Return the same rows as tasks that nobody asked for."""
    ids: IntArray = np.full(len(outcomes), UNASKED, np.int64)
    return replaced(outcomes, ids=ids)


def through_file(state: State) -> State:
    """Return the state as it comes back from a checkpoint file."""
    # The folder goes at the end of the block, so the state is read within it.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.npz"
        checkpoint.save(path, state)
        return checkpoint.load(path)


@contextlib.contextmanager
def rule(who: str, sentence: str) -> Iterator[None]:
    """Turn any error inside into a `ContractError` that names it."""
    try:
        yield
    # A broken rule within the block is named already.
    except ContractError:
        raise
    except Exception as error:
        raise ContractError(f"{who}: {sentence}; it raised {type(error).__name__}: {error}") from error


def name(thing: object) -> str:
    """Return the class name of what is checked."""
    return type(thing).__name__
