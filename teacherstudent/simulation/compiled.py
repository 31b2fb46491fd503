"""Compiled loops: numba's decorators with their types, and a disk cache where there is a place for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])
# Full fast math would assume that no number is NaN or infinite; these two flags do not.
_ELEMENTWISE: Any = {"fastmath": {"contract", "nsz"}, "error_model": "numpy"}


def compiled(function: F) -> F:
    """Compile a function on first use; keep the result on disk, for later processes, if that is possible."""
    return _compiled(function)


def compiled_any_order(function: F) -> F:
    """Compile as `compiled`, with sums in any order: for filters in float32, whose margin covers it."""
    return _compiled(function, fastmath={"contract", "reassoc", "nsz"})


def compiled_elementwise(function: F) -> F:
    """Compile as `compiled`, for loops over elements that LLVM is to vectorise.

    A division by zero gives infinity, as in NumPy; what is not finite stays so. Other threads run meanwhile.
    """
    return _compiled(function, nogil=True, **_ELEMENTWISE)


def inlined(function: F) -> F:
    """Mark a function whose body takes the place of its calls in compiled functions of the same file."""
    return cast("F", numba.njit(forceinline=True, **_ELEMENTWISE)(function))


def _compiled(function: F, **options: Any) -> F:
    try:
        return cast("F", numba.njit(cache=True, **options)(function))
    except RuntimeError:
        # There is no folder to write a cache to, as in a read-only installation.
        return cast("F", numba.njit(**options)(function))
