"""Processes that start deaf to Ctrl-C and do not outlive the process that started them."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker

WATCH_SECONDS = 0.5
"""Seconds between two looks at whether the parent is still there."""

# The number of this option of prctl in Linux's headers; Python has no name for it.
_PR_SET_PDEATHSIG = 1

STOP_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""What asks a run to stop: Ctrl-C, a termination, the end of the terminal."""


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Hold the stop signals back in this thread, and in the processes that are started in the block.

    A process that starts Python anew imports for seconds before its own code can say what Ctrl-C means: held
    back, a signal waits for `listen` instead of ending it. Here it waits for the end of the block. Does
    nothing where signals cannot be held back (Windows).
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Started inside the block, the tracker would let the signals through.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def listen() -> None:
    """Let through the stop signals that `held_back` has kept from this process since its start."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def on_stop_signals(handler: Callable[..., object]) -> dict[signal.Signals, object]:
    """Install a handler for the stop signals and return the handlers before.

    SIGHUP stays ignored where it is: the process was started by ``nohup``.

    Raises:
        ValueError: if this is not the main thread.
    """
    before: dict[signal.Signals, object] = {}
    for number in STOP_SIGNALS:
        there = signal.getsignal(number)
        # A process under nohup ignores SIGHUP on purpose: a handler would undo that.
        if number.name == "SIGHUP" and there is signal.SIG_IGN:
            continue
        signal.signal(number, handler)
        before[number] = there
    return before


def watch_parent(parent: int, gone: Callable[[], None]) -> None:
    """Call ``gone`` from a thread once the process that started this one has ended, however it ended.

    Args:
        parent: that process's number, as it has told it: looked up here, it could be another one's already.
        gone: called once.
    """
    # Where the system calls it this one's parent, a change of the parent's number is a sure sign of its end.
    direct = os.name == "posix" and os.getppid() == parent

    def watch() -> None:
        while os.getppid() == parent if direct else _exists(parent):
            time.sleep(WATCH_SECONDS)
        gone()

    # A daemon thread does not keep the process alive when the run has ended.
    threading.Thread(target=watch, daemon=True, name="watch-parent").start()


def _exists(parent: int) -> bool:
    """Return whether a process is there that the system does not call this one's parent (a fork server's)."""
    # A fork server starts processes for others: multiprocessing knows the process that asked for this one.
    known = multiprocessing.parent_process()
    if known is not None and not known.is_alive():
        return False
    # Elsewhere a signal 0 would not ask but act.
    if os.name != "posix":
        return known is not None
    try:
        os.kill(parent, 0)
    except ProcessLookupError:
        return False
    # The number was given out again to a process of another user, or the parent has become one.
    except PermissionError:
        return True
    return True


def die_with_parent() -> None:
    """Let Linux kill this process when the thread that started it ends, even in the midst of compiled code.

    Does nothing elsewhere; `watch_parent` works everywhere, but only while Python code gets to run.
    """
    if sys.platform == "linux":
        # Containers may forbid prctl: the watching thread is there all the same.
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
