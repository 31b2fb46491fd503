from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

from teacherstudent.recording import lines
from teacherstudent.recording.runs import Run

LIMITED = textwrap.dedent(
    """
    import json, resource, sys
    from pathlib import Path
    import numpy as np
    from teacherstudent.recording.disk.files import WriteError
    from teacherstudent.recording.recorder import Recorder

    recorder = Recorder(Path(sys.argv[1]), manifest=json.loads(sys.argv[2]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    spent = 0
    try:
        while True:
            recorder.teacher(spent=spent, metrics={}, snapshot={"tasks": np.random.rand(50)}, ledger={})
            spent += 1
    except WriteError as error:
        recorder.close("failed", error)
        print(error)
    """
)


@pytest.mark.skipif(sys.platform == "win32", reason="resource limits")
def test_a_file_that_may_not_grow_keeps_its_whole_lines(tmp_path, synthetic):
    command = [sys.executable, "-c", LIMITED, str(tmp_path), json.dumps(synthetic.manifest())]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"cannot write {tmp_path / 'teacher.jsonl'}" in done.stdout
    assert (tmp_path / "teacher.jsonl").read_bytes().endswith(b"\n")
    records = Run.load(tmp_path).records()
    assert [r["spent"] for r in records] == list(range(len(records)))
    assert len(records) > 10
    assert Run.load(tmp_path).status()["error"]["type"] == "WriteError"


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


def test_a_torn_last_line_is_skipped_and_another_is_an_error(write_run):
    folder = write_run("a", tests=3)
    path = folder / "teacher.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    assert len(Run.load(folder).records()) == 2
    lines = whole.splitlines(keepends=True)
    path.write_bytes(lines[0] + b'{"spent": 1, \n' + lines[2])
    with pytest.raises(ValueError, match=r"teacher.jsonl: line 2: expected JSON"):
        Run.load(folder).records()
