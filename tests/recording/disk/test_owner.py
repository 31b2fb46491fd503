import os

import pytest

from teacherstudent.recording.disk import owner as module
from teacherstudent.recording.disk.owner import Owner, kernel


def test_what_is_written_is_read_back_and_a_shorter_entry_leaves_nothing_of_a_longer(tmp_path):
    path = tmp_path / "lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    for host in ("a" * 64, "b"):
        owner = Owner(host=host, kernel="k", pid=3)
        owner.write(descriptor)
        assert Owner.read(path) == owner
    owner.write(descriptor)
    assert Owner.read(path).beat == 2
    os.close(descriptor)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"host": 1, "kernel": "k", "pid": 3, "token": "t", "beat": 0}', '{"host": "x"}']
)
def test_what_is_no_entry_names_nobody(tmp_path, text):
    (tmp_path / "lock").write_text(text)
    assert Owner.read(tmp_path / "lock") is None
    assert Owner.read(tmp_path / "none") is None
    os.mkfifo(tmp_path / "pipe")
    assert Owner.read(tmp_path / "pipe") is None


def test_a_machine_is_known_by_its_kernel_and_where_that_has_no_number_by_its_name(tmp_path, monkeypatch):
    assert kernel() == kernel()
    monkeypatch.setattr(module, "_BOOT", tmp_path / "none")
    assert kernel() == module.socket.gethostname()
