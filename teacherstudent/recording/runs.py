"""Reading run folders: of finished, running and killed runs alike."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from teacherstudent.contract.purposes import Purpose, purposes
from teacherstudent.contract.types import Array, BoolArray, FloatArray
from teacherstudent.recording.disk.files import check_folder
from teacherstudent.recording.disk.plain import SEALED
from teacherstudent.recording.folder import MANIFEST, STATUS, TEACHER_FILE
from teacherstudent.recording.lines import read_lines
from teacherstudent.recording.lock import FolderLock
from teacherstudent.recording.logs import read_episodes, read_tests
from teacherstudent.recording.manifest import read_manifest
from teacherstudent.recording.status import read_status
from teacherstudent.recording.tables import Table, tasks_of


@dataclass(frozen=True)
class Curve:
    """The tests of a run: one value for each.

    Attributes:
        spent: ``(k,)`` the cost at which it was made, ascending.
        score: ``(k,)`` the mean return over the test tasks.
        mastered: ``(k,)`` percent of the test tasks mastered; NaN if the family has no such line.
        test: ``(k,)`` the mean of the signal ``test``: 1 on the test split, 0 on validation or without it.
        ledger: name -> ``(k,)`` the ledger's entry at that moment: ``cost/train``, ``seconds/total``...
    """

    spent: FloatArray
    score: FloatArray
    mastered: FloatArray
    test: FloatArray
    ledger: Mapping[str, FloatArray] = field(default_factory=dict)

    @property
    def on_test(self) -> BoolArray:
        """Which tests ``(k,)`` were made on the test split."""
        found: BoolArray = self.test > 0.5
        return found

    def course(self) -> Curve:
        """Return the tests without those on the test split; all of them if there are no others."""
        # A test at the end may be on the test split: curves show the validation tests.
        rows = ~self.on_test
        if not rows.any():
            return self
        ledger = {name: values[rows] for name, values in self.ledger.items()}
        return Curve(self.spent[rows], self.score[rows], self.mastered[rows], self.test[rows], ledger)


@dataclass(frozen=True)
class Run:
    """A run folder. Only the manifest is read at once; everything else when it is asked for.

    Attributes:
        folder: the folder.
        manifest: what was run; see `Recorder`.
    """

    folder: Path
    manifest: Mapping[str, Any]

    @classmethod
    def load(cls, folder: str | Path) -> Run:
        """Open a run folder.

        Raises:
            FileNotFoundError: if there is none.
            ValueError: if it is no run folder, was written by a newer version, or has an unreadable manifest.
        """
        folder = check_folder("run folder", folder)
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder}: expected a run folder, got no folder")
        if not (folder / MANIFEST).exists():
            raise ValueError(f"{folder}: expected a run folder with {MANIFEST}, got one without")
        return cls(folder, read_manifest(folder / MANIFEST))

    @property
    def teacher_name(self) -> str:
        """The label that the user gave to the teacher, or else its registered name."""
        teacher = self.manifest["teacher"]
        return str(teacher.get("label") or teacher["name"])

    @property
    def family_name(self) -> str:
        """The family's registered name."""
        return str(self.manifest["family"]["name"])

    @property
    def seed(self) -> Any:
        """The run's seed, as the manifest has it."""
        return self.manifest["seed"]

    def status(self) -> dict[str, Any]:
        """Return the status as it is now; empty if it was never written.

        ``status`` is ``"running"``, ``"finished"``, ``"failed"``, ``"interrupted"``, or ``"killed"`` for a
        run that says it is running though no process writes its folder.

        Raises:
            ValueError: if the file is unreadable; the message names it.
        """
        try:
            status = read_status(self.folder / STATUS)
        # A run that was killed at once has a manifest and no status yet.
        except FileNotFoundError:
            status = {"status": "running", "spent": 0.0, "ledger": {}, "error": None}
        # A killed process cannot say so itself: the lock, which the system lifts, shows it.
        if status["status"] == "running" and not FolderLock.held(self.folder):
            status["status"] = "killed"
        return status

    def episodes(self, columns: Sequence[str] | None = None) -> Table:
        """Return the episodes in the order in which they finished, as columns of ``(n, ...)``.

        Columns: ``id``, ``task_<name>`` for each dimension (``task`` for other spaces), ``score``, ``cost``,
        ``purpose`` (`teacherstudent.contract.purposes.Purpose`), ``member``, ``spent`` and ``time`` (cost and
        seconds since the start), the student's signals, and the teacher's notes.

        Args:
            columns: which columns, if not all; those that do not exist are left out.

        Raises:
            ValueError: if a file is unreadable; the message names it.
        """
        wanted = columns
        # Older folders have neither: they are worked out from what they have instead.
        if columns is not None and not {"purpose", "member"}.isdisjoint(columns):
            wanted = [*columns, "learn", "kind"]
        table = read_episodes(self.folder, wanted)
        if "learn" in table and "purpose" not in table:
            table["purpose"] = _purpose(table)
            table["member"] = np.zeros(len(table["learn"]), np.int64)
        # Columns that were read only to work these out are not what was asked for.
        if columns is None:
            return table
        return {name: values for name, values in table.items() if name in columns}

    def tests(self, columns: Sequence[str] | None = None) -> Table:
        """Return all tests, one row for each test task of each test (arguments and errors as `episodes`).

        Columns: ``index`` of the test, ``task_index``, those of `episodes` but those of a row,
        ``mastered`` if the family has such a line, and ``ledger_<name>``.
        """
        return read_tests(self.folder, columns)

    def records(self) -> list[dict[str, Any]]:
        """Return the teacher's records, in order.

        Each has ``spent``, ``time``, ``metrics``, ``student``, ``acting`` (not in older runs), ``train``
        (means since the record before), ``ledger`` and ``snapshot``. Numbers that were not finite are NaN;
        lists in ``snapshot`` are arrays.

        Raises:
            ValueError: if the file is unreadable; the message names it.
        """
        # Folders of version 1 have no checksums in their lines.
        checked = self.manifest["format"] >= SEALED
        path = self.folder / TEACHER_FILE
        return [_unpacked(record, path) for record in read_lines(path, checked=checked)]

    def tasks(self, table: Table) -> Array:
        """Return the tasks of `episodes` or `tests`: ``(n, d)`` for a box, else ``(n, *space.shape)``."""
        return tasks_of(self.manifest["space"], table)

    def curve(self) -> Curve:
        """Return the mean over test tasks for each test (raises as `tests`)."""
        table = self.tests()
        if not table:
            return Curve(*np.zeros((4, 0)))
        # Rows are grouped by their test: `which` is the group of each row, `first` a row of each group.
        _, first, which = np.unique(table["index"], return_index=True, return_inverse=True)
        rows = np.bincount(which)
        score = np.bincount(which, table["score"]) / rows
        mastered = np.full(len(rows), np.nan)
        if "mastered" in table:
            mastered = 100.0 * np.bincount(which, table["mastered"].astype(np.float64)) / rows
        test = np.zeros(len(rows))
        if "test" in table:
            test = np.bincount(which, table["test"].astype(np.float64)) / rows
        ledger = {
            name.removeprefix("ledger_"): values[first]
            for name, values in table.items()
            if name.startswith("ledger_")
        }
        return Curve(table["spent"][first], score, mastered, test, ledger)


def _purpose(table: Table) -> Array:
    """Return what each row was for, of an older folder: it says what was learnt from, and the kind of level.

    Rows of kind 2 that were not learnt from were edited levels.
    """
    found = purposes(table["learn"])
    # Older folders knew three kinds of levels, of which 2 was an edited one.
    if "kind" in table:
        found[(found == Purpose.MEASURE) & (table["kind"] == 2)] = Purpose.EDIT
    return found


def _unpacked(record: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return a teacher's record with NaN for None, and arrays in its snapshot."""
    for name in ("metrics", "student", "train", "ledger", "snapshot"):
        if not isinstance(record.get(name), dict):
            raise ValueError(f"{path}: expected records with {name}, got {sorted(record)}")
    curves = {}
    for kind in ("metrics", "student", "train"):
        curves[kind] = {name: np.nan if value is None else value for name, value in record[kind].items()}
    snapshot = {name: _array(value) for name, value in record["snapshot"].items()}
    return record | curves | {"snapshot": snapshot}


def _array(value: Any) -> Any:
    """Return lists of numbers as arrays (None becomes NaN), mappings entry by entry, the rest as it is."""
    if isinstance(value, dict):
        return {name: _array(entry) for name, entry in value.items()}
    if not isinstance(value, list):
        return value
    # Most lists are numbers; what makes no array stays a list.
    try:
        array = np.asarray(value)
        if array.dtype == np.object_:
            return array.astype(np.float64)
        return array
    except (TypeError, ValueError):
        return value


def find_runs(paths: Iterable[str | Path]) -> list[Run]:
    """Return the runs in and below the given folders, each once, in the order of their paths.

    Raises:
        FileNotFoundError: if a path does not exist.
        ValueError: if a path holds no run, or a manifest is unreadable or newer.
    """
    return [Run.load(folder) for folder in find_folders(paths)]


def find_folders(paths: Iterable[str | Path]) -> list[Path]:
    """Return the folders of runs in and below the given folders, each once, in the order of their paths.

    Raises:
        FileNotFoundError: if a path does not exist.
        ValueError: if a path holds no run.
    """
    found: dict[Path, Path] = {}
    for path in (check_folder("runs", path) for path in paths):
        if not path.is_dir():
            raise FileNotFoundError(f"{path}: expected a folder with runs, got no folder")
        folders = sorted(_folders(path))
        if not folders:
            raise ValueError(f"{path}: expected a folder with runs ({MANIFEST} in or below it), got none")
        for folder in folders:
            # Two paths may lead to one run, which must be compared once only; the first path given is kept.
            found.setdefault(folder.resolve(), folder)
    return list(found.values())


def _folders(root: Path) -> Iterator[Path]:
    """Yield the run folders in and below ``root``; what lies inside a run or behind a link is not."""
    pending = [root]
    while pending:
        folder = pending.pop()
        # A run's own folders hold no other runs, and there may be thousands of files.
        if (folder / MANIFEST).is_file():
            yield folder
            continue
        with contextlib.suppress(FileNotFoundError):  # removed since it was listed
            pending.extend(entry for entry in folder.iterdir() if entry.is_dir() and not entry.is_symlink())
