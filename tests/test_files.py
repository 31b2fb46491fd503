import os

import pytest

from teacherstudent.files import WriteError, atomic_write


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
