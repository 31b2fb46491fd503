"""One teacher for many processes: real ones, some of which die."""

import multiprocessing
import os
import pickle
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from adapted import HEIGHT, Heights, Listener
from served import hold, outcomes, play, until, work, work_and_die

from teacherstudent import TeacherClient, TeacherEnv, TeacherServer, envs, teachers
from teacherstudent.adapters.serving import links, messages, server
from teacherstudent.adapters.serving.messages import Inbox, encode
from teacherstudent.adapters.serving.server import reachable
from teacherstudent.contract.types import Assignment

FORK = multiprocessing.get_context("fork")
SPAWN = multiprocessing.get_context("spawn")
TOO_LONG = b'["enter",[["proof","|u1",[0,16777216,16777216,16777216,16777216,16777216]]]]'
"""Head of a message without a body, of an array that numpy cannot make."""


def knock(address):
    """Return a connected socket that has said nothing."""
    kind, _, place = address.partition(":")
    if kind == "unix":
        there = socket.socket(socket.AF_UNIX)
        there.settimeout(30)
        there.connect(place)
        return there
    host, _, port = place.rpartition(":")
    return socket.create_connection((host, int(port)), 30)


@pytest.mark.parametrize("context", [FORK, SPAWN], ids=["fork", "spawn"])
def test_many_processes_share_one_teacher_and_the_dead_lose_their_rows(context):
    teacher = Listener(HEIGHT)
    with TeacherServer(teacher) as served:
        workers = [context.Process(target=work, args=(served.client(), 20, 3)) for _ in range(3)]
        # What is spawned gets a pickle of the teacher, and so a client; a fork must be given one.
        given = teacher if context is SPAWN else served.client()
        dying = [context.Process(target=work_and_die, args=(given, 5, 2)) for _ in range(2)]
        for process in workers + dying:
            process.start()
        for process in workers + dying:
            process.join(60)
        assert [process.exitcode for process in workers] == [0] * 3
        assert [process.exitcode for process in dying] == [-9] * 2
        assert until(lambda: served.counts["clients"] == 0)
        counts = served.counts
        assert teacher.outstanding.size == 0
    told = np.concatenate([told.ids for told in teacher.told])
    assert len(told) == len(set(told)) == 3 * 20 * 3 + 2 * 5 * 2
    assert counts == {
        "clients": 0,
        "asked": 204,
        "told": 200,
        "given up": 0,
        "dropped": 4,
        "late": 0,
        "refused": 0,
        "malformed": 0,
    }
    for batch in teacher.told:
        for number, task in zip(batch.ids, batch.tasks, strict=True):
            np.testing.assert_array_equal(teacher.asked[number], task)


def test_a_worker_that_is_killed_while_others_work_does_not_hold_its_rows():
    teacher = Listener(HEIGHT)
    with TeacherServer(teacher) as served:
        here, there = FORK.Pipe()
        held = FORK.Process(target=hold, args=(served.client(), 5, there))
        held.start()
        assert here.recv() == "asked"
        # A fork that is made now must not keep the connection of the other worker open.
        here2, there2 = FORK.Pipe()
        other = FORK.Process(target=hold, args=(served.client(), 1, there2))
        other.start()
        assert here2.recv() == "asked"
        assert len(teacher.outstanding) == 6
        held.kill()
        assert until(lambda: len(teacher.outstanding) == 1)
        assert served.counts["dropped"] == 5
        here2.send("go")
        other.join(30)
        assert until(lambda: teacher.outstanding.size == 0)


def test_this_process_goes_on_using_the_teacher():
    teacher = teachers.make("alp-gmm", HEIGHT, seed=0, score_range=(0, 1))
    with TeacherServer(teacher) as served:
        process = FORK.Process(target=work, args=(served.client(), 100, 2))
        process.start()
        for _ in range(100):
            teacher.tell(outcomes(teacher.ask(2)))
        process.join(60)
        assert process.exitcode == 0
        assert served.client().metrics()["told"] == teacher.metrics()["told"] == 400
    assert teacher.outstanding.size == 0


def test_a_served_teacher_is_pickled_as_a_client_and_an_unserved_one_is_not():
    teacher = Listener(HEIGHT)
    with TeacherServer(teacher) as served:
        client = pickle.loads(pickle.dumps(teacher))
        assert isinstance(client, TeacherClient)
        assert client.space == HEIGHT
        assert client.name == "Listener"
        client.ask(2)
        assert teacher.outstanding.tolist() == [0, 1]
        again = pickle.loads(pickle.dumps(client))
        assert again.ask().ids.tolist() == [2]
        with pytest.raises(ValueError, match="served already"):
            TeacherServer(teacher)
    with pytest.raises(TypeError, match=r"TeacherServer\(teacher\), made before"):
        pickle.dumps(teacher)
    assert teacher.outstanding.size == 0
    assert not Path(served.address.removeprefix("unix:")).exists()
    with pytest.raises(ConnectionError, match="must live as long as its clients"):
        client.ask()
    with TeacherServer(teacher) as served:
        assert served.client().ask().ids.tolist() == [3]


def make():
    return Heights()


def test_pickled_environments_share_the_teacher_and_start_its_server():
    teacher = Listener(HEIGHT)
    env = TeacherEnv(Heights(), teacher, budget=100)
    env.reset()
    mine = teacher.outstanding.tolist()
    here, there = SPAWN.Pipe(duplex=False)
    processes = [SPAWN.Process(target=play, args=(env, 23, there)) for _ in range(2)]
    for process in processes:
        process.start()
    played = [here.recv(), here.recv()]
    for process in processes:
        process.join(30)
    served = server.share(teacher)
    assert until(lambda: served.counts["clients"] == 0)
    told = np.concatenate([told.tasks for told in teacher.told]).tolist()
    assert sorted(told) == sorted(played[0] + played[1])
    assert len(told) == 8
    # the episode of the original goes on
    assert teacher.outstanding.tolist() == mine
    assert served._desk.budget == 100
    served.close()


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_worker_processes_of_gymnasium_share_the_teacher(context):
    family = envs.make("cartpole-parameters")
    teacher = Listener(family.space)
    with TeacherServer(teacher) as served:
        vec = gym.vector.AsyncVectorEnv([lambda: TeacherEnv(family.make_env(), teacher)] * 2, context=context)
        vec.reset(seed=1)
        for _ in range(60):
            vec.step(np.zeros(2, int))
        vec.close()
        assert until(lambda: served.counts["clients"] == 0)
        told = sum(map(len, teacher.told))
        assert told == served.counts["told"] > 4
        assert served.counts["asked"] - told == served.counts["dropped"] == 2


def test_a_forked_environment_goes_on_as_a_client():
    teacher = Listener(HEIGHT)
    env = TeacherEnv(Heights(), teacher)
    env.reset()
    with TeacherServer(teacher) as served:
        process = FORK.Process(target=play, args=(env, 12))
        process.start()
        process.join(30)
        assert process.exitcode == 0
        assert served.counts["told"] == 2
        assert until(lambda: teacher.outstanding.tolist() == [0])


def test_a_teacher_here_is_its_own():
    teacher = Listener(HEIGHT)
    assert reachable(teacher) is teacher
    with TeacherServer(teacher) as served:
        assert reachable(teacher) is teacher
        client = served.client()
        assert reachable(client) is client


def test_a_server_is_made_where_the_teacher_is():
    teacher = Listener(HEIGHT)
    here, there = FORK.Pipe()

    def try_it():
        try:
            TeacherServer(teacher)
        except RuntimeError as error:
            there.send(str(error))

    process = FORK.Process(target=try_it)
    process.start()
    assert "in the process that made the teacher" in here.recv()
    process.join()


@pytest.mark.parametrize(
    ("options", "error"),
    [({"budget": 0}, "budget"), ({"address": "tcp:0.0.0.0:0"}, "token"), ({"address": "x"}, "address")],
)
def test_bad_arguments_leave_the_teacher_unserved(options, error):
    teacher = Listener(HEIGHT)
    with pytest.raises(ValueError, match=error):
        TeacherServer(teacher, **options)
    TeacherServer(teacher).close()
    with pytest.raises(TypeError, match="expected a Teacher"):
        TeacherServer(HEIGHT)


def test_tcp_lets_in_who_knows_the_token():
    teacher = Listener(HEIGHT)
    with TeacherServer(teacher, address="tcp:127.0.0.1:0") as served:
        with TeacherClient(served.address, token=served.token) as client:
            assert client.ask(3).ids.tolist() == [0, 1, 2]
            assert client.space is None
        for token in ("x" * 20, None):
            with pytest.raises(ConnectionError, match="token"):
                TeacherClient(served.address, token=token).ask()
        assert served.counts["malformed"] == 2
        assert served.client().ask().ids.tolist() == [3]


@pytest.mark.parametrize(
    "nonsense",
    [
        b"GET / HTTP/1.1\r\n\r\n" * 10,
        pickle.dumps(print),
        encode("ask", {"n": np.array([1])}),
        encode("enter", {"proof": np.zeros(3)}),
        b"tst1" + b"\xff" * 8,
        struct.pack("<4sII", b"tst1", len(TOO_LONG), 0) + TOO_LONG,
    ],
)
def test_nonsense_ends_a_connection_and_harms_nobody(nonsense):
    teacher = Listener(HEIGHT)
    with TeacherServer(teacher) as served:
        client = served.client()
        client.ask(2)
        stranger = knock(served.address)
        stranger.sendall(nonsense)
        data = b""
        while got := stranger.recv(4096):
            data += got
        stranger.close()
        inbox = Inbox()
        inbox.feed(data)
        assert [inbox.next().word, inbox.next().word] == ["hello", "error"]
        assert served.counts["malformed"] == 1
        client.tell(outcomes(client.ask(1)))
        client.flush()
        assert teacher.outstanding.tolist() == [0, 1]


def test_no_error_of_reading_a_client_ends_the_server(monkeypatch):
    teacher = Listener(HEIGHT)
    with TeacherServer(teacher) as served:
        client = served.client()
        client.ask(2)
        receive = links.Link.receive
        monkeypatch.setattr(links.Link, "receive", lambda link: receive(link) if link.entered else 1 / 0)
        with pytest.raises(ConnectionError, match="division by zero"):
            served.client().ask()
        assert served.counts["malformed"] == 1
        client.ask(1)
        assert teacher.outstanding.tolist() == [0, 1, 2]


class Slow(Listener):
    """Takes in nothing that it is told until it may."""

    def __init__(self, space):
        super().__init__(space)
        self.may = threading.Event()

    def _tell(self, outcomes):
        assert self.may.wait(30)
        super()._tell(outcomes)


def test_what_a_client_tells_before_it_closes_counts():
    teacher = Slow(HEIGHT)
    # Enough one-row messages for several rounds, which all lie here when the client goes.
    n = 700
    with TeacherServer(teacher, address="tcp:127.0.0.1:0") as served:
        client = TeacherClient(served.address, token=served.token)
        asked = client.ask(n)
        for row in range(n):
            client.tell(outcomes(Assignment(ids=asked.ids[[row]], tasks=asked.tasks[[row]])))
        client.close()
        teacher.may.set()
        assert until(lambda: served.counts["clients"] == 0)
        counts = served.counts
    assert (counts["told"], counts["dropped"], counts["late"]) == (n, 0, 0)


def test_random_bytes_never_end_the_server():
    rng = np.random.default_rng(0)
    teacher = Listener(HEIGHT)
    with TeacherServer(teacher) as served:
        whole = encode("tell", {"ids": np.arange(3), "tasks": np.ones((3, 1)), "score": np.ones(3)})
        for _ in range(60):
            client = served.client()
            client.ask()
            damaged = bytearray(whole)
            for place in rng.integers(len(damaged), size=rng.integers(1, 6)):
                damaged[place] = rng.integers(256)
            client._socket.sendall(bytes(damaged[: rng.integers(1, len(damaged) + 1)]))
            client.close()
        assert until(lambda: served.counts["clients"] == 0)
        assert served.client().ask().ids.size == 1
    assert teacher.told == []
    assert teacher.outstanding.size == 0


def test_a_client_that_does_not_read_is_not_read_either():
    teacher = Listener(HEIGHT)
    with TeacherServer(teacher) as served:
        lazy, client = served.client(), served.client()
        lazy.ask()
        client.ask()
        n = np.array([20_000])
        big = encode("ask", {"n": n, "progress": np.zeros(1)})
        lazy._socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            lazy._socket.sendall(big * 100_000)
        # It has asked for thousands of times more than it was given.
        assert served.counts["asked"] <= 20 * 20_000
        assert client.ask().ids.size == 1


def test_strangers_who_say_nothing_are_seen_off(monkeypatch):
    monkeypatch.setattr(links, "STRANGER_SECONDS", 0.2)
    monkeypatch.setattr(server, "STRANGER_SECONDS", 0.1)
    with TeacherServer(Listener(HEIGHT)) as served:
        stranger = knock(served.address)
        while stranger.recv(4096):
            pass
        stranger.close()
        assert served.counts["malformed"] == 1


def test_only_so_many_clients_are_taken_in(monkeypatch):
    monkeypatch.setattr(server, "_MOST_CLIENTS", 1)
    with TeacherServer(Listener(HEIGHT)) as served:
        client = served.client()
        client.ask()
        with pytest.raises(ConnectionError):
            served.client().ask()
        client.ask()


def test_threads_of_this_process_are_let_in_one_at_a_time():
    teacher = teachers.make("alp-gmm", HEIGHT, seed=0, score_range=(0, 1))
    failed = []

    def act():
        try:
            for _ in range(100):
                teacher.tell(outcomes(teacher.ask(1)))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=act) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert teacher.outstanding.size == 0
    assert teacher.metrics()["told"] == 400


def test_a_server_that_fails_says_so_when_it_is_closed(monkeypatch):
    served = TeacherServer(Listener(HEIGHT))
    client = served.client()
    client.ask()
    monkeypatch.setattr(served._desk, "serve", lambda requests: 1 / 0)
    with pytest.raises(ConnectionError):
        client.ask()
    with pytest.raises(RuntimeError, match="ended by ZeroDivisionError"):
        served.close()


SCRIPT = """
from teacherstudent import TeacherServer, envs, teachers
server = TeacherServer(teachers.make("random", envs.make("cartpole-parameters"), seed=0))
server.client().ask()
print(server.address)
"""


def test_a_script_that_never_closes_its_server_ends_and_leaves_no_socket():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120, check=True
    )
    assert not os.path.exists(done.stdout.strip().removeprefix("unix:"))
    assert done.stderr == ""


def test_sizes_on_the_wire_are_bounded_by_what_is_written(monkeypatch):
    monkeypatch.setattr(messages, "MOST_BYTES", 1000)
    with TeacherServer(Listener(HEIGHT)) as served, pytest.raises(ValueError, match="fewer rows"):
        served.client().tell(outcomes(served.client().ask(40)))
