"""Columns of numbers: a buffer that takes batches, and the Parquet file that it becomes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from teacherstudent.contract.stored.digests import checksum_of
from teacherstudent.contract.types import Array
from teacherstudent.recording.disk.files import read_limited

Table: TypeAlias = dict[str, Array]
"""Columns by name, each ``(rows, ...)``."""

TABLE_BYTES = 2**30
"""What the columns of one file may hold, unpacked."""

_FILE_BYTES = 2 * TABLE_BYTES
_TAG = b"ts-crc32"
_CHUNKS = 1_000_000
_UNREADABLE = (pa.ArrowException, OSError, ValueError, KeyError, TypeError, RuntimeError, MemoryError)


class ColumnBuffer:
    """Rows in preallocated arrays: appending a batch is one copy per column.

    Numbers are widened to bool, int64 or float64 (unsigned bytes and the like keep their type if they have
    more than one axis: mazes, images). The first batch sets the columns.

    Args:
        what: how messages call the rows: ``"episodes"``.
        capacity: rows to make room for; more are taken, at the price of a copy of everything.
        most: bytes to make room for, at most, where rows are large.
    """

    def __init__(self, what: str, capacity: int, most: int = TABLE_BYTES) -> None:
        self.rows = 0
        self.capacity = capacity
        self._most = most
        self._what = what
        self._columns: Table = {}

    def append(self, columns: Mapping[str, Any], rows: int) -> None:
        """Copy ``rows`` rows; a column is ``(rows, ...)`` or one number for all of them.

        Raises:
            ValueError: if the columns or their shapes differ from the first batch's.
            TypeError: if a column does not fit the first batch's type, or is not numeric.
        """
        if not self._columns:
            # Rows may be images: then the room is limited by bytes instead of by their number.
            row = sum(max(8, np.asarray(values).nbytes // max(1, rows)) for values in columns.values())
            self.capacity = max(rows, min(self.capacity, self._most // max(1, row)))
            self._columns = {name: self._allocate(name, values, rows) for name, values in columns.items()}
        elif self._columns.keys() != columns.keys():
            raise ValueError(
                f"{self._what}: expected the columns of the first batch, {list(self._columns)}, "
                f"got {list(columns)}"
            )
        end = self.rows + rows
        if end > self.capacity:
            self._grow(end)
        for name, values in columns.items():
            target = self._columns[name][self.rows : end]
            # A number stands for all rows, and spreads by itself.
            if isinstance(values, np.ndarray):
                self._copy(name, values, target)
            else:
                target[...] = values
        self.rows = end

    def view(self, first: int = 0) -> Table:
        """Return the rows from ``first`` on; views that `append` after `clear` overwrites."""
        return {name: column[first : self.rows] for name, column in self._columns.items()}

    # The columns stay, so that the next part is written into the same memory.
    def clear(self) -> None:
        """Forget the rows, keep the columns."""
        self.rows = 0

    def _copy(self, name: str, values: Array, target: Array) -> None:
        if values.shape != target.shape:
            raise ValueError(f"{self._what}: {name}: expected shape {target.shape}, got {values.shape}")
        try:
            # Without a cast that loses anything: the first batch decided what the column holds.
            np.copyto(target, values)
        except TypeError:
            raise TypeError(
                f"{self._what}: {name}: expected {target.dtype} as in the first batch, got {values.dtype}"
            ) from None

    def _allocate(self, name: str, values: Any, rows: int) -> Array:
        first = np.asarray(values)
        # Narrow types of a first batch may not hold later numbers, so columns of single numbers are widened.
        wide = {"b": np.bool_, "i": np.int64, "u": np.int64, "f": np.float64}.get(first.dtype.kind)
        if wide is None:
            raise TypeError(f"{self._what}: {name}: expected numbers, got dtype {first.dtype}")
        # Mazes and images are bytes by nature, and would be eight times as large.
        keep = first.ndim > 1 and first.dtype.kind in "iu"
        dtype = first.dtype if keep else np.dtype(wide)
        return np.empty((max(self.capacity, rows), *first.shape[1:]), dtype)

    def _grow(self, rows: int) -> None:
        self.capacity = rows
        for name, column in self._columns.items():
            wider = np.empty((rows, *column.shape[1:]), column.dtype)
            wider[: self.rows] = column[: self.rows]
            self._columns[name] = wider


def task_columns(space: Mapping[str, Any], tasks: Array) -> Table:
    """Return tasks ``(n, *space.shape)`` as columns, ``space`` being a description by `spaces.describe`.

    A box gives ``task_<name>`` for each dimension, anything else one column ``task``.
    """
    if "names" not in space:
        return {"task": tasks}
    flat = tasks.reshape(len(tasks), -1)
    # A box's tasks get a column for each name: tables are read by people and other programs too.
    return {f"task_{name}": flat[:, i] for i, name in enumerate(space["names"])}


def tasks_of(space: Mapping[str, Any], table: Table) -> Array:
    """Return the tasks of a table as ``(n, d)`` for a box, ``(n, *space.shape)`` otherwise."""
    if "names" not in space:
        return table["task"]
    return np.stack([table[f"task_{name}"] for name in space["names"]], axis=1)


def size_of(table: Table) -> int:
    """Return the bytes that the columns of a table take in memory."""
    return sum(values.nbytes for values in table.values())


def encode(table: Table) -> bytes:
    """Return the table as the bytes of a Parquet file; columns with more axes become fixed-size lists.

    Pages carry checksums. So does the file as a whole, between pages and footer, where Parquet's readers look
    at nothing: a damaged footer can crash them.

    Raises:
        ValueError: if the table is larger than what is read.
    """
    size = size_of(table)
    if size > TABLE_BYTES:
        raise ValueError(f"table: expected at most {TABLE_BYTES} bytes in one file, got {size}")
    fields = []
    arrays = []
    for name, values in table.items():
        # Parquet stores flat columns, so that further axes become
        # lists of fixed size, and the shape goes into the metadata.
        contiguous = np.ascontiguousarray(values)
        array = pa.array(contiguous.reshape(-1))
        shape = contiguous.shape[1:]
        if shape:
            array = pa.FixedSizeListArray.from_arrays(array, int(np.prod(shape)))
        fields.append(pa.field(name, array.type, nullable=False, metadata={"shape": json.dumps(list(shape))}))
        arrays.append(array)
    sink = pa.BufferOutputStream()
    pq.write_table(
        pa.Table.from_arrays(arrays, schema=pa.schema(fields)),
        sink,
        compression="snappy",
        # Dictionaries pay for texts; our numbers repeat too rarely.
        use_dictionary=False,
        write_page_checksum=True,
    )
    whole = memoryview(sink.getvalue())
    footer = _footer(whole)
    return b"".join([whole[:footer], _TAG, _checksum(whole[:footer], whole[footer:]), whole[footer:]])


def _footer(data: memoryview) -> int:
    """Return where the footer of a Parquet file begins: its length stands before the last four bytes."""
    # Eight bytes stand behind the footer: four of its length and the four letters of the format.
    return len(data) - 8 - int.from_bytes(data[-8:-4], "little")


def _checksum(*parts: memoryview) -> bytes:
    return checksum_of(*parts).to_bytes(4, "little")


def read_table(path: Path, columns: Sequence[str] | None = None) -> Table:
    """Return the columns of a Parquet file, all of them unless some are named; absent ones are left out.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no Parquet file, damaged, or holds more than `TABLE_BYTES`; the message names it.
    """
    with _opened(path) as parquet:
        names = parquet.schema_arrow.names
        # The file's own order is kept, whatever the order of the names asked for.
        wanted = [name for name in names if columns is None or name in columns]
        # Only the wanted columns count: a reader may ask for a few of a large file.
        _check_size(parquet, wanted)
        found = parquet.read(columns=wanted)
        return {
            field.name: _decode(field, column)
            for field, column in zip(found.schema, found.columns, strict=True)
        }


def count_rows(path: Path) -> int:
    """Return how many rows a Parquet file holds (raises as `read_table`)."""
    with _opened(path) as parquet:
        return int(parquet.metadata.num_rows)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a Parquet file; whatever cannot be read of it becomes a ValueError that names it."""
    # The whole file is read first: a file that is replaced meanwhile could be mixed otherwise.
    data = read_limited(path, _FILE_BYTES)
    try:
        # The checksum comes before the reader, which a damaged footer could crash.
        _check_whole(data)
        yield pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
    except _UNREADABLE as error:
        raise ValueError(f"{path}: expected a Parquet file, got an unreadable one: {error}") from error


def _check_whole(data: bytes) -> None:
    """Raise ValueError if a file differs from its checksum; one of an older version has none, and no tag."""
    if len(data) < 12:
        raise ValueError(f"it has {len(data)} bytes")
    footer = _footer(memoryview(data))
    start = footer - len(_TAG) - 4
    # A file of an older version has no tag before its footer;
    # a tag elsewhere means that the footer has moved.
    if start < 0 or data[start : start + len(_TAG)] != _TAG:
        if _TAG in data:
            raise ValueError("its checksum is not where its footer begins")
        return
    view = memoryview(data)
    if view[footer - 4 : footer] != _checksum(view[:start], view[footer:]):
        raise ValueError("it differs from its checksum: it is damaged")


def _check_size(parquet: Any, wanted: Sequence[str]) -> None:
    """Raise ValueError for columns of other kinds than ours, or that unpack to more than `TABLE_BYTES`."""
    # All sizes come from the footer, and are checked before a page is unpacked.
    about = parquet.metadata
    schema = parquet.schema_arrow
    if len(set(schema.names)) < len(schema.names):
        raise ValueError("expected columns of different names")
    row = sum(_width(schema.field(name)) for name in wanted)
    size = row * about.num_rows
    # The number of pieces has a limit too: each costs memory, however small it is.
    if size > TABLE_BYTES or about.num_row_groups * about.num_columns > _CHUNKS:
        raise ValueError(f"expected at most {TABLE_BYTES} bytes, got columns of {size}")
    stated = 0
    for group in map(about.row_group, range(about.num_row_groups)):
        for chunk in map(group.column, range(group.num_columns)):
            if chunk.compression not in ("SNAPPY", "UNCOMPRESSED"):
                raise ValueError(f"expected columns packed by snappy, got {chunk.compression}")
            stated += chunk.total_uncompressed_size
    # Pages have headers, and lists have levels beside their values.
    if stated > 2 * TABLE_BYTES:
        raise ValueError(f"expected pages of at most {2 * TABLE_BYTES} bytes, got {stated}")


def _width(field: Any) -> int:
    """Return the bytes of a column in a row."""
    kind = field.type
    count = 1
    if pa.types.is_fixed_size_list(kind):
        count = kind.list_size
        kind = kind.value_type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        raise ValueError(f"{field.name!r}: expected numbers, got {field.type}")
    # Booleans take one bit in the file, and a byte in memory.
    width = int(count) * max(1, int(kind.bit_width) // 8)
    return width


def _decode(field: Any, column: Any) -> Array:
    """Return a column as an array."""
    shape = json.loads((field.metadata or {}).get(b"shape", b"[]"))
    whole = column.combine_chunks()
    if pa.types.is_fixed_size_list(field.type):
        whole = whole.flatten()
    values: Array = whole.to_numpy(zero_copy_only=False).reshape(-1, *shape)
    return values


def concatenate(tables: Iterable[Table]) -> Table:
    """Join tables row-wise; where one lacks a column its rows are NaN (and the column becomes float64)."""
    # A table without columns has no rows, so there is nothing of it to join.
    tables = [table for table in tables if table]
    names = {name: values for table in tables for name, values in table.items()}
    joined: Table = {}
    for name, example in names.items():
        parts = []
        for table in tables:
            if name in table:
                parts.append(table[name])
            else:
                rows = len(next(iter(table.values())))
                parts.append(np.full((rows, *example.shape[1:]), np.nan))
        joined[name] = np.concatenate(parts)
    return joined
