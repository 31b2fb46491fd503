"""A mark on a folder that a process writes, lifted by the system when the process ends."""

from __future__ import annotations

import contextlib
import errno
import logging
import math
import os
import sys
import threading
import time
from pathlib import Path

from teacherstudent.recording.disk.files import WriteError
from teacherstudent.recording.disk.owner import Owner, kernel
from teacherstudent.recording.disk.plain import naming
from teacherstudent.recording.folder import LOCK

if sys.platform != "win32":
    import fcntl

_LOG = logging.getLogger(__name__)

_NO_LINK: int = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""A link is no lock, and nothing waits for the other end of a pipe."""

BEAT_SECONDS = 10.0
"""How often the process that writes a folder says in the lock file that it is still there."""

SILENT_SECONDS = 45.0
"""After how long without such a word a process on another machine counts as gone; several beats."""

LONG_AGO_SECONDS = 900.0
"""An entry that is older is of a process that has gone, however wrong the machines' clocks are."""


class FolderLock:
    """Marks a folder as being written by this process; the system lifts the mark when the process ends.

    Two processes cannot hold it at once, and `held` tells a run that goes on from one that was killed. On
    Windows there is no such mark: everything counts as not held there.

    On a folder that several machines share, the file system should pass locks on between them, but not all
    do. So the lock file also says who holds it, and every few seconds that this process is still there. A
    process that was killed leaves its name there. A process on the same machine takes its folder over at
    once, for there the system's mark is enough; one on another machine first watches for a while whether the
    name is still being renewed.

    Attributes:
        lost: who has taken the folder over in the meantime; empty for nobody.

    Raises:
        RuntimeError: if another process holds it.
        WriteError: if the lock file cannot be made, or the file system has no locks.
    """

    def __init__(self, folder: Path) -> None:
        self._descriptor: int | None = None
        self._folder = folder
        self._released = threading.Event()
        # Whoever writes to the descriptor keeps it from being closed: its number would name another file.
        self._guard = threading.Lock()
        self.lost = ""
        if sys.platform == "win32":
            return
        path = folder / LOCK
        with naming(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _NO_LINK, 0o644)
        try:
            _take(descriptor, folder)
            _wait_for_silence(path)
            self._me = Owner.here()
            with naming(path):
                self._me.write(descriptor)
        # The descriptor would stay open for as long as the error's traceback is kept.
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        # A forked child closes it: otherwise a child that outlives this process would keep the lock.
        _HELD.add(descriptor)
        threading.Thread(target=self._beat, daemon=True, name="folder-lock").start()

    def check(self) -> None:
        """Raise RuntimeError if a process on another machine has taken the folder over in the meantime.

        That happens to a process that was stopped, or cut off from the folder, for longer than others wait.
        """
        if self.lost:
            raise RuntimeError(
                f"{self._folder}: this run was taken over by {self.lost}, because this process had not been "
                "heard of for a while; it goes on there, and ends here"
            )

    def release(self) -> None:
        """Give the folder free; a second call does nothing."""
        self._released.set()
        if self._descriptor is None:
            return
        _HELD.discard(self._descriptor)
        with self._guard:
            # An empty file says that nobody writes here; the name of a later owner is not wiped out.
            if not self.lost:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def _beat(self) -> None:
        """Say again and again that this process is there, until the lock is released or lost."""
        path = self._folder / LOCK
        while not self._released.wait(BEAT_SECONDS):
            there = Owner.read(path)
            if there is not None and there.token != self._me.token:
                self.lost = str(there)
                return
            # A beat that fails (a full disk, a network that is down) is made up for by the next one.
            with self._guard, contextlib.suppress(OSError):
                if self._descriptor is not None:
                    self._me.write(self._descriptor)

    @staticmethod
    def held(folder: Path) -> bool:
        """Return whether some process writes in ``folder`` now."""
        if sys.platform == "win32":
            return False
        try:
            descriptor = os.open(folder / LOCK, os.O_RDONLY | _NO_LINK)
        except OSError:
            return False
        try:
            # A shared lock is refused only while a writer holds
            # its own; two readers do not disturb each other.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        # Some network file systems have no locks: then nothing is known but what the file says.
        except OSError:
            return _heard_of(folder)
        finally:
            os.close(descriptor)
        return _heard_of(folder)


def _take(descriptor: int, folder: Path) -> None:
    """Get the system's mark (raises RuntimeError if another process has it, WriteError if there is none)."""
    # A reader that asks whether the lock is held holds it for an instant: a few tries pass over that.
    for attempt in range(10):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if attempt < 9:
                time.sleep(0.05)
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
                raise
            raise WriteError(
                f"{folder}: expected a file system with locks, which keep two processes from writing one run "
                f"({error}); mount it with them (NFS with lockd, Lustre with -o flock), or choose another "
                "folder"
            ) from error
    who = Owner.read(folder / LOCK)
    by = f": {who} writes it" if who is not None else ""
    raise RuntimeError(f"{folder}: expected no other process writing this run{by}")


def _wait_for_silence(path: Path) -> None:
    """Return once it is sure that no process of another machine writes the folder.

    Raises:
        RuntimeError: if one does.
    """
    first = Owner.read(path)
    # A machine's own locks are reliable: whoever has left its name
    # there is gone, since this process has the lock now.
    if first is None or first.kernel == kernel() or _silent_for(path) > LONG_AGO_SECONDS:
        return
    _LOG.warning(
        "%s: %s wrote this run and did not say that it ended; looking for %g s whether it still does",
        path.parent,
        first,
        SILENT_SECONDS,
    )
    end = time.monotonic() + SILENT_SECONDS
    while time.monotonic() < end:
        time.sleep(min(1.0, SILENT_SECONDS / 10))
        now = Owner.read(path)
        # It has ended in order in the meantime.
        if now is None:
            return
        if now != first:
            raise RuntimeError(f"{path.parent}: expected no other process writing this run: {now} writes it")


def _heard_of(folder: Path) -> bool:
    """Return whether a process of another machine has said lately that it writes the folder."""
    path = folder / LOCK
    who = Owner.read(path)
    if who is None or who.kernel == kernel():
        return False
    # For a display the clocks may be compared: whoever wants to write watches for himself.
    return _silent_for(path) < SILENT_SECONDS


def _silent_for(path: Path) -> float:
    """Return for how many seconds nothing was written to the lock file, by the machines' clocks."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return math.inf


def _forget_locks() -> None:
    """Let a forked child not hold the parent's locks, which would outlive a killed parent."""
    for descriptor in _HELD:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _HELD.clear()


_HELD: set[int] = set()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_locks)
