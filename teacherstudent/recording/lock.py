"""A mark on a folder that a process writes, lifted by the system when the process ends."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path

from teacherstudent.recording.disk.plain import naming
from teacherstudent.recording.folder import LOCK

if sys.platform != "win32":
    import fcntl

_NO_LINK: int = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""A link is no lock, and nothing waits for the other end of a pipe."""


class FolderLock:
    """Marks a folder as being written by this process; the system lifts the mark when the process ends.

    Two processes cannot hold it at once, and `held` tells a run that goes on from one that was killed. On
    Windows there is no such mark: everything counts as not held there.

    Raises:
        RuntimeError: if another process holds it.
        WriteError: if the lock file cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._descriptor: int | None = None
        if sys.platform == "win32":
            return
        path = folder / LOCK
        with naming(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _NO_LINK, 0o644)
        # A reader that asks whether the lock is held holds it for an instant: a few tries pass over that.
        for attempt in range(10):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if attempt == 9:
                    # The descriptor would stay open for as long as the error's traceback is kept.
                    os.close(descriptor)
                    raise RuntimeError(f"{folder}: expected no other process writing this run") from None
                time.sleep(0.05)
            else:
                break
        self._descriptor = descriptor
        # A forked child closes it: otherwise a child that outlives this process would keep the lock.
        _HELD.add(descriptor)

    def release(self) -> None:
        """Give the folder free; a second call does nothing."""
        if self._descriptor is not None:
            _HELD.discard(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None

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
        # Some network file systems have no locks: then nothing is known, and nothing counts as held.
        except OSError:
            return False
        finally:
            os.close(descriptor)
        return False


def _forget_locks() -> None:
    """Let a forked child not hold the parent's locks, which would outlive a killed parent."""
    for descriptor in _HELD:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _HELD.clear()


_HELD: set[int] = set()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_locks)
