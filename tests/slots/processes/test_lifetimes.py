import os
import signal
import subprocess
import sys
import time

import pytest

from teacherstudent.slots.processes.lifetimes import held_back, on_stop_signals, watch_parent

WAITS = "import signal, sys; print(signal.pthread_sigmask(signal.SIG_BLOCK, [])); sys.stdin.read()"


def test_a_signal_in_the_block_waits_for_its_end():
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append(True))
    try:
        with held_back():
            signal.raise_signal(signal.SIGINT)  # of this thread
            time.sleep(0.05)
            assert not heard
        time.sleep(0.05)
        assert heard
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_process_started_in_the_block_is_deaf_until_it_listens():
    with held_back():
        child = subprocess.Popen(
            [sys.executable, "-c", WAITS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
    assert "SIGINT" in child.stdout.readline()
    child.send_signal(signal.SIGINT)
    child.communicate("")
    assert child.returncode == 0


@pytest.mark.parametrize("ignored", [True, False])
def test_nohup_stays_deaf_to_the_end_of_the_terminal(ignored):
    there = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
        changed = on_stop_signals(lambda *_: None)
        assert (signal.SIGHUP in changed) is not ignored
        assert changed[signal.SIGINT] == there[signal.SIGINT]
    finally:
        for number, handler in there.items():
            signal.signal(number, handler)


def test_the_end_of_the_parent_is_noticed():
    gone = []
    watch_parent(os.getppid(), lambda: gone.append(True))
    time.sleep(0.1)
    assert not gone
    watch_parent(2**22 + 1, lambda: gone.append(True))  # never the number of a parent
    time.sleep(0.2)
    assert gone == [True]
