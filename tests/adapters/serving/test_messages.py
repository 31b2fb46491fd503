"""The format on the wire: what is written is read, and nothing else is."""

import json
import struct

import numpy as np
import pytest

from teacherstudent.adapters.serving import messages
from teacherstudent.adapters.serving.messages import Inbox, MessageError, encode, field, read_text, text


def read(data):
    inbox = Inbox()
    inbox.feed(data)
    return inbox.next()


def forged(head, body=b"", *, mark=b"tst1", size=None):
    """Return a message whose parts are as given, however wrong."""
    raw = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack("<4sII", mark, len(raw), len(body) if size is None else size) + raw + body


def test_arrays_come_back_as_they_were():
    arrays = {
        "ids": np.arange(3),
        "tasks": np.arange(6, dtype=np.float32).reshape(3, 2)[:, ::-1],
        "flags": np.array([True, False, True]),
        "big-endian": np.array([1, 2], ">i4"),
        "nothing": np.zeros((0, 4)),
        "number": np.array(7.5),
    }
    message = read(encode("tell", arrays))
    assert message.word == "tell"
    assert message.arrays.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(message.arrays[name], array)
        assert message.arrays[name].shape == array.shape
    assert message.arrays["tasks"].dtype == np.float32
    assert message.arrays["flags"].dtype == np.bool_
    message.arrays["ids"][0] = 5  # what is read may be written to


def test_texts_come_back():
    assert read_text(read(encode("error", {"text": text("größer als 1")})), "text") == "größer als 1"


def test_a_stream_is_cut_wherever_it_pauses():
    data = encode("ask", {"n": np.array([1])}) + encode("tell", {"ids": np.arange(5)}) + b"tst1"
    inbox = Inbox()
    found = []
    for byte in data:
        inbox.feed(bytes([byte]))
        while (message := inbox.next()) is not None:
            found.append(message)
    assert [message.word for message in found] == ["ask", "tell"]
    assert found[1].arrays["ids"].tolist() == [0, 1, 2, 3, 4]
    assert len(inbox) == 4


@pytest.mark.parametrize(
    "data",
    [
        forged(["ask", []], mark=b"GET "),
        forged(["ask", []], size=2**31),
        forged(b"x" * 10),
        forged(b"[" * 5000),
        forged(["ask"]),
        forged([1, []]),
        forged(["ask", {}]),
        forged(["ask", [["n", "|O", [1]]]], b"12345678"),
        forged(["ask", [["n", "<i8", [-1]]]], b"12345678"),
        forged(["ask", [["n", "<i8", [2**62]]]], b"12345678"),
        forged(["ask", [["n", "<i8", [1] * 17]]], b"12345678"),
        forged(["ask", [["n", "<i8", [True]]]], b"12345678"),
        forged(["ask", [["n", "<i8", [2]]]], b"12345678"),
        forged(["ask", [["n", "<i8", []]]], b"123456789"),
        forged(["ask", [["n", "<i8", [1]], ["n", "<i8", [0]]]], b"12345678"),
        forged(["ask", []], b"1"),
        forged(["enter", [["proof", "|u1", [0] + [2**24] * 5]]]),
        forged(["ask", [["n", "<i8", [2**13, 0, 2**12]]]]),
    ],
)
def test_what_is_no_message_is_refused(data):
    with pytest.raises(MessageError):
        read(data)


def test_a_shape_that_no_array_can_have_is_no_message(monkeypatch):
    monkeypatch.setattr(messages, "MOST_BYTES", 2**200)
    head = forged(["ask", [["n", "<i8", [0, 2**62, 2**62]]]])
    with pytest.raises(MessageError, match="n: expected a shape that an array can have"):
        read(head)


def test_sizes_are_looked_at_before_anything_is_waited_for():
    inbox = Inbox(most=100)
    inbox.feed(struct.pack("<4sII", b"tst1", 10, 101))
    with pytest.raises(MessageError, match="at most 100 bytes"):
        inbox.next()


def test_what_cannot_be_read_is_not_written(monkeypatch):
    monkeypatch.setattr(messages, "MOST_BYTES", 100)
    with pytest.raises(ValueError, match="fewer rows at a time"):
        encode("tell", {"ids": np.arange(50)})
    with pytest.raises(TypeError, match="expected an array of numbers"):
        encode("tell", {"ids": np.array(["a"])})


def test_truth_values_are_0_and_1():
    message = read(forged(["tell", [["flags", "|b1", [3]]]], b"\x00\x02\xff"))
    assert message.arrays["flags"].view(np.uint8).tolist() == [0, 1, 1]


def test_a_field_is_there_and_of_its_form():
    message = read(encode("ask", {"n": np.array([3])}))
    assert field(message, "n", "<i8", (1,)).tolist() == [3]
    for given in (("m",), ("n", "<f8"), ("n", "<i8", (2,))):
        with pytest.raises(MessageError):
            field(message, *given)
