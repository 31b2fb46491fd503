"""Links in a run folder, temporary files of killed processes, and readers beside a run that resumes."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest

from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.recording.disk.checkpoint import Checkpoints
from teacherstudent.recording.lock import FolderLock
from teacherstudent.recording.runs import Run, find_runs
from teacherstudent.running.experiment import Experiment

EXPERIMENT = Experiment(
    teacher="random",
    family="toy-grid",
    student="competence",
    plan=Plan(budget=200, test_every=100, checkpoint_every=50),
)


@pytest.fixture
def folder(tmp_path):
    """A run that was stopped half-way."""
    rounds = iter(range(1000))
    EXPERIMENT.run(tmp_path / "run", stop=lambda: next(rounds) > 110)
    return tmp_path / "run"


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


FILES = ("manifest.json", "status.json", ".lock", "tests.parquet", "teacher.jsonl")


FOLDERS = ("episodes", "tests", "tensorboard", "checkpoints")


@pytest.mark.parametrize("name", [*FILES, *FOLDERS])
def test_links_are_refused_before_anything_is_changed(folder, tmp_path, name):
    outside = tmp_path / "outside"
    shutil.move(folder / name, outside)
    (folder / name).symlink_to(outside)
    before = contents(tmp_path)
    with pytest.raises(
        ValueError, match=rf"{name}: expected a file or folder of the run itself, got a link to"
    ):
        EXPERIMENT.run(folder, resume=True)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "name", ["manifest.json", "episodes/part-00000.parquet", "checkpoints/x", "tensorboard/x"]
)
def test_dangling_links_are_refused_too(tmp_path, name):
    place = tmp_path / "run" / name
    place.parent.mkdir(parents=True)
    place.symlink_to(tmp_path / "made")
    with pytest.raises(ValueError, match=r"got a link to .*made"):
        EXPERIMENT.run(tmp_path / "run")
    assert not (tmp_path / "made").exists()


def test_pipes_are_refused_and_nobody_waits_for_them(folder):
    (folder / "teacher.jsonl").unlink()
    os.mkfifo(folder / "teacher.jsonl")
    with pytest.raises(ValueError, match=r"teacher.jsonl: expected a file or folder, got a pipe"):
        EXPERIMENT.run(folder, resume=True)
    with pytest.raises(ValueError, match=r"teacher.jsonl: expected a file, got a folder, pipe or device"):
        Run.load(folder).records()
    for name, read in (
        ("status.json", lambda: Run.load(folder).status()),
        ("manifest.json", lambda: Run.load(folder)),
    ):
        (folder / name).unlink()
        os.mkfifo(folder / name)
        with pytest.raises(ValueError, match=rf"{name}: expected a file, got a folder, pipe or device"):
            read()
    (folder / ".lock").unlink()
    os.mkfifo(folder / ".lock")
    assert not FolderLock.held(folder)


def test_other_names_of_a_file_see_nothing_of_the_run(folder, tmp_path):
    events = next((folder / "tensorboard").iterdir())
    kept = {}
    for path in (folder / "teacher.jsonl", events):
        with open(path, "ab") as file:
            file.write(b"what a killed run wrote after its checkpoint")
        os.link(path, tmp_path / path.name)
        kept[tmp_path / path.name] = path.read_bytes()
    EXPERIMENT.run(folder, resume=True)
    assert {path: path.read_bytes() for path in kept} == kept
    assert Run.load(folder).status()["status"] == "finished"


def test_a_link_in_place_of_a_temporary_file_is_not_followed(folder, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("kept")
    for name in ("manifest.json", "status.json", "tests.parquet"):
        (folder / f".{name}.{os.getpid()}.tmp").symlink_to(victim)
    EXPERIMENT.run(folder, resume=True)
    assert victim.read_text() == "kept"
    assert not list(folder.rglob("*.tmp"))


def test_checkpoints_are_not_written_through_a_link(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "checkpoints").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match=r"checkpoints: expected .* got a link"):
        Checkpoints(tmp_path / "checkpoints").save({"a": 1})
    assert not list((tmp_path / "elsewhere").iterdir())


def test_temporary_files_of_killed_processes_go_those_of_live_ones_stay(folder):
    live = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        gone = [
            folder / f".status.json.{2**22 - 7}.tmp",
            folder / ".status.json.tmp",
            folder / f".manifest.json.{os.getpid()}.tmp",
            folder / f".crash.txt.{2**22 - 7}.tmp",
            folder / "checkpoints" / f".checkpoint-00000009.npz.{2**22 - 7}.tmp",
            folder / "episodes" / f".part-00009.parquet.{2**22 - 7}.tmp",
            folder / "tests" / f".part-00009.parquet.{2**22 - 7}.tmp",
            folder / "tensorboard" / f".x.{2**22 - 7}.tmp",
        ]
        stay = [folder / f".crash.txt.{live.pid}.tmp", folder / "mine.tmp", folder / ".mine"]
        for path in gone + stay:
            path.write_bytes(b"half")
        EXPERIMENT.run(folder, resume=True)
        assert [path for path in gone if path.exists()] == []
        assert [path for path in stay if not path.exists()] == []
    finally:
        live.communicate(b"\n")


def test_temporary_files_stay_while_another_process_writes_the_run(folder):
    path = folder / "checkpoints" / f".checkpoint-00000009.npz.{2**22 - 7}.tmp"
    path.write_bytes(b"half")
    lock = FolderLock(folder)
    try:
        with pytest.raises(RuntimeError, match="no other process"):
            EXPERIMENT.run(folder, resume=True)
    finally:
        lock.release()
    assert path.exists()


def test_readers_beside_a_run_that_is_resumed_again_and_again(tmp_path):
    """Every reader, while the end of a run is cut off and written again."""
    rounds = iter(range(1000))
    EXPERIMENT.run(tmp_path / "run", stop=lambda: next(rounds) > 110)
    stop = threading.Event()
    failures, reads = [], 0

    def again():
        while not stop.is_set():
            rounds = [0]
            EXPERIMENT.run(tmp_path / "run", resume=True, stop=functools.partial(enough, rounds))

    def enough(rounds):
        rounds[0] += 1
        return stop.is_set() or rounds[0] > 5

    def once():
        (run,) = find_runs([tmp_path])
        run.status()
        run.records()
        scores = run.episodes(["id"])["id"]
        assert (np.diff(scores) == 1).all()
        tests = np.unique(run.tests()["index"])
        assert tests.tolist() == list(range(len(tests)))

    thread = threading.Thread(target=again)
    thread.start()
    try:
        while reads < 60:
            reads += 1
            try:
                once()
            except Exception as error:
                failures.append(error)
    finally:
        stop.set()
        thread.join()
    assert failures == []
