"""Checks of arguments: errors that say where, what was expected and what came."""

from __future__ import annotations

import difflib
import inspect
import math
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

DOCS = "docs/"
"""Where the pages are that errors name, as a path in the repository: the one place to change if they move."""


def see(page: str) -> str:
    """Return the end of a message that sends to a page below `DOCS`: " (see docs/concepts.md)"."""
    return f" (see {DOCS}{page})"


def check_names(what: str, expected: Sequence[str], got: Iterable[str]) -> None:
    """Raise ValueError unless ``got`` holds exactly the expected names; a state dict's keys, say."""
    missing = set(expected) - set(got)
    extra = set(got) - set(expected)
    if missing or extra:
        raise ValueError(
            f"{what}: expected {sorted(expected)}; missing {sorted(missing)}, unknown {sorted(extra)}"
        )


def closest(word: object, known: Iterable[str]) -> str:
    """Return " (did you mean 'riac'?)" for a word that is nearly a known one, else nothing."""
    names = list(known)
    close = difflib.get_close_matches(str(word), names, 1)
    # Half a name is unlike the whole one, but meant for it: "cartpole" for "cartpole-parameters".
    close += [name for name in names if len(str(word)) > 3 and str(word) in name]
    if not close:
        return ""
    return f" (did you mean {close[0]!r}?)"


def check_whole(what: str, value: Any, least: int = 1, most: int | None = None) -> int:
    """Return ``value``; raise ValueError unless it is a whole number from ``least`` to ``most``."""
    if not is_whole(value) or value < least:
        raise ValueError(f"{what}: expected a whole number of at least {least}, got {value!r}")
    if most is not None and int(value) > most:
        raise ValueError(f"{what}: expected a whole number of at most {most}, got {value!r}")
    return int(value)


def check_real(
    what: str,
    value: Any,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    above: bool = False,
    below: bool = False,
) -> float:
    """Return ``value``; raise ValueError unless it is a finite number from ``low`` to ``high``.

    Args:
        what: who takes it; starts the message.
        value: anything.
        low: the least number.
        high: the greatest number.
        above: whether ``low`` itself is refused.
        below: whether ``high`` itself is refused.
    """
    if is_finite(value):
        far_enough = value > low or (value == low and not above)
        near_enough = value < high or (value == high and not below)
        if far_enough and near_enough:
            return float(value)
    ends = []
    if low > -math.inf:
        ends.append(f"{'above' if above else 'of at least'} {low:g}")
    if high < math.inf:
        ends.append(f"{'below' if below else 'of at most'} {high:g}")
    raise ValueError(f"{what}: expected a finite number {' and '.join(ends)}".rstrip() + f", got {value!r}")


def check_flag(what: str, value: Any) -> bool:
    """Return ``value``; raise ValueError unless it is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{what}: expected True or False, got {value!r}")
    return bool(value)


def is_whole(value: Any) -> TypeGuard[int]:
    """Return whether ``value`` is a whole number, NumPy's too; True and False are none."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def is_finite(value: Any) -> TypeGuard[float]:
    """Return whether ``value`` is a real number, no bool, and finite as a float."""
    try:
        return is_number(value) and math.isfinite(value)
    # A whole number beyond all floats.
    except OverflowError:
        return False


def is_one_of(value: Any, known: Iterable[str]) -> bool:
    """Return whether ``value`` is one of the known texts; anything else, an array say, is not."""
    # The type comes first: comparing an array with a text gives an array, which is neither true nor false.
    return isinstance(value, str) and value in tuple(known)


def check_mapping(what: str, value: Any, *, optional: bool = True) -> dict[str, Any]:
    """Return a copy of ``value``; raise TypeError unless it maps names to values (None: an empty one)."""
    if value is None and optional:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise TypeError(f"{what}: expected a mapping of names to values, got {value!r}")
    return dict(value)


def check_keywords(what: str, value: Any, target: Callable[..., Any]) -> dict[str, Any]:
    """Return options of ``target`` as a dictionary; raise TypeError unless all are names that it takes."""
    options = check_mapping(what, value)
    known = list(inspect.signature(target).parameters)
    for name in options:
        if name not in known:
            raise TypeError(f"{what}: expected options among {known}, got {name!r}")
    return options


def check_numbers(what: str, expected: str, value: Any) -> npt.NDArray[np.float64]:
    """Return ``value`` as an array of finite numbers; raise ValueError, saying what was expected, else."""
    try:
        given = np.asarray(value)
    # NumPy makes no array of rows of different lengths; None is refused below.
    except ValueError:
        given = np.asarray(None)
    if given.dtype.kind not in "iuf" or not np.isfinite(given).all():
        raise ValueError(f"{what}: expected {expected}, got {value!r}")
    return given.astype(np.float64)


def check_range(what: str, value: Any) -> tuple[float, float]:
    """Return the two ends of a range; raise ValueError unless they are finite numbers, low < high."""
    low, high = check_pair(what, "finite low < high", value)
    if not (is_finite(low) and is_finite(high) and low < high):
        raise ValueError(f"{what}: expected finite low < high, got {value!r}")
    return float(low), float(high)


def check_pair(what: str, expected: str, value: Any) -> tuple[Any, Any]:
    """Return the two parts of ``value``; raise ValueError, saying what was expected, unless it has two."""
    # A text is a sequence of characters, and a set of two has no first part.
    ordered = isinstance(value, Sequence | np.ndarray) and not isinstance(value, str | bytes)
    parts = tuple(value) if ordered else ()
    if len(parts) != 2:
        raise ValueError(f"{what}: expected {expected}, got {value!r}")
    return parts[0], parts[1]


def is_number(value: Any) -> bool:
    """Return whether ``value`` is a real number, which True and False are not."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def check_one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    """Raise ValueError unless ``value`` is one of the known texts."""
    if not is_one_of(value, known):
        raise ValueError(f"{name}: expected one of {list(known)}, got {value!r}")


def check_inside(name: str, inside: bool, expected: str, value: Any) -> None:
    """Raise ValueError, saying what was expected, unless a value is ``inside`` its range."""
    if not inside:
        raise ValueError(f"{name}: expected {expected}, got {value!r}")
