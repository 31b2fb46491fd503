"""A teacher that lives in another process: asked and told as if it were here."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import weakref
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import gymnasium as gym
import numpy as np

from teacherstudent.adapters.serving import addresses
from teacherstudent.adapters.serving.messages import (
    Inbox,
    Message,
    MessageError,
    encode,
    field,
    read_text,
)
from teacherstudent.adapters.serving.records import outcomes_arrays, read_assignment
from teacherstudent.contract.checks import check_real, is_number, is_whole
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Array, Assignment, IntArray, Outcomes
from teacherstudent.recording.disk import plain

_ERRORS: Mapping[str, type[Exception]] = {
    "ValueError": ValueError,
    "TypeError": TypeError,
    "ConnectionError": ConnectionError,
}
"""Errors of the server that are raised as what they are; others are RuntimeErrors here."""
_ALL: weakref.WeakSet[TeacherClient]


class TeacherClient:
    """Asks and tells a teacher in another process, through its `TeacherServer`.

    It takes the teacher's place in `TeacherEnv`, `TeacherVectorEnv` and `TeacherVecEnv`, in any number of
    processes. It can be pickled, and in a fork it connects anew. It connects when it is first used.

    `tell` and `drop` send and do not wait, unless the server lags behind; if the teacher refuses what was
    told, the next `ask`, `metrics` or `flush` raises ValueError. Tasks that this client asked for are dropped
    when it is closed or its process ends; another client may tell of them before.

    Attributes:
        address: of the server.
        timeout: seconds after which a server that does not answer is given up.

    Args:
        address: ``TeacherServer(...).address``.
        token: the server's, if it has one.
        timeout: in seconds; the end of a server is noticed at once.

    Raises:
        ValueError: if the address is none.
    """

    def __init__(self, address: str, *, token: str | None = None, timeout: float = 300.0) -> None:
        addresses.parse(address)
        self.address = address
        self.timeout = check_real("TeacherClient: timeout", timeout, 0.0, above=True)
        self._token = token
        self._facts: Mapping[str, Any] | None = None
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._process = os.getpid()
        self._inbox = Inbox()
        _ALL.add(self)

    @property
    def name(self) -> str:
        """The class of the teacher."""
        return str(self._fact("name"))

    @property
    def needs(self) -> frozenset[str]:
        """See `Teacher`; so are the next ones."""
        return frozenset(self._fact("needs"))

    @property
    def measures(self) -> frozenset[str]:
        """Signals of measured rows."""
        return frozenset(self._fact("measures"))

    @property
    def reads(self) -> frozenset[str]:
        """Signals that are looked at where they are there."""
        return frozenset(self._fact("reads"))

    @property
    def granularity(self) -> str:
        """How long a task binds the student."""
        return str(self._fact("granularity"))

    @property
    def members(self) -> int:
        """For how many members of the student the rows are."""
        return int(self._fact("members"))

    @property
    def space(self) -> gym.Space[Any] | None:
        """The task space; None if the client was not pickled with it, but made from an address."""
        space = self._fact("space")
        return space if isinstance(space, gym.Space) else None

    def ask(self, n: int = 1, *, progress: float = 0.0) -> Assignment:
        """Return tasks to work on, as `Teacher.ask` does (raises as it and `flush`)."""
        if not is_whole(n):
            raise TypeError(f"ask: expected an integer n, got {n!r}")
        if not is_number(progress):
            raise ValueError(f"ask: expected progress in [0, 1], got {progress!r}")
        # Checked here, as no message holds a larger number.
        if not 1 <= n < 2**31:
            raise ValueError(f"ask: expected n from 1 to {2**31 - 1}, got {n}")
        arrays = {"n": np.array([n], np.int64), "progress": np.array([progress], np.float64)}
        return read_assignment(self._request("ask", arrays, "rows"))

    def tell(self, outcomes: Outcomes) -> None:
        """Send what happened on tasks; does not wait for the teacher to take it in.

        Raises:
            TypeError: if it is told of anything but `Outcomes`.
            ConnectionError: if the server has gone.
        """
        if not isinstance(outcomes, Outcomes):
            raise TypeError(f"TeacherClient.tell: expected Outcomes, got {outcomes!r}")
        self._send_only("tell", outcomes_arrays(outcomes))

    def drop(self, ids: IntArray) -> None:
        """Give up tasks whose outcome will never come; does not wait."""
        self._send_only("drop", {"ids": np.asarray(ids, np.int64)})

    def flush(self) -> None:
        """Wait until the teacher has taken in all that was told.

        Raises:
            ValueError: if it has refused something since the last request; the message says why.
            ConnectionError: if the server has gone; TimeoutError if it does not answer.
        """
        self._request("flush", {}, "done")

    def metrics(self) -> dict[str, float]:
        """Return the teacher's metrics (raises as `flush`)."""
        answer = self._request("metrics", {}, "metrics")
        found = plain.parse(read_text(answer, "json").encode(), "metrics")
        if not isinstance(found, dict):
            raise MessageError(f"metrics: expected names and numbers, got {found!r}")
        # JSON has no NaN: what is none stands there as nothing.
        return {str(name): np.nan if value is None else float(value) for name, value in found.items()}

    @property
    def outstanding(self) -> IntArray:
        """Ids that this client asked for and that are open (raises as `flush`)."""
        ids: IntArray = field(self._request("open", {}, "open"), "ids", "<i8")
        return ids

    def close(self) -> None:
        """Take leave: the server drops the tasks that are still open. The next use connects anew."""
        with self._lock:
            self._forget()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return joined, (self.address, self._token, self._facts, self.timeout)

    def __deepcopy__(self, memo: dict[int, Any]) -> TeacherClient:
        """Return another client of the same server."""
        return joined(self.address, self._token, self._facts, self.timeout)

    def _fact(self, name: str) -> Any:
        if self._facts is None:
            with self._lock:
                self._connected()
        assert self._facts is not None
        return self._facts[name]

    def _request(self, word: str, arrays: Mapping[str, Array], expected: str) -> Message:
        """Send a request and return the answer to it; raise what the server says instead."""
        data = encode(word, arrays)
        with self._lock:
            answer = self._exchange(data)
        if answer is None:
            raise AssertionError("an answer was waited for")
        _raise(answer, self.address)
        if answer.word != expected:
            raise ConnectionError(
                f"TeacherClient: expected {expected!r} from the server, got {answer.word!r}"
            )
        return answer

    def _send_only(self, word: str, arrays: Mapping[str, Array]) -> None:
        data = encode(word, arrays)
        with self._lock:
            self._exchange(data, wait=False)

    def _exchange(self, data: bytes, *, wait: bool = True) -> Message | None:
        connected = self._connected()
        try:
            connected.sendall(data)
            if wait:
                return self._receive(connected)
        # TimeoutError is an OSError too. Whatever was half sent or read makes the connection useless.
        except (OSError, EOFError, MessageError) as error:
            self._forget()
            raise _gone(self.address, self.timeout, error) from error
        except BaseException:
            self._forget()
            raise
        return None

    def _receive(self, connected: socket.socket) -> Message:
        while (message := self._inbox.next()) is None:
            data = connected.recv(2**18)
            if not data:
                raise EOFError("the connection has ended")
            self._inbox.feed(data)
        return message

    def _connected(self) -> socket.socket:
        """Return the connection; it is made at the first use in each process."""
        if self._process != os.getpid():
            self._forget()
            self._process = os.getpid()
        if self._socket is not None:
            return self._socket
        try:
            connected = addresses.connect(self.address, self.timeout)
        except OSError as error:
            raise _gone(self.address, self.timeout, error) from error
        self._socket = connected
        try:
            hello = self._receive(connected)
            nonce = field(hello, "nonce", "|u1", (addresses.NONCE_BYTES,)).tobytes()
            shown = np.frombuffer(addresses.proof(self._token, nonce), np.uint8)
            connected.sendall(encode("enter", {"proof": shown}))
            welcome = self._receive(connected)
            _raise(welcome, self.address)
            facts = plain.parse(read_text(welcome, "json").encode(), "welcome")
        except (OSError, EOFError, MessageError) as error:
            self._forget()
            raise _gone(self.address, self.timeout, error) from error
        # A pickled client knows them, and the space itself, which no message holds.
        if self._facts is None:
            self._facts = facts
        return connected

    def _forget(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
        self._socket = None
        self._inbox = Inbox()

    def _after_fork(self) -> None:
        """Let go, in a fork, of what belongs to the parent: the server must see when that ends."""
        self._lock = threading.Lock()
        self._forget()


def joined(
    address: str, token: str | None, facts: Mapping[str, Any] | None, timeout: float = 300.0
) -> TeacherClient:
    """Return a client that knows already what the server would tell it: what pickles hold."""
    client = TeacherClient(address, token=token, timeout=timeout)
    client._facts = facts
    return client


def name_of(teacher: Teacher[Any] | TeacherClient) -> str:
    """Return the class of a teacher, of a client that of its teacher."""
    if isinstance(teacher, TeacherClient):
        return teacher.name
    return type(teacher).__name__


def _raise(answer: Message, address: str) -> None:
    """Raise the error that an answer holds, if it holds one."""
    if answer.word != "error":
        return
    kind = _ERRORS.get(read_text(answer, "kind"), RuntimeError)
    raise kind(f"teacher at {address}: {read_text(answer, 'text')}")


def _gone(address: str, timeout: float, error: Exception) -> OSError:
    if isinstance(error, TimeoutError):
        return TimeoutError(
            f"TeacherClient: expected an answer from {address} within {timeout:g} s, got none: the process "
            "of the teacher may be busy (then give a longer timeout), or hang"
        )
    return ConnectionError(
        f"TeacherClient: expected a server at {address}, which must live as long as its clients, got "
        f"{type(error).__name__}: {error}"
    )


def _forget_all() -> None:
    for client in list(_ALL):
        client._after_fork()


_ALL = weakref.WeakSet()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
