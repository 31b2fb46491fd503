"""The recorder: writes a run folder that a kill at any moment leaves readable."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from teacherstudent.contract.accounts.failures import FailedTask
from teacherstudent.contract.checks import check_flag, check_names, check_real
from teacherstudent.contract.family import Family
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Assignment, IntArray, Outcomes, State
from teacherstudent.recording.disk import plain
from teacherstudent.recording.disk.checkpoint import Checkpoints
from teacherstudent.recording.disk.files import WriteError, check_folder
from teacherstudent.recording.folder import (
    CHECKPOINTS,
    FAILED_FILE,
    STATUS,
    TEACHER_FILE,
    check_folder_of_run,
)
from teacherstudent.recording.lines import LineLog, blamed_tasks
from teacherstudent.recording.lock import FolderLock
from teacherstudent.recording.logs import EpisodeLog, TestLog
from teacherstudent.recording.machine import provenance
from teacherstudent.recording.manifest import begin, check_manifest
from teacherstudent.recording.notes import Notes
from teacherstudent.recording.own.counts import Counts
from teacherstudent.recording.own.described import describe_loop
from teacherstudent.recording.own.record import CHECKPOINT, LoopRecord
from teacherstudent.recording.positions import OWN_COLUMNS, START, check_positions, check_readings
from teacherstudent.recording.sinks import kinds
from teacherstudent.recording.sinks.tensorboard import EventLog
from teacherstudent.recording.status import Status
from teacherstudent.recording.tables import task_columns

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
        log: where scalars go beside the folder's own logs: ``"tensorboard"``, ``"wandb"``, ``"mlflow"``,
            ``"trackio"`` (`teacherstudent.recording.sinks`). A service that fails later is noted and left
            alone.

    Raises:
        FileExistsError: if a new run is to start in a folder that holds one.
        ValueError: if the manifest lacks something, differs from that of the run to resume (the first
            difference is named), or the logs are shorter than the state says; if there is a link where the
            run would write.
        TypeError: if the manifest holds something that is not plain data.
        RuntimeError: if another process is writing the folder, or a service does not begin the run. Every
            method raises it too once another machine has taken the folder over (`FolderLock.check`).
        ImportError: if the package of a service is missing.
        WriteError: if the folder cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        manifest: Mapping[str, Any],
        resume: State | None = None,
        log: Sequence[str] = kinds.DEFAULT,
    ) -> None:
        self.folder = check_folder("run folder", folder)
        # The manifest is plain before the lock is taken: what cannot be written must leave no folder behind.
        asked = check_manifest(plain.to_plain(manifest, "manifest"))
        names = kinds.check_log(log)
        kinds.check_installed(names)
        if services := [name for name in names if name in kinds.SERVICES]:
            asked["logged"] = {"id": kinds.new_identity(), "services": services}
        state = START if resume is None else check_positions(resume)
        with plain.naming(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        # Links are refused before the lock file is made, which would be written through one.
        check_folder_of_run(self.folder)
        self._lock = FolderLock(self.folder)
        try:
            session = {
                "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
                "spent": state["spent"],
                **provenance(),
            }
            written = begin(self.folder, asked, session, fresh=resume is None)
            self._space: Mapping[str, Any] = written["space"]
            self._mastered: float | None = written["mastered"]
            # Seconds go on where the run stopped: a pause between two sessions does not count.
            self._born: float = time.monotonic() - state["seconds"]
            self._episodes = EpisodeLog(self.folder, state["episodes"])
            self._tests = TestLog(self.folder, state["tests"])
            self._teacher = LineLog(self.folder / TEACHER_FILE, state["teacher"])
            self._failed = LineLog(self.folder / FAILED_FILE, state["failed"])
            failed = blamed_tasks(self.folder / FAILED_FILE)
            self._status = Status(self.folder / STATUS, written, state, failed)
            self._notes = Notes()
            self._notes.load(state["notes"])
            # The services come last: a run that is refused leaves nothing there.
            self._events: EventLog | None = None
            if kinds.TENSORBOARD in names:
                self._events = EventLog(self.folder, state["events"], step=state["spent"])
            self._sinks: list[kinds.Sink] = [] if self._events is None else [self._events]
            for name in services:
                self._sinks.append(self._open_service(name, written))
        # Another process could otherwise not resume the run until this one has ended.
        except BaseException:
            self._lock.release()
            raise
        self._closed = False

    def _open_service(self, name: str, manifest: Mapping[str, Any]) -> kinds.Sink:
        """Return a service's sink; if the service fails, the folder says so."""
        try:
            return kinds.open_service(name, kinds.described(manifest, self.folder), self.note)
        except BaseException as error:
            self._status.end("failed", error, self._seconds())
            raise

    @staticmethod
    def for_loop(
        folder: Path | str,
        teacher: Teacher[Any],
        *,
        family: str | Family,
        student: str,
        seed: int,
        budget: float,
        test_tasks: npt.ArrayLike | None = None,
        settings: Mapping[str, Any] | None = None,
        spent: Callable[[], float] | None = None,
        label: str = "",
        resume: bool = False,
        log: Sequence[str] = kinds.DEFAULT,
        **facts: Any,
    ) -> LoopRecord:
        """Record a loop of one's own in a run folder, which ``compare`` and ``report`` read beside others.

        Every row that the teacher is asked for and told is logged, whichever adapter, server or hand does it;
        so are its metrics and snapshots, at every hundredth of the budget. Say the rest yourself:
        ``record.test(scores)`` now and then, ``record.close()`` at the end (or use it as a context manager).

        Args:
            folder: the run folder; made if it does not exist.
            teacher: of this process. Runs are told apart by its registered name and its arguments.
            family: what the tasks are of: its name, or a family, whose facts and test tasks are taken.
            student: what the loop trains, by a name of yours.
            seed: of the run. Runs that differ in nothing else are seeds of one another.
            budget: the cost at which the loop means to end.
            test_tasks: ``(m, *space.shape)`` the tasks of every test; None for the family's own.
            settings: the loop's own, by name: learning rate, network... Runs are compared with each other
                where family, student, settings and tests are equal.
            spent: returns the cost so far, rows under way included: ``lambda: model.num_timesteps``. None
                adds up the costs of the rows that are told.
            label: what the teacher is called in tables; its name if empty.
            resume: go on from the last ``record.save()`` in the folder: the teacher's state is loaded, rows
                that were logged later are removed. A run that never came to a checkpoint starts over.
            log: see `Recorder`.
            facts: of a family that is only a name: ``mastered`` (a score), ``cost_unit``
                (``"environment steps"``), ``score_name`` (``"return"``), ``test_names``, ``test_seed``.

        Raises:
            FileExistsError: if the folder holds a run and ``resume`` is False.
            TypeError: if an argument is of a wrong kind, or a fact unknown.
            ValueError: if an argument is out of range; if the teacher is recorded already; if the run to
                resume has other settings (the first difference is named) or a damaged checkpoint.
            RuntimeError, ImportError, WriteError: as `Recorder`; in a fork of the teacher's process.
        """
        told = describe_loop(
            teacher,
            family=family,
            student=student,
            seed=seed,
            budget=budget,
            test_tasks=test_tasks,
            settings=settings,
            label=label,
            facts=facts,
        )
        check_flag("for_loop: resume", resume)
        counts = Counts(spent)
        path = check_folder("run folder", folder)
        checkpoints = Checkpoints(path / CHECKPOINTS)
        state = checkpoints.latest() if resume else None
        positions = START if resume else None
        # The teacher comes first: if it refuses its state, nothing of the folder is cut.
        if state is not None:
            check_names("checkpoint", CHECKPOINT, state)
            teacher.load_state_dict(state["teacher"])
            positions = state["recorder"]
        recorder = Recorder(path, manifest=told.manifest, resume=positions, log=log)
        try:
            record = LoopRecord(recorder, teacher, told.test_tasks, checkpoints, budget=budget, counts=counts)
            if state is not None:
                record.restore(state)
        except BaseException as error:
            teacher.listener = None
            recorder.close("failed", error)
            raise
        return record

    def asked(self, assignment: Assignment) -> None:
        """Keep what the teacher notes of rows that it hands out, to log it with their outcomes.

        Raises:
            ValueError: if the names of the notes differ from those of the first assignment, or ids from
                before come again.
        """
        self._notes.put(assignment)

    def new_columns(self) -> None:
        """Let the rows that follow have other columns than those before."""
        self._episodes.new_columns()

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
            for sink in self._sinks:
                sink.close(status)
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
        for sink in self._sinks:
            sink.append(scalars, step=spent)


__all__ = ["START", "Recorder"]
