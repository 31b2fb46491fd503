import http.client
import json
import os
import threading

import pytest

from teacherstudent.comparing.page.serving import HOST, Watched, make_server


@pytest.fixture
def serve():
    """Return a function that serves a page and returns a function that asks for a path."""
    servers = []

    def start(watched):
        server = make_server(watched, port=0)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def ask(path, host=None):
            connection = http.client.HTTPConnection(HOST, server.server_address[1], timeout=60)
            connection.request("GET", path, headers={} if host is None else {"Host": host})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

        return ask

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_page_follows_its_runs(write_run, tmp_path, serve):
    ask = serve(Watched([tmp_path / "r"], rest=0.0))
    status, text = ask("/")
    assert status == 200
    assert "expected a folder with runs" in text
    assert "looks again" in text
    empty = json.loads(ask("/version")[1])["version"]
    folder = write_run("r/0", status="interrupted", until=0.5)
    now = json.loads(ask("/version")[1])["version"]
    assert now != empty
    text = ask("/")[1]
    assert f'data-live="{now}"' in text, "the page knows which version it shows"
    assert "connect-src &#39;self&#39;" in text or "connect-src 'self'" in text
    assert "interrupted" in text
    os.utime(folder / "status.json")
    assert json.loads(ask("/version")[1])["version"] != now


def test_a_page_is_not_drawn_again_for_nothing(write_run, tmp_path, monkeypatch):
    write_run("r/0")
    drawn = []
    watched = Watched([tmp_path / "r"], rest=1000.0)
    monkeypatch.setattr(watched, "_draw", lambda version: drawn.append(0) or "page")
    assert [watched.page(), watched.page()] == ["page", "page"]
    write_run("r/1", seed=1)
    assert watched.page() == "page"
    assert len(drawn) == 1, "runs that go on do not have it drawn at every request"
    watched.rest = 0.0
    watched.page()
    assert len(drawn) == 2


def test_a_page_that_could_not_be_drawn_is_tried_again(write_run, tmp_path, serve):
    """Half a letter is no text that can be sent, and a word is no share."""
    write_run("r/0", plan_text="half \ud800", status="interrupted")
    status, text = serve(Watched([tmp_path / "r"], rest=0.0))("/")
    assert (status, "half" in text) == (200, True)


def test_whatever_files_hold_the_server_goes_on(write_run, tmp_path, monkeypatch):
    write_run("r/0")

    def fail(*_, **__):
        raise AttributeError("odd")

    monkeypatch.setattr("teacherstudent.comparing.page.serving.make_page", fail)
    assert "AttributeError: odd" in Watched([tmp_path / "r"]).page()


def test_only_requests_to_this_machine_are_answered(tmp_path, serve):
    ask = serve(Watched([tmp_path / "r"]))
    assert ask("/version", host="evil.example")[0] == 403
    assert ask("/version", host="localhost:8421")[0] == 200
    assert ask("/../../etc/passwd")[0] == 404


def test_errors_are_only_texts(tmp_path):
    watched = Watched([tmp_path / "<script>alert(1)</script>"])
    assert "<script>" not in watched.page()


def test_the_server_listens_on_this_machine_alone(tmp_path):
    server = make_server(Watched([tmp_path]), port=0)
    assert server.server_address[0] == "127.0.0.1"
    server.server_close()
