"""Where a server listens and who may enter."""

import os
import stat

import pytest

from teacherstudent.adapters.serving import addresses
from teacherstudent.adapters.serving.addresses import Listener, parse


def test_addresses_are_read():
    assert parse("unix:/tmp/socket") == ("unix", ("/tmp/socket",))
    assert parse("tcp:127.0.0.1:80") == ("tcp", ("127.0.0.1", "80"))
    assert parse("tcp:::1:80") == ("tcp", ("::1", "80"))
    for wrong in ("", "unix:", "unix:" + "x" * 200, "tcp:host", "tcp::1", "tcp:host:99999", "udp:h:1", 3):
        with pytest.raises(ValueError, match="address: expected"):
            parse(wrong)


def test_a_default_socket_is_its_owner_s_alone_and_goes_with_the_listener():
    listener = Listener()
    folder = os.path.dirname(parse(listener.address)[1][0])
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    assert listener.token is None
    listener.close()
    assert not os.path.exists(folder)


def test_a_socket_at_a_path_goes_with_the_listener(tmp_path):
    path = tmp_path / "socket"
    listener = Listener(f"unix:{path}")
    assert path.exists()
    listener.close()
    assert not path.exists()
    assert tmp_path.exists()


def test_tcp_has_a_token_and_other_hosts_must_be_given_one():
    listener = Listener("tcp:127.0.0.1:0")
    assert len(listener.token) >= 16
    assert not listener.address.endswith(":0")
    listener.close()
    with pytest.raises(ValueError, match="others can reach it: expected token="):
        Listener("tcp:0.0.0.0:0")
    with pytest.raises(ValueError, match="at least 16 characters"):
        Listener("tcp:127.0.0.1:0", token="short")
    given = Listener("tcp:0.0.0.0:0", token="x" * 16)
    assert given.token == "x" * 16
    given.close()


def test_a_long_folder_for_temporary_files_is_avoided(monkeypatch, tmp_path):
    long = tmp_path / ("x" * 90)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    listener = Listener()
    assert listener.address.startswith("unix:/tmp/teacher-")
    assert list(long.iterdir()) == []
    listener.close()


def test_a_proof_shows_the_token_for_one_nonce():
    shown = addresses.proof("secret", b"n" * 32)
    assert addresses.right("secret", b"n" * 32, shown)
    assert not addresses.right("secret", b"m" * 32, shown)
    assert not addresses.right("other", b"n" * 32, shown)
    assert b"secret" not in shown
