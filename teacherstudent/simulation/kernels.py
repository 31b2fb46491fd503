"""Kernels: scalar functions that Numba compiles for the CPU, and from the same source for CUDA.

Numba is the choice because one Python source serves both: a function marked `kernel` is compiled by Numba
for the CPU and, by `for_cuda`, once more by numba-cuda as a device function, and it runs in Numba's CUDA
simulator where there is no GPU. NVIDIA Warp's CPU launches use one thread only, and torch operations, with
memory traffic and a launch for each, need longer for one solver iteration on a CPU than this for a step.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])

# Numba's first choice, GNU OpenMP, kills processes that fork after its first loop, and its idle threads spin:
# with another program on the machine's cores, two of them step slower than one
_config: Any = numba.config
if _config.THREADING_LAYER == "default":  # and not of the user's choice
    _config.THREADING_LAYER = "forksafe"

# no "reassoc", "nnan" or "ninf": sums keep their order, and a value that is not finite stays one
FASTMATH = {"nsz", "contract", "arcp", "afn"}
_sources: dict[int, FunctionType] = {}


def kernel(function: F) -> F:
    """Compile a function for the CPU, on first use, and keep its source for `for_cuda`.

    The result is kept on disk for later processes where there is a folder for it.
    """
    compiled = jit(function, forceinline=True)
    _sources[id(compiled)] = cast("FunctionType", function)
    return compiled


def parallel_kernel(function: F) -> F:
    """Compile a function whose ``numba.prange`` loops run over all of Numba's threads."""
    return jit(function, parallel=True)


def jit(function: F, **options: Any) -> F:
    """Compile a function for the CPU; keep the result on disk if there is a folder to write to."""
    options = {"fastmath": FASTMATH, "error_model": "numpy"} | options
    try:
        compiled: Any = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder to write to
        return cast("F", numba.njit(**options)(function))
    # Numba looks at the function's own file only: what it calls may have changed too
    compiled._cache._cache_file._source_stamp = _stamp()
    return cast("F", compiled)


@functools.cache
def _stamp() -> tuple[tuple[str, int, int], ...]:
    """Return name, time and size of every file that a compiled function may come from."""
    package = Path(__file__).parents[1]
    files = sorted(path for folder in ("simulation", "envs") for path in (package / folder).glob("*.py"))
    return tuple((path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in files)


def for_cuda(entry: Any, device: Callable[[FunctionType], Any], replace: dict[Any, Any]) -> Any:
    """Compile a kernel and all kernels that it calls as CUDA device functions.

    Args:
        entry: a function marked `kernel`.
        device: compiles one plain Python function, ``numba.cuda.jit(device=True)``.
        replace: functions that are something else on the device, by what they are there.

    Returns:
        The device function.
    """
    made: dict[int, Any] = {id(old): new for old, new in replace.items()}

    def translate(thing: Any) -> Any:
        if id(thing) in made:
            return made[id(thing)]
        if id(thing) not in _sources:
            return thing
        source = _sources[id(thing)]
        names = set(_names(source.__code__))
        scope = {name: translate(value) for name, value in source.__globals__.items() if name in names}
        scope["__name__"], scope["__builtins__"] = source.__module__, source.__globals__["__builtins__"]
        copy = FunctionType(source.__code__, scope, source.__name__, source.__defaults__, source.__closure__)
        copy.__module__ = source.__module__
        made[id(thing)] = device(copy)
        return made[id(thing)]

    return translate(entry)


def _names(code: Any) -> tuple[str, ...]:
    """Return the global names that a function's code mentions."""
    return cast("tuple[str, ...]", code.co_names)
