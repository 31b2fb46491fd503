"""Checks for what `_load` of a teacher takes from a saved state: a damaged one must be refused, never used.

A state may come from a file that somebody else wrote or that a disk has damaged. Every number that indexes an
array, weighs a draw or says how large something is goes through these before it is kept.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from teacherstudent.contract.checks import check_whole, is_finite
from teacherstudent.contract.types import Array, FloatArray


def saved_array(
    what: str,
    value: Any,
    dtype: npt.DTypeLike,
    shape: Sequence[int | None],
    *,
    low: float | None = None,
    high: float | None = None,
    finite: bool = True,
) -> Array:
    """Return a copy of ``value`` as an array.

    Args:
        what: who and which entry; starts the message.
        value: what the state holds.
        dtype: of the array; nothing may be lost on the way to it.
        shape: the expected one; None is any length.
        low: smallest number allowed, None for no limit.
        high: greatest number allowed, None for no limit.
        finite: whether infinity and NaN are refused; if not, NaN passes the limits.

    Raises:
        ValueError: if kind, shape or a number is not as expected.
    """
    kind = np.dtype(dtype)
    try:
        given = np.asarray(value)
    # NumPy makes no array of rows of different lengths.
    except ValueError as error:
        raise ValueError(f"{what}: expected an array of {kind}, got {value!r}: {error}") from error
    if given.size == 0 and given.dtype.kind == "f":
        # An empty list knows no type: NumPy makes it one of floats, and it may stand for any kind.
        given = given.astype(kind)
    # "same_kind" lets int64 become int32, and refuses floats in the place of whole numbers.
    if given.dtype.kind not in "biuf" or not np.can_cast(given.dtype, kind, "same_kind"):
        raise ValueError(f"{what}: expected an array of {kind}, got dtype {given.dtype}")
    if given.ndim != len(shape) or any(n not in (None, m) for n, m in zip(shape, given.shape, strict=True)):
        expected = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(f"{what}: expected shape ({expected}), got {given.shape}")
    if finite and not np.isfinite(given).all():
        raise ValueError(f"{what}: expected finite numbers, got {given[~np.isfinite(given)][0]}")
    # NaN compares as False with every limit, so free places pass here; `finite` has refused them above.
    wrong = np.zeros(given.shape, np.bool_)
    for limit, beyond in ((low, np.less), (high, np.greater)):
        if limit is not None:
            wrong |= beyond(given, limit)
    if wrong.any():
        raise ValueError(f"{what}: expected numbers {_within(low, high)}, got {given[wrong][0]}")
    # A copy: the caller may go on to change the state that it handed over.
    return np.array(given, kind)


def saved_fifo(what: str, value: Any, shape: tuple[int, int]) -> FloatArray:
    """Return a copy of ``(k, size)`` queues whose newest number is the last and whose free places are NaN.

    Raises:
        ValueError: if the shape differs, a number is infinite, or a NaN follows a number.
    """
    queues = saved_array(what, value, np.float64, shape, finite=False)
    free = np.isnan(queues)
    # A NaN after a number would be a gap, which no queue that fills from the end can have.
    if np.isinf(queues).any() or (free[:, 1:] & ~free[:, :-1]).any():
        raise ValueError(f"{what}: expected NaN only before the oldest finite number of a row")
    return queues


def saved_gaps(
    what: str, value: Any, shape: Sequence[int | None], expected: str, low: float | None = None
) -> FloatArray:
    """Return a copy of ``value`` as finite numbers of this shape, with NaN where there is none.

    Args:
        what: who and which entry; starts the message.
        value: what the state holds.
        shape: the expected one; None is any length.
        expected: what it should hold, for the message.
        low: smallest number allowed, None for no limit.

    Raises:
        ValueError: if the shape differs, or a number is infinite or below ``low``.
    """
    found = saved_array(what, value, np.float64, shape, low=low, finite=False)
    if np.isinf(found).any():
        raise ValueError(f"{what}: expected {expected}")
    return found


def saved_whole(what: str, value: Any, low: int = 0, high: int | None = None) -> int:
    """Return ``value``; raise ValueError unless it is a whole number from ``low`` to ``high``."""
    found = check_whole(what, value, low)
    if high is not None and found > high:
        raise ValueError(f"{what}: expected a whole number from {low} to {high}, got {found}")
    return found


def saved_generator(what: str, value: Any) -> dict[str, Any]:
    """Return a copy of the state of a ``PCG64``; raise ValueError if it is none.

    Raises:
        ValueError: if no such generator can have it.
    """
    # NumPy checks a state best itself: a generator that is thrown away takes it on trial.
    twin = np.random.PCG64(0)
    try:
        twin.state = value
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise ValueError(f"{what}: expected a state of PCG64, got {value!r}: {error}") from error
    # The twin's own state is returned and not the given one, which may hold other types of numbers.
    return dict(twin.state)


@contextlib.contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn what reading a state of another form raises in the block into a ValueError that says where."""
    try:
        yield
    # A KeyError's text is the key alone, which says nothing without the words around it.
    except KeyError as error:
        raise ValueError(f"{what}: expected an entry {error}, got none") from error
    except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, RuntimeError) as error:
        raise ValueError(
            f"{what}: expected what state_dict returned, got {type(error).__name__}: {error}"
        ) from error


def saved_number(what: str, value: Any, low: float | None = None, high: float | None = None) -> float:
    """Return ``value``; raise ValueError unless it is a finite number from ``low`` to ``high``."""
    good = is_finite(value)
    if not good or (low is not None and value < low) or (high is not None and value > high):
        raise ValueError(f"{what}: expected a finite number {_within(low, high)}, got {value!r}")
    return float(value)


def difference(a: Any, b: Any, where: str = "state") -> str | None:
    """Return where two pieces of plain data differ in any bit, or None if they are the same."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        a = np.asarray(a)
        b = np.asarray(b)
        # Bytes are compared, since NaN equals nothing and -0.0 equals 0.0.
        if a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes():
            return None
        return where
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        parts = (difference(a[key], b[key], f"{where}.{key}") for key in a)
        return next((part for part in parts if part), None)
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        parts = (difference(x, y, f"{where}[{i}]") for i, (x, y) in enumerate(zip(a, b, strict=True)))
        return next((part for part in parts if part), None)
    # Two of a kind were compared above; NumPy would compare a list with a number part by part.
    if isinstance(a, dict | list) or isinstance(b, dict | list):
        return where
    # NaN is the same as NaN.
    if a == b or (a != a and b != b):
        return None
    return where


def _within(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return "of any size"
    if low is None:
        return f"up to {high}"
    if high is None:
        return f"of at least {low}"
    return f"from {low} to {high}"
