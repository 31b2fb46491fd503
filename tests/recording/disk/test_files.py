import contextlib
import os

import numpy as np
import pytest

from teacherstudent.recording.disk.files import WriteError, atomic_write, folder_name, read_limited
from teacherstudent.recording.disk.plain import first_difference, printable


def test_the_new_content_replaces_the_old_one_whole(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with atomic_write(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a"]


def test_an_error_in_the_block_leaves_the_old_content(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def write_half():
        with atomic_write(path) as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_folder_that_is_missing_is_named(tmp_path):
    path = tmp_path / "nowhere" / "a"
    with pytest.raises(WriteError, match=rf"cannot write {path}: No such file"), atomic_write(path) as file:
        file.write(b"x")


def test_a_file_is_read_up_to_a_limit(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    assert read_limited(path, 3) == b"abc"
    with pytest.raises(ValueError, match=r"x: expected at most 2 bytes, got 3"):
        read_limited(path, 2)
    with pytest.raises(ValueError, match="expected a file, got a folder"):
        read_limited(tmp_path, 2)
    with pytest.raises(FileNotFoundError):
        read_limited(tmp_path / "missing", 2)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a", "a"),
        ("a/b", "a_b"),
        (".", "_"),
        ("..", "__"),
        ("", "_"),
        ("a\nb\x1b", "a%ab%1b"),
        ("\u202e", "%202e"),
        ("x" * 255, "x" * 255),
        ("...", "..."),
    ],
)
def test_texts_become_names_of_folders(text, name):
    assert folder_name(text) == name


@pytest.mark.parametrize("letter", ["x", "ü", "漢", "😀"])
def test_long_texts_are_cut_and_stay_different(tmp_path, letter):
    names = [folder_name(letter * 300 + end) for end in ("a", "b")]
    assert names[0] != names[1]
    for name in names:
        assert 240 < len(name.encode()) <= 255
        (tmp_path / name).mkdir()


def test_without_durability_a_file_is_still_old_or_new(tmp_path):
    path = tmp_path / "x"
    with atomic_write(path, durable=False) as file:
        file.write(b"old")
    with contextlib.suppress(ZeroDivisionError), atomic_write(path, durable=False) as file:
        file.write(b"ne")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_first_difference_names_the_place():
    there = {"a": {"b": [1, 2], "c": None}, "d": 1}
    assert first_difference(there, {"a": {"b": [1, 2], "c": None}, "d": 1.0}, "x") is None
    assert first_difference(there, {"a": {"b": [1, 3], "c": None}, "d": 1}, "x") == (
        "x.a.b: expected [1, 2] as in that run, got [1, 3]"
    )
    assert first_difference(there, {"a": {"b": [1, 2]}, "d": 1}, "x") == (
        "x.a.c: expected None as in that run, got nothing"
    )
    assert first_difference({}, {"e": True}, "x") == "x.e: expected nothing as in that run, got True"
    assert first_difference(1, True, "x") == "x: expected 1 as in that run, got True"
    assert first_difference(8.0, np.int64(8), "x") is None


def test_what_cannot_be_printed_is_escaped():
    assert printable("a b ü") == "a b ü"
    assert printable("\x1b[2J\x9b\u202e\ud800\n") == "\\x1b[2J\\x9b\\u202e\\ud800\\n"
    assert printable("a\nb\tc\r", keep="\n\t") == "a\nb\tc\\r"
