from __future__ import annotations

import os

import pytest

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
