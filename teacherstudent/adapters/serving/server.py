"""Serves one teacher to any number of processes, in a thread of the process that made it."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import threading
import weakref
from collections import Counter
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from teacherstudent.adapters.serving.addresses import Listener, tune
from teacherstudent.adapters.serving.client import TeacherClient, joined
from teacherstudent.adapters.serving.desk import Desk, Request
from teacherstudent.adapters.serving.links import STRANGER_SECONDS, Link
from teacherstudent.adapters.serving.messages import MessageError
from teacherstudent.contract.checks import check_real
from teacherstudent.contract.teacher import Teacher
from teacherstudent.recording.disk import plain

_MOST_CLIENTS = 4096


class TeacherServer:
    """Serves a teacher to other processes, which ask and tell it through a `TeacherClient`.

    From now on a pickle of the teacher, and of an adapter that holds it, holds a client: worker processes
    that are given one all work with this teacher. So do adapters that are made in a fork of this process.
    This process goes on using the teacher itself.

    Requests that come at the same time are served by one call of the teacher. A client whose answers pile up,
    or that tells faster than the teacher learns, waits. The open rows of a worker that ends, or dies, are
    dropped and counted; what is told of them later is counted and left out. What a client sends is data, in
    messages of bounded size; a client that sends anything else is disconnected, the others notice nothing.

    Attributes:
        teacher: of this process.
        address: what a `TeacherClient` is given.
        token: what it is given too; None if it needs none.

    Args:
        teacher: of this process.
        address: None for a socket that only this user can reach; ``"unix:PATH"`` or ``"tcp:HOST:PORT"``
            (port 0 for any that is free). Messages are not encrypted: beyond the loopback use a network that
            you trust, or a tunnel.
        token: a secret of at least 16 characters that clients must know. On the loopback one is made if none
            is given; another ``tcp`` address must be given one.
        budget: cost, all workers together, over which the teacher's ``progress`` goes from 0 to 1; None takes
            the furthest that a worker has said.

    Raises:
        TypeError: if ``teacher`` is no teacher.
        ValueError: if the address, token or budget is none, or the teacher has a server already.
        RuntimeError: in another process than the one that made the teacher.
        OSError: if the address cannot be used.
    """

    address: str
    token: str | None

    def __init__(
        self,
        teacher: Teacher[Any],
        *,
        address: str | None = None,
        token: str | None = None,
        budget: float | None = None,
    ) -> None:
        if not isinstance(teacher, Teacher):
            raise TypeError(f"TeacherServer: teacher: expected a Teacher, got {teacher!r}")
        if not teacher.at_home:
            raise RuntimeError(
                "TeacherServer: expected to be made in the process that made the teacher, got a fork of it"
            )
        running: TeacherServer | None = _SERVERS.get(teacher)
        if running is not None:
            there = running.address
            raise ValueError(f"TeacherServer: this teacher is served already, at {there}: close that first")
        if budget is not None:
            check_real("TeacherServer: budget", budget, 0.0, above=True)
        self.teacher = teacher
        self._desk = Desk(teacher, budget=budget)
        self._welcome = plain.dumps(self._desk.facts()).decode()
        self._listener = Listener(address, token)
        self.address = self._listener.address
        self.token = self._listener.token
        self._links: dict[int, Link] = {}
        self._clients = 0
        self._failure: BaseException | None = None
        self._selector = selectors.DefaultSelector()
        # The thread sleeps until a client does something; a byte in this pair wakes it for other reasons.
        self._bell, self._call = socket.socketpair()
        self._closing = threading.Event()
        self._selector.register(self._bell, selectors.EVENT_READ, "bell")
        self._selector.register(self._listener.socket, selectors.EVENT_READ, "door")
        self._thread = threading.Thread(target=self._run, name="teacher-server", daemon=True)
        _SERVERS[teacher] = self
        _ALL.add(self)
        teacher.elsewhere = self._reduced
        self._thread.start()

    @property
    def counts(self) -> Mapping[str, int]:
        """How many clients there are, and rows by what became of them, since the server was made.

        ``clients``, ``asked``, ``told``, ``given up`` (by a worker), ``dropped`` (of workers that have gone),
        ``late`` (told of after that), ``refused`` (requests), ``malformed`` (clients that were disconnected).
        """
        names = ("asked", "told", "given up", "dropped", "late", "refused", "malformed")
        # A copy, as the thread counts on.
        counts = Counter(self._desk.counts)
        return {"clients": len(self._links)} | {name: counts[name] for name in names}

    def client(self) -> TeacherClient:
        """Return a client of this server; it can be pickled, and connects when it is first used."""
        make, arguments = self._reduced()
        found: TeacherClient = make(*arguments)
        return found

    def close(self) -> None:
        """End the server: the open rows of its clients are dropped, and the teacher is pickled no longer.

        Raises:
            RuntimeError: if the server has ended before because of an error, which is its cause.
        """
        self._closing.set()
        with contextlib.suppress(OSError):
            self._call.send(b"x")
        self._thread.join()
        if self.teacher.elsewhere == self._reduced:
            self.teacher.elsewhere = None
        _SERVERS.pop(self.teacher, None)
        failure, self._failure = self._failure, None
        if failure is not None:
            raise RuntimeError(f"TeacherServer: ended by {type(failure).__name__}: {failure}") from failure

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _reduced(self) -> tuple[Any, tuple[Any, ...]]:
        """Return what a pickle of the teacher holds."""
        space = self.teacher.space
        return joined, (self.address, self.token, self._desk.facts() | {"space": space})

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                self._round()
        except BaseException as error:
            # Nobody waits for this thread: the clients see the connection end, `close` raises the error.
            self._failure = error
        finally:
            self._end()

    def _round(self) -> None:
        """Wait for clients to want something, and serve all that do."""
        unread = [link for link in self._links.values() if link.unread and not link.backed_up]
        # Nothing is waited for while messages lie here; strangers are looked at now and then.
        events = self._selector.select(0.0 if unread else STRANGER_SECONDS)
        requests: list[Request] = []
        gone: list[tuple[Link, Exception | None]] = []
        for link in unread:
            requests += [Request(link.number, message) for message in link.more()]
        for key, ready in events:
            if key.data == "door":
                self._welcome_all()
            elif isinstance(key.data, Link):
                requests += self._look(key.data, ready, gone)
        answers = self._desk.serve(requests)
        # Only now, as what they told just before they went is among the requests.
        for link, error in gone:
            self._leave(link, error)
        for number, answer in answers:
            link_there = self._links.get(number)
            if link_there is None:
                # It went while it was served: nobody will play these rows.
                self._desk.leave(number)
            else:
                self._send(link_there, answer)
        for link in [link for link in self._links.values() if link.late]:
            self._leave(link, MessageError("expected to be entered within seconds"))

    def _welcome_all(self) -> None:
        """Take in those who knock."""
        with contextlib.suppress(OSError):
            while True:
                connected, _ = self._listener.socket.accept()
                if len(self._links) >= _MOST_CLIENTS:
                    connected.close()
                    continue
                if connected.family != getattr(socket, "AF_UNIX", None):
                    tune(connected)
                self._clients += 1
                link = Link(self._clients, connected, self.token, self._welcome)
                self._links[link.number] = link
                self._selector.register(connected, selectors.EVENT_READ, link)

    def _look(self, link: Link, ready: int, gone: list[tuple[Link, Exception | None]]) -> list[Request]:
        """Return what a client wants; note if it has gone, or why it is to be seen off."""
        try:
            if ready & selectors.EVENT_WRITE:
                link.flush()
                self._listen(link)
            # While messages lie here no more are read: they would fill the memory.
            if not ready & selectors.EVENT_READ or link.unread:
                return []
            messages = link.receive()
            self._listen(link)
            return [Request(link.number, message) for message in messages]
        except (OSError, EOFError):
            gone.append((link, None))
        except Exception as error:
            # A MessageError if all is well, but no bytes of one client may end the server for the others.
            gone.append((link, error))
        return []

    def _send(self, link: Link, answer: bytes) -> None:
        try:
            link.send(answer)
            self._listen(link)
        except OSError:
            self._leave(link)

    def _listen(self, link: Link) -> None:
        """Read of a client again, or, while it does not take its answers, only see whether it does."""
        if link.paused == link.backed_up:
            return
        link.paused = link.backed_up
        wanted = selectors.EVENT_WRITE if link.paused else selectors.EVENT_READ
        self._selector.modify(link.socket, wanted, link)

    def _leave(self, link: Link, error: Exception | None = None) -> None:
        """Forget a client and drop its rows."""
        if error is not None:
            self._desk.counts["malformed"] += 1
            link.refuse(error)
        del self._links[link.number]
        self._selector.unregister(link.socket)
        link.socket.close()
        self._desk.leave(link.number)

    def _end(self) -> None:
        for link in list(self._links.values()):
            self._leave(link)
        self._listener.close()
        self._selector.close()
        self._bell.close()
        self._call.close()

    def _forget(self) -> None:
        """Close, in a fork, what belongs to the server: its clients must see it end when it does."""
        for link in self._links.values():
            link.socket.close()
        self._listener.socket.close()
        self._bell.close()
        self._call.close()
        # An epoll object is shared with the parent: it is closed here, and nothing is taken out of it.
        self._selector.close()


_SERVERS: weakref.WeakKeyDictionary[Teacher[Any], TeacherServer] = weakref.WeakKeyDictionary()
_ALL: weakref.WeakSet[TeacherServer] = weakref.WeakSet()


def share(teacher: Teacher[Any], *, budget: float | None = None, spent: float = 0.0) -> TeacherServer:
    """Return the server of a teacher; one is started if there is none.

    Args:
        teacher: of this process.
        budget: see `TeacherServer`; of a new server.
        spent: what of it is spent already.
    """
    found = _SERVERS.get(teacher)
    if found is None:
        found = TeacherServer(teacher, budget=budget)
        found._desk.spent = spent
    return found


def forget_rows(teacher: Teacher[Any]) -> None:
    """Let the server of a teacher that has loaded a state, if there is one, forget whose rows were open.

    Whoever calls sees to it that no worker goes on with a task of before.
    """
    running = _SERVERS.get(teacher)
    if running is not None:
        with teacher.lock:
            running._desk.forget()


def reachable(teacher: Teacher[Any] | TeacherClient) -> Teacher[Any] | TeacherClient:
    """Return the teacher, or, in a fork of its process, a client of its server if that runs."""
    # Whoever calls checks what he was given afterwards, so that anything may come here.
    if not isinstance(teacher, Teacher) or teacher.at_home:
        return teacher
    running = _SERVERS.get(teacher)
    if running is None:
        return teacher
    return running.client()


def _forget_all() -> None:
    for server in list(_ALL):
        server._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
