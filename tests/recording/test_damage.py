"""Every flipped bit of a run's data is noticed, and files that would unpack to much are refused by name."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.recording import lines, logs, tables
from teacherstudent.recording.disk import checkpoint, plain
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


def test_many_parts_of_little_bytes_do_not_fill_the_memory(folder, monkeypatch):
    monkeypatch.setattr(logs, "memory_limit", lambda: 1000)
    with pytest.raises(ValueError, match=r"episodes: expected at most the 1000 bytes of memory"):
        Run.load(folder).episodes()
