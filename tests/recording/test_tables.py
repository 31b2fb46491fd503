from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from teacherstudent.recording import tables
from teacherstudent.recording.runs import Run


def test_pages_carry_checksums_that_parquets_readers_know(tmp_path):
    path = tmp_path / "t.parquet"
    path.write_bytes(tables.encode({"x": np.arange(1000.0)}))
    assert pq.read_table(path, page_checksum_verification=True)["x"].to_pylist() == list(range(1000))
    spoilt = bytearray(path.read_bytes())
    spoilt[400] ^= 4
    with pytest.raises(OSError, match="CRC"):
        pq.read_table(io.BytesIO(spoilt), page_checksum_verification=True)


def write_groups(path, groups, rows, columns=1, **how):
    schema = pa.schema([pa.field(f"c{i}", pa.int64(), nullable=False) for i in range(columns)])
    part = pa.Table.from_arrays([pa.array(np.zeros(rows, np.int64))] * columns, schema=schema)
    with pq.ParquetWriter(path, schema, **how) as writer:
        for _ in range(groups):
            writer.write_table(part)


def test_tables_that_unpack_to_much_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "t.parquet"
    monkeypatch.setattr(tables, "TABLE_BYTES", 100_000)
    write_groups(path, 5, 4_000, compression="snappy")  # 160 kB in a few
    with pytest.raises(ValueError, match=r"t.parquet.*expected at most 100000 bytes, got columns of 160000"):
        tables.read_table(path)
    write_groups(path, 1, 4_000, columns=2, compression="zstd")
    with pytest.raises(ValueError, match=r"t.parquet.*packed by snappy, got ZSTD"):
        tables.read_table(path)
    pq.write_table(pa.table({"x": ["text"]}), path)
    with pytest.raises(ValueError, match=r"t.parquet.*'x': expected numbers, got string"):
        tables.read_table(path)
    with pytest.raises(ValueError, match="expected at most 100000 bytes in one file"):
        tables.encode({"x": np.zeros(20_000)})


@pytest.mark.parametrize("name", ["tests.parquet", "episodes/part-00000.parquet"])
@pytest.mark.parametrize("damage", [b"", b"PAR1 no parquet PAR1", None])
def test_a_damaged_table_is_named(write_run, name, damage):
    folder = write_run("a")
    path = folder / name
    path.write_bytes(path.read_bytes()[:-200] if damage is None else damage)
    run = Run.load(folder)
    with pytest.raises(ValueError, match=rf"{name}: expected a Parquet file"):
        run.tests() if name.startswith("tests") else run.episodes()


def test_a_buffer_widens_numbers_and_keeps_images_as_they_are():
    buffer = tables.ColumnBuffer("rows", 2)
    images = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    buffer.append({"a": np.array([1, 2, 3], np.int8), "b": np.float32(0.5), "c": images}, 3)
    buffer.append(
        {"a": np.array([1000]), "b": np.array([1.5]), "c": images[:1]}, 1
    )  # more than it has room for
    found = buffer.view()
    assert [found[name].dtype for name in "abc"] == [np.int64, np.float64, np.uint8]
    assert found["a"].tolist() == [1, 2, 3, 1000]
    assert found["b"].tolist() == [0.5, 0.5, 0.5, 1.5]
    np.testing.assert_array_equal(found["c"][:3], images)
    assert buffer.view(3)["a"].tolist() == [1000]
    with pytest.raises(ValueError, match=r"rows: c: expected shape \(1, 2, 2\), got \(1, 4\)"):
        buffer.append({"a": 1, "b": 1.0, "c": np.zeros((1, 4), np.uint8)}, 1)
    buffer.clear()
    assert buffer.view()["a"].tolist() == []
