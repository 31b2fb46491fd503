"""The record of a loop that its user owns: hears of every row of its teacher, and writes the run folder."""

from __future__ import annotations

import atexit
import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, Self

import numpy as np
import numpy.typing as npt

from teacherstudent.contract.checks import check_mapping, check_numbers, check_real, is_number
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Array, Assignment, IntArray, Outcomes, State
from teacherstudent.recording.disk.checkpoint import Checkpoints
from teacherstudent.recording.own.counts import Counts
from teacherstudent.recording.positions import check_readings

CHECKPOINT = ("teacher", "recorder", "loop", "own")
"""What a checkpoint of an own loop holds."""
RECORDS = 100
"""Records of the teacher in a run that spends its budget."""


class Logs(Protocol):
    """What a record writes by: `teacherstudent.recording.recorder.Recorder`."""

    folder: Path

    def asked(self, assignment: Assignment) -> None:
        """Keep the notes of rows that are handed out."""

    def dropped(self, ids: IntArray) -> None:
        """Forget rows that will not come back."""

    def episodes(self, outcomes: Outcomes, *, spent: float) -> None:
        """Log finished rows."""

    def new_columns(self) -> None:
        """Let the rows that follow have other columns."""

    def tests(
        self, outcomes: Outcomes, *, spent: float, ledger: Mapping[str, float]
    ) -> dict[str, float | None]:
        """Log one test."""

    def teacher(
        self,
        *,
        spent: float,
        metrics: Mapping[str, float],
        snapshot: Mapping[str, Any],
        ledger: Mapping[str, float],
        student: Mapping[str, float] | None = None,
    ) -> None:
        """Log what the teacher says of itself."""

    def note(self, text: str) -> None:
        """Say something about the run."""

    def state_dict(self) -> State:
        """Return the logs' positions."""

    def close(
        self, status: Literal["finished", "failed", "interrupted"], error: BaseException | None = None
    ) -> None:
        """Write how the run ended."""


class LoopRecord:
    """Writes the run folder of a loop that its user owns; `Recorder.for_loop` makes it.

    Every row that passes the teacher's ``ask``, ``tell`` and ``drop`` is logged, whichever adapter or server
    calls them; so are the teacher's metrics and snapshot, at every hundredth of the budget. What only the
    loop knows it says: `test`, `metrics`, `save`. Used as a context manager it notes how the loop ended; a
    script that ends without `close` counts as interrupted, or as failed where an error has ended it.

    Attributes:
        folder: the run folder.
        test_tasks: ``(m, *space.shape)`` the tasks of every test.
        restored: what `save` was given when the checkpoint was written from which the run goes on; None if
            the run starts at its beginning.
    """

    def __init__(
        self,
        logs: Logs,
        teacher: Teacher[Any],
        test_tasks: Array,
        checkpoints: Checkpoints,
        *,
        budget: float,
        counts: Counts,
    ) -> None:
        self.folder = logs.folder
        self.test_tasks = test_tasks
        self.restored: State | None = None
        self._logs = logs
        self._teacher = teacher
        self._checkpoints = checkpoints
        self._budget = budget
        self._counts = counts
        # The cost from which on the teacher is recorded again.
        self._due = 0.0
        self._said: dict[str, float] = {}
        # Signals of the rows so far. A row that lacks one is NaN there.
        self._signals: tuple[str, ...] | None = None
        self._tests = 0
        self._closed = False
        # A fork has a copy of this object, which must not write into the folder when the fork ends.
        self._process = os.getpid()
        teacher.listener = self
        atexit.register(self._left)

    def __repr__(self) -> str:
        return f"the record in {self.folder}"

    @property
    def spent(self) -> float:
        """What the loop has spent: what it says itself, or else the costs of the rows it has told."""
        return self._counts.spent()

    # --- what the teacher says ---

    def asked(self, assignment: Assignment) -> None:
        """Keep what the teacher notes of rows that it hands out; called by the teacher."""
        self._logs.asked(assignment)

    def told(self, outcomes: Outcomes) -> None:
        """Log rows, and the teacher where it is time to; called by the teacher.

        Raises:
            ValueError: if what the loop says it has spent is less than before.
            WriteError: if a file cannot be written.
        """
        self._counts.told(outcomes)
        spent = self.spent
        self._logs.episodes(self._even(outcomes), spent=spent)
        if spent >= self._due:
            self._record(spent)

    def dropped(self, ids: IntArray) -> None:
        """Forget rows whose outcomes will never come; called by the teacher."""
        self._counts.dropped += len(ids)
        self._logs.dropped(ids)

    def _even(self, outcomes: Outcomes) -> Outcomes:
        """Return the rows with the signals of all rows before, NaN where they have none of that name.

        An environment may say ``is_success`` of some episodes alone.
        """
        names = self._signals or ()
        later = tuple(name for name in outcomes.signals if name not in names)
        if later and self._signals is not None:
            # A table has the same columns in all rows: those that follow go into another one.
            self._logs.new_columns()
        self._signals = (*names, *later)
        rows = len(outcomes)
        signals = {}
        for name in self._signals:
            values = outcomes.signals.get(name, np.full(rows, np.nan))
            # Truth values as numbers, among which NaN says that it is not known.
            signals[name] = np.asarray(values, np.float64)
        return Outcomes(
            ids=outcomes.ids,
            tasks=outcomes.tasks,
            score=outcomes.score,
            cost=outcomes.cost,
            purpose=outcomes.purpose,
            member=outcomes.member,
            signals=signals,
        )

    def _record(self, spent: float) -> None:
        every = self._budget / RECORDS
        # The next multiple above what is spent: a costly row may pass several at once.
        self._due = (spent // every + 1) * every
        self._logs.teacher(
            spent=spent,
            metrics=self._teacher.metrics(),
            snapshot=self._teacher.snapshot(),
            ledger=self._counts.as_dict(),
            student=self._said,
        )

    # --- what the loop says ---

    def test(
        self,
        scores: npt.ArrayLike,
        *,
        signals: Mapping[str, npt.ArrayLike] | None = None,
        cost: npt.ArrayLike | None = None,
        counts: Mapping[str, float] | None = None,
    ) -> dict[str, float | None]:
        """Log a test, at the cost that is spent by now.

        Args:
            scores: ``(m,)`` the score on each of `test_tasks`, in their order.
            signals: further columns ``(m,)`` by name: ``{"success": ...}``.
            cost: ``(m,)`` what each task of the test has cost, or one number for all; it does not count
                against the budget. None if it is not counted.
            counts: what else the loop counts, by name, such as ``{"updates": 100}``: ``compare --x updates``
                compares at equal numbers of it.

        Returns:
            ``return``, the mean score, and ``mastered_percent``, None if there is no such line.

        Raises:
            ValueError: if there is not a finite score for each task; if what the loop says it has spent is
                less than before; if the record is closed.
            TypeError: if signals or counts are no numbers by name.
            WriteError: if a file cannot be written.
        """
        self._check_open("test")
        rows = len(self.test_tasks)
        given = _scores(scores, rows)
        costs = np.broadcast_to(np.nan if cost is None else np.asarray(cost, np.float64), (rows,))
        outcomes = Outcomes(
            ids=np.full(rows, -1),
            tasks=self.test_tasks,
            score=given,
            cost=costs,
            signals={name: np.asarray(values) for name, values in check_mapping("test", signals).items()},
        )
        more = check_readings("test: counts", counts or {})
        # A server's thread may tell the teacher meanwhile.
        with self._teacher.lock:
            if cost is not None:
                self._counts.tested(float(costs.sum()))
            spent = self.spent
            summary = self._logs.tests(outcomes, spent=spent, ledger=self._counts.as_dict() | more)
            self._tests += 1
        return summary

    def metrics(self, **values: float) -> None:
        """Say numbers about the student, such as ``loss=0.3``; the teacher's next record holds the latest.

        Raises:
            TypeError: if one is no number.
        """
        self._said |= check_readings("metrics", values)

    def save(self, own: State | None = None) -> None:
        """Write a checkpoint of the teacher and the record, from which ``for_loop(resume=True)`` goes on.

        Save the model at the same moment, and name its file in ``own``.

        Args:
            own: plain data of the loop's own (arrays, numbers, texts, lists and mappings of these), found in
                `restored` after a resume: the file of the model, counters.

        Raises:
            TypeError: if ``own`` holds anything but plain data.
            ValueError: if the record is closed.
            WriteError: if the file cannot be written.
        """
        self._check_open("save")
        with self._teacher.lock:
            state = {
                "teacher": self._teacher.state_dict(),
                "recorder": self._logs.state_dict(),
                "loop": {
                    "counts": self._counts.state(),
                    "due": self._due,
                    "tests": self._tests,
                    "signals": None if self._signals is None else list(self._signals),
                },
                "own": own,
            }
            self._checkpoints.save(state)

    def restore(self, state: State) -> None:
        """Go on from a checkpoint whose teacher is loaded; rows that were under way are dropped."""
        loop = state["loop"]
        self._counts.load(loop["counts"])
        self._due = check_real("checkpoint: due", loop["due"], 0)
        self._tests = int(loop["tests"])
        self._signals = None if loop["signals"] is None else tuple(loop["signals"])
        self.restored = state["own"]
        open_rows = self._teacher.outstanding
        # Their episodes ended with the process that was saved, so no outcome will ever come.
        if len(open_rows):
            self._teacher.drop(open_rows)
            self._logs.note(f"{len(open_rows)} tasks under way at the checkpoint were dropped by the resume")

    # --- the end ---

    def close(
        self,
        status: Literal["finished", "failed", "interrupted"] = "finished",
        error: BaseException | None = None,
    ) -> None:
        """Write how the loop ended, and let the teacher go; a second call does nothing.

        Raises:
            WriteError: if a file cannot be written and no ``error`` is given.
        """
        if self._closed or os.getpid() != self._process:
            return
        self._closed = True
        atexit.unregister(self._left)
        with self._teacher.lock:
            if self._teacher.listener is self:
                self._teacher.listener = None
            try:
                self._last_words(status)
            finally:
                self._logs.close(status, error)

    def _last_words(self, status: str) -> None:
        """Record the teacher a last time, and say what a reader would miss."""
        if status == "finished":
            self._record(self.spent)
        if not self._tests:
            self._logs.note("no test was recorded (record.test): comparisons leave this run out")
        if status == "finished" and self.spent < self._budget:
            self._logs.note(f"the loop ended at {self.spent:g} of a budget of {self._budget:g}")

    def _left(self) -> None:
        """Close what a script has left open: its rows would be lost, and nobody would know how it ended."""
        if self._closed or os.getpid() != self._process:
            return
        # The interpreter keeps what ended the script.
        error = getattr(sys, "last_value", None)
        if isinstance(error, Exception):
            self.close("failed", error)
            return
        warnings.warn(
            f"{self.folder}: expected record.close(), or `with Recorder.for_loop(...) as record`, before the "
            "script ends; the run counts as interrupted",
            stacklevel=1,
        )
        self.close("interrupted")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the record with how the block ended."""
        del kind, trace
        if error is None:
            self.close("finished")
        elif isinstance(error, KeyboardInterrupt):
            self.close("interrupted", error)
        else:
            self.close("failed", error)

    def _check_open(self, what: str) -> None:
        if self._closed:
            raise ValueError(
                f"{what}: expected a record that is open, got that in {self.folder}, closed before"
            )


def _scores(scores: npt.ArrayLike, rows: int) -> Array:
    """Return scores ``(rows,)`` as floats; raise ValueError unless each is a finite number."""
    # One number for many tasks is more often a mean than a score of each.
    if rows != 1 and is_number(scores):
        raise ValueError(f"test: scores: expected {rows}, one for each test task, got one number, {scores!r}")
    given = np.atleast_1d(check_numbers("test: scores", f"{rows} finite numbers", scores))
    if given.shape != (rows,):
        raise ValueError(
            f"test: scores: expected {rows}, one for each test task in their order, got shape {given.shape}"
        )
    return given
