"""How many threads a run has: environment variables that libraries read when they are loaded."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping

_LIBRARIES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_KERNELS = "NUMBA_NUM_THREADS"


def cores() -> int:
    """Return how many processors this process may use."""
    # Containers and batch systems give a process fewer cores than the machine has.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_variables(threads: int | None, share: int) -> dict[str, str]:
    """Return what a run's environment is to say about threads.

    Args:
        threads: of torch and NumPy; None for what this process's environment says, and one where it says
            nothing.
        share: of compiled environments, unless this process's environment says it.
    """
    # What the user sets in the environment is respected; what is asked for here counts more.
    usual = os.environ.get("OMP_NUM_THREADS", "1")
    # Runs share the cores already: several threads in each would only get in each other's way.
    found = {name: os.environ.get(name, usual) for name in _LIBRARIES}
    if threads is not None:
        found = dict.fromkeys(_LIBRARIES, str(threads))
    return found | {_KERNELS: os.environ.get(_KERNELS, str(share))}


@contextlib.contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for processes started in the block."""
    # Libraries read these variables when they are loaded, so they must be there before the process starts.
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
