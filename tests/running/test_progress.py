from __future__ import annotations

import io
import socket

import pytest
from rich.console import Console

from teacherstudent.recording.disk.plain import short
from teacherstudent.running import progress
from teacherstudent.running.progress import Progress, watch


def console(terminal):
    return Console(file=io.StringIO(), force_terminal=terminal, width=120, color_system=None)


def test_a_terminal_sees_cost_speed_and_last_test(monkeypatch):
    monkeypatch.setattr(progress, "INTERVAL", 0.0)
    screen = console(True)
    with Progress(200_000, "alp-gmm, seed 0", console=screen) as bar:
        for spent in (1_000, 50_000):
            bar.update(spent)
        bar.tested({"return": 12.345, "mastered_percent": 42.0})
        bar.update(200_000)
    shown = screen.file.getvalue()
    assert "alp-gmm, seed 0" in shown
    assert "200k/200k steps" in shown
    assert "test: 42 % mastered, return 12.3" in shown


def test_compiling_is_said_while_it_lasts():
    screen = console(True)
    with Progress(100, "run", console=screen) as bar:
        bar.compiling(True)
        assert "compiling" in bar._bars.tasks[0].fields["test"]
        bar.compiling(False)
        assert bar._bars.tasks[0].fields["test"] == ""


def test_no_terminal_no_output():
    screen = console(False)
    with Progress(100, "run", console=screen) as bar:
        bar.update(50)
        bar.tested({"return": 1.0, "mastered_percent": None})
    assert screen.file.getvalue() == ""


def test_the_last_update_is_never_skipped():
    screen = console(True)
    with Progress(100, "run", console=screen) as bar:
        bar.update(1)
        bar.update(100)
    assert "100/100" in screen.file.getvalue()


def test_runs_in_other_processes(write_run, monkeypatch):
    monkeypatch.setattr(progress, "INTERVAL", 0.0)
    good = write_run("alp-gmm/seed-0", final=40.0)
    bad = write_run("random/seed-1", until=0.5, status="failed", error=RuntimeError("x"))
    screen = console(True)
    with watch(screen) as look:
        look([good, bad, good.parent / "not-there-yet"])
        look([])
    shown = screen.file.getvalue()
    assert "alp-gmm/seed-0" in shown
    assert "1k/1k steps" in shown
    assert "test: 40 % mastered, return 0.4" in shown
    assert "failed  test: 25 % mastered" in shown
    assert "500/1k" in shown


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (999, "999"), (1000, "1k"), (12_345, "12.3k"), (2e7, "20M"), (3.1e12, "3.1T")],
)
def test_short_numbers(value, text):
    assert short(value) == text


def test_runs_elsewhere_say_in_lines_how_they_get_on_where_there_is_no_terminal(write_run, monkeypatch):
    monkeypatch.setattr(progress, "INTERVAL", 0.0)
    runs = [
        write_run("alp-gmm/seed-0", final=40.0),
        write_run("random/seed-1", until=0.5, status="failed", error=RuntimeError("x")),
    ]
    screen, quiet = console(False), console(False)
    with progress.RunsProgress(console=screen, lines=True) as bars:
        for _ in range(3):  # what has been said is not said again
            bars.watch(runs)
    lines = screen.file.getvalue().splitlines()
    assert len(lines) == 2
    host = socket.gethostname()
    assert lines[0].startswith(f"alp-gmm/seed-0 on {host}: ")
    assert ", finished, test: " in lines[0]
    assert lines[1].startswith(f"random/seed-1 on {host}: ")
    assert ", failed, test: " in lines[1]
    with progress.RunsProgress(console=quiet) as bars:
        bars.watch(runs)
    assert quiet.file.getvalue() == ""
