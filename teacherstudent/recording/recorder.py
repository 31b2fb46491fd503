"""The recorder: writes a run folder that a kill at any moment leaves readable."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from teacherstudent.contract.accounts.failures import FailedTask
from teacherstudent.contract.checks import check_real
from teacherstudent.contract.types import Assignment, IntArray, Outcomes, State
from teacherstudent.recording.disk import plain
from teacherstudent.recording.disk.files import WriteError, check_folder
from teacherstudent.recording.folder import (
    FAILED_FILE,
    MANIFEST,
    STATUS,
    TEACHER_FILE,
    check_folder_of_run,
    remove_leftovers,
)
from teacherstudent.recording.lines import LineLog, read_lines
from teacherstudent.recording.lock import FolderLock
from teacherstudent.recording.logs import EpisodeLog, EventLog, TestLog
from teacherstudent.recording.machine import provenance
from teacherstudent.recording.manifest import FORMAT, check_manifest, check_same, read_manifest
from teacherstudent.recording.notes import Notes
from teacherstudent.recording.positions import check_positions, check_readings
from teacherstudent.recording.status import Status
from teacherstudent.recording.tables import task_columns

OWN_COLUMNS = frozenset(
    (
        "id",
        "task",
        "score",
        "cost",
        "purpose",
        "member",
        "learn",
        "spent",
        "time",
        "index",
        "task_index",
        "mastered",
    )
)
"""Columns that no signal may be called."""

START: State = {
    "episodes": {"parts": 0, "rows": 0, "means": {}},
    "tests": {"count": 0},
    "teacher": {"bytes": 0},
    "events": {"files": [], "bytes": 0},
    "failed": {"bytes": 0},
    "notes": {"ids": np.zeros(0, np.int64), "columns": None},
    "seconds": 0.0,
    "spent": 0.0,
    "test": None,
    "ledger": {},
}
"""The state of a run of which nothing is recorded: resumes a run that ended before its first checkpoint."""

_LOG = logging.getLogger(__name__)

Ending: TypeAlias = Literal["finished", "failed", "interrupted"]


class Recorder:
    """Writes what happens in a run into its folder.

    Files: ``manifest.json`` (what was run, with which versions, where), ``status.json`` (how far it is),
    ``episodes/part-*.parquet``, ``tests.parquet``, ``teacher.jsonl``, ``failed.jsonl`` (tasks on which an
    environment failed), TensorBoard events in ``tensorboard/``.
    Every file but the last three is replaced as a whole, those are appended to; see `recording.logs`.
    `recording.runs.Run` reads the folder, at any time.

    Args:
        folder: where to write; made if it does not exist.
        manifest: what was run, as plain data. Needed: ``family``, ``teacher`` and ``student``, each a mapping
            with ``name`` and ``options``; ``seed``; ``budget`` (cost); ``test_set``; ``mastered`` (a score
            or None); ``space`` (from `spaces.describe`). ``cost_unit`` is ``"environment steps"`` and
            ``score_name`` ``"return"`` if they are not given. Versions, commits, machine and time are added.
        resume: `state_dict` of a recorder of the same run: whatever was logged later is removed. `START` if
            the run has no checkpoint yet. None starts a new run.
        tensorboard: whether to write TensorBoard events.

    Raises:
        FileExistsError: if a new run is to start in a folder that holds one.
        ValueError: if the manifest lacks something, differs from that of the run to resume (the first
            difference is named), or the logs are shorter than the state says; if there is a link where the
            run would write.
        TypeError: if the manifest holds something that is not plain data.
        RuntimeError: if another process is writing the folder. Every method raises it too once another
            machine has taken the folder over (`FolderLock.check`).
        WriteError: if the folder cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        manifest: Mapping[str, Any],
        resume: State | None = None,
        tensorboard: bool = True,
    ) -> None:
        self.folder = check_folder("run folder", folder)
        # The manifest is plain before the lock is taken: what cannot be written must leave no folder behind.
        asked = check_manifest(plain.to_plain(manifest, "manifest"))
        state = START if resume is None else check_positions(resume)
        with plain.naming(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        # Links are refused before the lock file is made, which would be written through one.
        check_folder_of_run(self.folder)
        self._lock = FolderLock(self.folder)
        try:
            written = _begin(self.folder, asked, state["spent"], fresh=resume is None)
            self._space: Mapping[str, Any] = written["space"]
            self._mastered: float | None = written["mastered"]
            # Seconds go on where the run stopped: a pause between two sessions does not count.
            self._born: float = time.monotonic() - state["seconds"]
            self._episodes = EpisodeLog(self.folder, state["episodes"])
            self._tests = TestLog(self.folder, state["tests"])
            self._teacher = LineLog(self.folder / TEACHER_FILE, state["teacher"])
            self._failed = LineLog(self.folder / FAILED_FILE, state["failed"])
            self._events: EventLog | None = None
            if tensorboard:
                self._events = EventLog(self.folder, state["events"], step=state["spent"])
            failed = _blamed_before(self.folder / FAILED_FILE)
            self._status = Status(self.folder / STATUS, written, state, failed)
            self._notes = Notes()
            self._notes.load(state["notes"])
        # Another process could otherwise not resume the run until this one has ended.
        except BaseException:
            self._lock.release()
            raise
        self._closed = False

    def asked(self, assignment: Assignment) -> None:
        """Keep what the teacher notes of rows that it hands out, to log it with their outcomes.

        Raises:
            ValueError: if the names of the notes differ from those of the first assignment, or ids from
                before come again.
        """
        self._notes.put(assignment)

    def dropped(self, ids: IntArray) -> None:
        """Forget what the teacher has noted of rows whose outcomes will never come."""
        self._notes.drop(ids)

    def episodes(self, outcomes: Outcomes, *, spent: float) -> None:
        """Log finished episodes (or stages); cheap, since rows are gathered and written now and then.

        What the teacher noted of them (`asked`) is logged with them.

        Args:
            outcomes: one row for each; the signals must be the same in every call.
            spent: the run's cost after them.

        Raises:
            ValueError: if the columns differ from those of the first call, one is named twice, or the cost is
                no finite number of at least 0.
            WriteError: if a file cannot be written; the message names it.
        """
        self._lock.check()
        rows = len(outcomes)
        check_real("recorder: spent", spent, 0)
        if rows == 0:
            return
        seconds = self._seconds()
        rows_of = {"id": outcomes.ids, "purpose": outcomes.purpose, "member": outcomes.member}
        own = self._columns(outcomes, spent, seconds) | rows_of
        notes = self._notes.take(outcomes.ids)
        # The teacher's notes and our own columns share one table.
        if taken := own.keys() & notes.keys():
            raise ValueError(f"recorder: expected new names for the teacher's notes, got {sorted(taken)}")
        self._episodes.append(own | notes, rows)
        self._status.seen(spent, seconds)

    def tests(
        self, outcomes: Outcomes, *, spent: float, ledger: Mapping[str, float]
    ) -> dict[str, float | None]:
        """Log one evaluation on the fixed test set.

        Args:
            outcomes: one row for each test task, always in the same order.
            spent: the run's cost at this moment.
            ledger: the costs, counts and seconds at this moment, by name.

        Returns:
            ``return``, the mean score, and ``mastered_percent``, None if the family has no such line.

        Raises:
            WriteError: if a file cannot be written; the message names it.
        """
        self._lock.check()
        rows = len(outcomes)
        check_real("recorder: spent", spent, 0)
        readings = check_readings("recorder: ledger", ledger)
        seconds = self._seconds()
        columns = self._columns(outcomes, spent, seconds)
        # The index tells the tests apart, and the task's index joins one task over all tests.
        columns |= {"index": self._tests.count, "task_index": np.arange(rows)}
        summary: dict[str, float | None] = {
            "return": float(np.mean(outcomes.score)),
            "mastered_percent": None,
        }
        if self._mastered is not None:
            columns["mastered"] = outcomes.score > self._mastered
            summary["mastered_percent"] = 100.0 * float(np.mean(columns["mastered"]))
        columns |= {f"ledger_{name}": value for name, value in readings.items()}
        self._tests.append(columns, rows)
        scalars = {f"test/{name}": value for name, value in summary.items() if value is not None}
        self._scalars(spent, scalars | {f"ledger/{name}": value for name, value in readings.items()})
        self._status.tested({"spent": float(spent), **summary}, spent, seconds, ledger)
        return summary

    def teacher(
        self,
        *,
        spent: float,
        metrics: Mapping[str, float],
        snapshot: Mapping[str, Any],
        ledger: Mapping[str, float],
        student: Mapping[str, float] | None = None,
        acting: Mapping[str, float] | None = None,
    ) -> None:
        """Log the teacher's metrics and what a picture of it needs, and the training means since last time.

        Args:
            spent: the run's cost at this moment.
            metrics: of the teacher, by name.
            snapshot: of the teacher, as plain data.
            ledger: the costs, counts and seconds at this moment, by name.
            student: metrics of the student, by name.
            acting: lag, steered share, decisions and distance from uniform draws, by name
                (`teacherstudent.running.acting.steering.Steering.metrics`).

        Raises:
            TypeError: if the snapshot holds something that is not plain data, or metrics are no numbers.
            ValueError: if the cost is no finite number of at least 0.
            WriteError: if a file cannot be written; the message names it.
        """
        self._lock.check()
        check_real("recorder: spent", spent, 0)
        check_readings("recorder: ledger", ledger)
        given = {"metrics": metrics, "student": student or {}, "acting": acting or {}}
        for what, values in given.items():
            check_readings(f"recorder: {what}", values)
        # Taking the means starts them anew, so it comes after the checks.
        train = self._episodes.take_means()
        seconds = self._seconds()
        curves = {**given, "train": train}
        self._teacher.append(
            {"spent": spent, "time": seconds, **curves, "ledger": ledger, "snapshot": snapshot}
        )
        tags = {"metrics": "teacher", "student": "student", "acting": "acting", "train": "train"}
        self._scalars(
            spent,
            {f"{tags[kind]}/{name}": float(v) for kind, group in curves.items() for name, v in group.items()},
        )
        self._status.seen(spent, seconds, ledger)

    def failed(self, tasks: Sequence[FailedTask], *, spent: float) -> None:
        """Log tasks on which an environment failed: id, task, what happened, whether the task is to blame.

        Raises:
            WriteError: if the file cannot be written; the message names it.
        """
        rows = [
            {"id": one.id, "task": one.task.tolist(), "error": one.error, "blamed": one.blamed}
            for one in tasks
        ]
        for row in rows:
            self._failed.append({"spent": float(spent), "time": self._seconds(), **row})
        self._status.failed([row for row in rows if row["blamed"]])

    def note(self, text: str) -> None:
        """Log a warning, and put it in ``status.json`` (``note``) when that is written next."""
        _LOG.warning("%s: %s", self.folder, text)
        self._status.note(text)

    def state_dict(self) -> State:
        """Write whatever is gathered, and return the logs' positions, to which a resumed run goes back."""
        self._lock.check()
        # Rows in memory would be missing after a resume: the
        # positions below must cover what the checkpoint has seen.
        self._episodes.flush()
        self._teacher.flush()
        self._failed.flush()
        return {
            "episodes": self._episodes.position(),
            "tests": self._tests.position(),
            "teacher": self._teacher.position(),
            "events": self._events.position() if self._events else START["events"],
            "failed": self._failed.position(),
            "notes": self._notes.state(),
            "seconds": self._seconds(),
            **self._status.state(),
        }

    def close(self, status: Ending, error: BaseException | None = None) -> None:
        """Write whatever is gathered and how the run ended; a second call does nothing.

        If ``error`` is given, a log that cannot be written (on a full disk, say) does not hide it.

        Raises:
            WriteError: if a file cannot be written and no ``error`` is given.
        """
        if self._closed:
            return
        # Set first: if a write below fails, a second call must not try the same again.
        self._closed = True
        # The run's own error is what has to be seen, and a full disk is often its cause.
        quiet = contextlib.suppress(WriteError) if error is not None else contextlib.nullcontext()
        try:
            # What another process has taken over is its alone.
            if self._lock.lost:
                return
            with quiet:
                self._episodes.flush()
                # The tests end up in one file, which is easier to copy and faster to read.
                self._tests.merge()
                self._teacher.flush()
            # Apart from the logs: if these cannot be written, the status may still be small enough.
            with quiet:
                self._status.end(status, error, self._seconds())
        finally:
            # Whatever happens the files are closed, and the folder is free for a resume.
            self._teacher.close()
            self._failed.close()
            if self._events:
                self._events.close()
            self._lock.release()

    def _columns(self, outcomes: Outcomes, spent: float, seconds: float) -> dict[str, Any]:
        taken = OWN_COLUMNS & outcomes.signals.keys()
        if taken:
            raise ValueError(f"recorder: expected signals not named as its own columns, got {sorted(taken)}")
        return {
            **task_columns(self._space, outcomes.tasks),
            "score": outcomes.score,
            "cost": outcomes.cost,
            "spent": float(spent),
            "time": seconds,
            **outcomes.signals,
        }

    def _seconds(self) -> float:
        return time.monotonic() - self._born

    def _scalars(self, spent: float, scalars: Mapping[str, float]) -> None:
        if self._events:
            self._events.append(scalars, step=spent)


def _blamed_before(path: Path) -> list[dict[str, Any]]:
    """Return the tasks to blame that a run has logged before it is resumed, as its status names them.

    They are for whoever looks at the status: the run goes on though its log of them is damaged.
    """
    # It is only a display, so that a damaged log costs its names and not the run.
    try:
        rows = read_lines(path)
    except ValueError as error:
        _LOG.warning("the status names no task that failed before the resume: %s", error)
        return []
    blamed = [row for row in rows if row.get("blamed")]
    for row in blamed:
        row.pop("spent", None)
        row.pop("time", None)
    return blamed


def _begin(folder: Path, asked: dict[str, Any], spent: float, *, fresh: bool) -> dict[str, Any]:
    """Write the manifest of a new run, or check and extend that of the run to resume; return it."""
    path = folder / MANIFEST
    # Checked under the lock: two processes that start at once cannot both find the folder empty.
    if fresh and path.exists():
        raise FileExistsError(
            f"{folder}: expected a folder without a run, got one that holds a run; resume that run, or choose"
            " another folder"
        )
    session = {"started": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "spent": spent, **provenance()}
    there: dict[str, Any] = read_manifest(path) if path.exists() else {"format": FORMAT}
    # Compared before anything is written: a run of other settings must not touch the folder.
    if path.exists():
        check_same(there, asked, str(path))
    # Only now is it certain that this process owns the folder.
    remove_leftovers(folder)
    sessions: list[Any] = [*there.get("sessions", []), session]
    # What the new session says counts, but older entries that it does not have stay.
    manifest = {**there, **asked, "sessions": sessions}
    plain.write_sealed(path, manifest)
    return manifest


__all__ = ["START", "Recorder"]
