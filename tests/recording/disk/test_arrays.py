"""NumPy's files are read like NumPy reads them, within what they hold; rows are counted in their groups."""

import io
import os
import resource
import zipfile

import numpy as np
import pytest

from teacherstudent.recording.disk import arrays, files
from teacherstudent.recording.disk.arrays import places, read_npy, read_npz

ARRAYS = {
    "plain": np.arange(6.0).reshape(2, 3),
    "fortran": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "empty": np.zeros((0, 4), np.float32),
    "scalar": np.array(3.5),
    "text": np.array(["a", "bcd"]),
    "bool": np.array([True, False]),
    "big-endian": np.array([1, 2], ">i4"),
    "complex": np.array([1j]),
}


def same(a, b):
    return (
        a.dtype == b.dtype
        and a.shape == b.shape
        and a.flags.c_contiguous == b.flags.c_contiguous
        and (a == b).all()
    )


@pytest.mark.parametrize("name", ARRAYS)
def test_npy_files_are_read_as_numpy_does(tmp_path, name):
    np.save(tmp_path / "x.npy", ARRAYS[name])
    found = read_npy(tmp_path / "x.npy")
    assert same(found, np.load(tmp_path / "x.npy"))
    assert found.flags.writeable


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_npz_files_are_read_as_numpy_does(tmp_path, write):
    write(tmp_path / "x.npz", **ARRAYS)
    found = read_npz(tmp_path / "x.npz")
    assert found.keys() == ARRAYS.keys()
    with np.load(tmp_path / "x.npz") as expected:
        assert all(same(found[name], expected[name]) for name in expected.files)
    assert read_npz(tmp_path / "x.npz", ["plain", "unheard"]).keys() == {"plain"}


def header(shape, descr="<f8"):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": descr, "fortran_order": False, "shape": shape})
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (header((2**40,)) + bytes(8), "expected 8796093022208 bytes"),
        (header((2,)) + bytes(8), "expected 16 bytes for shape"),
        (header((2,)) + bytes(24), "expected 16 bytes for shape"),
        (header((1,), "|O") + bytes(8), "dtype object"),
        (b"\x93NUMPY\x01\x00" + b"\xff\x00" + b"(" * 255, "unreadable"),
        (b"\x93NUMPY\x07\x00", "unreadable"),
        (b"text", "unreadable"),
        (b"", "unreadable"),
    ],
)
def test_npy_files_that_state_something_else_are_refused(tmp_path, data, words):
    (tmp_path / "x.npy").write_bytes(data)
    with pytest.raises(ValueError, match=rf"x.npy: expected an npy file.*{words}"):
        read_npy(tmp_path / "x.npy")


def test_pickles_are_not_loaded(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(ValueError, match=r"x\.npy"):
        read_npy(tmp_path / "x.npy")
    np.savez(tmp_path / "x.npz", a=np.array([{}]))
    with pytest.raises(ValueError, match=r"x\.npz"):
        read_npz(tmp_path / "x.npz")


def test_arrays_larger_than_memory_are_refused_unread(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "x.npz", a=np.zeros(10**6))
    np.save(tmp_path / "x.npy", np.zeros(10**6))
    monkeypatch.setattr(arrays, "memory_limit", lambda: 10**6)
    for read, name in ((read_npz, "x.npz"), (read_npy, "x.npy")):
        with pytest.raises(ValueError, match=rf"{name}.*expected at most the 1000000 bytes of memory"):
            read(tmp_path / name)


def test_packed_arrays_may_be_refused(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", a=np.zeros(10))
    with pytest.raises(ValueError, match=r"x.npz.*a: expected an array that is not compressed so"):
        read_npz(tmp_path / "x.npz", packed=False)


def test_two_arrays_of_one_name_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as file:
        file.writestr("a.npy", header((1,)) + bytes(8))
        with pytest.warns(UserWarning, match="Duplicate"):
            file.writestr("a.npy", header((1,)) + bytes(8))
    with pytest.raises(ValueError, match=r"x.npz.*a: expected one array of this name"):
        read_npz(tmp_path / "x.npz")


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for read in (read_npy, read_npz):
        with pytest.raises(ValueError, match="pipe or device"):
            read(tmp_path / "pipe")
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "missing")


def test_memory_is_what_the_process_may_have(monkeypatch):
    whole = files.memory_limit()
    assert 2**28 < whole <= (files.physical_memory() or 2**40)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (2**28, 2**28))
    assert files.memory_limit() == 2**28


def test_rows_are_counted_within_their_groups():
    assert places(np.array([2, 0, 2, 2, 0, 4])).tolist() == [0, 0, 1, 2, 1, 0]  # none is in 1 or 3
    assert places(np.zeros(3, np.int64)).tolist() == [0, 1, 2]
    assert places(np.zeros(0, np.int64)).tolist() == []
