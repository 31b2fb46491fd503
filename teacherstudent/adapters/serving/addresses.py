"""Where a teacher's server listens, and how a client shows that it may enter.

An address is a text: ``unix:PATH`` of a socket that only its owner can reach, or ``tcp:HOST:PORT``.
"""

from __future__ import annotations

import contextlib
import hmac
import ipaddress
import os
import secrets
import shutil
import socket
import tempfile
import weakref
from collections.abc import Callable

NONCE_BYTES = 32
_MOST_PATH = 100
"""Longest path of a socket that all systems take."""
_LEAST_TOKEN = 16


class Listener:
    """A socket that listens.

    Attributes:
        socket: the socket.
        address: as a client is given it, with the port that the system chose.
        token: what a client must know; None at a Unix socket, to which the file system lets only its owner.

    Args:
        address: None for a Unix socket in a folder of its own, or the loopback where there are none. A Unix
            socket at a path of one's own can be reached by whom the folder lets in.
        token: of ``tcp``; made if None. Another address than the loopback must be given one.

    Raises:
        ValueError: if it is no address, or open to others without a token.
    """

    address: str
    token: str | None

    def __init__(self, address: str | None = None, token: str | None = None) -> None:
        self._remove: Callable[[], object] | None = None
        unix = hasattr(socket, "AF_UNIX")
        if address is None and unix:
            # Only this user can enter the folder, whatever the umask is.
            folder = tempfile.mkdtemp(prefix="teacher-")
            if len(folder) > _MOST_PATH - 10:
                os.rmdir(folder)
                folder = tempfile.mkdtemp(prefix="teacher-", dir="/tmp")  # a long TMPDIR
            self._remove = weakref.finalize(self, _remove, folder, os.getpid())
            address = f"unix:{folder}/socket"
        kind, place = parse(address or "tcp:127.0.0.1:0")
        if kind == "unix":
            self.token = token
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.bind(place[0])
            # A folder of ours goes with the socket in it, a path of the user's by itself.
            if self._remove is None:
                self._remove = weakref.finalize(self, _remove, place[0], os.getpid())
            self.address = f"unix:{place[0]}"
        else:
            host, port = place
            self.token = _checked_token(token or _made_token(host))
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self.socket = socket.create_server((host, int(port)), family=family)
            self.address = f"tcp:{host}:{self.socket.getsockname()[1]}"
        self.socket.listen(128)
        self.socket.setblocking(False)

    def close(self) -> None:
        """Listen no longer."""
        self.socket.close()
        if self._remove is not None:
            self._remove()


def parse(address: str) -> tuple[str, tuple[str, ...]]:
    """Return the kind of an address and its path, or its host and port; raise ValueError if it is none."""
    kind, _, place = str(address).partition(":")
    if kind == "unix" and 0 < len(place) <= _MOST_PATH and hasattr(socket, "AF_UNIX"):
        return kind, (place,)
    host, _, port = place.rpartition(":")
    if kind == "tcp" and host and port.isdecimal() and int(port) < 2**16:
        return kind, (host, port)
    raise ValueError(
        f"address: expected 'unix:PATH', a path of at most {_MOST_PATH} characters, or 'tcp:HOST:PORT', got "
        f"{address!r}"
    )


def connect(address: str, timeout: float) -> socket.socket:
    """Return a socket that is connected to a server (raises OSError)."""
    kind, place = parse(address)
    if kind == "tcp":
        connected = socket.create_connection((place[0], int(place[1])), timeout)
        tune(connected)
        return connected
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connected.settimeout(timeout)
        connected.connect(place[0])
    except BaseException:
        connected.close()
        raise
    return connected


def tune(connected: socket.socket) -> None:
    """Send small messages at once, and notice some day that a machine at the other end has gone."""
    with contextlib.suppress(OSError):
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def proof(token: str | None, nonce: bytes) -> bytes:
    """Return what shows that one knows the token, without saying it."""
    return hmac.digest((token or "").encode(), nonce, "sha256")


def right(token: str | None, nonce: bytes, given: bytes) -> bool:
    """Return whether a proof is right."""
    return hmac.compare_digest(proof(token, nonce), given)


def _made_token(host: str) -> str:
    """Return a new token for the loopback; raise ValueError for another host."""
    if not _loopback(host):
        raise ValueError(
            f"address: {host!r} is no loopback, so others can reach it: expected token=..., a secret of at "
            f"least {_LEAST_TOKEN} characters that clients are given too, got None"
        )
    return secrets.token_urlsafe(24)


def _checked_token(token: str) -> str:
    if not isinstance(token, str) or len(token) < _LEAST_TOKEN:
        raise ValueError(f"token: expected a text of at least {_LEAST_TOKEN} characters, got a shorter one")
    return token


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _remove(path: str, process: int) -> None:
    """Remove a socket, or the folder that holds it, in the process that made it and in no fork of it."""
    if os.getpid() != process:
        return
    if os.path.isdir(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            os.unlink(path)
