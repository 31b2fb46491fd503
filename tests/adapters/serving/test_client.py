"""A teacher in another process, seen from a worker."""

import copy
import multiprocessing
import threading

import numpy as np
import pytest
from adapted import HEIGHT, Heights, Listener
from served import outcomes, until

from teacherstudent import TeacherClient, TeacherEnv, TeacherServer, teachers
from teacherstudent.adapters.serving import client as clients
from teacherstudent.adapters.serving.client import name_of
from teacherstudent.adapters.serving.messages import encode


@pytest.fixture
def teacher():
    return Listener(HEIGHT)


@pytest.fixture
def served(teacher):
    with TeacherServer(teacher) as running:
        yield running


def test_a_client_asks_and_tells_as_a_teacher_does(teacher, served):
    client = served.client()
    assignment = client.ask(3, progress=0.5)
    assert assignment.ids.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(assignment.tasks, [teacher.asked[i] for i in range(3)])
    assert assignment.tasks.dtype == HEIGHT.dtype
    client.tell(outcomes(assignment.select(np.array([2, 0])), score=4.0))
    client.flush()
    told = teacher.told[0]
    assert (told.ids.tolist(), told.score.tolist()) == ([2, 0], [4.0, 4.0])
    assert client.outstanding.tolist() == [1]
    client.drop(np.array([1]))
    assert client.outstanding.size == 0
    assert client.metrics() == teacher.metrics()


def test_a_client_knows_what_the_teacher_needs(served):
    client = TeacherClient(served.address)
    assert (client.name, name_of(client)) == ("Listener", "Listener")
    assert (client.needs, client.measures, client.reads) == (frozenset(), frozenset(), frozenset())
    assert (client.members, client.granularity, client.space) == (1, "episode", None)


def test_what_is_refused_is_said_at_the_next_request(served):
    client = served.client()
    assignment = client.ask(1)
    client.tell(outcomes(assignment, score=np.inf))
    client.tell(outcomes(assignment))
    client.tell(outcomes(assignment))
    with pytest.raises(ValueError, match=r"finite.*and 1 more"):
        client.ask()
    client.ask()
    client.drop(np.array([77]))
    with pytest.raises(ValueError, match="never issued"):
        client.flush()
    for wrong, error in ((0, ValueError), (2**40, ValueError), (1.5, TypeError), (True, TypeError)):
        with pytest.raises(error, match="ask: expected"):
            client.ask(wrong)
    with pytest.raises(ValueError, match="progress"):
        client.ask(1, progress="half")
    with pytest.raises(ValueError, match="progress"):
        client.ask(1, progress=1.5)
    with pytest.raises(TypeError, match="expected Outcomes"):
        client.tell(None)


def test_leaving_drops_what_is_open_and_the_next_use_connects_anew(teacher, served):
    with served.client() as client:
        client.ask(3)
    assert until(lambda: teacher.outstanding.size == 0)
    assert client.ask().ids.tolist() == [3]
    twin = copy.deepcopy(client)
    assert twin.ask().ids.tolist() == [4]
    client.close()
    assert until(lambda: teacher.outstanding.tolist() == [4])


def test_threads_may_share_a_client(teacher, served):
    client = served.client()
    found = []

    def act():
        for _ in range(50):
            assignment = client.ask(2)
            found.extend(assignment.ids.tolist())
            client.tell(outcomes(assignment))

    threads = [threading.Thread(target=act) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.flush()
    assert sorted(found) == list(range(400))
    assert teacher.outstanding.size == 0


def test_a_fork_connects_anew_and_leaves_the_parent_s_connection_alone(teacher, served):
    client = served.client()
    client.ask(2)
    process = multiprocessing.get_context("fork").Process(target=lambda: client.ask(3))
    process.start()
    process.join(30)
    assert process.exitcode == 0
    assert until(lambda: served.counts["dropped"] == 3)
    assert client.outstanding.tolist() == [0, 1]


def test_a_server_that_does_not_answer_is_given_up(teacher, served):
    client = TeacherClient(served.address, timeout=2.0)
    client.ask()
    with teacher.lock, pytest.raises(TimeoutError, match=r"within 2 s"):
        client.ask()
    assert until(lambda: teacher.outstanding.size == 0)
    assert client.ask().ids.size == 1
    with pytest.raises(ValueError, match="timeout"):
        TeacherClient(served.address, timeout=0)


def test_an_answer_that_was_not_asked_for_ends_in_an_error(served, monkeypatch):
    client = served.client()
    client.ask()
    monkeypatch.setattr(clients, "encode", lambda word, arrays: encode("flush", {}))
    with pytest.raises(ConnectionError, match="expected 'rows'"):
        client.ask()


def test_no_server_is_a_clear_error():
    with pytest.raises(ConnectionError, match="expected a server at unix:/tmp/nowhere"):
        TeacherClient("unix:/tmp/nowhere").ask()
    with pytest.raises(ValueError, match="address"):
        TeacherClient("nowhere")


def test_adapters_take_a_client_and_cannot_save_what_is_elsewhere(served, tmp_path):
    env = TeacherEnv(Heights(), served.client())
    _, info = env.reset()
    assert info["task_id"] == 0
    for act in (env.save, env.load):
        with pytest.raises(TypeError, match="in the process that made it"):
            act(tmp_path / "teacher.npz")


def test_adapters_refuse_a_client_of_a_teacher_that_episodes_cannot_serve():
    with TeacherServer(teachers.make("robust-plr", HEIGHT, seed=0)) as served:
        client = TeacherClient(served.address)
        with pytest.raises(ValueError, match="RobustPLR needs"):
            TeacherEnv(Heights(), client)
