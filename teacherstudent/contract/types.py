"""The two records that pass between a teacher and a student, and the plain data that a checkpoint holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from teacherstudent.contract.checks import is_whole
from teacherstudent.contract.purposes import Purpose

Array: TypeAlias = npt.NDArray[Any]
FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
ByteArray: TypeAlias = npt.NDArray[np.uint8]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

Granularity: TypeAlias = Literal["episode", "rollout", "chunk", "step"]
"""How long a task binds the student: an episode, a whole rollout, a chunk of training, or one step."""

State: TypeAlias = dict[str, Any]
"""A checkpoint: nested dicts with string keys whose leaves are arrays, numbers, strings, booleans, None, or
lists of these. Nothing else, so that loading one never runs code."""

Seed: TypeAlias = int | np.random.SeedSequence

LARGEST = 1e100
"""Scores, costs and needed signals lie within plus and minus this: sums of their squares are finite."""

UNASKED = -1
"""The id of a row that the teacher did not ask for: warm start, replay of a log, a repeated task."""


_IDS = 2**62
"""Ids lie below this: a float of more is no exact number, and an index of more no place in memory."""


def _given(name: str, values: npt.ArrayLike, expected: str, kinds: str = "biuf") -> Array:
    """Return ``values`` as an array of numbers, or raise TypeError that names the column."""
    try:
        given = np.asarray(values)
    # NumPy makes no array of rows of different lengths.
    except ValueError as error:
        raise TypeError(f"{name}: expected {expected}, got {values!r}: {error}") from error
    # An empty list is an array of floats to NumPy, whatever it was meant to hold.
    if given.dtype.kind not in kinds and given.size:
        raise TypeError(f"{name}: expected {expected}, got {values!r}")
    return given


def _column(name: str, values: npt.ArrayLike, dtype: npt.DTypeLike, rows: int) -> Array:
    """Return ``values`` as an array of shape ``(rows,)``, or raise an error that names the column."""
    if dtype is np.int64:
        given = _given(name, values, "whole numbers", "iuf")
        # Floats are taken where they are whole: numbers that went through a table or JSON often are.
        if given.dtype.kind == "f" and not (np.isfinite(given) & (np.rint(given) == given)).all():
            raise ValueError(f"{name}: expected whole numbers, got {given}")
        # Compared as floats: the absolute value of the least int64 overflows.
        if not (abs(given.astype(np.float64)) < _IDS).all():
            raise ValueError(f"{name}: expected whole numbers below 2**62, got {given}")
    elif dtype is np.uint8:
        given = _given(name, values, "whole numbers from 0 to 255", "iuf")
        # Checked before the conversion below, in which 256 would become 0; bytes need no look.
        if given.dtype != np.uint8 and not (np.isin(given, np.arange(256))).all():
            raise ValueError(f"{name}: expected whole numbers from 0 to 255, got {given}")
    else:
        given = _given(name, values, "numbers")
    # No copy where the dtype is right already: assignments are made in every round.
    column = given.astype(dtype, copy=False)
    if column.shape != (rows,):
        raise ValueError(f"{name}: expected shape ({rows},), one value for each id, got {column.shape}")
    return column


def _tasks(values: npt.ArrayLike) -> Array:
    """Return tasks as an array with a row for each, or raise TypeError."""
    tasks = _given("tasks", values, "an array (n, ...) of numbers")
    if tasks.ndim == 0:
        raise TypeError(f"tasks: expected an array (n, ...), a row for each task, got {values!r}")
    return tasks


def _purpose(values: npt.ArrayLike | None, rows: int) -> ByteArray:
    """Return what each row is for; to be trained on if nothing is given."""
    if values is None:
        return np.zeros(rows, np.uint8)
    return _column("purpose", values, np.uint8, rows)


def _member(name: str, values: npt.ArrayLike | None, rows: int) -> IntArray:
    """Return the member that each row names; the first one if nothing is given."""
    if values is None:
        return np.zeros(rows, np.int64)
    members = _column(name, values, np.int64, rows)
    if (members < 0).any():
        raise ValueError(f"{name}: expected members from 0 on, got {members}")
    return members


def _columns(kind: str, given: Any, rows: int) -> dict[str, Array]:
    """Return named columns with a value for each row, or raise an error that names the column."""
    if not isinstance(given, Mapping):
        raise TypeError(f"{kind}s: expected a mapping of names to columns, got {given!r}")
    columns = {}
    for name, values in given.items():
        column = _given(f"{kind} {name!r}", values, "numbers")
        if column.ndim == 0 or column.shape[0] != rows:
            raise ValueError(f"{kind} {name!r}: expected {rows} rows, got shape {column.shape}")
        columns[name] = column
    return columns


R = TypeVar("R", "Assignment", "Outcomes")


def _picked(record: R, rows: BoolArray | IntArray | slice) -> R:
    """Return an assignment or outcomes of some rows of all columns."""
    found: dict[str, Any] = {}
    for each in fields(record):
        value = getattr(record, each.name)
        if isinstance(value, Mapping):
            found[each.name] = {name: column[rows] for name, column in value.items()}
        else:
            found[each.name] = value[rows]
    return type(record)(**found)


def _joined(parts: Iterable[R], kind: type[R], columns: str) -> R:
    """Return assignments or outcomes joined row-wise; ``columns`` is the field of named columns.

    Raises:
        ValueError: if there is no part or the names of the columns differ.
        TypeError: if a part is of another kind.
    """
    found = list(parts) if isinstance(parts, Iterable) else [parts]
    if not found:
        raise ValueError(f"concatenate: expected at least one {kind.__name__}, got none")
    for part in found:
        if not isinstance(part, kind):
            raise TypeError(f"concatenate: expected {kind.__name__}, got {part!r}")
    names = getattr(found[0], columns).keys()
    for part in found:
        if getattr(part, columns).keys() != names:
            got = sorted(getattr(part, columns))
            raise ValueError(f"concatenate: expected {columns} {sorted(names)}, got {got}")
    whole: dict[str, Any] = {}
    for each in fields(kind):
        values = [getattr(part, each.name) for part in found]
        whole[each.name] = _stacked(values) if each.name == columns else np.concatenate(values)
    return kind(**whole)


def _stacked(parts: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """Join columns of the same names row-wise."""
    whole = {}
    for name in parts[0]:
        columns = [part[name] for part in parts]
        whole[name] = np.concatenate(columns)
    return whole


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Assignment:
    """Tasks that a teacher hands to a student.

    Attributes:
        ids: ``(n,)`` int64, unique within the teacher; an outcome carries the id of its row back.
        tasks: ``(n, *space.shape)``.
        purpose: ``(n,)`` uint8, what each row is for (`Purpose`); all to be trained on if not given.
        member: ``(n,)`` int64, which member of the student each row is for; all the first, 0, if not given.
        origin: ``(n,)`` int64, from whose weights that member starts; its own if not given.
        notes: further columns by name, each ``(n, ...)``, that are logged with the row's outcome:
            ``propensity``, ``kind``, ``key``, ``parent``...

    Raises:
        TypeError: if a column holds anything but numbers, or the notes are no mapping.
        ValueError: if the leading axes differ, or ids, purposes or members are no whole numbers in range.
    """

    ids: IntArray
    tasks: Array
    purpose: ByteArray = None  # type: ignore[assignment]  # filled in __post_init__, as the next two
    member: IntArray = None  # type: ignore[assignment]
    origin: IntArray = None  # type: ignore[assignment]
    notes: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tasks = _tasks(self.tasks)
        rows = len(tasks)
        member = _member("member", self.member, rows)
        # A member that names no origin starts from its own weights.
        origin = member if self.origin is None else _member("origin", self.origin, rows)
        # The dataclass is frozen, and checked arrays replace what was given.
        object.__setattr__(self, "tasks", tasks)
        object.__setattr__(self, "ids", _column("ids", self.ids, np.int64, rows))
        object.__setattr__(self, "purpose", _purpose(self.purpose, rows))
        object.__setattr__(self, "member", member)
        object.__setattr__(self, "origin", origin)
        object.__setattr__(self, "notes", _columns("note", self.notes, rows))

    @property
    def learn(self) -> BoolArray:
        """``(n,)`` bool: which rows are to be trained on, and not only measured."""
        learn: BoolArray = self.purpose == Purpose.TRAIN
        return learn

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, rows: BoolArray | IntArray | slice) -> Assignment:
        """Return the given rows as a new assignment."""
        return _picked(self, rows)

    @staticmethod
    def concatenate(parts: Iterable[Assignment]) -> Assignment:
        """Join assignments row-wise; all parts must carry the same notes.

        Raises:
            ValueError: if there is no part or the notes differ.
            TypeError: if a part is no assignment.
        """
        return _joined(parts, Assignment, "notes")

    @staticmethod
    def none(shape: tuple[int, ...], dtype: npt.DTypeLike) -> Assignment:
        """Return an assignment without rows, of tasks of this shape and dtype."""
        return Assignment(ids=np.zeros(0, np.int64), tasks=np.zeros((0, *shape), dtype))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcomes:
    """What happened on tasks: one row for each finished one.

    Attributes:
        ids: ``(n,)`` int64: the assignment's ids, or -1 for a row that the teacher did not ask for.
        tasks: ``(n, *space.shape)``: the task that was really played.
        score: ``(n,)`` float64, higher is better, finite (an episode's undiscounted return, say).
        cost: ``(n,)`` float64, at least 0: environment steps, or FLOPs of a supervised stage.
        purpose: ``(n,)`` uint8, the assignment's: what the row was for; all trained on if not given.
        member: ``(n,)`` int64, the assignment's: the member that played it; all the first if not given.
        signals: further columns by name, each ``(n, ...)``: ``length``, ``success``, ``value_l1``...; what a
            teacher `needs` is one number a row.

    Raises:
        TypeError: if a column holds anything but numbers, or the signals are no mapping.
        ValueError: if the leading axes differ, or ids, purposes or members are no whole numbers in range.
            `Teacher.tell` checks that values are finite.
    """

    ids: IntArray
    tasks: Array
    score: FloatArray
    cost: FloatArray
    purpose: ByteArray = None  # type: ignore[assignment]  # filled in __post_init__, as the next one
    member: IntArray = None  # type: ignore[assignment]
    signals: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tasks = _tasks(self.tasks)
        rows = len(tasks)
        object.__setattr__(self, "tasks", tasks)
        object.__setattr__(self, "ids", _column("ids", self.ids, np.int64, rows))
        object.__setattr__(self, "score", _column("score", self.score, np.float64, rows))
        object.__setattr__(self, "cost", _column("cost", self.cost, np.float64, rows))
        object.__setattr__(self, "purpose", _purpose(self.purpose, rows))
        object.__setattr__(self, "member", _member("member", self.member, rows))
        object.__setattr__(self, "signals", _columns("signal", self.signals, rows))

    @staticmethod
    def of(
        assignment: Assignment,
        *,
        score: npt.ArrayLike,
        cost: npt.ArrayLike,
        signals: Mapping[str, npt.ArrayLike] | None = None,
    ) -> Outcomes:
        """Return the outcomes of an assignment's rows, in order, with the ids, purposes and members of these.

        Raises:
            TypeError, ValueError: as `Outcomes`.
        """
        return Outcomes(
            ids=assignment.ids,
            tasks=assignment.tasks,
            score=score,  # type: ignore[arg-type]  # made an array there
            cost=cost,  # type: ignore[arg-type]
            purpose=assignment.purpose,
            member=assignment.member,
            signals=signals or {},  # type: ignore[arg-type]
        )

    @property
    def learn(self) -> BoolArray:
        """``(n,)`` bool: which rows were trained on, and not only measured."""
        learn: BoolArray = self.purpose == Purpose.TRAIN
        return learn

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, rows: BoolArray | IntArray | slice) -> Outcomes:
        """Return the given rows as new outcomes."""
        return _picked(self, rows)

    @staticmethod
    def concatenate(parts: Iterable[Outcomes]) -> Outcomes:
        """Join outcomes row-wise; all parts must carry the same signals.

        Raises:
            ValueError: if there is no part or the signals differ.
            TypeError: if a part is no outcomes.
        """
        return _joined(parts, Outcomes, "signals")


class Wait(NamedTuple):
    """What a teacher waits for before it acts on what it is told.

    Attributes:
        rows: outcomes that it must be told of before, about or at least.
        what: what begins then, as the subject of a sentence: ``"replay"``.
        remedy: options that let it begin earlier.
    """

    rows: int
    what: str
    remedy: str


def generator(seed: Seed) -> np.random.Generator:
    """Return a private generator for ``seed``; 0 is a seed like any other.

    Raises:
        TypeError: if ``seed`` is neither an integer nor a ``numpy.random.SeedSequence``.
        ValueError: if it is a negative integer.
    """
    return np.random.Generator(np.random.PCG64(seed_sequence(seed)))


def seed_sequence(seed: Seed) -> np.random.SeedSequence:
    """Return ``seed`` as a seed sequence (raises as `generator`)."""
    if isinstance(seed, np.random.SeedSequence):
        return seed
    if not is_whole(seed):
        raise TypeError(f"seed: expected an int or a numpy.random.SeedSequence, got {seed!r}")
    if seed < 0:
        raise ValueError(f"seed: expected an integer of at least 0, got {seed}")
    return np.random.SeedSequence(int(seed))
