"""What a server keeps of each client: bytes that came, bytes that are to go, whether it may enter."""

from __future__ import annotations

import contextlib
import os
import socket
import time

import numpy as np

from teacherstudent.adapters.serving import addresses
from teacherstudent.adapters.serving.desk import WORDS
from teacherstudent.adapters.serving.messages import (
    MOST_BYTES,
    Inbox,
    Message,
    MessageError,
    encode,
    field,
    text,
)

_CHUNK = 2**18
"""Bytes that are read of a client before the others have their turn."""
_MOST_MESSAGES = 256
"""Messages of one client that are served at a time."""
_UNANSWERED = ("tell", "drop")
_STRANGER_BYTES = 2**12
"""Largest message of somebody who has not shown that he may enter."""
STRANGER_SECONDS = 10.0
"""Time in which that must be shown."""


class Link:
    """One client's connection; never blocks.

    Attributes:
        number: of the client, never used again.
        entered: whether it has shown that it may enter.
        paused: whether nothing is read of it, as it does not take its answers.
        socket: the connection.

    Args:
        number: of the client.
        connected: a socket of its own.
        token: what the client must know; None lets everybody in who reaches the socket.
        welcome: what it is told of the teacher, as JSON.
    """

    def __init__(self, number: int, connected: socket.socket, token: str | None, welcome: str) -> None:
        connected.setblocking(False)
        self.number = number
        self.socket = connected
        self.entered = False
        self.paused = False
        self._token = token
        self._welcome = welcome
        self._nonce = os.urandom(addresses.NONCE_BYTES)
        self._inbox = Inbox(_STRANGER_BYTES)
        self._waiting: list[Message] = []
        self._out = bytearray()
        self._born = time.monotonic()
        self.send(encode("hello", {"nonce": np.frombuffer(self._nonce, np.uint8)}))

    @property
    def late(self) -> bool:
        """Whether the client has had time to enter and has not."""
        return not self.entered and time.monotonic() - self._born > STRANGER_SECONDS

    @property
    def backed_up(self) -> bool:
        """Whether answers wait to be taken: nothing more is read of the client until then."""
        return len(self._out) > 0

    @property
    def unread(self) -> bool:
        """Whether messages wait that came in already."""
        return len(self._waiting) > 0

    def receive(self) -> list[Message]:
        """Return what the client wants now, at most a batch of it.

        Raises:
            MessageError: if it sends what is no message, or may not enter.
            OSError, EOFError: if the connection has ended.
        """
        with contextlib.suppress(BlockingIOError):
            data = self.socket.recv(_CHUNK)
            if not data:
                raise EOFError("the client has gone")
            self._inbox.feed(data)
        while (message := self._inbox.next()) is not None:
            if self.entered:
                self._take(message)
            else:
                self._enter(message)
        return self.more()

    def more(self) -> list[Message]:
        """Return the next batch of what came in already."""
        size = 0
        for message in self._waiting[:_MOST_MESSAGES]:
            size += 1
            # An answer must be taken before there is another: whoever asks and does not read gets little.
            if message.word not in _UNANSWERED:
                break
        batch = self._waiting[:size]
        del self._waiting[:size]
        return batch

    def _take(self, message: Message) -> None:
        if message.word not in WORDS:
            raise MessageError(f"expected one of {sorted(WORDS)}, got {message.word!r}")
        self._waiting.append(message)

    def _enter(self, message: Message) -> None:
        """Let the client in if it knows the token."""
        if message.word != "enter":
            raise MessageError(f"expected 'enter' first, got {message.word!r}")
        given = field(message, "proof", "|u1").tobytes()
        if self._token is not None and not addresses.right(self._token, self._nonce, given):
            raise MessageError("token: expected that of the server, got another one")
        self.entered = True
        self._inbox.most = MOST_BYTES
        self.send(encode("welcome", {"json": text(self._welcome)}))

    def send(self, data: bytes) -> None:
        """Send what the client takes now, and keep the rest for `flush`."""
        self._out += data
        self.flush()

    def flush(self) -> None:
        """Send more of what was kept (raises OSError)."""
        with contextlib.suppress(BlockingIOError):
            while self._out:
                sent = self.socket.send(self._out)
                del self._out[:sent]

    def refuse(self, error: Exception) -> None:
        """Say why the connection ends; whether that arrives is not waited for."""
        with contextlib.suppress(OSError):
            self.send(encode("error", {"kind": text("ConnectionError"), "text": text(str(error))}))
