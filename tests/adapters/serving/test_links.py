"""One client's connection, without a server."""

import socket

import numpy as np
import pytest

from teacherstudent.adapters.serving import addresses, links
from teacherstudent.adapters.serving.links import Link
from teacherstudent.adapters.serving.messages import Inbox, MessageError, encode


@pytest.fixture
def pair():
    here, there = socket.socketpair()
    there.settimeout(5)
    yield here, there
    here.close()
    there.close()


def hello(there):
    inbox = Inbox()
    inbox.feed(there.recv(10_000))
    return inbox.next().arrays["nonce"].tobytes()


def enter(there, token=None):
    shown = addresses.proof(token, hello(there))
    there.sendall(encode("enter", {"proof": np.frombuffer(shown, np.uint8)}))


def test_who_knows_the_token_is_let_in(pair):
    link = Link(1, pair[0], "secret", "{}")
    enter(pair[1], "secret")
    assert link.receive() == []
    assert link.entered
    pair[1].sendall(encode("ask", {"n": np.array([1])}))
    assert [message.word for message in link.receive()] == ["ask"]


@pytest.mark.parametrize("token", ["other", None])
def test_who_does_not_is_refused(pair, token):
    link = Link(1, pair[0], "secret", "{}")
    enter(pair[1], token)
    with pytest.raises(MessageError, match="token"):
        link.receive()
    assert not link.entered


def test_strangers_may_say_little_and_not_wait_long(pair, monkeypatch):
    link = Link(1, pair[0], "secret", "{}")
    assert not link.late
    monkeypatch.setattr(links, "STRANGER_SECONDS", -1.0)
    assert link.late
    pair[1].sendall(encode("ask", {"n": np.zeros(1000)}))
    with pytest.raises(MessageError, match="at most 4096 bytes"):
        link.receive()


def test_a_stranger_s_request_and_an_unknown_word_are_refused(pair):
    link = Link(1, pair[0], None, "{}")
    pair[1].sendall(encode("ask", {}))
    with pytest.raises(MessageError, match="expected 'enter' first"):
        link.receive()
    link.entered = True
    pair[1].sendall(encode("eval", {}))
    with pytest.raises(MessageError, match="got 'eval'"):
        link.receive()


def test_messages_of_one_client_are_served_some_at_a_time(pair):
    link = Link(1, pair[0], None, "{}")
    enter(pair[1])
    link.receive()
    pair[1].sendall(encode("tell", {}) * 300 + encode("flush", {}) * 2)
    assert len(link.receive()) == 256
    assert link.unread
    assert [len(link.more()), len(link.more())] == [45, 1]  # one answer at a time
    assert not link.unread


def test_answers_wait_until_they_are_taken(pair):
    link = Link(1, pair[0], None, "{}")
    hello(pair[1])
    data = encode("rows", {"ids": np.arange(500_000)})
    link.send(data)
    assert link.backed_up
    got = b""
    while len(got) < len(data):
        got += pair[1].recv(2**20)
        link.flush()
    assert got == data
    assert not link.backed_up


def test_an_end_is_noticed(pair):
    link = Link(1, pair[0], None, "{}")
    pair[1].close()
    with pytest.raises((EOFError, OSError)):
        link.receive()
