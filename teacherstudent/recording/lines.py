"""JSON records, one a line, each with a checksum: the teacher's log of a run folder."""

from __future__ import annotations

import itertools
import logging
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from teacherstudent.contract.checks import check_whole
from teacherstudent.contract.stored.digests import checksum_of
from teacherstudent.contract.types import State
from teacherstudent.recording.disk import plain
from teacherstudent.recording.disk.files import open_own
from teacherstudent.recording.logs import LOOKS, identity

_LOG = logging.getLogger(__name__)

LINE_BYTES = 2**28
"""Longest line that is written or read."""

_CHECK = re.compile(rb', "check": "([0-9a-f]{8})"\}$')


class LineLog:
    """JSON records, one a line, appended to a file."""

    def __init__(self, path: Path, position: Mapping[str, Any]) -> None:
        self._path = path
        # What lies beyond the position was written after the checkpoint, and the resumed run writes it anew.
        self._bytes: int = check_whole(f"{path}: bytes", position["bytes"], 0)
        with plain.naming(path):
            self._file = open_own(path)
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
            ValueError: if it is larger than what is read.
            WriteError: if it cannot be written.
        """
        # Without the last brace and the line's end, since the checksum goes in before them.
        body = plain.dumps(record, self._path.name)[:-2]
        # The checksum stands within the JSON object, so that any reader of JSON lines can read the log.
        line = body + b', "check": "%08x"}\n' % checksum_of(body)
        if len(line) > LINE_BYTES:
            raise ValueError(
                f"{self._path}: expected a record of at most {LINE_BYTES} bytes, got {len(line)}: is the "
                "teacher's snapshot too large?"
            )
        with plain.naming(self._path):
            # One write a line and no buffer: a kill tears the last line at most.
            try:
                plain.write_all(self._file.fileno(), line)
            except OSError:
                # A half line on a full disk would join the next
                # one: the file is cut back to the last whole line.
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


def read_lines(path: Path, *, checked: bool = False) -> list[dict[str, Any]]:
    """Return the records of a line log; a torn last line, left by a kill, is skipped.

    Args:
        path: the file; there are no records if it is not there.
        checked: whether every line must have a checksum; those that have one are compared with it anyway.

    Raises:
        ValueError: if another line is unreadable or damaged; the message names file and line.
    """
    for left in reversed(range(LOOKS)):
        before = identity(path)
        if before is None:
            return []
        try:
            return _read_lines(path, checked)
        except FileNotFoundError:
            continue
        # An unreadable line may be one that a resuming run was just
        # cutting off: then the file has changed, and is read again.
        except ValueError:
            # The same file twice, or no look left: it is really damaged.
            if not left or before == identity(path):
                raise
    return []


def _read_lines(path: Path, checked: bool) -> list[dict[str, Any]]:
    """Read a line log once."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError(f"{path}: expected a file, got a folder, pipe or device")
    records = []
    with open(path, "rb") as file:
        for number in itertools.count(1):
            # A file without line ends would be read as a whole: the limit keeps that out of memory.
            line = file.readline(LINE_BYTES + 1)
            if not line:
                break
            where = f"{path}: line {number}"
            if len(line) > LINE_BYTES:
                raise ValueError(f"{where}: expected at most {LINE_BYTES} bytes, got more")
            whole = line.endswith(b"\n")
            # A whole record may lack its line's end, which is written
            # last: the checksum shows that nothing else is missing.
            if not whole and not _CHECK.search(line[:-1] if line[-1:] != b"}" else line):
                # Torn by a kill.
                break
            records.append(_record(line[:-1] if whole else line, where, checked))
    return records


def _record(line: bytes, where: str, checked: bool) -> dict[str, Any]:
    """Return a line's record, after a look at its checksum."""
    check = _CHECK.search(line)
    # The bytes are compared before they are parsed: damage could still be good JSON.
    if check is not None and int(check[1], 16) != checksum_of(line[: check.start()]):
        raise ValueError(f"{where}: expected what its checksum stands for, got something else")
    # Only logs of older versions have lines without a checksum.
    if check is None and checked:
        raise ValueError(f"{where}: expected JSON with a checksum, got {line[:60]!r}")
    try:
        record = plain.parse(line, where)
    except ValueError as error:
        raise ValueError(f"{where}: expected JSON, got {line[:60]!r}") from error
    if not isinstance(record, dict):
        raise ValueError(f"{where}: expected a JSON object, got {line[:60]!r}")
    record.pop("check", None)
    return record


def blamed_tasks(path: Path) -> list[dict[str, Any]]:
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
