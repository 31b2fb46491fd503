from __future__ import annotations

import errno
import os
import threading
import time
from dataclasses import replace

import pytest

from teacherstudent.recording import lock as module
from teacherstudent.recording.disk.files import WriteError
from teacherstudent.recording.disk.owner import Owner
from teacherstudent.recording.folder import LOCK
from teacherstudent.recording.lock import FolderLock
from teacherstudent.recording.recorder import START, Recorder
from teacherstudent.recording.runs import Run


def test_two_processes_cannot_write_one_run(tmp_path, synthetic):
    first = Recorder(tmp_path, manifest=synthetic.manifest(), log=())
    with pytest.raises(RuntimeError, match="no other process"):
        Recorder(tmp_path, manifest=synthetic.manifest(), resume=START)
    first.close("finished")
    Recorder(tmp_path, manifest=synthetic.manifest(), resume=START).close("finished")


def test_a_forked_child_does_not_keep_the_run_locked(tmp_path, synthetic):
    recorder = Recorder(tmp_path, manifest=synthetic.manifest(), log=())
    assert Run.load(tmp_path).status()["status"] == "running"
    ready, go = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.write(ready[1], b".")
        os.read(go[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    assert Run.load(tmp_path).status()["status"] == "running"  # the child let go, the parent did not
    recorder._lock.release()
    assert Run.load(tmp_path).status()["status"] == "killed"
    os.write(go[1], b".")
    os.waitpid(child, 0)
    recorder.close("finished")


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.02)
    monkeypatch.setattr(module, "SILENT_SECONDS", 0.5)


def elsewhere(folder, **more):
    """Write the name of a process on another machine into the lock file, and return it."""
    owner = replace(Owner.here(), host="node-7", kernel="another", pid=4, token="t", **more)
    write(folder, owner)
    return owner


def write(folder, owner):
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT)
    owner.write(descriptor)
    os.close(descriptor)


def until(found):
    end = time.monotonic() + 20
    while not found():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_lock_file_says_who_writes_and_that_it_still_does(tmp_path, quick):
    lock = FolderLock(tmp_path)
    first = Owner.read(tmp_path / LOCK)
    assert (first.pid, first.kernel) == (os.getpid(), Owner.here().kernel)
    with pytest.raises(RuntimeError, match=rf"no other process writing this run: process {os.getpid()} on "):
        FolderLock(tmp_path)
    until(lambda: Owner.read(tmp_path / LOCK).beat > first.beat + 2)
    lock.release()
    assert Owner.read(tmp_path / LOCK) is None
    assert (tmp_path / LOCK).stat().st_size == 0


def test_a_process_of_another_machine_that_is_gone_is_waited_for_and_its_folder_taken_over(
    tmp_path, quick, caplog
):
    elsewhere(tmp_path)
    assert FolderLock.held(tmp_path)  # until it has been silent for long enough
    begin = time.monotonic()
    lock = FolderLock(tmp_path)
    assert time.monotonic() - begin >= 0.5
    assert "process 4 on node-7 wrote this run" in caplog.text
    lock.check()
    lock.release()
    elsewhere(tmp_path)
    os.utime(tmp_path / LOCK, (0, 0))
    assert not FolderLock.held(tmp_path)
    begin = time.monotonic()
    FolderLock(tmp_path).release()  # nobody is waited for who was last heard of in 1970
    assert time.monotonic() - begin < 0.4


def test_a_process_of_another_machine_that_is_there_keeps_its_folder(tmp_path, quick):
    owner = elsewhere(tmp_path)
    stop = threading.Event()

    def beat():
        while not stop.wait(0.02):
            write(tmp_path, owner)

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        with pytest.raises(RuntimeError, match="process 4 on node-7 writes it"):
            FolderLock(tmp_path)
    finally:
        stop.set()
        thread.join()


def test_a_process_of_this_machine_that_was_killed_is_not_waited_for(tmp_path):
    write(tmp_path, Owner.here())
    begin = time.monotonic()
    assert not FolderLock.held(tmp_path)
    FolderLock(tmp_path).release()
    assert time.monotonic() - begin < 5  # and not 45


def test_a_run_that_was_taken_over_ends_and_writes_nothing_more(tmp_path, quick, synthetic):
    recorder = Recorder(tmp_path, manifest=synthetic.manifest(), log=())
    status = (tmp_path / "status.json").read_bytes()
    # A machine that stood still for a while: in the meantime another one took its run.
    until(lambda: elsewhere(tmp_path) and recorder._lock.lost)
    with pytest.raises(RuntimeError, match="taken over by process 4 on node-7") as caught:
        recorder.state_dict()
    recorder.close("failed", caught.value)
    assert (tmp_path / "status.json").read_bytes() == status
    assert Owner.read(tmp_path / LOCK).host == "node-7"


def test_a_file_system_without_locks_is_refused(tmp_path, monkeypatch):
    def flock(descriptor, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(module.fcntl, "flock", flock)
    with pytest.raises(WriteError, match="expected a file system with locks"):
        FolderLock(tmp_path)
    assert not FolderLock.held(tmp_path)
