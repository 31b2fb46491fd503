"""The logs of a run folder: episodes, tests, teacher records and TensorBoard events.

Each log takes rows, survives a kill at any moment, says its position as plain data, and goes back to such a
position when a run resumes.
"""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from teacherstudent import plain
from teacherstudent.recording.status import Means
from teacherstudent.recording.tables import ColumnBuffer, Table, concatenate, count_rows, encode, read_table
from teacherstudent.types import State

EPISODES = "episodes"
TESTS = "tests"
TESTS_FILE = "tests.parquet"
TEACHER_FILE = "teacher.jsonl"
EVENTS = "tensorboard"

EPISODE_ROWS = 65_536
EPISODE_SECONDS = 60.0
TEST_ROWS = 4_096


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
            _remove_from(self._folder, position["parts"])
        there = parts(self._folder)
        rows = sum(count_rows(path) for path in there.values())
        if list(there) != list(range(position["parts"])) or rows != position["rows"]:
            raise ValueError(
                f"{self._folder}: expected {position['parts']} parts with {position['rows']} rows, as when "
                f"the checkpoint was written, got {len(there)} with {rows}"
            )
        self._parts: int = position["parts"]
        self._rows: int = position["rows"]
        self._means = Means(position["means"])
        self._counted = 0  # rows of the buffer that are in the means
        self._buffer = ColumnBuffer("episodes", EPISODE_ROWS)
        self._written = time.monotonic()

    def append(self, columns: Mapping[str, Any], rows: int) -> None:
        """Take rows (raises as `ColumnBuffer.append`, and WriteError if a part cannot be written)."""
        if self._buffer.rows and self._buffer.rows + rows > EPISODE_ROWS:
            self.flush()
        self._buffer.append(columns, rows)
        if time.monotonic() - self._written > EPISODE_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what has gathered as one part."""
        self._written = time.monotonic()
        if self._buffer.rows:
            plain.write_file(self._folder / _part(self._parts), encode(self._buffer.view()))
            self._count()
            self._parts += 1
            self._rows += self._buffer.rows
            self._buffer.clear()
            self._counted = 0

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
    """Return the episodes that a run folder holds (raises ValueError naming an unreadable file)."""
    return concatenate(read_table(path, columns) for path in parts(run / EPISODES).values())


class TestLog:
    """Tests in one Parquet file whose upkeep costs linear time.

    While ``tests.parquet`` is small it is replaced by a longer one at each test. Later a test is written as
    ``tests/part-<index>.parquet``, and the parts are merged into ``tests.parquet`` when they hold an eighth
    of all rows, and when the run ends. A reader takes ``tests.parquet`` and those parts whose index is above
    the last one in it, so a kill between merging and removing the parts is harmless.
    """

    __test__ = False  # the name is no call to pytest

    def __init__(self, run: Path, position: Mapping[str, Any]) -> None:
        self._run = run
        self.count: int = position["count"]
        with plain.naming(run / TESTS):
            (run / TESTS).mkdir(exist_ok=True)
            _remove_from(run / TESTS, self.count)
        kept = read_tests(run)
        index = kept["index"] if kept else np.zeros(0, np.int64)
        there = len(np.unique(index[index < self.count]))
        if there != self.count:
            raise ValueError(
                f"{run / TESTS_FILE}: expected {self.count} tests, as when the checkpoint was written, "
                f"got {there}"
            )
        self._merged_rows = 0
        self._pending_rows = 0
        self._small: Table | None = None  # what tests.parquet holds, while that is little
        if (index >= self.count).any() or parts(run / TESTS):
            self._replace({name: values[index < self.count] for name, values in kept.items()})
        else:
            self._merged_rows = len(index)

    def append(self, columns: Mapping[str, Any], rows: int) -> None:
        """Write one test (raises TypeError for what is no number, WriteError if it cannot be written)."""
        buffer = ColumnBuffer("tests", rows)
        buffer.append(columns, rows)
        pending = self._pending_rows + rows
        total = self._merged_rows + pending
        if total <= TEST_ROWS or pending * 8 >= total:
            there = read_tests(self._run) if self._small is None else self._small
            self._replace(concatenate([there, buffer.view()]))
        else:
            plain.write_file(self._run / TESTS / _part(self.count), encode(buffer.view()))
            self._pending_rows = pending
        self.count += 1

    def merge(self) -> None:
        """Put all tests into the one file."""
        if parts(self._run / TESTS):
            self._replace(read_tests(self._run))

    def _replace(self, table: Table) -> None:
        rows = len(next(iter(table.values()))) if table else 0
        if rows:
            plain.write_file(self._run / TESTS_FILE, encode(table))
        else:
            (self._run / TESTS_FILE).unlink(missing_ok=True)
        _remove_from(self._run / TESTS, 0)
        self._merged_rows, self._pending_rows = rows, 0
        self._small = table if rows <= TEST_ROWS else None

    def position(self) -> State:
        """Return the position: how many tests were made."""
        return {"count": self.count}


def read_tests(run: Path, columns: Sequence[str] | None = None) -> Table:
    """Return the tests that a run folder holds (raises ValueError naming an unreadable file)."""
    if columns is not None:
        columns = ["index", *columns]
    pending = []
    for path in parts(run / TESTS).values():
        try:
            pending.append(read_table(path, columns))
        except FileNotFoundError:  # merged in the meantime, and the file below is read later
            continue
    try:
        merged = read_table(run / TESTS_FILE, columns)
    except FileNotFoundError:
        merged = {}
    last = int(merged["index"].max()) if merged and len(merged["index"]) else -1
    return concatenate([merged, *(part for part in pending if part["index"][0] > last)])


class LineLog:
    """JSON records, one a line, appended to a file."""

    def __init__(self, path: Path, position: Mapping[str, Any]) -> None:
        self._path = path
        self._bytes: int = position["bytes"]
        with plain.naming(path):
            self._file = open(path, "ab", buffering=0)  # noqa: SIM115 - closed by close()
            size = self._file.seek(0, os.SEEK_END)
            if size < self._bytes:
                self._file.close()
                raise ValueError(
                    f"{path}: expected {self._bytes} bytes, as when the checkpoint was written, got {size}"
                )
            self._file.truncate(self._bytes)

    def append(self, record: Mapping[str, Any]) -> None:
        """Write one record; one that does not fit on the disk is taken back.

        Raises:
            TypeError: if it holds something that is not plain data.
            WriteError: if it cannot be written.
        """
        line = plain.dumps(record, self._path.name)
        with plain.naming(self._path):
            try:
                plain.write_all(self._file.fileno(), line)
            except OSError:
                self._file.truncate(self._bytes)
                raise
        self._bytes += len(line)

    def flush(self) -> None:
        """Make the records survive a power cut."""
        with plain.naming(self._path):
            os.fsync(self._file.fileno())

    def position(self) -> State:
        """Return the length of the file in bytes."""
        return {"bytes": self._bytes}

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of a line log; a torn last line, left by a kill, is skipped.

    Raises:
        ValueError: if another line is unreadable; the message names file and line.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return
    for number, line in enumerate(lines[:-1], 1):  # what follows the last line end is empty or torn
        try:
            yield json.loads(line)
        except ValueError as error:
            raise ValueError(f"{path}: line {number}: expected JSON, got {line[:60]!r}") from error


class EventLog:
    """Scalars for TensorBoard; the step is the cost spent.

    On resume the files are cut back to the position, and a new file tells a TensorBoard that is watching to
    forget what it has read beyond that.
    """

    def __init__(self, run: Path, position: Mapping[str, Any], *, step: float) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._folder = run / EVENTS
        files: list[str] = list(position["files"])
        with plain.naming(self._folder):
            self._folder.mkdir(exist_ok=True)
            for path in self._folder.glob("events.out.tfevents.*"):
                if path.name not in files:
                    path.unlink()
                elif path.name == files[-1] and path.stat().st_size > position["bytes"]:
                    os.truncate(path, position["bytes"])
        born = int(time.time())
        if files:  # TensorBoard reads files in the order of their names
            born = max(born, int(files[-1].split(".")[3]) + 1)
        name = f"events.out.tfevents.{born:010d}.{socket.gethostname()}.{os.getpid()}.0"
        self._files = [*files, name]
        self._bytes = 0
        with plain.naming(self._folder / name):
            self._file = open(self._folder / name, "ab", buffering=0)  # noqa: SIM115 - closed by close()
        self._records = RecordWriter(self)
        self._put(Event(wall_time=time.time(), file_version="brain.Event:2"))
        if files:
            start = SessionLog(status=SessionLog.START)
            self._put(Event(wall_time=time.time(), step=int(step) + 1, session_log=start))

    def append(self, scalars: Mapping[str, float], *, step: float) -> None:
        """Write scalars by tag (raises WriteError if they do not fit on the disk)."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
        if values:
            self._put(Event(wall_time=time.time(), step=int(step), summary=Summary(value=values)))

    def _put(self, event: Any) -> None:
        with plain.naming(self._folder / self._files[-1]):
            try:
                self._records.write(event.SerializeToString())
            except OSError:
                self._file.truncate(self._bytes)
                raise
        self._bytes = self._file.tell()

    def write(self, data: bytes) -> None:
        """Write bytes: what the record writer calls."""
        plain.write_all(self._file.fileno(), data)

    def position(self) -> State:
        """Return the names of the files and the length of the last one in bytes."""
        return {"files": list(self._files), "bytes": self._bytes}

    def close(self) -> None:
        """Close the file."""
        self._file.close()
