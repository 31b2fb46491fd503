"""Columns of numbers: a buffer that takes batches, and the Parquet file that it becomes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from teacherstudent.types import Array

Table: TypeAlias = dict[str, Array]
"""Columns by name, each ``(rows, ...)``."""


class ColumnBuffer:
    """Rows in preallocated arrays: appending a batch is one copy per column.

    Numbers are widened to bool, int64 or float64 (unsigned bytes and the like keep their type if they have
    more than one axis: mazes, images). The first batch sets the columns.

    Args:
        what: how messages call the rows: ``"episodes"``.
        capacity: rows to make room for; more are taken, at the price of a copy of everything.
    """

    def __init__(self, what: str, capacity: int) -> None:
        self.rows = 0
        self.capacity = capacity
        self._what = what
        self._columns: Table = {}

    def append(self, columns: Mapping[str, Any], rows: int) -> None:
        """Copy ``rows`` rows; a column is ``(rows, ...)`` or one number for all of them.

        Raises:
            ValueError: if the columns or their shapes differ from the first batch's.
            TypeError: if a column does not fit the first batch's type, or is not numeric.
        """
        if not self._columns:
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
            if isinstance(values, np.ndarray):
                self._copy(name, values, target)
            else:
                target[...] = values
        self.rows = end

    def view(self, first: int = 0) -> Table:
        """Return the rows from ``first`` on; views that `append` after `clear` overwrites."""
        return {name: column[first : self.rows] for name, column in self._columns.items()}

    def clear(self) -> None:
        """Forget the rows, keep the columns."""
        self.rows = 0

    def _copy(self, name: str, values: Array, target: Array) -> None:
        if values.shape != target.shape:
            raise ValueError(f"{self._what}: {name}: expected shape {target.shape}, got {values.shape}")
        try:
            np.copyto(target, values)
        except TypeError:
            raise TypeError(
                f"{self._what}: {name}: expected {target.dtype} as in the first batch, got {values.dtype}"
            ) from None

    def _allocate(self, name: str, values: Any, rows: int) -> Array:
        first = np.asarray(values)
        wide = {"b": np.bool_, "i": np.int64, "u": np.int64, "f": np.float64}.get(first.dtype.kind)
        if wide is None:
            raise TypeError(f"{self._what}: {name}: expected numbers, got dtype {first.dtype}")
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
    return {f"task_{name}": flat[:, i] for i, name in enumerate(space["names"])}


def tasks_of(space: Mapping[str, Any], table: Table) -> Array:
    """Return the tasks of a table as ``(n, d)`` for a box, ``(n, *space.shape)`` otherwise."""
    if "names" not in space:
        return table["task"]
    return np.stack([table[f"task_{name}"] for name in space["names"]], axis=1)


def encode(table: Table) -> memoryview:
    """Return the table as the bytes of a Parquet file; columns with more axes become fixed-size lists."""
    fields, arrays = [], []
    for name, values in table.items():
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
        use_dictionary=False,
    )
    return memoryview(sink.getvalue())


def read_table(path: Path, columns: Sequence[str] | None = None) -> Table:
    """Return the columns of a Parquet file, all of them unless some are named; absent ones are left out.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not a whole Parquet file; the message names it.
    """
    with open(path, "rb") as file:
        try:
            parquet = pq.ParquetFile(file)
            names = parquet.schema_arrow.names
            wanted = names if columns is None else [name for name in names if name in set(columns)]
            found = parquet.read(columns=wanted)
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"{path}: expected a Parquet file, got an unreadable one: {error}") from error
    table: Table = {}
    for field, column in zip(found.schema, found.columns, strict=True):
        shape = json.loads((field.metadata or {}).get(b"shape", b"[]"))
        whole = column.combine_chunks()
        flat = whole.flatten() if pa.types.is_fixed_size_list(field.type) else whole
        table[field.name] = flat.to_numpy(zero_copy_only=False).reshape(-1, *shape)
    return table


def count_rows(path: Path) -> int:
    """Return how many rows a Parquet file holds (raises as `read_table`)."""
    with open(path, "rb") as file:
        try:
            return int(pq.ParquetFile(file).metadata.num_rows)
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"{path}: expected a Parquet file, got an unreadable one: {error}") from error


def concatenate(tables: Iterable[Table]) -> Table:
    """Join tables row-wise; where one lacks a column its rows are NaN (and the column becomes float64)."""
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
