from __future__ import annotations

import dataclasses
import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from gymnasium.spaces import Discrete

from teacherstudent import spaces
from teacherstudent.contract.accounts.failures import FailedTask
from teacherstudent.contract.types import Outcomes
from teacherstudent.recording import logs, tables
from teacherstudent.recording.disk import plain
from teacherstudent.recording.disk.files import WriteError
from teacherstudent.recording.recorder import START, Recorder
from teacherstudent.recording.runs import Run


class Mazes(spaces.Levels):
    def __init__(self):
        super().__init__((3, 4), np.uint8)

    def draw(self, rng, n):
        return rng.integers(0, 2, (n, 3, 4), dtype=np.uint8)

    def mutate(self, rng, tasks, edits=1):
        return tasks

    def key(self, tasks):
        return tasks.reshape(len(tasks), -1).astype(np.int64) @ (2 ** np.arange(12))

    def contains_each(self, tasks):
        return (tasks < 2).reshape(len(tasks), -1).all(axis=1)


@pytest.mark.parametrize(
    "space", [spaces.Parameters(height=(0, 3), spacing=(0, 6)), Discrete(5, start=2), Mazes()]
)
def test_what_is_written_is_read_back(tmp_path, synthetic, space):
    rng = np.random.default_rng(1)
    recorder = Recorder(tmp_path, manifest=synthetic.manifest(space))
    batches = [
        dataclasses.replace(
            synthetic.outcomes(rng, n, space, first), purpose=np.arange(n) % 3, member=np.arange(n) % 2
        )
        for n, first in ((64, 0), (1, 64), (7, 65))
    ]
    for i, batch in enumerate(batches):
        recorder.episodes(batch, spent=10.0 * i)
    test = synthetic.outcomes(rng, 9, space)
    summary = recorder.tests(test, spent=20.0, ledger={"cost/train": 20.0})
    recorder.close("finished")

    run = Run.load(tmp_path)
    whole, table = Outcomes.concatenate(batches), run.episodes()
    for name in ("score", "cost"):
        np.testing.assert_array_equal(table[name], getattr(whole, name))
    np.testing.assert_array_equal(table["id"], np.arange(72))
    np.testing.assert_array_equal(run.tasks(table), whole.tasks)
    assert run.tasks(table).dtype == whole.tasks.dtype
    np.testing.assert_array_equal(table["spent"], np.repeat([0.0, 10.0, 20.0], [64, 1, 7]))
    assert table["success"].dtype == np.bool_
    np.testing.assert_array_equal(table["success"], whole.signals["success"])
    np.testing.assert_array_equal(table["length"], whole.signals["length"])
    np.testing.assert_array_equal(table["purpose"], whole.purpose)
    np.testing.assert_array_equal(table["member"], whole.member)

    tests = run.tests()
    np.testing.assert_array_equal(tests["score"], test.score)
    np.testing.assert_array_equal(run.tasks(tests), test.tasks)
    np.testing.assert_array_equal(tests["mastered"], test.score > 0.5)
    assert summary == {
        "return": test.score.mean(),
        "mastered_percent": 100 * (test.score > 0.5).mean(),
    }
    assert run.status()["status"] == "finished"
    assert run.status()["test"]["mastered_percent"] == summary["mastered_percent"]


def test_columns_may_be_chosen_and_several_axes_survive(tmp_path, synthetic):
    recorder = Recorder(tmp_path, manifest=synthetic.manifest(), log=())
    batch = synthetic.outcomes(np.random.default_rng(0), 6)
    trace = np.arange(36, dtype=np.float32).reshape(6, 3, 2)
    recorder.episodes(
        Outcomes(
            ids=batch.ids, tasks=batch.tasks, score=batch.score, cost=batch.cost, signals={"trace": trace}
        ),
        spent=1.0,
    )
    recorder.close("finished")
    table = Run.load(tmp_path).episodes(["trace", "score", "unheard_of"])
    assert set(table) == {"trace", "score"}
    np.testing.assert_array_equal(table["trace"], trace)


def test_folders_that_say_only_what_was_learnt_from_are_read(tmp_path, synthetic):
    recorder = Recorder(tmp_path, manifest=synthetic.manifest(), log=())
    recorder.close("finished")
    columns = {"score": np.arange(4.0), "learn": np.array([True, False, False, True])}
    (tmp_path / "episodes" / "part-00000.parquet").write_bytes(tables.encode(columns))
    assert Run.load(tmp_path).episodes()["purpose"].tolist() == [0, 1, 1, 0]
    columns["kind"] = np.array([2, 2, 0, 1])
    (tmp_path / "episodes" / "part-00000.parquet").write_bytes(tables.encode(columns))
    assert Run.load(tmp_path).episodes(["purpose"])["purpose"].tolist() == [0, 2, 1, 0]
    assert set(Run.load(tmp_path).episodes(["purpose", "score"])) == {"purpose", "score"}


def test_teacher_records_hold_arrays_nan_and_training_means(tmp_path, synthetic):
    recorder = Recorder(tmp_path, manifest=synthetic.manifest(), log=())
    batch = synthetic.outcomes(np.random.default_rng(0), 10)
    recorder.episodes(batch, spent=5.0)
    snapshot = {"means": np.arange(6.0).reshape(2, 3), "alp": np.array([np.nan, 1.0]), "kind": "mixture"}
    recorder.teacher(
        spent=5.0, metrics={"alp": np.nan, "k": 2}, snapshot=snapshot, ledger={}, student={"loss": 0.5}
    )
    recorder.teacher(spent=6.0, metrics={}, snapshot={}, ledger={})
    recorder.close("finished")
    first, second = Run.load(tmp_path).records()
    assert np.isnan(first["metrics"]["alp"])
    assert first["metrics"]["k"] == 2
    assert first["student"] == {"loss": 0.5}
    np.testing.assert_array_equal(first["snapshot"]["means"], snapshot["means"])
    np.testing.assert_array_equal(first["snapshot"]["alp"], snapshot["alp"])
    assert first["snapshot"]["kind"] == "mixture"
    assert first["train"]["episodes"] == 10
    assert first["train"]["return"] == pytest.approx(batch.score.mean())
    assert second["train"] == {}


def scalars(folder, purge):
    """Return what TensorBoard reads from a folder, with and without heeding that a run was resumed."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"), {"scalars": 0}, purge_orphaned_data=purge)
    events.Reload()
    return [(tag, e.step, e.value) for tag in events.Tags()["scalars"] for e in events.Scalars(tag)]


def drive(recorder, synthetic, first, last):
    """Write the rounds from ``first`` to ``last`` of one and the same run."""
    for i in range(first, last):
        rng = np.random.default_rng(i)
        recorder.episodes(synthetic.outcomes(rng, 8, first=8 * i), spent=10.0 * i)
        if i % 3 == 0:
            recorder.tests(synthetic.tests(i), spent=10.0 * i, ledger={"cost/train": 10.0 * i})
        if i % 4 == 3:
            recorder.teacher(
                spent=10.0 * i, metrics={"alp": float(i)}, snapshot={"i": i}, ledger={"cost/train": 10.0 * i}
            )


def contents(folder):
    """Return all that a run holds, but for times."""
    run = Run.load(folder)
    tables = [
        {name: values.tolist() for name, values in table.items() if name != "time"}
        for table in (run.episodes(), run.tests())
    ]
    records = [{k: plain.to_plain(v) for k, v in r.items() if k != "time"} for r in run.records()]
    return *tables, records, scalars(folder, True), scalars(folder, False)


@pytest.mark.parametrize("lost", [0, 1, 5])
def test_resumed_logs_equal_uninterrupted_ones(tmp_path, synthetic, monkeypatch, lost):
    monkeypatch.setattr(logs, "EPISODE_ROWS", 20)
    monkeypatch.setattr(logs, "TEST_ROWS", 150)
    whole = Recorder(tmp_path / "whole", manifest=synthetic.manifest())
    drive(whole, synthetic, 0, 20)
    whole.close("finished")

    first = Recorder(tmp_path / "parts", manifest=synthetic.manifest())
    drive(first, synthetic, 0, 10)
    state = json.loads(json.dumps(plain.to_plain(first.state_dict())))
    drive(first, synthetic, 10, 10 + lost)
    first.close("interrupted")
    second = Recorder(tmp_path / "parts", manifest=synthetic.manifest(budget=2000.0), resume=state)
    drive(second, synthetic, 10, 20)
    second.close("finished")

    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")
    manifest = Run.load(tmp_path / "parts").manifest
    assert manifest["budget"] == 2000.0
    assert [session["spent"] for session in manifest["sessions"]] == [0.0, 90.0]


def test_resume_from_the_start_and_time_goes_on(tmp_path, synthetic):
    first = Recorder(tmp_path, manifest=synthetic.manifest())
    drive(first, synthetic, 0, 9)
    first.close("failed", RuntimeError("x"))
    second = Recorder(tmp_path, manifest=synthetic.manifest(), resume=START)
    assert Run.load(tmp_path).episodes() == {}
    assert Run.load(tmp_path).tests() == {}
    drive(second, synthetic, 0, 1)
    state = second.state_dict() | {"seconds": 1000.0}
    second.close("interrupted")
    third = Recorder(tmp_path, manifest=synthetic.manifest(), resume=state)
    drive(third, synthetic, 1, 2)
    third.close("finished")
    assert Run.load(tmp_path).episodes(["time"])["time"][-1] >= 1000.0
    assert START["episodes"] == {"parts": 0, "rows": 0, "means": {}}


def failed(number, *, blamed=True):
    return FailedTask(id=number, task=np.array([0.5, number]), error=f"slot {number}", blamed=blamed)


def test_a_resumed_run_names_the_tasks_that_failed_before(tmp_path, synthetic):
    first = Recorder(tmp_path, manifest=synthetic.manifest())
    first.failed([failed(1), failed(2, blamed=False), failed(3)], spent=10.0)
    state = first.state_dict()
    first.failed([failed(4)], spent=20.0)  # lost: it is not in the checkpoint
    first.close("interrupted")
    second = Recorder(tmp_path, manifest=synthetic.manifest(), resume=state)
    told = [{"id": n, "task": [0.5, n], "error": f"slot {n}", "blamed": True} for n in (1, 3, 5)]
    assert Run.load(tmp_path).status()["failed_tasks"] == told[:2]
    second.failed([failed(5)], spent=20.0)
    second.close("finished")
    assert Run.load(tmp_path).status()["failed_tasks"] == told


def test_a_run_is_resumed_though_its_log_of_failed_tasks_is_damaged(tmp_path, synthetic, caplog):
    first = Recorder(tmp_path, manifest=synthetic.manifest())
    first.failed([failed(1)], spent=10.0)
    state = first.state_dict()
    first.close("interrupted")
    log = tmp_path / "failed.jsonl"
    log.write_bytes(log.read_bytes().replace(b"slot 1", b"slot 2"))
    Recorder(tmp_path, manifest=synthetic.manifest(), resume=state).close("finished")
    assert "failed.jsonl: line 1: expected what its checksum stands for" in caplog.text
    assert Run.load(tmp_path).status()["failed_tasks"] == []


def test_a_folder_that_holds_a_run_is_refused(tmp_path, synthetic):
    Recorder(tmp_path, manifest=synthetic.manifest(), log=()).close("finished")
    with pytest.raises(FileExistsError, match=r"expected a folder without a run.*resume"):
        Recorder(tmp_path, manifest=synthetic.manifest())
    with pytest.raises(ValueError, match=r"seed: expected 0 as in that run, got 1"):
        Recorder(tmp_path, manifest=synthetic.manifest(seed=1), resume=START)


def test_bad_rows(tmp_path, synthetic):
    recorder = Recorder(tmp_path, manifest=synthetic.manifest(), log=())
    batch = synthetic.outcomes(np.random.default_rng(0), 4)

    def with_signals(**signals):
        return Outcomes(ids=batch.ids, tasks=batch.tasks, score=batch.score, cost=batch.cost, signals=signals)

    with pytest.raises(ValueError, match=r"not named as its own columns, got \['spent'\]"):
        recorder.episodes(with_signals(spent=np.zeros(4)), spent=0.0)
    recorder.episodes(with_signals(k=np.zeros(4, np.int64)), spent=0.0)
    with pytest.raises(ValueError, match="expected the columns of the first batch"):
        recorder.episodes(with_signals(j=np.zeros(4)), spent=0.0)
    with pytest.raises(TypeError, match="k: expected int64 as in the first batch, got float64"):
        recorder.episodes(with_signals(k=np.zeros(4)), spent=0.0)
    with pytest.raises(TypeError, match=r"snapshot.x: expected numbers"):
        recorder.teacher(spent=0.0, metrics={}, snapshot={"x": object()}, ledger={})
    recorder.close("finished")
    assert len(Run.load(tmp_path).episodes()["k"]) == 4
    assert Run.load(tmp_path).records() == []


def test_logs_shorter_than_the_checkpoint_says(tmp_path, synthetic):
    recorder = Recorder(tmp_path, manifest=synthetic.manifest())
    drive(recorder, synthetic, 0, 10)
    state = recorder.state_dict()
    recorder.close("interrupted")
    for path, message in (
        (tmp_path / "teacher.jsonl", "expected .* bytes, as when the checkpoint was written, got 0"),
        (tmp_path / "tests.parquet", "expected 4 tests, as when the checkpoint was written, got 0"),
        (tmp_path / "episodes" / "part-00000.parquet", "expected 1 parts with 80 rows"),
    ):
        kept = path.read_bytes()
        path.unlink()
        with pytest.raises(ValueError, match=message):
            Recorder(tmp_path, manifest=synthetic.manifest(), resume=state)
        path.write_bytes(kept)


def test_a_failure_leaves_its_traceback(tmp_path, synthetic):
    recorder = Recorder(tmp_path, manifest=synthetic.manifest(), log=())
    drive(recorder, synthetic, 0, 2)
    try:
        raise ZeroDivisionError("in step")
    except ZeroDivisionError as error:
        recorder.close("failed", error)
    recorder.close("finished")  # a second call does nothing
    status = Run.load(tmp_path).status()
    assert status["status"] == "failed"
    assert status["error"]["type"] == "ZeroDivisionError"
    assert "test_a_failure_leaves_its_traceback" in status["error"]["traceback"]
    assert len(Run.load(tmp_path).episodes()["id"]) == 16


FULL = {
    "episodes": ("fsync", lambda recorder, _: recorder.state_dict()),
    "tests": ("fsync", lambda recorder, rows: recorder.tests(rows, spent=50.0, ledger={})),
    "teacher": (
        "write",
        lambda recorder, _: recorder.teacher(spent=50.0, metrics={}, snapshot={}, ledger={}),
    ),
}


@pytest.mark.parametrize("log", FULL)
def test_a_full_disk_is_one_clear_error(tmp_path, synthetic, monkeypatch, log):
    recorder = Recorder(tmp_path, manifest=synthetic.manifest())
    drive(recorder, synthetic, 0, 4)
    state = recorder.state_dict()
    before = contents(tmp_path)
    recorder.episodes(synthetic.outcomes(np.random.default_rng(0), 8), spent=50.0)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    function, call = FULL[log]
    with monkeypatch.context() as patch:
        patch.setattr(os, function, full)
        with pytest.raises(
            WriteError, match=rf"cannot write {tmp_path}/{log}.*No space left.*resume"
        ) as caught:
            call(recorder, synthetic.tests(3))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        recorder.close("failed", caught.value)  # does not hide what it is told of
    assert contents(tmp_path) == before
    assert not list(tmp_path.rglob(".*.tmp"))
    Recorder(tmp_path, manifest=synthetic.manifest(), resume=state).close("finished")
    assert contents(tmp_path) == before


WRITER = textwrap.dedent(
    """
    import json, sys, time
    from pathlib import Path
    import numpy as np
    from teacherstudent.recording import logs, tables
    from teacherstudent.recording.disk import plain
    from teacherstudent.recording.recorder import START, Recorder
    from teacherstudent.contract.types import Assignment, Outcomes

    folder, manifest, last = Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
    logs.EPISODE_ROWS, logs.TEST_ROWS = 20, 30
    kept = folder / "kept.json"
    begun = (folder / "manifest.json").exists()
    saved = json.loads(kept.read_bytes()) if kept.exists() else {"next": 0, "recorder": START}
    recorder = Recorder(folder, manifest=manifest, resume=saved["recorder"] if begun else None)
    for i in range(saved["next"], last):
        rng = np.random.default_rng(i)
        tasks, score = rng.random((8, 2)), rng.random(8)
        rows = Outcomes(ids=np.arange(8 * i, 8 * i + 8), tasks=tasks, score=score, cost=score)
        recorder.episodes(rows, spent=float(i))
        if i % 2 == 0:
            recorder.tests(rows, spent=float(i), ledger={"cost/train": float(i)})
        if i % 3 == 0:
            recorder.teacher(spent=float(i), metrics={"alp": score[0]}, snapshot={"tasks": tasks}, ledger={})
        time.sleep(0.002)
        if i % 5 == 0:
            plain.write_json(kept, {"next": i + 1, "recorder": recorder.state_dict()})
            print(i, flush=True)
    recorder.close("finished")
    """
)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_killed_processes_leave_a_readable_run_that_resumes(tmp_path, synthetic):
    arguments = [json.dumps(synthetic.manifest()), "300"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def start(folder):
        command = [sys.executable, "-c", WRITER, str(folder), *arguments]
        return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)

    rng, kills = np.random.default_rng(0), 0
    for attempt in range(6):
        process = start(tmp_path / "killed")
        if attempt % 2:
            process.stdout.readline()  # one checkpoint at least
            time.sleep(rng.uniform(0.0, 0.15))
        else:
            time.sleep(rng.uniform(0.1, 0.6))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if (tmp_path / "killed" / "manifest.json").exists() and process.returncode:
            kills += 1
            run = Run.load(tmp_path / "killed")
            assert run.status()["status"] == "killed"
            ids, tests = run.episodes(["id"]), run.tests(["score"])
            if ids:
                np.testing.assert_array_equal(ids["id"], np.arange(len(ids["id"])))
            if tests:
                np.testing.assert_array_equal(tests["index"], np.arange(len(tests["index"])) // 8)
            run.records()
    assert kills >= 2
    start(tmp_path / "killed").communicate()
    start(tmp_path / "whole").communicate()
    assert Run.load(tmp_path / "whole").status()["status"] == "finished"
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    assert len(Run.load(tmp_path / "killed").manifest["sessions"]) > 1
