"""Where the inputs of examples are read from: arrays, memory-mapped ones too, and data sets of items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from teacherstudent.contract.types import Array, IntArray
from teacherstudent.envs.images.data import DataFileError

CHANNELS = (1, 3, 4)
"""Grey, colour, and colour with transparency: lengths of an axis that holds channels."""


@runtime_checkable
class Rows(Protocol):
    """Inputs that are read by row.

    Attributes:
        shape: of one example: ``(channels, height, width)`` of images.
        dtype: uint8 of images as bytes, else float32.
        held: whether all of them lie in memory already.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    held: bool

    def __len__(self) -> int: ...

    def read(self, rows: IntArray) -> Array:
        """Return the inputs of some rows, ``(n, *shape)``."""


@runtime_checkable
class Items(Protocol):
    """A map-style data set, as torch, torchvision and Hugging Face have them: ``data[i]`` is an example."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any) -> Any: ...


@runtime_checkable
class HasFiles(Protocol):
    """A data set whose example ``i`` is in the file ``samples[i][0]``, as torchvision's ImageFolder says."""

    samples: Sequence[tuple[Any, Any]]


def plain(values: Any) -> Array:
    """Return an array, a tensor on any device, or an image of Pillow's as an array, without a copy if it can.

    Images of Pillow's get their channels first: ``(channels, height, width)``.
    """
    # Tensors that take part in a graph, or lie on a GPU, do not become arrays by themselves.
    if hasattr(values, "detach") and hasattr(values, "cpu"):
        values = values.detach().cpu()
    found: Array = np.asanyarray(values)
    # Pillow's images alone have a mode and a size of two numbers.
    if hasattr(values, "getbands"):
        found = found[None] if found.ndim == 2 else found.transpose(2, 0, 1)
    return found


def numbers(values: Array, where: str) -> Array:
    """Return bytes as they are and all other numbers as float32.

    Raises:
        TypeError: if they are no numbers.
        ValueError: if one of them is not finite; the message names the first example that holds one.
    """
    if values.dtype.kind not in "biuf":
        raise TypeError(f"{where}: expected numbers, got {values.dtype}")
    if values.dtype == np.uint8:
        return values
    found: Array = values.astype(np.float32, copy=False)
    # The sum is finite wherever all are; only where it is not each row is looked at.
    if not np.isfinite(found.sum(dtype=np.float64)):
        bad = ~np.isfinite(found).reshape(len(found), -1).all(axis=1)
        if bad.any():
            row = int(bad.argmax())
            raise ValueError(
                f"{where}: expected finite numbers, got {_strange(found[row])} in example {row}: fill or "
                "drop what is missing"
            )
    return found


def _strange(values: Array) -> float:
    flat = values.ravel()
    return float(flat[~np.isfinite(flat)][0])


class ArrayRows:
    """Inputs in one array; a memory-mapped one is read as it is used.

    Args:
        values: ``(n, *shape)``. Bytes are images: ``(n, h, w)``, ``(n, channels, h, w)`` or, with 1, 3 or 4
            channels, ``(n, h, w, channels)``; all else are numbers.
        where: how messages call it.

    Raises:
        TypeError: if they are no numbers.
        ValueError: if an example has no axis, or what lies in memory holds a number that is not finite.
    """

    def __init__(self, values: Any, where: str) -> None:
        found = plain(values)
        if found.ndim < 2:
            raise ValueError(
                f"{where}: expected inputs (n, ...) of at least one number an example, got {found.shape}"
            )
        self._where = where
        # A memory-mapped array may be larger than memory: nothing may read all of it.
        self.held = not _is_mapped(found)
        if found.dtype == np.uint8 and found.ndim == 3:
            found = found[:, None]
        if found.dtype == np.uint8 and found.ndim == 4 and _channels_last(found.shape):
            found = found.transpose(0, 3, 1, 2)
        self.values = numbers(found, where) if self.held else found
        self.shape = tuple(int(side) for side in found.shape[1:])
        self.dtype = np.dtype(np.uint8 if found.dtype == np.uint8 else np.float32)
        if found.dtype.kind not in "biuf":
            raise TypeError(f"{where}: expected numbers, got {found.dtype}")

    def __len__(self) -> int:
        return len(self.values)

    def read(self, rows: IntArray) -> Array:
        """Return the inputs of some rows, ``(n, *shape)``."""
        if self.held:
            return self.values[rows]
        return numbers(np.array(self.values[rows]), self._where)


def _is_mapped(values: Array) -> bool:
    """Return whether an array, or one that it is a view of, lies in a file."""
    base: Any = values
    while base is not None:
        if isinstance(base, np.memmap):
            return True
        base = base.base if isinstance(base, np.ndarray) else None
    return False


def _channels_last(shape: tuple[int, ...]) -> bool:
    return shape[3] in CHANNELS and shape[1] not in CHANNELS


class ItemRows:
    """Inputs that a map-style data set returns item by item.

    Args:
        data: ``data[i]`` is an example: a pair of input and target, or a mapping.
        column: where the input is in an example: 0, or the mapping's key.
        where: how messages call the data.

    Raises:
        ValueError: if the first example cannot be read.
    """

    held = False

    def __init__(self, data: Items, column: Any, where: str) -> None:
        self._data = data
        self._column = column
        self._where = where
        first = numbers(self._input(0)[None], self._name(0))
        # Bytes without an axis of channels are grey images.
        self._grey = first.dtype == np.uint8 and first.ndim == 3
        self.shape = tuple(int(side) for side in first.shape[1:])
        if self._grey:
            self.shape = (1, *self.shape)
        if not self.shape:
            raise ValueError(f"{self._name(0)}: expected an input of at least one axis, got a single number")
        self.dtype = first.dtype

    def __len__(self) -> int:
        return len(self._data)

    def read(self, rows: IntArray) -> Array:
        """Return the inputs of some rows, ``(n, *shape)``.

        Raises:
            DataFileError: if an example cannot be read; the message names it, and its file where that is
                known.
            ValueError: if an example has another shape or kind than the first, or is not finite.
        """
        found = np.empty((len(rows), *self.shape), self.dtype)
        for place, row in enumerate(rows.tolist()):
            one = numbers(self._input(row)[None], self._name(row))
            if self._grey:
                one = one[:, None]
            if one.shape[1:] != self.shape or one.dtype != self.dtype:
                remedy = ""
                if len(self.shape) == 3:
                    remedy = "; images of a folder are brought to one size by ImageFolder(path, size=224)"
                raise ValueError(
                    f"{self._name(row)}: expected an input like the first one's, {self.dtype} of shape "
                    f"{self.shape}, got {one.dtype} of shape {one.shape[1:]}{remedy}"
                )
            found[place] = one[0]
        return found

    def _input(self, row: int) -> Array:
        return plain(part(item(self._data, row, self._where), self._column, self._name(row)))

    def _name(self, row: int) -> str:
        return name_of(self._data, row, self._where)


def item(data: Items, row: int, where: str) -> Any:
    """Return an example of a data set.

    Raises:
        DataFileError: if the data set raises anything; the message names the example, and its file where
            that is known.
    """
    try:
        return data[row]
    except Exception as error:
        # The message of a file names itself and needs no more words.
        if isinstance(error, DataFileError):
            raise DataFileError(f"{where}: example {row}: {error}") from error
        raise DataFileError(
            f"{name_of(data, row, where)}: expected to be read, got {type(error).__name__}: {error}"
        ) from error


def part(found: Any, column: Any, where: str) -> Any:
    """Return a column of an example: a number counts in a sequence, a name is a mapping's key.

    Raises:
        TypeError: if the example is neither, or lacks the column.
    """
    if isinstance(column, str):
        if not isinstance(found, Mapping) or column not in found:
            there = sorted(map(str, found)) if isinstance(found, Mapping) else type(found).__name__
            raise TypeError(f"{where}: expected a mapping with {column!r}, got {there}")
        return found[column]
    if not isinstance(found, list | tuple) or len(found) <= column:
        raise TypeError(f"{where}: expected a pair of input and target, got {type(found).__name__}")
    return found[column]


def name_of(data: Items, row: int, where: str) -> str:
    """Return how messages call an example: by its number, and its file where the data set knows it."""
    if isinstance(data, HasFiles):
        return f"{where}: example {row} ({data.samples[row][0]})"
    return f"{where}: example {row}"
