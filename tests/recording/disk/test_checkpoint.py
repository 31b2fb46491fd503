from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest

from teacherstudent.recording.disk import checkpoint
from teacherstudent.recording.disk.checkpoint import CheckpointError, Checkpoints
from teacherstudent.recording.disk.files import WriteError

STATE = {
    "number": 3,
    "huge": 2**127 + 1,
    "real": 0.1 + 0.2,
    "text": "ü",
    "none": None,
    "yes": True,
    "list": [1, [2.5, "x"], {"a": np.arange(3, dtype=np.int16)}],
    "arrays": {"f32": np.float32([[1, np.nan]]), "empty": np.zeros((0, 4)), "bool": np.array([True, False])},
}


def same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return type(a) is type(b) and a == b


def test_round_trip_is_exact(tmp_path):
    checkpoint.save(tmp_path / "c.npz", STATE)
    assert same(checkpoint.load(tmp_path / "c.npz"), STATE)
    assert os.listdir(tmp_path) == ["c.npz"]


def test_a_mutated_copy_is_told_apart(tmp_path):
    changed = {**STATE, "real": np.nextafter(STATE["real"], 1)}
    checkpoint.save(tmp_path / "c.npz", changed)
    assert not same(checkpoint.load(tmp_path / "c.npz"), STATE)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"a": {"b": object()}}, r"state\.a\.b: expected .* got object"),
        ({"a": [0, (1, 2)]}, r"state\.a\[1\]: .* got tuple"),
        ({"a": np.array([None])}, r"state\.a: .* dtype object"),
        ({1: 2}, "string keys"),
    ],
)
def test_only_plain_data_is_written(tmp_path, value, words):
    with pytest.raises(TypeError, match=words):
        checkpoint.save(tmp_path / "c.npz", value)
    assert os.listdir(tmp_path) == []


def test_pickled_arrays_are_not_loaded(tmp_path):
    np.savez(tmp_path / "c.npz", __tree__=np.array([{"x": 1}], dtype=object))
    with pytest.raises(CheckpointError, match="damaged"):
        checkpoint.load(tmp_path / "c.npz")


@pytest.mark.parametrize("damage", ["truncate", "flip", "method", "flag", "empty", "text", "no tree"])
def test_damage_is_one_clear_error(tmp_path, damage):
    path = tmp_path / "c.npz"
    checkpoint.save(path, {"a": np.arange(1000.0)})
    data = bytearray(path.read_bytes())
    if damage == "truncate":
        data = data[: len(data) // 2]
    elif damage == "flip":
        data[3000] ^= 1
    elif damage in ("method", "flag"):  # zip's directory: how a member is compressed, whether it is encrypted
        data[data.index(b"PK\x01\x02") + {"method": 10, "flag": 8}[damage]] ^= 33
    elif damage == "empty":
        data = b""
    elif damage == "text":
        data = b"hello"
    path.write_bytes(data)
    if damage == "no tree":
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("a0.npy", b"")
    with pytest.raises(CheckpointError, match=r"c\.npz is damaged .* Delete it to resume"):
        checkpoint.load(path)


def test_newer_format_is_refused(tmp_path):
    tree = np.frombuffer(json.dumps({"format": 99, "state": {}}).encode(), np.uint8)
    np.savez(tmp_path / "c.npz", __tree__=tree)
    with pytest.raises(CheckpointError, match="expected format 1, got 99"):
        checkpoint.load(tmp_path / "c.npz")


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        checkpoint.load(tmp_path / "c.npz")


def test_the_newest_few_are_kept(tmp_path):
    checkpoints = Checkpoints(tmp_path / "x", keep=2)
    assert checkpoints.latest() is None
    for k in range(4):
        checkpoints.save({"k": k})
    assert checkpoints.latest() == {"k": 3}
    assert [p.name for p in checkpoints.paths()] == ["checkpoint-00000002.npz", "checkpoint-00000003.npz"]
    with pytest.raises(ValueError, match="at least 1"):
        Checkpoints(tmp_path, keep=0)


def test_full_disk_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save({"k": 0})

    def no_space(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(WriteError, match=r"cannot write .*checkpoint-00000001\.npz: No space left"):
        checkpoints.save({"k": 1})
    assert checkpoints.latest() == {"k": 0}
    assert len(os.listdir(tmp_path)) == 1


def test_file_size_limit_is_a_real_refusal(tmp_path):
    code = f"""
import resource, signal, numpy as np
from pathlib import Path
from teacherstudent.recording.disk.checkpoint import Checkpoints
checkpoints = Checkpoints(Path({str(tmp_path)!r}))
checkpoints.save({{"a": np.zeros(10)}})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    checkpoints.save({{"a": np.zeros(100_000)}})
except OSError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "cannot write" in said
    assert "checkpoint-00000001.npz" in said
    assert len(Checkpoints(tmp_path).latest()["a"]) == 10


def test_kill_at_any_moment_leaves_a_whole_checkpoint(tmp_path):
    code = f"""
import numpy as np
from pathlib import Path
from teacherstudent.recording.disk.checkpoint import Checkpoints
checkpoints = Checkpoints(Path({str(tmp_path)!r}))
for k in range(10**6):
    checkpoints.save({{"k": k, "a": np.full(100_000, k)}})
    print(k, flush=True)
"""
    for pause in (0.0, 0.01, 0.023):
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        child.stdout.readline()
        time.sleep(pause)
        child.send_signal(signal.SIGKILL)
        child.wait()
        state = Checkpoints(tmp_path).latest()
        assert (state["a"] == state["k"]).all()
        assert len(state["a"]) == 100_000


def test_a_folder_in_a_checkpoint_s_place_is_named(tmp_path):
    """It is no file that a run has replaced meanwhile, which would be looked for again and again."""
    kept = Checkpoints(tmp_path)
    kept.save({"a": 1})
    (tmp_path / "checkpoint-00000001.npz").mkdir()
    with pytest.raises(CheckpointError, match=r"checkpoint-00000001.npz: expected a file, got a folder"):
        kept.latest()
    for wrong in (None, 3, {}):
        with pytest.raises(TypeError, match="checkpoint: expected the path of a file, got"):
            checkpoint.load(wrong)


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
