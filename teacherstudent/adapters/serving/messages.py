"""Messages between a teacher's server and its clients: a word and named arrays, nothing that runs code.

A message is a prefix (a mark, the bytes of the head, the bytes of the body), a head in JSON (the word; name,
dtype and shape of each array), and a body: the arrays one after the other, little-endian, in C order. Texts
are arrays of bytes.
"""

from __future__ import annotations

import functools
import json
import math
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from teacherstudent.contract.checks import is_whole
from teacherstudent.contract.types import Array
from teacherstudent.recording.disk import plain

MOST_BYTES = 2**24
"""Largest body of a message that is written or read."""
MOST_HEAD = 2**14
"""Largest head, in bytes."""
_MARK = b"tst1"
_PREFIX = struct.Struct("<4sII")
_DTYPES = frozenset(
    {"|b1", "|u1", "|i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f2", "<f4", "<f8"},
)
_MOST_AXES = 16
_Described: TypeAlias = tuple[tuple[str, str, tuple[int, ...]], ...]
"""Name, dtype and shape of each array."""


class _Place(NamedTuple):
    """Where an array of ``size`` numbers lies in a body: from byte ``begin`` to ``end``."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    size: int
    begin: int
    end: int


class MessageError(ValueError):
    """Bytes that are no message of ours."""


class Message(NamedTuple):
    """A message.

    Attributes:
        word: what it is about: ``ask``, ``tell``, ``rows``...
        arrays: by name.
    """

    word: str
    arrays: Mapping[str, Array]


def encode(word: str, arrays: Mapping[str, Array]) -> bytes:
    """Return a message as bytes.

    Raises:
        ValueError: if it is larger than what is read.
        TypeError: if an array holds anything but numbers.
    """
    described = []
    parts = []
    for name, array in arrays.items():
        kind = array.dtype.str
        if kind not in _DTYPES:
            array = _little(word, name, array)
            kind = array.dtype.str
        described.append((name, kind, array.shape))
        parts.append(array.tobytes())
    head = _head(word, tuple(described))
    size = sum(map(len, parts))
    if size > MOST_BYTES or len(head) > MOST_HEAD:
        raise ValueError(
            f"message {word!r}: expected at most {MOST_BYTES} bytes of arrays and {MOST_HEAD} of names, got "
            f"{size} and {len(head)}: ask for, and tell, fewer rows at a time"
        )
    return b"".join([_PREFIX.pack(_MARK, len(head), size), head, *parts])


def _little(word: str, name: str, array: Array) -> Array:
    """Return an array in the byte order of messages; raise TypeError if none holds it."""
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    if little.dtype.str not in _DTYPES:
        raise TypeError(f"message {word!r}: {name}: expected an array of numbers, got {array.dtype}")
    return little


def text(value: str) -> Array:
    """Return a text as an array of bytes; a very long one is cut."""
    return np.frombuffer(value.encode()[: MOST_BYTES // 2], np.uint8)


def read_text(message: Message, name: str) -> str:
    """Return a text of a message (raises MessageError)."""
    raw: bytes = field(message, name, "|u1").tobytes()
    return raw.decode(errors="replace")


def field(message: Message, name: str, dtype: str | None = None, shape: tuple[int, ...] | None = None) -> Any:
    """Return an array of a message; raise MessageError unless it is there and of this dtype and shape."""
    array = message.arrays.get(name)
    if array is None:
        raise MessageError(f"{message.word}: expected {name!r} among {sorted(message.arrays)}")
    if dtype is not None and array.dtype.str != dtype:
        raise MessageError(f"{message.word}: {name}: expected dtype {dtype}, got {array.dtype.str}")
    if shape is not None and array.shape != shape:
        raise MessageError(f"{message.word}: {name}: expected shape {shape}, got {array.shape}")
    return array


class Inbox:
    """Cuts a stream of bytes into messages.

    Attributes:
        most: largest body that is taken; smaller until a client has shown that it may enter.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self.most = most
        self._data = bytearray()

    def __len__(self) -> int:
        return len(self._data)

    def feed(self, data: bytes) -> None:
        """Take in bytes as they come."""
        self._data += data

    def next(self) -> Message | None:
        """Return the next whole message; None if more bytes must come first.

        Raises:
            MessageError: if what came is no message, or too large a one; the stream is of no use any more.
        """
        if len(self._data) < _PREFIX.size:
            return None
        mark, head, body = _PREFIX.unpack_from(self._data)
        # The sizes are looked at before anything is waited for: nobody may make us keep more.
        if mark != _MARK or head > MOST_HEAD or body > self.most:
            raise MessageError(
                f"expected a message with a body of at most {self.most} bytes, got one that begins with "
                f"{bytes(self._data[: _PREFIX.size])!r}"
            )
        begin = _PREFIX.size + head
        end = begin + body
        if len(self._data) < end:
            return None
        word, places = _read_head(bytes(self._data[_PREFIX.size : begin]))
        message = Message(word, _arrays(places, memoryview(self._data)[begin:end].tobytes()))
        del self._data[:end]
        return message


# Workers send messages of the same few forms again and again, so heads are written and read once.
@functools.lru_cache(maxsize=512)
def _head(word: str, described: _Described) -> bytes:
    return json.dumps([word, described], separators=(",", ":")).encode()


@functools.lru_cache(maxsize=512)
def _read_head(head: bytes) -> tuple[str, tuple[_Place, ...]]:
    """Return the word of a message and where its arrays lie; raise MessageError if the head is none."""
    try:
        value = plain.parse(head, "message")
    except ValueError as error:
        raise MessageError(str(error)) from error
    if not (isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)):
        raise MessageError(f"expected a word and arrays, got {plain.cut_repr(value)}")
    if not isinstance(value[1], list):
        raise MessageError(f"expected a list of arrays, got {plain.cut_repr(value[1])}")
    places: list[_Place] = []
    end = 0
    for entry in value[1]:
        places.append(_placed(entry, end))
        end = places[-1].end
    if len({place.name for place in places}) != len(places):
        raise MessageError(f"expected each array once, got {plain.cut_repr(value[1])}")
    return value[0], tuple(places)


def _placed(entry: Any, begin: int) -> _Place:
    """Return what a head says of an array, which begins there; raise MessageError if it says nothing."""
    match entry:
        case [str(name), str(dtype), list(shape)] if dtype in _DTYPES and len(shape) <= _MOST_AXES:
            lengths_fit = all(is_whole(length) and 0 <= length <= MOST_BYTES for length in shape)
            # Beside a 0 the other lengths are bounded too: numpy counts them when it makes an array.
            if lengths_fit and math.prod(length for length in shape if length > 0) <= MOST_BYTES:
                kind = np.dtype(dtype)
                size = math.prod(shape)
                return _Place(name, kind, tuple(shape), size, begin, begin + size * kind.itemsize)
    raise MessageError(f"expected name, dtype and shape of an array, got {plain.cut_repr(entry)}")


def _arrays(places: tuple[_Place, ...], body: bytes) -> dict[str, Array]:
    """Return the arrays of a body; raise MessageError unless they fill it exactly."""
    stated = places[-1].end if places else 0
    if stated != len(body):
        raise MessageError(f"expected {stated} bytes of arrays, got {len(body)}")
    found: dict[str, Array] = {}
    for name, kind, shape, size, begin, _ in places:
        # A byte that is neither 0 nor 1 is no truth value, so these are made anew. All are copies: rows of a
        # message may be kept, and must not keep the whole message.
        if kind.kind == "b":
            array = np.frombuffer(body, np.uint8, size, begin) != 0
        else:
            array = np.frombuffer(body, kind, size, begin).copy()
        try:
            found[name] = array.reshape(shape)
        except ValueError as error:
            raise MessageError(f"{name}: expected a shape that an array can have, got {shape}") from error
    return found
