"""Every flipped bit of a run's data is noticed, and files that would unpack to much are refused by name."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.recording import lines, logs, tables
from teacherstudent.recording.disk import checkpoint, plain
from teacherstudent.recording.disk.checkpoint import CheckpointError
from teacherstudent.recording.runs import Run
from teacherstudent.running.experiment import Experiment


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run that was stopped half-way."""
    made = tmp_path_factory.mktemp("damage") / "run"
    plan = Plan(budget=300, test_every=100, checkpoint_every=50)
    rounds = iter(range(1000))
    experiment = Experiment(teacher="riac", family="toy-grid", student="competence", plan=plan)
    experiment.run(made, stop=lambda: next(rounds) > 160)
    return made


READERS = {
    "manifest.json": lambda run: run.manifest,
    "status.json": lambda run: run.status(),
    "teacher.jsonl": lambda run: run.records(),
    "episodes/*.parquet": lambda run: run.episodes(),
    "tests.parquet": lambda run: run.tests(),
    "checkpoints/*.npz": lambda run: checkpoint.load(sorted((run.folder / "checkpoints").iterdir())[-1]),
}


def same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    return type(a) is type(b) and (a == b or a != a)


@pytest.mark.parametrize("name", READERS)
def test_a_flipped_bit_is_noticed_or_changes_nothing(folder, name):
    path = sorted(folder.glob(name))[-1]
    whole, right = path.read_bytes(), READERS[name](Run.load(folder))
    rng = np.random.default_rng(0)
    noticed = 0
    try:
        for at in rng.integers(0, len(whole), 400).tolist() + list(range(len(whole) - 20, len(whole))):
            spoilt = bytearray(whole)
            spoilt[at] ^= 1 << int(rng.integers(8))
            path.write_bytes(spoilt)
            said, found = "", right
            try:
                found = READERS[name](Run.load(folder))
            except ValueError as error:
                said = str(error)
            noticed += path.name in said
            assert path.name in said or (said == "" and same(found, right)), (at, said)
    finally:
        path.write_bytes(whole)
    assert noticed > 300


def test_a_torn_last_line_is_left_out_and_a_spoilt_end_is_noticed(tmp_path):
    path = tmp_path / "log.jsonl"
    log = lines.LineLog(path, {"bytes": 0})
    for i in range(3):
        log.append({"number": i})
    log.close()
    whole = path.read_bytes()
    assert lines.read_lines(path, checked=True) == [{"number": 0}, {"number": 1}, {"number": 2}]
    path.write_bytes(whole[:-9])
    assert lines.read_lines(path, checked=True) == [{"number": 0}, {"number": 1}]
    path.write_bytes(whole[:-1] + b"\x0b")
    with pytest.raises(ValueError, match=r"log.jsonl: line 3: expected JSON"):
        lines.read_lines(path, checked=True)
    path.write_bytes(whole + b'{"number": 3}\n')
    with pytest.raises(ValueError, match=r"line 4: expected JSON with a checksum"):
        lines.read_lines(path, checked=True)
    assert len(lines.read_lines(path)) == 4  # lines of an older version have none


def test_pages_carry_checksums_that_parquets_readers_know(tmp_path):
    path = tmp_path / "t.parquet"
    path.write_bytes(tables.encode({"x": np.arange(1000.0)}))
    assert pq.read_table(path, page_checksum_verification=True)["x"].to_pylist() == list(range(1000))
    spoilt = bytearray(path.read_bytes())
    spoilt[400] ^= 4
    with pytest.raises(OSError, match="CRC"):
        pq.read_table(io.BytesIO(spoilt), page_checksum_verification=True)


def test_files_without_digests_of_an_older_version_are_read(folder, tmp_path):
    table = pa.table({"x": pa.array([1.0, 2.0])})
    pq.write_table(table, tmp_path / "old.parquet")
    assert tables.read_table(tmp_path / "old.parquet")["x"].tolist() == [1.0, 2.0]
    manifest = plain.read_json(folder / "manifest.json")
    manifest.pop("digest")
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(
        ValueError, match=r"manifest.json: expected what the digest in it stands for.*format.*1"
    ):
        Run.load(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps(manifest | {"format": 1}))
    assert Run.load(tmp_path).teacher_name == "riac"


@pytest.mark.parametrize(
    "text", ["[" * 100_000 + "]" * 100_000, "[" * 101 + "]" * 101, '{"a":' * 990 + "1" + "}" * 990]
)
@pytest.mark.parametrize("name", ["manifest.json", "status.json", "teacher.jsonl"])
def test_deep_json_is_refused_by_name(folder, name, text):
    path = folder / name
    whole = path.read_bytes()
    try:
        path.write_text('{"format": 1, "status": ' + text + "}\n")
        with pytest.raises(ValueError, match=rf"{name}.*expected JSON"):
            READERS[name](Run.load(folder))
    finally:
        path.write_bytes(whole)


def test_brackets_in_texts_do_not_count(tmp_path):
    value = {"text": "[{" * 200, "list": [[["x"]]]}
    plain.write_sealed(tmp_path / "x.json", value)
    assert plain.read_sealed(tmp_path / "x.json") == {"format": 2, **value}


def test_large_json_is_refused_unread(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    with open(path, "wb") as file:
        file.truncate(2**40)  # takes no room on the disk
    with pytest.raises(ValueError, match=r"x.json: expected at most \d+ bytes, got 1099511627776"):
        plain.read_json(path)
    monkeypatch.setattr(lines, "LINE_BYTES", 1000)
    with pytest.raises(ValueError, match=r"x.json: line 1: expected at most"):
        lines.read_lines(path)
    monkeypatch.setattr(plain, "JSON_BYTES", 100)
    with pytest.raises(ValueError, match=r"y.json: expected at most 100 bytes.* files"):
        plain.write_sealed(tmp_path / "y.json", {"options": "x" * 100})
    assert not (tmp_path / "y.json").exists()


def npz(path, members, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method, compresslevel=1) as file:
        for name, data in members.items():
            file.writestr(f"{name}.npy", data)


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def header(shape, descr="<f8"):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": descr, "fortran_order": False, "shape": shape})
    return buffer.getvalue()


TREE = npy(np.frombuffer(json.dumps({"format": 1, "state": {"a": {"$array": "a0"}}}).encode(), np.uint8))


@pytest.mark.parametrize(
    ("members", "method", "words"),
    [
        ({"__tree__": TREE, "a0": npy(np.zeros(10**6))}, zipfile.ZIP_DEFLATED, "not compressed"),
        (
            {"__tree__": TREE, "a0": header((3 << 29,)) + bytes(100)},
            zipfile.ZIP_STORED,
            "expected 12884901888 bytes",
        ),
        ({"__tree__": TREE, "a0": header((2**62, 2**62)) + bytes(8)}, zipfile.ZIP_STORED, "a0: expected"),
        ({"__tree__": TREE, "a0": header((1,)) + bytes(16)}, zipfile.ZIP_STORED, "a0: expected 8 bytes"),
        ({"__tree__": TREE, "a0": header((1,), "|O") + bytes(8)}, zipfile.ZIP_STORED, "dtype object"),
        (
            {"__tree__": npy(np.frombuffer(b'{"a":' * 5000 + b"1" + b"}" * 5000, np.uint8))},
            zipfile.ZIP_STORED,
            "nested at most",
        ),
        (
            {"__tree__": npy(np.frombuffer(b'{"format": 1, "state": []}', np.uint8))},
            zipfile.ZIP_STORED,
            "names and values",
        ),
    ],
)
def test_checkpoints_that_state_more_than_they_hold_are_refused(tmp_path, members, method, words):
    path = tmp_path / "checkpoint-00000000.npz"
    npz(path, members, method)
    with pytest.raises(CheckpointError, match=rf"checkpoint-00000000.npz.*{words}"):
        checkpoint.load(path)


def test_states_that_could_not_be_read_back_are_not_written(tmp_path, monkeypatch):
    deep = {}
    for _ in range(150):
        deep = {"a": deep}
    with pytest.raises(ValueError, match=r"c.npz.*nested at most 100"):
        checkpoint.save(tmp_path / "c.npz", deep)
    monkeypatch.setattr(checkpoint, "_TREE_BYTES", 1000)
    with pytest.raises(ValueError, match=r"c.npz: expected at most 1000 bytes.*long lists are to be arrays"):
        checkpoint.save(tmp_path / "c.npz", {"a": list(range(1000))})
    assert not list(tmp_path.iterdir())


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


def test_many_parts_of_little_bytes_do_not_fill_the_memory(folder, monkeypatch):
    monkeypatch.setattr(logs, "memory_limit", lambda: 1000)
    with pytest.raises(ValueError, match=r"episodes: expected at most the 1000 bytes of memory"):
        Run.load(folder).episodes()


def test_large_rows_make_small_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "EPISODE_BYTES", 10_000)
    log = logs.EpisodeLog(tmp_path, {"parts": 0, "rows": 0, "means": {}})
    for i in range(40):
        log.append({"score": np.full(1, float(i)), "level": np.full((1, 1000), i, np.uint8)}, 1)
    log.flush()
    assert len(logs.parts(tmp_path / "episodes")) >= 4
    assert logs.read_episodes(tmp_path)["level"][:, 0].tolist() == list(range(40))


def test_tests_that_are_too_large_for_one_file_stay_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "TEST_BYTES", 4_000)
    log = logs.TestLog(tmp_path, {"count": 0})
    for i in range(12):
        log.append({"index": i, "score": np.full(50, float(i))}, 50)
    log.merge()
    assert len(logs.parts(tmp_path / "tests")) > 3
    found = logs.read_tests(tmp_path)
    assert found["index"].tolist() == np.repeat(np.arange(12), 50).tolist()
    again = logs.TestLog(tmp_path, {"count": 9})
    again.append({"index": 9, "score": np.full(50, -1.0)}, 50)
    assert np.unique(logs.read_tests(tmp_path)["index"]).tolist() == list(range(10))
    assert logs.read_tests(tmp_path)["score"][-50:].tolist() == [-1.0] * 50
