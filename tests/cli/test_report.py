import functools
import http.client
import os
import re
import signal
import subprocess
import sys

import pytest

from teacherstudent.cli import main


def test_a_page_is_written(write_run, tmp_path, capsys):
    write_run("r/a/0")
    write_run("r/b/0", teacher={"name": "riac", "options": {}})
    out = tmp_path / "new" / "page.html"
    assert main(["report", str(tmp_path / "r"), "-o", str(out), "--baseline", "riac"]) == 0
    text = out.read_text()
    assert text.startswith("<!doctype html>")
    assert "data-live" not in text.split("<head>")[0]
    assert "riac <small>baseline" in text
    assert str(out) in capsys.readouterr().out.replace("\n", "")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--baseline", "nobody"], "baseline"),
        (["--x", "nothing"], "expected one of"),
        (["-o", "."], "expected the name of a file"),
        (["--watch", "-o", "page.html"], "expected no --out"),
        (["--watch", "--port", "99999"], "expected 0 to 65535"),
    ],
)
def test_what_makes_no_sense_is_refused(write_run, tmp_path, capsys, words, part):
    write_run("r/a/0")
    assert main(["report", str(tmp_path / "r"), *words]) == 2
    assert part in capsys.readouterr().err.replace("\n", " ")


def test_no_run_is_refused(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 2
    assert "expected a folder with runs" in capsys.readouterr().err.replace("\n", " ")


def test_a_page_is_served_until_it_is_interrupted(write_run, tmp_path):
    write_run("r/a/0", status="interrupted", until=0.5)
    command = [
        sys.executable,
        "-m",
        "teacherstudent",
        "report",
        str(tmp_path / "r"),
        "--watch",
        "--port",
        "0",
    ]
    # Tests that a shell runs in the background ignore Ctrl-C, and what they start would do so too.
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ, preexec_fn=heed
    ) as served:
        try:
            port = int(re.search(r"127\.0\.0\.1:(\d+)/", served.stdout.readline()).group(1))
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
            connection.request("GET", "/")
            text = connection.getresponse().read().decode()
            connection.close()
            served.send_signal(signal.SIGINT)
            assert served.wait(60) == 0
        # It would serve for ever, and be waited for as long.
        finally:
            served.kill()
    assert 'data-live="1-' in text
    assert "interrupted" in text
