"""The two records that pass between a teacher and a student, and the plain data that a checkpoint holds."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
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


def _column(name: str, values: npt.ArrayLike, dtype: npt.DTypeLike, rows: int) -> Array:
    """Return ``values`` as an array of shape ``(rows,)``, or raise ValueError that names the column."""
    given = np.asarray(values)
    if dtype is np.int64 and given.dtype.kind == "f" and not np.isin(given - np.rint(given), 0).all():
        raise ValueError(f"{name}: expected whole numbers, got {given}")
    column = given.astype(dtype, copy=False)
    if column.shape != (rows,):
        raise ValueError(f"{name}: expected shape ({rows},), one value for each id, got {column.shape}")
    return column


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Assignment:
    """Tasks that a teacher hands to a student.

    Attributes:
        ids: ``(n,)`` int64, unique within the teacher; an outcome carries the id of its row back.
        tasks: ``(n, *space.shape)``.
        learn: ``(n,)`` bool; False means *measure, do not train*. All True if not given.

    Raises:
        ValueError: if the leading axes differ.
    """

    ids: IntArray
    tasks: Array
    learn: BoolArray = None  # type: ignore[assignment]  # filled in __post_init__

    def __post_init__(self) -> None:
        tasks = np.asarray(self.tasks)
        rows = tasks.shape[0] if tasks.ndim else 0
        object.__setattr__(self, "tasks", tasks)
        object.__setattr__(self, "ids", _column("ids", self.ids, np.int64, rows))
        learn = np.ones(rows, np.bool_) if self.learn is None else self.learn
        object.__setattr__(self, "learn", _column("learn", learn, np.bool_, rows))

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, rows: BoolArray | IntArray | slice) -> Assignment:
        """Return the given rows as a new assignment."""
        return Assignment(ids=self.ids[rows], tasks=self.tasks[rows], learn=self.learn[rows])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcomes:
    """What happened on tasks: one row for each finished one.

    Attributes:
        ids: ``(n,)`` int64: the assignment's ids, or -1 for a row that the teacher did not ask for.
        tasks: ``(n, *space.shape)``: the task that was really played.
        score: ``(n,)`` float64, higher is better, finite (an episode's undiscounted return, say).
        cost: ``(n,)`` float64, at least 0: environment steps, or FLOPs of a supervised stage.
        signals: further columns by name, each ``(n, ...)``: ``length``, ``success``, ``value_l1``...; what a
            teacher `needs` is one number a row.

    Raises:
        ValueError: if the leading axes differ. `Teacher.tell` checks that values are finite.
    """

    ids: IntArray
    tasks: Array
    score: FloatArray
    cost: FloatArray
    signals: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tasks = np.asarray(self.tasks)
        rows = tasks.shape[0] if tasks.ndim else 0
        object.__setattr__(self, "tasks", tasks)
        object.__setattr__(self, "ids", _column("ids", self.ids, np.int64, rows))
        object.__setattr__(self, "score", _column("score", self.score, np.float64, rows))
        object.__setattr__(self, "cost", _column("cost", self.cost, np.float64, rows))
        signals = {name: np.asarray(values) for name, values in self.signals.items()}
        for name, values in signals.items():
            if values.ndim == 0 or values.shape[0] != rows:
                raise ValueError(f"signal {name!r}: expected {rows} rows, got shape {values.shape}")
        object.__setattr__(self, "signals", signals)

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, rows: BoolArray | IntArray | slice) -> Outcomes:
        """Return the given rows as new outcomes."""
        return Outcomes(
            ids=self.ids[rows],
            tasks=self.tasks[rows],
            score=self.score[rows],
            cost=self.cost[rows],
            signals={name: values[rows] for name, values in self.signals.items()},
        )

    @staticmethod
    def concatenate(parts: Iterable[Outcomes]) -> Outcomes:
        """Join outcomes row-wise; all parts must carry the same signals.

        Raises:
            ValueError: if there is no part or the signals differ.
        """
        parts = list(parts)
        if not parts:
            raise ValueError("concatenate: expected at least one Outcomes, got none")
        names = parts[0].signals.keys()
        for part in parts:
            if part.signals.keys() != names:
                raise ValueError(f"concatenate: expected signals {sorted(names)}, got {sorted(part.signals)}")
        return Outcomes(
            ids=np.concatenate([p.ids for p in parts]),
            tasks=np.concatenate([p.tasks for p in parts]),
            score=np.concatenate([p.score for p in parts]),
            cost=np.concatenate([p.cost for p in parts]),
            signals={name: np.concatenate([p.signals[name] for p in parts]) for name in names},
        )


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
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise TypeError(f"seed: expected an int or a numpy.random.SeedSequence, got {seed!r}")
    if seed < 0:
        raise ValueError(f"seed: expected an integer of at least 0, got {seed}")
    return np.random.SeedSequence(int(seed))


def check_names(what: str, expected: Sequence[str], got: Iterable[str]) -> None:
    """Raise ValueError unless ``got`` holds exactly the expected names; a state dict's keys, say."""
    missing, extra = set(expected) - set(got), set(got) - set(expected)
    if missing or extra:
        raise ValueError(
            f"{what}: expected {sorted(expected)}; missing {sorted(missing)}, unknown {sorted(extra)}"
        )


def check_whole(what: str, value: Any, least: int = 1) -> int:
    """Return ``value``; raise ValueError unless it is a whole number of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < least:
        raise ValueError(f"{what}: expected a whole number of at least {least}, got {value!r}")
    return int(value)


def check_pair(what: str, expected: str, value: Any) -> tuple[Any, Any]:
    """Return the two parts of ``value``; raise ValueError, saying what was expected, unless it has two."""
    parts = tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else ()
    if len(parts) != 2:
        raise ValueError(f"{what}: expected {expected}, got {value!r}")
    return parts[0], parts[1]


def is_number(value: Any) -> bool:
    """Return whether ``value`` is a real number, which True and False are not."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
