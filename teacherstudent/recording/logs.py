"""The logs of a run folder: episodes and tests; `recording.lines` has the teacher's.

Each log takes rows, survives a kill at any moment, says its position as plain data, and goes back to such a
position when a run resumes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from teacherstudent.contract.checks import check_whole
from teacherstudent.contract.types import State
from teacherstudent.recording.disk import plain
from teacherstudent.recording.disk.files import memory_limit
from teacherstudent.recording.folder import EPISODES, TESTS, TESTS_FILE
from teacherstudent.recording.status import Means
from teacherstudent.recording.tables import (
    ColumnBuffer,
    Table,
    concatenate,
    count_rows,
    encode,
    read_table,
    size_of,
)

EPISODE_ROWS = 65_536
EPISODE_BYTES = 2**28
"""A part holds no more, unless a single batch does."""
EPISODE_SECONDS = 60.0
TEST_ROWS = 4_096
TEST_BYTES = 2**29
"""Tests are put into one file up to this size."""
LOOKS = 20
"""How often a reader looks again for files that another process is replacing."""


def _part(index: int) -> str:
    return f"part-{index:05d}.parquet"


def parts(folder: Path) -> dict[int, Path]:
    """Return the part files of a folder by their index, in order; none if there is no folder."""
    if not folder.is_dir():
        return {}
    found = {
        int(match[1]): path
        for path in folder.iterdir()
        if (match := re.fullmatch(r"part-(\d{5,})\.parquet", path.name))
    }
    return dict(sorted(found.items()))


def _remove_from(folder: Path, first: int) -> None:
    """Remove the parts from ``first`` on, the last one first, so that a kill leaves no gap."""
    for index, path in reversed(parts(folder).items()):
        if index >= first:
            path.unlink()


class EpisodeLog:
    """Episodes as Parquet parts; a part is written when enough rows or seconds have gathered."""

    def __init__(self, run: Path, position: Mapping[str, Any]) -> None:
        self._folder = run / EPISODES
        with plain.naming(self._folder):
            self._folder.mkdir(exist_ok=True)
            # Parts after the checkpoint are removed: the resumed run writes them anew.
            _remove_from(self._folder, check_whole(f"{self._folder}: parts", position["parts"], 0))
        there = parts(self._folder)
        rows = sum(count_rows(path) for path in there.values())
        # Parts could be missing or exchanged: the numbers show it before the run goes on.
        if list(there) != list(range(position["parts"])) or rows != position["rows"]:
            raise ValueError(
                f"{self._folder}: expected {position['parts']} parts with {position['rows']} rows, as when "
                f"the checkpoint was written, got {len(there)} with {rows}"
            )
        self._parts: int = position["parts"]
        self._rows: int = position["rows"]
        self._means = Means(position["means"])
        # Rows of the buffer that are in the means already.
        self._counted = 0
        self._buffer = ColumnBuffer("episodes", EPISODE_ROWS, EPISODE_BYTES)
        self._room = EPISODE_ROWS
        self._written = time.monotonic()

    def append(self, columns: Mapping[str, Any], rows: int) -> None:
        """Take rows (raises as `ColumnBuffer.append`, and WriteError if a part cannot be written)."""
        # Flushed before the batch and not after it: the buffer
        # need not grow, and a part stays below its limit.
        if self._buffer.rows and self._buffer.rows + rows > self._room:
            self.flush()
        self._buffer.append(columns, rows)
        # Where rows are large the buffer makes room for fewer of them.
        self._room = min(self._room, self._buffer.capacity)
        # A slow run should show its episodes all the same, and lose few by a kill.
        if time.monotonic() - self._written > EPISODE_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what has gathered as one part."""
        self._written = time.monotonic()
        if self._buffer.rows:
            # The part is on the disk before the counts say so.
            plain.write_file(self._folder / _part(self._parts), encode(self._buffer.view()))
            # The means need the rows, which are cleared next.
            self._count()
            self._parts += 1
            self._rows += self._buffer.rows
            self._buffer.clear()
            self._counted = 0

    def new_columns(self) -> None:
        """Write what has gathered, and let the rows that follow have other columns."""
        self.flush()
        self._buffer = ColumnBuffer("episodes", EPISODE_ROWS, EPISODE_BYTES)
        self._room = EPISODE_ROWS

    def take_means(self) -> dict[str, float]:
        """Return the means of the episodes since the last call; empty if there were none."""
        self._count()
        return self._means.take()

    def _count(self) -> None:
        self._means.add(self._buffer.view(self._counted))
        self._counted = self._buffer.rows

    def position(self) -> State:
        """Return the position after `flush`."""
        return {"parts": self._parts, "rows": self._rows, "means": self._means.state()}


def read_episodes(run: Path, columns: Sequence[str] | None = None) -> Table:
    """Return the episodes that a run folder holds (raises ValueError naming an unreadable file).

    A run that resumes removes its last parts, and writes others in their place: then the folder is looked at
    again, and if that goes on the parts before them are returned.
    """
    found: list[Table] = []
    for _ in range(LOOKS):
        found, whole = _read_parts(run / EPISODES, columns)
        if whole:
            break
    return concatenate(found)


def _read_parts(folder: Path, columns: Sequence[str] | None) -> tuple[list[Table], bool]:
    """Return the first parts of a folder, and whether these are all and none was replaced meanwhile."""
    tables = []
    files = []
    size = 0
    there = parts(folder)
    for path in there.values():
        try:
            # Noted before the file is read: a change in between shows up in the comparison below.
            files.append(identity(path))
            tables.append(read_table(path, columns))
        except FileNotFoundError:
            # A run that resumes has removed it. The parts before it are still good.
            break
        size += size_of(tables[-1])
        if size > memory_limit():
            raise ValueError(
                f"{folder}: expected at most the {memory_limit()} bytes of memory, got more: read columns"
            )
    now = [identity(path) for path in there.values()]
    same = [i for i in range(len(tables)) if now[i] == files[i]]
    # The first parts of which none was replaced meanwhile: rows of two courses of the run must not be mixed.
    kept = next((i for i, row in enumerate(same) if i != row), len(same))
    return tables[:kept], kept == len(tables) == len(parts(folder))


def identity(path: Path) -> tuple[int, int, int] | None:
    """Return what tells a file from another one that takes its place; None if there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


class TestLog:
    """Tests in one Parquet file whose upkeep costs linear time.

    While ``tests.parquet`` is small it is replaced by a longer one at each test. Later a test is written as
    ``tests/part-<index>.parquet``, and the parts are merged into ``tests.parquet`` when they hold an eighth
    of all rows, and when the run ends; what is larger than `TEST_BYTES` stays in parts. A reader takes
    ``tests.parquet`` and those parts whose index is above the last one in it, so a kill between merging and
    removing the parts is harmless.
    """

    # The name looks like a class of tests to pytest.
    __test__ = False

    def __init__(self, run: Path, position: Mapping[str, Any]) -> None:
        self._run = run
        self.count: int = check_whole(f"{run / TESTS}: count", position["count"], 0)
        with plain.naming(run / TESTS):
            (run / TESTS).mkdir(exist_ok=True)
            _remove_from(run / TESTS, self.count)
        kept = read_tests(run)
        # Only tests up to the checkpoint count; there may be later ones in the one file.
        index = kept["index"] if kept else np.zeros(0, np.int64)
        there = len(np.unique(index[index < self.count]))
        if there != self.count:
            raise ValueError(
                f"{run / TESTS_FILE}: expected {self.count} tests, as when the checkpoint was written, "
                f"got {there}"
            )
        self._merged_rows = 0
        self._pending_rows = 0
        # What tests.parquet holds, while that is little: then it is not read again for each test.
        self._small: Table | None = None
        # Tests after the checkpoint are taken out, and parts
        # are put into the one file while nothing else writes.
        if (index >= self.count).any() or parts(run / TESTS):
            self._take({name: values[index < self.count] for name, values in kept.items()})
        else:
            self._merged_rows = len(index)

    def _take(self, table: Table) -> None:
        """Put these tests into the one file, or leave them in parts where that would be too large."""
        if size_of(table) <= TEST_BYTES:
            self._replace(table)
        else:
            self._merged_rows = 0
            self._pending_rows = len(table["index"])

    def append(self, columns: Mapping[str, Any], rows: int) -> None:
        """Write one test (raises TypeError for what is no number, WriteError if it cannot be written)."""
        buffer = ColumnBuffer("tests", rows)
        buffer.append(columns, rows)
        pending = self._pending_rows + rows
        total = self._merged_rows + pending
        # The size of this test's rows stands for that of all rows.
        fits = total * (size_of(buffer.view()) // max(1, rows)) <= TEST_BYTES
        # While there are few rows, rewriting is cheap. Later it is
        # done when an eighth is new, so that the work stays linear.
        if fits and (total <= TEST_ROWS or pending * 8 >= total):
            there = read_tests(self._run) if self._small is None else self._small
            self._replace(concatenate([there, buffer.view()]))
        else:
            plain.write_file(self._run / TESTS / _part(self.count), encode(buffer.view()))
            self._pending_rows = pending
            self._small = None
        self.count += 1

    def merge(self) -> None:
        """Put all tests into the one file, unless that would be too large."""
        if parts(self._run / TESTS):
            self._take(read_tests(self._run))

    def _replace(self, table: Table) -> None:
        rows = 0
        if table:
            rows = len(next(iter(table.values())))
        if rows:
            # The one file is written before the parts go: after a
            # kill in between, readers skip parts that it holds.
            plain.write_file(self._run / TESTS_FILE, encode(table))
        else:
            (self._run / TESTS_FILE).unlink(missing_ok=True)
        _remove_from(self._run / TESTS, 0)
        self._merged_rows = rows
        self._pending_rows = 0
        self._small = None
        if rows <= TEST_ROWS:
            self._small = table

    def position(self) -> State:
        """Return the position: how many tests were made."""
        return {"count": self.count}


def read_tests(run: Path, columns: Sequence[str] | None = None) -> Table:
    """Return the tests that a run folder holds (raises ValueError naming an unreadable file)."""
    if columns is not None:
        # The index is needed to put tests in order, whoever asks for what.
        columns = ["index", *columns]
    tables: list[Table] = []
    for _ in range(LOOKS):  # a run that resumes removes its last tests, and makes them again
        tables = _read_tests(run, columns)
        starts = [int(table["index"][0]) for table in tables]
        ends = [int(table["index"][-1]) for table in tables]
        # A gap means that a resuming run was at work between two files: they are read again.
        if all(start == end + 1 for start, end in zip(starts[1:], ends[:-1], strict=True)):
            break
    return concatenate(tables)


def _read_tests(run: Path, columns: Sequence[str] | None) -> list[Table]:
    """Return the merged tests, and the parts that come after them."""
    pending = []
    # Parts come first and the one file second: a test that
    # is merged in between is then seen twice, and not lost.
    for path in parts(run / TESTS).values():
        try:
            pending.append(read_table(path, columns))
        # Merged in the meantime, and the file below is read later.
        except FileNotFoundError:
            continue
    try:
        merged = read_table(run / TESTS_FILE, columns)
    except FileNotFoundError:
        merged = {}
    for table in (merged, *pending):
        if table and "index" not in table:
            raise ValueError(f"{run / TESTS_FILE}: expected a column 'index', got {sorted(table)}")
    # Parts that the one file already holds are left over from a kill during a merge.
    last = -1
    if merged and len(merged["index"]):
        last = int(merged["index"].max())
    later = [part for part in pending if len(part["index"]) and part["index"][0] > last]
    return [table for table in (merged, *later) if table and len(table["index"])]
