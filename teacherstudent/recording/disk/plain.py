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

from teacherstudent.contract.checks import is_number, is_whole
from teacherstudent.contract.stored.digests import digest_of
from teacherstudent.recording.disk.files import WriteError, atomic_write, read_limited, write_error

JSON_BYTES = 2**25
"""Largest JSON file that is written or read; one unpacks to some twenty times as much memory at most."""

DEPTH = 100
"""Levels of lists and mappings within each other that are read."""

KINDS: Mapping[type, str] = {str: "a text", dict: "names and values"}
"""How messages call kinds of values."""

SEALED = 2
"""The format of files that end with a digest of what they hold; those of format 1 have none."""


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
        # Sets have no order of their own: sorted, equal ones give equal files.
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
            if math.isfinite(value):
                return float(value)
            return None
    raise TypeError(f"{where}: expected numbers, strings, arrays, lists or mappings of these, got {value!r}")


def _key(key: Any, where: str) -> str:
    if not isinstance(key, str):
        raise TypeError(f"{where}: expected strings as keys, got {key!r}")
    return key


def _array_to_plain(value: np.ndarray[Any, Any], where: str) -> Any:
    # These kinds hold nothing that JSON lacks, so the elements need no look.
    if value.dtype.kind in "biuU":
        return value.tolist()
    if value.dtype.kind == "f":
        if np.isfinite(value).all():
            return value.tolist()
        # Only an array of objects can hold None among its numbers.
        whole = value.astype(object)
        whole[~np.isfinite(value)] = None
        return whole.tolist()
    raise TypeError(f"{where}: expected a numeric array, got dtype {value.dtype}")


def dumps(value: Any, where: str = "value", *, indent: int | None = None) -> bytes:
    """Return ``value`` as strict JSON, UTF-8, one line unless ``indent`` is given (raises as `to_plain`).

    What cannot be printed is there as an escape, so that the file can be shown on a terminal.
    """
    text = json.dumps(to_plain(value, where), allow_nan=False, ensure_ascii=False, indent=indent)
    # Most texts can be printed as they are, and json.dumps with ensure_ascii would hide every umlaut.
    if not text.replace("\n", "").isprintable():
        # json.dumps knows how to escape a character; the quotes around it are cut off.
        text = "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)
    return text.encode() + b"\n"


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn an OSError of the block into a `WriteError` that names the file and says what to do."""
    try:
        yield
    # The error names its file already: an inner block has turned it.
    except WriteError:
        raise
    except OSError as error:
        raise write_error(path, error) from error


def write_all(descriptor: int, data: bytes) -> None:
    """Write the whole of ``data`` to a file without a buffer, or raise OSError."""
    rest = memoryview(data)
    while rest:
        # The system may take only a part of what it is given.
        rest = rest[os.write(descriptor, rest) :]


def write_file(path: Path, data: bytes | memoryview, *, durable: bool = True) -> None:
    """Replace a file as a whole (raises `WriteError`).

    Args:
        path: the file.
        data: what it is to hold.
        durable: whether it must survive a power cut; see `atomic_write`.
    """
    with atomic_write(path, durable=durable) as file:
        file.write(data)


def write_json(path: Path, value: Any) -> None:
    """Replace a file by ``value`` as indented JSON (raises TypeError as `to_plain`, and `WriteError`)."""
    write_file(path, dumps(value, path.name, indent=1))


def write_sealed(path: Path, value: Mapping[str, Any], *, durable: bool = True) -> None:
    """Write a mapping as `write_json` does, with a digest by which `read_sealed` notices any damage.

    Raises:
        TypeError: as `to_plain`.
        ValueError: if it is larger than what is read.
        WriteError: if it cannot be written.
    """
    # The digest is of the content as JSON holds it, so that it is the same after reading it back.
    content = {"format": SEALED, **to_plain(value, path.name)}
    data = dumps({**content, "digest": _digest(content)}, path.name, indent=1)
    # Refused now: a manifest that nobody can read would make the run useless.
    if len(data) > JSON_BYTES:
        raise ValueError(
            f"{path}: expected at most {JSON_BYTES} bytes, got {len(data)}; put large options into files"
        )
    write_file(path, data, durable=durable)


def _digest(content: Mapping[str, Any]) -> str:
    """Return a digest of plain data that does not depend on how it is laid out."""
    # Sorted keys and no blanks: a file that was only laid out anew keeps its digest.
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return digest_of(text.encode())


def read_json(path: Path) -> dict[str, Any]:
    """Return the mapping that a JSON file holds.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not JSON, no mapping, too large or nested too deep; the message names the file.
    """
    value = parse(read_limited(path, JSON_BYTES), str(path))
    if not isinstance(value, dict):
        raise ValueError(f"{path}: expected a JSON object, got {type(value).__name__}")
    return value


def read_sealed(path: Path) -> dict[str, Any]:
    """Return what `write_sealed` wrote, without the digest (raises as `read_json`).

    Anything else than what was written is a ValueError too, and so is a file of a newer format. Files of an
    older one may lack the digest.
    """
    value = read_json(path)
    # A newer format is told apart first: its digest may be computed in another way.
    version = value.get("format", 1)
    if is_whole(version) and version > SEALED:
        raise ValueError(
            f"{path}: expected format {SEALED} or older, got {version}; a newer teacherstudent wrote it"
        )
    # Older files have no digest; a file of this format from which it was taken is damaged.
    digest = value.pop("digest", None)
    if digest is None and version != SEALED:
        return value
    if digest != _digest(value):
        raise ValueError(
            f"{path}: expected what the digest in it stands for, got something else: it is damaged, or was "
            'edited by hand (then take "digest" out and set "format" to 1)'
        )
    return value


def parse(data: bytes, where: str, *, strict: bool = True) -> Any:
    """Return the value of JSON text.

    Args:
        data: the text.
        where: how messages call it.
        strict: whether NaN and infinities are refused.

    Raises:
        ValueError: if it is not JSON, or nested too deep.
    """
    try:
        value = json.loads(data, parse_constant=_refuse if strict else None)
    # The parser itself gives up on deep nesting, at a depth that differs between versions of Python.
    except RecursionError:
        raise _too_deep(where) from None
    except ValueError as error:
        raise ValueError(f"{where}: expected JSON, got an unreadable file: {error}") from error
    # Brackets are counted first because it is fast; those in texts count too, so the value has the last word.
    if brackets(data) > DEPTH and _depth(value) > DEPTH:
        raise _too_deep(where)
    return value


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number of JSON")


def _too_deep(where: str) -> ValueError:
    return ValueError(f"{where}: expected JSON, nested at most {DEPTH} deep, got more")


def brackets(data: bytes) -> int:
    """Return how deep brackets nest, at most: those within strings count too."""
    raw = np.frombuffer(data, np.uint8)
    opens = (raw == 0x5B) | (raw == 0x7B)  # [ {
    # The deepest point is the greatest value of the running sum over opening (1) and closing (-1) brackets.
    closes = (raw == 0x5D) | (raw == 0x7D)  # ] }
    steps = opens.astype(np.int8) - closes
    return int(np.cumsum(steps[steps != 0], dtype=np.int64).max(initial=0))


def _depth(value: Any) -> int:
    """Return how deep lists and mappings nest, counted to one more than what is read."""
    # Level by level and not by recursion: this is called for values that may be nested too deep for one.
    level = [value]
    depth = 0
    while level and depth <= DEPTH:
        mappings = [inner for outer in level if isinstance(outer, dict) for inner in outer.values()]
        level = mappings + [inner for outer in level if isinstance(outer, list) for inner in outer]
        depth += 1
    return depth


def first_difference(there: Any, asked: Any, where: str) -> str | None:
    """Return where two plain values differ first and what they are, as a sentence; None if they are equal.

    Args:
        there: what is expected.
        asked: what is given.
        where: how the sentence calls the values.
    """
    if isinstance(there, Mapping) and isinstance(asked, Mapping):
        # Names of the run come first, in its order; then those that only the other one has.
        for name in [*there, *(name for name in asked if name not in there)]:
            pair = (there.get(name, _NOTHING), asked.get(name, _NOTHING))
            if (found := first_difference(*pair, f"{where}.{name}")) is not None:
                return found
        return None
    # 1 and True are equal in Python, but not the same setting.
    if there == asked and type(there) is type(asked):
        return None
    # 1 and 1.0 are the same setting, which JSON may write in either form.
    if there == asked and is_number(there) and is_number(asked):
        return None
    return f"{where}: expected {cut_repr(there)} as in that run, got {cut_repr(asked)}"


class _Nothing:
    """Stands for a name that is not there."""

    def __repr__(self) -> str:
        return "nothing"


_NOTHING = _Nothing()


def cut_repr(value: Any) -> str:
    """Return a value as a literal, cut where it is long."""
    text = repr(value)
    if len(text) <= 200:
        return text
    return text[:200] + "..."


def printable(text: object, keep: str = "") -> str:
    """Return a text that can be shown on a terminal: control characters become escapes, as in a literal.

    Args:
        text: of any kind.
        keep: characters that stay: line ends, say.
    """
    whole = str(text)
    if whole.isprintable():
        return whole
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in whole)


def short(value: float) -> str:
    """Return a number with at most four characters and a letter for thousands: ``12.3k``."""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"
