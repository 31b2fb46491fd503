"""Scalars as TensorBoard's events, in the run folder itself."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from teacherstudent.contract.types import State
from teacherstudent.recording.disk import plain
from teacherstudent.recording.disk.files import open_own, take_over
from teacherstudent.recording.folder import EVENTS

LAST_STEP = 2**63 - 2
"""TensorBoard's steps have 64 bits, and a resume marks the step after; FLOPs of a long run may be more."""


class EventLog:
    """Scalars for TensorBoard; the step is the cost spent, or `LAST_STEP` if that is more.

    On resume the files are cut back to the position, and a new file tells a TensorBoard that is watching to
    forget what it has read beyond that.
    """

    def __init__(self, run: Path, position: Mapping[str, Any], *, step: float) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._folder = run / EVENTS
        files = _event_files(self._folder, position["files"])
        with plain.naming(self._folder):
            self._folder.mkdir(exist_ok=True)
            # Files that were begun after the checkpoint hold only what the resumed run logs again.
            for path in self._folder.glob("events.out.tfevents.*"):
                if path.name not in files:
                    path.unlink()
                elif path.name == files[-1] and path.stat().st_size > position["bytes"]:
                    # Cutting must not change a backup that shares the data by a hard link.
                    take_over(path)
                    os.truncate(path, position["bytes"])
        born = int(time.time())
        # TensorBoard reads files in the order of their names: a new
        # one must come after the others, whatever the clock says.
        if files:
            born = max(born, int(files[-1].split(".")[3]) + 1)
        name = f"events.out.tfevents.{born:010d}.{socket.gethostname()}.{os.getpid()}.0"
        self._files = [*files, name]
        self._bytes = 0
        with plain.naming(self._folder / name):
            self._file = open_own(self._folder / name)
        self._records = RecordWriter(self)
        self._put(Event(wall_time=time.time(), file_version="brain.Event:2"))
        if files:
            # The mark makes a TensorBoard that is watching forget the steps after the position.
            start = SessionLog(status=SessionLog.START)
            self._put(Event(wall_time=time.time(), step=min(int(step), LAST_STEP) + 1, session_log=start))

    def append(self, scalars: Mapping[str, float], *, step: float) -> None:
        """Write scalars by tag (raises WriteError if they do not fit on the disk)."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
        if values:
            at = min(int(step), LAST_STEP)
            self._put(Event(wall_time=time.time(), step=at, summary=Summary(value=values)))

    def _put(self, event: Any) -> None:
        with plain.naming(self._folder / self._files[-1]):
            try:
                self._records.write(event.SerializeToString())
            except OSError:
                # Half a record would make all that follow it unreadable.
                self._file.truncate(self._bytes)
                raise
        self._bytes = self._file.tell()

    def write(self, data: bytes) -> None:
        """Write bytes: what the record writer calls."""
        plain.write_all(self._file.fileno(), data)

    def position(self) -> State:
        """Return the names of the files and the length of the last one in bytes."""
        return {"files": list(self._files), "bytes": self._bytes}

    def close(self, status: str) -> None:
        """Close the file."""
        del status
        self._file.close()


def _event_files(folder: Path, names: Sequence[str]) -> list[str]:
    """Return the names of a run's event files; raise ValueError for any that is none."""
    for name in names:
        # The names are used as paths, and come from a checkpoint: a slash would lead out of the folder.
        if not (isinstance(name, str) and re.fullmatch(r"events\.out\.tfevents\.\d{1,18}\.[^/]+", name)):
            raise ValueError(f"{folder}: expected names of event files in the checkpoint, got {name!r}")
    return list(names)
