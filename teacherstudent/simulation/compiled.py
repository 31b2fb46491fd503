"""Compiled loops: functions that Numba compiles at their first call, and keeps on disk where it can."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])
# Full fast math would assume that no number is NaN or infinite; these two flags do not.
_ELEMENTWISE: Any = {"fastmath": {"contract", "nsz"}, "error_model": "numpy"}


def compiled(function: F) -> F:
    """Compile a function at its first call; keep the result on disk, for later processes, if possible."""
    return cast("F", _Compiled(function, cache=True))


def compiled_any_order(function: F) -> F:
    """Compile as `compiled`, with sums in any order: for filters in float32, whose margin covers it."""
    return cast("F", _Compiled(function, cache=True, fastmath={"contract", "reassoc", "nsz"}))


def compiled_elementwise(function: F) -> F:
    """Compile as `compiled`, for loops over elements that LLVM is to vectorise.

    A division by zero gives infinity, as in NumPy; what is not finite stays so. Other threads run meanwhile.
    """
    return cast("F", _Compiled(function, cache=True, nogil=True, **_ELEMENTWISE))


def inlined(function: F) -> F:
    """Mark a function whose body takes the place of its calls in compiled functions of the same file."""
    return cast("F", _Compiled(function, forceinline=True, **_ELEMENTWISE))


class _Compiled:
    """Stands for a function until it is called, or a compiled function calls it: then it is Numba's."""

    __qualname__: str

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._options = options

    @functools.cached_property
    def dispatcher(self) -> Any:
        """What Numba makes of the function: it compiles once for each combination of types."""
        # Importing Numba takes longer than all of the package: who calls no such function does without.
        import numba

        try:
            return numba.njit(**self._options)(self._function)
        except RuntimeError:
            # There is no folder to write a cache to, as in a read-only installation.
            return numba.njit(**(self._options | {"cache": False}))(self._function)

    @property
    def _numba_type_(self) -> Any:
        # Numba asks for this when a function that it compiles calls this one.
        return self.dispatcher._numba_type_

    def __call__(self, *arguments: Any) -> Any:
        return self.dispatcher(*arguments)

    def __reduce__(self) -> str:
        # Travels by its name, as a function does.
        return self.__qualname__


__all__ = ["compiled", "compiled_any_order", "compiled_elementwise", "inlined"]
