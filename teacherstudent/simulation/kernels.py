"""Kernels: scalar functions that Numba compiles for the CPU, and from the same source for CUDA.

Numba is the choice because one Python source serves both: a function marked `kernel` is compiled by Numba
for the CPU and, by `teacherstudent.simulation.cuda`, once more by numba-cuda as a device function, and it
runs in Numba's CUDA simulator where there is no GPU. NVIDIA Warp's CPU launches use one thread only, and
torch operations, with memory traffic and a launch for each, need longer for one solver iteration on a CPU
than this for a step.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])

# Numba's first choice, GNU OpenMP, kills processes that fork after its first loop, and its idle threads spin:
# with another program on the machine's cores, two of them step slower than one
_config: Any = numba.config
# The user may have chosen another one.
if _config.THREADING_LAYER == "default":
    _config.THREADING_LAYER = "forksafe"

# no "reassoc", "nnan" or "ninf": sums keep their order, and a value that is not finite stays one
FASTMATH = {"nsz", "contract", "arcp", "afn"}
_sources: dict[int, FunctionType] = {}


# Here and not beside what uses it: a change in this folder makes kernels that are kept on disk stale.
class Results(NamedTuple):
    """Where a kernel writes what a step of every slot gives.

    Attributes:
        rewards: ``(n,)``.
        terminated: ``(n,)`` bool.
        truncated: ``(n,)`` bool.
    """

    rewards: Any
    terminated: Any
    truncated: Any


def kernel(function: F) -> F:
    """Compile a function into all that call it on the CPU, and keep its source for other devices.

    The result is kept on disk for later processes where there is a folder for it.
    """
    # Inlined, as these are small and called in the innermost loops.
    compiled = jit(function, forceinline=True)
    # By identity, since the compiled object lives as long as its module.
    _sources[id(compiled)] = cast("FunctionType", function)
    return compiled


def large_kernel(function: F) -> F:
    """Mark a `kernel` that stays a function of its own where it is called: less to compile."""
    compiled = jit(function)
    _sources[id(compiled)] = cast("FunctionType", function)
    return compiled


def parallel_kernel(function: F) -> F:
    """Compile a function whose ``numba.prange`` loops run over all of Numba's threads."""
    return jit(function, parallel=True)


def jit(function: F, **options: Any) -> F:
    """Compile a function for the CPU; keep the result on disk if there is a folder to write to."""
    # NumPy's error model: a division by 0 is infinite or no number, as on the device, and raises nothing.
    options = {"fastmath": FASTMATH, "error_model": "numpy"} | options
    try:
        compiled: Any = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder to write to
        return cast("F", numba.njit(**options)(function))
    if compiled is not function:  # Numba's compiler is on
        # Numba looks at the function's own file only: what it calls may have changed too
        compiled._cache._cache_file._source_stamp = sources_stamp()
    return cast("F", compiled)


@functools.cache
def sources_stamp() -> tuple[tuple[str, int, int], ...]:
    """Return path, time and size of every file that a compiled function may come from.

    Paths are relative to the package: files of one name in several folders are told apart.
    """
    package = Path(__file__).parents[1]
    # Kernels are inlined across files: a change in any of them may change any result.
    files = sorted(path for folder in ("simulation", "envs") for path in _files(package / folder, set()))
    named = [(path.relative_to(package).as_posix(), path.stat()) for path in files]
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in named)


def _files(folder: Path, seen: set[Path]) -> Iterator[Path]:
    """Yield the Python files of a folder and its folders, links followed, but into no folder twice."""
    if folder.resolve() in seen:
        return
    seen.add(folder.resolve())
    for path in folder.iterdir():
        if path.is_dir():
            yield from _files(path, seen)
        elif path.suffix == ".py" and path.exists():
            yield path


def source_of(function: Any) -> FunctionType | None:
    """Return the plain Python function from which a `kernel` was compiled; None for anything else."""
    return _sources.get(id(function))


def thread_count(threads: int | None) -> int:
    """Return over how many threads parallel kernels are to run: all that Numba has, if None.

    Raises:
        ValueError: if Numba does not have so many.
    """
    available = int(_config.NUMBA_NUM_THREADS)
    if threads is None:
        return available
    if not 1 <= threads <= available:
        raise ValueError(f"threads: expected 1 to {available}, got {threads}")
    return threads
