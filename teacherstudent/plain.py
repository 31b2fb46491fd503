"""Plain data on disk: values as strict JSON, in files that are replaced as a whole."""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from teacherstudent.files import WriteError, atomic_write, write_error


def to_plain(value: Any, where: str = "value") -> Any:
    """Return ``value`` as what JSON can hold: arrays as nested lists, NaN and infinities as None.

    Args:
        value: nested mappings, sequences, sets, arrays, numbers, strings, paths, seed sequences or None.
        where: how messages call it.

    Raises:
        TypeError: if it holds anything else; the message says where.
    """
    match value:
        case Mapping():
            return {_key(k, where): to_plain(v, f"{where}.{k}") for k, v in value.items()}
        case list() | tuple():
            return [to_plain(v, f"{where}[{i}]") for i, v in enumerate(value)]
        case set() | frozenset():
            return sorted(to_plain(v, where) for v in value)
        case np.ndarray():
            return _array_to_plain(value, where)
        case PurePath():
            return str(value)
        case np.random.SeedSequence():
            return {"entropy": to_plain(value.entropy, where), "spawn_key": list(value.spawn_key)}
    return _scalar_to_plain(value, where)


def _scalar_to_plain(value: Any, where: str) -> Any:
    match value:
        case None | bool() | str():
            return value
        case int() | np.integer():
            return int(value)
        case np.bool_():
            return bool(value)
        case float() | np.floating():
            return float(value) if math.isfinite(value) else None
    raise TypeError(f"{where}: expected numbers, strings, arrays, lists or mappings of these, got {value!r}")


def _key(key: Any, where: str) -> str:
    if not isinstance(key, str):
        raise TypeError(f"{where}: expected strings as keys, got {key!r}")
    return key


def _array_to_plain(value: np.ndarray[Any, Any], where: str) -> Any:
    if value.dtype.kind in "biuU":
        return value.tolist()
    if value.dtype.kind == "f":
        if np.isfinite(value).all():
            return value.tolist()
        whole = value.astype(object)
        whole[~np.isfinite(value)] = None
        return whole.tolist()
    raise TypeError(f"{where}: expected a numeric array, got dtype {value.dtype}")


def dumps(value: Any, where: str = "value", *, indent: int | None = None) -> bytes:
    """Return ``value`` as strict JSON, UTF-8, one line unless ``indent`` is given (raises as `to_plain`)."""
    text = json.dumps(to_plain(value, where), allow_nan=False, ensure_ascii=False, indent=indent)
    return text.encode() + b"\n"


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn an OSError of the block into a `WriteError` that names the file and says what to do."""
    try:
        yield
    except WriteError:
        raise
    except OSError as error:
        raise write_error(path, error) from error


def write_all(descriptor: int, data: bytes) -> None:
    """Write the whole of ``data`` to a file without a buffer, or raise OSError."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def write_file(path: Path, data: bytes | memoryview) -> None:
    """Replace a file as a whole (raises `WriteError`)."""
    with atomic_write(path) as file:
        file.write(data)


def write_json(path: Path, value: Any, *, durable: bool = True) -> None:
    """Replace a file by ``value`` as indented JSON (raises TypeError as `to_plain`, and `WriteError`).

    Args:
        path: the file.
        value: plain data.
        durable: whether it must survive a power cut. If not, a kill still leaves the old file or the new one,
            but nothing waits for the disk.
    """
    data = dumps(value, path.name, indent=1)
    if durable:
        write_file(path, data)
        return
    temporary = path.with_name(f".{path.name}.tmp")
    with naming(path):
        temporary.write_bytes(data)
        os.replace(temporary, path)


def read_json(path: Path) -> dict[str, Any]:
    """Return the mapping that a JSON file holds.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not JSON or no mapping; the message names the file.
    """
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: expected JSON, got an unreadable file: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path}: expected a JSON object, got {type(value).__name__}")
    return value


def short(value: float) -> str:
    """Return a number with at most four characters and a letter for thousands: ``12.3k``."""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


NUMBERS = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}
"""Numbers that JSON lacks, and how `encode_options` writes them: ``{"float": "inf"}``."""


def plain_options(value: Any, where: str) -> Any:
    """Return options as what they are when they have been written and read again, so that both are the same.

    Sequences and arrays become lists, NumPy's numbers Python's, and paths strings; infinities stay.

    Args:
        value: nested mappings with strings as keys, sequences, arrays, numbers, strings, paths or None.
        where: how messages call it.

    Raises:
        TypeError: if it holds anything else; the message says where.
    """
    match value:
        case Mapping():
            return {_key(k, where): plain_options(v, f"{where}.{k}") for k, v in value.items()}
        case list() | tuple() | range():
            return [plain_options(v, f"{where}[{i}]") for i, v in enumerate(value)]
        case np.ndarray() | np.generic() if value.dtype.kind in "biuf":
            return value.tolist()
        case PurePath():
            return str(value)
        case None | bool() | str() | int() | float():
            return value
    raise TypeError(
        f"{where}: expected what a manifest can hold (numbers, strings, None; lists, arrays or mappings of "
        f"these), got {value!r}; functions and classes are given by name, as 'module:name'"
    )


def encode_options(value: Any) -> Any:
    """Return plain options with the numbers that JSON lacks as mappings (see `NUMBERS`)."""
    match value:
        case dict():
            return {k: encode_options(v) for k, v in value.items()}
        case list():
            return [encode_options(v) for v in value]
        case float() if not math.isfinite(value):
            return {"float": str(value)}
    return value


def decode_options(value: Any) -> Any:
    """Return what `encode_options` was given."""
    match value:
        case {"float": str(name)} if len(value) == 1 and name in NUMBERS:
            return NUMBERS[name]
        case dict():
            return {k: decode_options(v) for k, v in value.items()}
        case list():
            return [decode_options(v) for v in value]
    return value
