"""What a teacher has made of what it was told: lag, steered rows, decisions, distance from uniform draws."""

from __future__ import annotations

from typing import Any

import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_mapping, check_names
from teacherstudent.contract.stored.saved import saved_array, saved_whole
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import UNASKED, Array, Assignment, BoolArray, Outcomes, State
from teacherstudent.running.acting.distance import distances

WINDOW = 1000
"""The newest rows asked for, whose distance from uniform draws is taken."""
LASTING = 3
"""What a teacher says of itself is noted when it says so at so many records in a row."""
LITTLE = 0.2
"""A run in which less than this share of the rows was steered gets a note."""


class Steering:
    """Follows the rows of one teacher, asked and told, and says how far it has acted.

    A run keeps one. In a loop of your own, call `asked` after every ask and `told` after every tell, and log
    `metrics`.

    A row is steered if it follows from what the teacher was told (`Teacher.steered`); where a teacher does
    not tell its rows apart, if it was asked for after the first tell and when nothing was waited for any more
    (`Teacher.first_action`). The lag of a row is the number of rows that were told between its ask and its
    tell; rows of the same tell are not counted.

    Args:
        teacher: whose rows they are.
    """

    def __init__(self, teacher: Teacher[Any]) -> None:
        self._teacher = teacher
        self._began = False
        # Rows told so far, rows told that the teacher had asked for, and those of them that were steered.
        self._told = 0
        self._own = 0
        self._steered = 0
        # Tells since the first action.
        self._tells = 0
        # Rows and sum of lags since the last record.
        self._rows = 0
        self._lags = 0
        # Records in a row in which the teacher had something to say of itself; -1 once that was noted.
        self._cautions = 0
        # A teacher's ids are consecutive: row i of both columns is the id `_first + i`.
        self._first = 0
        self._next = 0
        self._told_at = np.zeros(64, np.int64)
        self._steers = np.zeros(64, np.bool_)
        # The newest rows, in the order of their ids, as a ring.
        kept = 0
        # Spaces without ends, such as levels, have no distance from uniform.
        if spaces.ends(teacher.space) is not None:
            kept = WINDOW
        self._ring = np.zeros((kept, *(teacher.space.shape or ())), teacher.space.dtype)
        self._count = 0

    def asked(self, assignment: Assignment) -> None:
        """Take note of rows that the teacher has just handed out, all that it handed out, in order."""
        n = len(assignment)
        if n == 0:
            return
        first = int(assignment.ids[0])
        # A teacher that was asked by others before, or by an older version of the run, begins at a later id.
        if self._next == 0:
            self._first = first
        self._next = first
        self._reserve(n)
        rows = slice(first - self._first, first - self._first + n)
        self._told_at[rows] = self._told
        self._steers[rows] = self._steered_rows(assignment)
        self._next += n
        # Levels have no distance from uniform draws, so none are kept.
        if len(self._ring):
            self._keep(assignment.tasks)

    def _keep(self, tasks: Array) -> None:
        """Put tasks into the ring of the newest ones."""
        n = len(tasks)
        newest = tasks[-WINDOW:]
        # Rows go round the ring; of more rows than it holds the newest are kept.
        places = np.arange(self._count + n - len(newest), self._count + n) % WINDOW
        self._ring[places] = newest
        self._count += n

    def _steered_rows(self, assignment: Assignment) -> BoolArray | bool:
        """Return which of the rows follow from what was told."""
        if not self._teacher.acts:
            return False
        steered = self._teacher.steered(assignment)
        if steered is not None:
            self._began = self._began or bool(steered.any())
            return steered
        return self._acts()

    def _acts(self) -> bool:
        """Return whether the teacher has begun to act; once it has, it goes on."""
        if not self._began and self._told and self._teacher.acts:
            self._began = self._teacher.first_action() is None
        return self._began

    def told(self, outcomes: Outcomes) -> None:
        """Take note of rows that the teacher was told of."""
        n = len(outcomes)
        if n == 0:
            return
        # Rows that nobody asked for, or that were asked for before this object was there, have no lag.
        ids = outcomes.ids[(outcomes.ids != UNASKED) & (outcomes.ids >= self._first)]
        index = ids - self._first
        self._rows += len(ids)
        self._own += len(ids)
        # The rows of this tell come at once, so they are not between a row's ask and its tell.
        self._lags += self._told * len(ids) - int(self._told_at[index].sum())
        self._steered += int(self._steers[index].sum())
        self._told += n
        # The tell that brings the first action is a decision itself.
        self._tells += self._acts()

    def _reserve(self, n: int) -> None:
        """Make room for ``n`` more rows; rows before the oldest outstanding one are forgotten."""
        used = self._next - self._first
        if used + n <= len(self._told_at):
            return
        # The rows of this ask are outstanding already, so there is always one.
        oldest = max(self._first, int(self._teacher.outstanding[0]))
        kept = slice(oldest - self._first, used)
        room = max(64, 2 * (self._next - oldest + n))
        for name in ("_told_at", "_steers"):
            old = getattr(self, name)
            fresh = np.zeros(room, old.dtype)
            fresh[: self._next - oldest] = old[kept]
            setattr(self, name, fresh)
        self._first = oldest

    @property
    def acted(self) -> bool:
        """Whether the teacher has acted on what it was told."""
        return self._began

    @property
    def steered_share(self) -> float | None:
        """The share of steered rows among those told that were asked for; None before any was told."""
        if not self._own:
            return None
        return self._steered / self._own

    def decisions(self) -> int:
        """Return how often the teacher has changed its sampling (`Teacher.decisions`)."""
        counted = self._teacher.decisions()
        if counted is None:
            return self._tells
        return counted

    def metrics(self) -> dict[str, float]:
        """Return the numbers since the last call, and those of the whole run.

        ``lag``: mean lag in rows since the last call, where rows came back. ``steered_share`` and
        ``decisions`` of the whole run, unless the teacher never acts by its nature (`Teacher.acts`). The
        distance of the newest `WINDOW` rows from uniform draws:
        `teacherstudent.running.acting.distance.distances`.
        """
        found: dict[str, float] = {}
        if self._rows:
            found["lag"] = self._lags / self._rows
        self._rows = 0
        self._lags = 0
        if self._teacher.acts:
            found["decisions"] = float(self.decisions())
            if self.steered_share is not None:
                found["steered_share"] = self.steered_share
        return found | distances(self._teacher.space, self._newest())

    def _newest(self) -> Any:
        """Return the rows of the ring, in any order."""
        return self._ring[: min(self._count, WINDOW)]

    def caution(self) -> str | None:
        """Return what the teacher says of itself at the third record in a row, once; call it at each."""
        if self._cautions < 0:
            return None
        text = self._teacher.caution()
        self._cautions = 0 if text is None else self._cautions + 1
        if self._cautions < LASTING:
            return None
        self._cautions = -1
        return text

    def note(self) -> str | None:
        """Return what a reader should know of how little a finished run was steered; None if nothing."""
        share = self.steered_share
        if not self._teacher.acts or share is None or share >= LITTLE:
            return None
        name = type(self._teacher).__name__
        if not self._began:
            return f"{name} never acted on what it was told: all {self._own} rows are as if nothing was told"
        return (
            f"{name} steered {share:.0%} of the {self._own} rows only: the others were chosen before it "
            "acted, or as if nothing was told"
        )

    def state(self) -> State:
        """Return everything as plain data; a copy."""
        used = self._next - self._first
        counts = (self._told, self._own, self._steered, self._tells, self._rows, self._lags)
        return {
            "cautions": self._cautions,
            "began": self._began,
            "counts": np.array(counts, np.int64),
            "first": self._first,
            "told_at": self._told_at[:used].copy(),
            "steers": self._steers[:used].copy(),
            "ring": self._newest().copy(),
            "count": self._count,
        }

    def load(self, state: Any) -> None:
        """Continue from `state`.

        Raises:
            ValueError: if it is damaged.
            TypeError: if it is no mapping.
        """
        given = check_mapping("steering", state, optional=False)
        names = ("began", "cautions", "counts", "first", "told_at", "steers", "ring", "count")
        check_names("steering", names, given)
        counts = saved_array("steering: counts", given["counts"], np.int64, (6,), low=0)
        told_at = saved_array("steering: told_at", given["told_at"], np.int64, (None,), low=0)
        steers = np.array(given["steers"], np.bool_)
        if steers.shape != told_at.shape:
            raise ValueError(f"steering: steers: expected {len(told_at)} rows, got shape {steers.shape}")
        self._count = saved_whole("steering: count", given["count"], 0, 2**62)
        shape = (min(self._count, len(self._ring)), *self._ring.shape[1:])
        self._ring[: shape[0]] = saved_array("steering: ring", given["ring"], self._ring.dtype, shape)
        self._began = bool(given["began"])
        self._cautions = saved_whole("steering: cautions", given["cautions"], -1, LASTING)
        self._told, self._own, self._steered, self._tells, self._rows, self._lags = counts.tolist()
        self._first = saved_whole("steering: first", given["first"], 0, 2**62)
        self._next = self._first + len(told_at)
        self._told_at = np.concatenate([told_at, np.zeros(64, np.int64)])
        self._steers = np.concatenate([steers, np.zeros(64, np.bool_)])
