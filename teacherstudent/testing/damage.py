"""Damaged states: what a file that was cut, changed or made up may hold in the place of each entry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np

Path: TypeAlias = tuple[str | int, ...]


def damaged(state: dict[str, Any], most: int = 150) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what was done to a state, and the state after it, one entry at a time; the given one stays.

    Every entry of every dict is left out, becomes another kind, another shape, and numbers out of any range;
    every dict gets an entry more.

    Args:
        state: nested dicts of plain data.
        most: damaged states at most; of more, an even selection.
    """
    every = [(path, what, value) for path, entry in _entries(state) for what, value in _others(entry)]
    # Spread evenly over the entries: the first ones alone would miss whole parts of a large state.
    step = max(1, int(np.ceil(len(every) / most)))
    for path, what, value in every[::step]:
        yield f"{'.'.join(map(str, path)) or 'the state'} {what}", _put(state, path, value)


def _entries(node: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield every entry of nested dicts and lists with the way to it, the outermost first."""
    yield path, node
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _entries(value, (*path, key))
    # Long lists hold entries of one kind, of which the list as a whole stands for all.
    elif isinstance(node, list) and len(node) <= 4:
        for i, value in enumerate(node):
            yield from _entries(value, (*path, i))


def _put(node: Any, path: Path, value: Any) -> Any:
    """Return a copy of nested dicts and lists with one entry replaced."""
    if not path:
        return value
    # Only what lies on the way is copied; the rest is shared, and stays as it is.
    copy = dict(node) if isinstance(node, dict) else list(node)
    copy[path[0]] = _put(node[path[0]], path[1:], value)  # type: ignore[index]  # a key or an index
    return copy


def _others(entry: Any) -> Iterator[tuple[str, Any]]:
    """Yield what may stand in the place of an entry."""
    if isinstance(entry, dict):
        for key in entry:
            yield f"without {key!r}", {k: v for k, v in entry.items() if k != key}
        yield "with an entry more", entry | {"unknown": 1}
    elif isinstance(entry, np.ndarray):
        yield from _other_arrays(entry)
    elif isinstance(entry, list):
        yield "with an item more", [*entry, 0]
        yield "without its first item", entry[1:]
    elif isinstance(entry, int | float) and not isinstance(entry, bool):
        # Below 0, beyond an array, beyond int64, and what no number of a state may be.
        for value in (-1, -(10**9), 10**11, 2**63, float("nan"), float("inf")):
            yield f"as {value}", value
    # Another kind altogether, which a checkpoint could still hold.
    yield "as text", "text"
    yield "as None", None if entry is not None else 3


def _other_arrays(entry: np.ndarray[Any, Any]) -> Iterator[tuple[str, Any]]:
    """Yield arrays of other shapes, kinds and numbers."""
    yield "with an axis more", entry[None]
    yield "as text", np.full(entry.shape, "text")
    yield "as pairs", np.stack([entry, entry], axis=-1)
    if entry.ndim:
        yield "with a row more", np.concatenate([entry, np.zeros((1, *entry.shape[1:]), entry.dtype)])
    if entry.size == 0:
        return
    if entry.ndim:
        yield "without its last row", entry[:-1]
    # For each kind of number what is out of any range: shorter types cannot hold all of them.
    numbers = {
        "f": (np.nan, np.inf, -np.inf, -1e9, 1e9),
        "i": (-(10**9), -1, 10**9),
        "u": (2**31,),
    }.get(entry.dtype.kind, ())
    for number in numbers:
        if entry.dtype.kind in "iu" and not np.iinfo(entry.dtype).min <= number <= np.iinfo(entry.dtype).max:
            continue
        yield f"all {number}", np.full(entry.shape, number, entry.dtype)
        last = entry.copy()
        # One bad number among good ones is what a check of the first element alone would miss.
        last.flat[-1] = number
        yield f"with {number} last", last
