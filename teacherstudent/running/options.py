"""Options as plain data: what a manifest keeps of them, so that a resumed run is built from equal ones.

JSON has no tuples, sets, paths, arrays, infinities, nor NumPy's numbers. What an option was is kept beside
the values, so that `restore` gives back exactly what `check_options` was given; anything else is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from teacherstudent.recording.disk.plain import DEPTH, cut_repr, to_plain

_WORDS = (
    "numbers, texts, None, paths, arrays of numbers, or lists, tuples, sets and mappings by texts of these, "
    "which a manifest can hold"
)


def check_options(options: Mapping[str, Any], where: str) -> list[list[Any]]:
    """Return what JSON does not keep of these options: pairs of a place in them and what is there.

    Args:
        options: keywords of a constructor.
        where: how messages call them.

    Raises:
        TypeError: if they hold what no manifest can hold; the message names the option.
        ValueError: if they nest without end.
    """
    if not isinstance(options, Mapping):
        raise TypeError(f"{where}: expected names and values, got {options!r}")
    found: list[list[Any]] = []
    _look(options, where, [], found)
    return found


def _look(value: Any, where: str, place: list[Any], found: list[list[Any]]) -> None:
    """Note what JSON does not keep of a value."""
    # A list that holds itself would nest without end.
    if len(place) > DEPTH // 2:
        raise ValueError(
            f"{where}: expected at most {DEPTH // 2} levels of values within each other, got more"
        )
    kind = _kind(value, where)
    if kind is not None:
        found.append([place, kind])
    if isinstance(value, Mapping):
        for key, part in value.items():
            # A subclass of str would come back from JSON as a plain str.
            if type(key) is not str:
                raise TypeError(f"{where}: expected texts as keys, got {key!r}")
            _look(part, f"{where}.{key}", [*place, key], found)
    elif isinstance(value, list | tuple):
        for i, part in enumerate(value):
            _look(part, f"{where}[{i}]", [*place, i], found)


def _kind(value: Any, where: str) -> str | list[Any] | None:
    """Return what JSON does not keep of a value by itself; None if it keeps all."""
    # `type` and not `isinstance`: a subclass (an enum, a named tuple) would come back as its base.
    if value is None or type(value) in (bool, str, list) or isinstance(value, Mapping):
        return None
    # By default Python reads no whole number of more than 4 300 digits: this limit stays below.
    if type(value) is int and value.bit_length() <= 10_000:
        return None
    if type(value) is float:
        # JSON has no infinities and no NaN: they are written as None, and the kind says which one it was.
        if math.isfinite(value):
            return None
        return f"float {value}"
    if type(value) in (tuple, set, frozenset):
        return _collection(value, where)
    if isinstance(value, np.generic) and value.dtype.kind in "biuf" and value.dtype.itemsize <= 8:
        return f"numpy {value.dtype.name}" + ("" if np.isfinite(value) else f" {value}")
    if isinstance(value, np.ndarray) and _is_kept(value):
        return ["array", value.dtype.str, list(value.shape)]
    if isinstance(value, Path):
        return "path"
    raise TypeError(f"{where}: expected {_WORDS}, got {_shown(value)}{_hint(value)}")


def _collection(value: Any, where: str) -> str:
    """Return the name of a tuple's or set's kind; members of a set must be texts, or whole numbers."""
    # Sets are written in sorted order, which only texts or numbers alone have.
    kinds = {type(part) for part in value}
    if not isinstance(value, tuple) and (len(kinds) > 1 or not kinds <= {str, int}):
        raise TypeError(f"{where}: expected a set of texts or of whole numbers, got {value!r}")
    return type(value).__name__


def _is_kept(array: np.ndarray[Any, Any]) -> bool:
    """Return whether JSON holds the values of an array; NaN becomes None, but infinities do too."""
    # Longer floats than float64 would lose digits as Python numbers.
    if array.dtype.kind == "f":
        return array.dtype.itemsize <= 8 and not np.isinf(array).any()
    return array.dtype.kind in "biuU"


def _shown(value: Any) -> str:
    if type(value) is int:
        return f"a whole number of {value.bit_length()} bits"
    return cut_repr(value)


def _hint(value: Any) -> str:
    """Return how a class or function can be given by its name."""
    name = getattr(value, "__qualname__", "")
    if not callable(value) or not name:
        return ""
    return f"; where a name is taken, give {getattr(value, '__module__', '')}:{name} as a text"


def restore(options: Mapping[str, Any], kinds: list[list[Any]], where: str) -> dict[str, Any]:
    """Return options as they were given, from their plain form and what `check_options` said of them.

    Raises:
        ValueError: if the two do not fit each other.
    """
    # A list around the whole makes it replaceable as any other value: by an index in what holds it.
    whole = [to_plain(options)]
    try:
        # Inner values come first: a tuple can no longer be changed once it is made.
        for place, kind in sorted(kinds, key=lambda pair: -len(pair[0])):
            # The walk ends one step before the value itself, so that it can be replaced in what holds it.
            at: Any = whole
            last: Any = 0
            for step in place:
                at = at[last]
                last = step
            at[last] = _restored(at[last], kind)
    except (TypeError, ValueError, KeyError, IndexError, OverflowError) as error:
        raise ValueError(f"{where}: expected what was written about these options, got {kinds!r}") from error
    found: dict[str, Any] = whole[0]
    return found


def _restored(value: Any, kind: str | list[Any]) -> Any:
    if isinstance(kind, list):
        _, dtype, shape = kind
        made = np.dtype(dtype)
        # What comes from a file must not make arrays of objects.
        if made.kind not in "biufU":
            raise ValueError(f"expected an array of numbers, got {dtype!r}")
        return np.array(value, made).reshape(shape)
    word, *rest = kind.split()
    # Only listed names are looked up: a manifest could name any attribute of NumPy otherwise.
    if word == "numpy" and rest[0] in _NUMBERS:
        return np.dtype(rest[0]).type(rest[1] if len(rest) > 1 else value)
    if word == "float":
        return {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}[rest[0]]
    return _MAKE[word](value)


_MAKE: Mapping[str, Callable[[Any], Any]] = {
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "path": Path,
}
_NUMBERS = ("bool", *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)))
_NUMBERS += ("float16", "float32", "float64")
