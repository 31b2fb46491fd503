"""Rows of level design: what was asked for and why, until it is told of; parents that wait for an edit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from teacherstudent.contract.checks import check_names, check_whole, is_one_of
from teacherstudent.contract.purposes import Purpose
from teacherstudent.contract.stored.saved import saved_array
from teacherstudent.contract.types import Array, Assignment, FloatArray, IntArray, State
from teacherstudent.teachers.replay import edits as level_spaces
from teacherstudent.teachers.replay.buffer import repeats as level_repeats
from teacherstudent.teachers.replay.edits import Step

NEW = 0
REPLAY = 1
EDIT = 2
"""Kinds of rows: a generated level, one from the buffer, a child of one of these."""

Parents: TypeAlias = Literal["batch", "easy", "hard"]
FEW = 4
"""How many of the replayed levels are edited unless all are."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Levels of one kind to be handed out.

    Attributes:
        tasks: ``(n, *space.shape)``.
        kind: `NEW`, `REPLAY` or `EDIT`.
        purpose: what they are for.
        parents: ``(n,)`` key of the level that each was edited from; 0 for none.
        edits: ``(n,)`` edits since a level was generated.
        numbers: ``(n,)`` what the method remembers of each row.
    """

    tasks: Array
    kind: int
    purpose: Purpose
    parents: IntArray | int = 0
    edits: IntArray | int = 0
    numbers: IntArray | int = -1

    def table(self) -> IntArray:
        """Return ``(4, n)``: kind, parent, edits, number."""
        n = len(self.tasks)
        columns = (self.kind, self.parents, self.edits, self.numbers)
        return np.array([np.broadcast_to(np.asarray(c, np.int64), n) for c in columns])


def notes_of(space: gym.Space[Any], tasks: Array, kind: IntArray, parent: IntArray) -> dict[str, Array]:
    """Return what is noted of levels ``(n, *space.shape)`` that are handed out, ``(n,)`` each.

    ``kind`` is 0 for a new level, 1 for a replayed one, 2 for an edited one; ``key`` is the level's;
    ``parent`` is the key of the level that this one was edited from, 0 for none. Lineages are followed from
    parent to key. Where no edit changed anything, a child is its parent, and both keys are equal.
    """
    keys = np.array(level_spaces.keys(space, tasks), np.int64)
    return {"kind": kind.astype(np.int8), "key": keys, "parent": parent}


class Pending:
    """Kind, parent, edits and number of the rows that are outstanding."""

    def __init__(self) -> None:
        # Ascending, so that rows are found by binary search.
        self._ids = np.zeros(0, np.int64)
        self._table = np.zeros((4, 0), np.int64)

    def hand_out(self, space: gym.Space[Any], ids: IntArray, parts: Sequence[Rows]) -> Assignment:
        """Remember the rows under their ids and return them as an assignment of levels of the space.

        Its notes are those of `notes_of`.
        """
        table = np.concatenate([part.table() for part in parts], axis=1)
        self._ids = np.concatenate([self._ids, ids])
        self._table = np.concatenate([self._table, table], axis=1)
        tasks = np.concatenate([part.tasks for part in parts])
        return Assignment(
            ids=ids,
            tasks=tasks,
            purpose=np.repeat([part.purpose for part in parts], [len(part.tasks) for part in parts]),
            notes=notes_of(space, tasks, table[0], table[1]),
        )

    def look(self, ids: IntArray) -> IntArray:
        """Return ``(4, n)`` what is known of rows; those that are not outstanding are new levels."""
        table: IntArray = np.zeros((4, len(ids)), np.int64)
        # A row that nobody asked for is a new level without a parent; -1 says that it has no number.
        table[3] = -1
        asked = np.isin(ids, self._ids)
        table[:, asked] = self._table[:, np.searchsorted(self._ids, ids[asked])]
        return table

    def holds(self, ids: IntArray) -> Array:
        """Return ``(n,)`` bool: which rows are outstanding."""
        return np.isin(ids, self._ids)

    def close(self, ids: IntArray) -> None:
        """Forget rows."""
        keep = ~np.isin(self._ids, ids)
        self._ids = self._ids[keep]
        self._table = self._table[:, keep]

    def state(self) -> State:
        """Return the rows as plain data; a copy."""
        return {"ids": self._ids.copy(), "table": self._table.copy()}

    def load(self, state: State) -> None:
        """Continue from `state`."""
        check_names("pending rows", ("ids", "table"), state)
        ids = saved_array("pending rows: ids", state["ids"], np.int64, (None,), low=0)
        # Ids in another order would be looked up wrongly, without a message.
        if (np.diff(ids) <= 0).any():
            raise ValueError(f"pending rows: ids: expected ascending ids (n,), got {ids}")
        table = saved_array("pending rows: table", state["table"], np.int64, (4, len(ids)))
        saved_array("pending rows: kinds", table[0], np.int64, (len(ids),), low=NEW, high=EDIT)
        saved_array("pending rows: edits", table[2], np.int64, (len(ids),), low=0)
        self._ids = ids
        self._table = table


MOST_EDITS = 10**6
"""Edits of one level, each of which takes a step of a loop."""


@dataclass(frozen=True, kw_only=True)
class Editor:
    """Which levels are edited after they were replayed, and how much.

    Attributes:
        edits: small edits between a parent and its child.
        parents: ``"batch"``: every replayed row has one child. ``"easy"``: the four levels of the highest
            return less score; ``"hard"``: the four of the lowest; their children share the rows evenly, the
            first ones having one more where the rows do not divide.
        step: an edit of a task in a box.

    Raises:
        ValueError: if a value is out of range.
    """

    edits: int = 5
    parents: Parents = "batch"
    step: Step = field(default_factory=Step)

    def __post_init__(self) -> None:
        check_whole("edits", self.edits, 1, MOST_EDITS)
        if not is_one_of(self.parents, get_args(Parents)):
            raise ValueError(f"parents: expected one of {get_args(Parents)}, got {self.parents!r}")


class Replayed:
    """Levels that were replayed and wait for an edit.

    Args:
        shape: of a level.
        dtype: of a level.
    """

    def __init__(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
        self._tasks: Array = np.zeros((0, *shape), dtype)
        # Row 0: keys; row 1: edits.
        self._origin = np.zeros((2, 0), np.int64)
        self._merit = np.zeros(0)

    def __len__(self) -> int:
        return len(self._merit)

    def put(self, tasks: Array, keys: IntArray, edits: IntArray, merit: FloatArray) -> None:
        """Add levels; merit is their return less their score."""
        self._tasks = np.concatenate([self._tasks, tasks])
        self._origin = np.concatenate([self._origin, [keys, edits]], axis=1)
        self._merit = np.concatenate([self._merit, merit])

    def take(self, n: int, parents: Parents, rng: np.random.Generator) -> tuple[Array, IntArray, IntArray]:
        """Remove parents and return a level, key and number of edits for each of ``n`` children.

        Where a few are chosen, a level that was replayed in several rows is one, of their mean merit, and
        levels of equal merit come in random order.
        """
        if parents == "batch":
            # Children in turn. Levels that this ask has no row for wait for the next one.
            rows = np.arange(n) % len(self)
            left = np.arange(n, len(self))
        else:
            # Several rows of one level count as one level, so they cannot take several of the few places.
            level, first = level_repeats.groups(self._origin[0])
            merit = level_repeats.means(level, self._merit)
            chosen = first[level_repeats.falling(merit if parents == "easy" else -merit, rng)[:FEW]]
            # Sorted, so that the first parents have the extra children.
            rows = chosen[np.sort(np.arange(n) % len(chosen))]
            left = np.arange(0)
        taken = self._tasks[rows], self._origin[0, rows], self._origin[1, rows]
        self._keep(left)
        return taken

    def clear(self) -> None:
        """Forget all."""
        self._keep(np.arange(0))

    def _keep(self, rows: IntArray) -> None:
        self._tasks = self._tasks[rows]
        self._merit = self._merit[rows]
        self._origin = self._origin[:, rows]

    def state(self) -> State:
        """Return the levels as plain data; a copy."""
        return {"tasks": self._tasks.copy(), "origin": self._origin.copy(), "merit": self._merit.copy()}

    def load(self, state: State) -> None:
        """Continue from `state`; whether the tasks lie in the space is for the caller to check."""
        check_names("replayed levels", ("tasks", "origin", "merit"), state)
        shape = (None, *self._tasks.shape[1:])
        tasks = saved_array("replayed levels: tasks", state["tasks"], self._tasks.dtype, shape)
        n = len(tasks)
        merit = saved_array("replayed levels: merit", state["merit"], np.float64, (n,))
        origin = saved_array("replayed levels: origin", state["origin"], np.int64, (2, n))
        saved_array("replayed levels: edits", origin[1], np.int64, (n,), low=0)
        self._tasks = tasks
        self._origin = origin
        self._merit = merit
