from __future__ import annotations

import os

import numpy as np

from teacherstudent.recording import logs
from teacherstudent.recording.recorder import START, Recorder
from teacherstudent.recording.runs import Run
from teacherstudent.recording.tables import encode


def test_rows_beyond_the_buffer_become_parts_in_order(tmp_path, synthetic, monkeypatch):
    monkeypatch.setattr(logs, "EPISODE_ROWS", 100)
    recorder = Recorder(tmp_path, manifest=synthetic.manifest(), log=())
    rng = np.random.default_rng(0)
    for first in range(0, 640, 64):
        recorder.episodes(synthetic.outcomes(rng, 64, first=first), spent=0.0)
    recorder.episodes(synthetic.outcomes(rng, 300, first=640), spent=0.0)  # more than the buffer holds
    recorder.episodes(synthetic.outcomes(rng, 1, first=940), spent=0.0)
    recorder.close("finished")
    assert len(logs.parts(tmp_path / "episodes")) == 12  # ten of 64, one of 300, one of 1
    np.testing.assert_array_equal(Run.load(tmp_path).episodes(["id"])["id"], np.arange(941))


def test_episodes_are_written_after_a_while(tmp_path, synthetic, monkeypatch):
    monkeypatch.setattr(logs, "EPISODE_SECONDS", 0.0)
    recorder = Recorder(tmp_path, manifest=synthetic.manifest(), log=())
    recorder.episodes(synthetic.outcomes(np.random.default_rng(0), 5), spent=0.0)
    assert len(Run.load(tmp_path).episodes(["id"])["id"]) == 5
    recorder.close("finished")


def test_many_tests_stay_few_files_and_in_order(tmp_path, synthetic, monkeypatch):
    monkeypatch.setattr(logs, "TEST_ROWS", 500)
    written = []
    monkeypatch.setattr(logs, "encode", lambda table, real=logs.encode: written.append(table) or real(table))
    recorder = Recorder(tmp_path, manifest=synthetic.manifest(), log=())
    for i in range(60):
        recorder.tests(synthetic.tests(i), spent=float(i), ledger={"updates": float(i)})
        if i == 30:
            assert logs.parts(tmp_path / "tests")  # some wait to be merged, and are read all the same
            assert Run.load(tmp_path).tests(["spent"])["index"].tolist() == list(np.repeat(range(31), 100))
    rows = sum(len(table["index"]) for table in written)
    assert rows < 9 * 6000 + 500 * 5, "a test must not cost a copy of all tests"
    recorder.close("finished")
    assert not logs.parts(tmp_path / "tests")
    tests = Run.load(tmp_path).tests()
    np.testing.assert_array_equal(tests["ledger_updates"], np.repeat(np.arange(60.0), 100))
    np.testing.assert_array_equal(Run.load(tmp_path).curve().mastered, np.arange(60.0))


def test_a_kill_between_merging_tests_and_removing_parts_does_not_double_them(
    tmp_path, synthetic, monkeypatch
):
    monkeypatch.setattr(logs, "TEST_ROWS", 0)
    recorder = Recorder(tmp_path, manifest=synthetic.manifest(), log=())
    for i in range(20):
        recorder.tests(synthetic.tests(i), spent=float(i), ledger={})
    waiting = {path: path.read_bytes() for path in logs.parts(tmp_path / "tests").values()}
    assert waiting
    recorder.close("finished")
    for path, content in waiting.items():
        path.write_bytes(content)
    np.testing.assert_array_equal(Run.load(tmp_path).curve().mastered, np.arange(20.0))
    state = START | {"tests": {"count": 20}}
    Recorder(tmp_path, manifest=synthetic.manifest(), resume=state, log=()).close("finished")
    np.testing.assert_array_equal(Run.load(tmp_path).tests(["score"])["index"], np.repeat(np.arange(20), 100))
    assert not logs.parts(tmp_path / "tests")


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


def part(rows, value):
    return encode({"score": np.full(rows, float(value)), "id": np.arange(rows)})


def test_readers_of_episodes_take_what_is_there(tmp_path, monkeypatch):
    """Parts that vanish, and parts that others take the place of, between listing and opening."""
    folder = tmp_path / "episodes"
    folder.mkdir()
    for i in range(4):
        (folder / f"part-{i:05d}.parquet").write_bytes(part(3, i))
    read, calls = logs.read_table, []

    def meanwhile(path, columns=None):
        calls.append(path.name)
        if len(calls) == 3:  # a resumed run goes back to two parts, and writes the third anew
            for i in (3, 2, 1):
                (folder / f"part-{i:05d}.parquet").unlink()
            (folder / "new").write_bytes(part(3, 10))
            os.replace(folder / "new", folder / "part-00001.parquet")
        return read(path, columns)

    monkeypatch.setattr(logs, "read_table", meanwhile)
    assert logs.read_episodes(tmp_path)["score"].tolist() == [0.0] * 3 + [10.0] * 3


def test_a_part_that_comes_back_is_read(tmp_path, monkeypatch):
    folder = tmp_path / "tests"
    folder.mkdir()
    for i in range(3):
        (folder / f"part-{i:05d}.parquet").write_bytes(encode({"index": np.full(2, i), "score": np.ones(2)}))
    read, hidden = logs.read_table, []

    def once_gone(path, columns=None):
        if path.name == "part-00001.parquet" and not hidden:
            hidden.append(path)
            raise FileNotFoundError(path)
        return read(path, columns)

    monkeypatch.setattr(logs, "read_table", once_gone)
    assert logs.read_tests(tmp_path)["index"].tolist() == [0, 0, 1, 1, 2, 2]
