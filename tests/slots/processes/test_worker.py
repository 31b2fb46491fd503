"""Processes of slots: how they begin, fail, and end with their parent."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import pytest
from ramps import ROWS, Ramp

from teacherstudent.slots.wrapping.family import family_from_gymnasium


def test_a_process_that_dies_is_named():
    vec = family_from_gymnasium(Ramp, env_options={"fault": "die"}).make_vec(3, processes=3)
    vec.reset(options={"task": ROWS})
    with pytest.raises(
        RuntimeError, match=r"slots 1 to 1: slot 1, task \[0.9, 3.0\]: it died with exit code 3"
    ):
        vec.step(np.zeros(3, int))
    vec.close()


def test_an_environment_that_cannot_be_built_in_a_process_is_named():
    here = os.getpid()

    def only_here():
        if os.getpid() != here:
            raise LookupError("not in this process")
        return Ramp()

    with pytest.raises(RuntimeError, match="process of slots 0 to 0: LookupError: not in this process"):
        family_from_gymnasium(only_here).make_vec(2, processes=2)


def test_processes_that_hang_end_when_their_parent_is_killed():
    script = f"""
import sys, time
sys.path.insert(0, {os.path.join(os.path.dirname(__file__), "..", "..", "shared")!r})
from faulty import HANG_AT_RESET, GOOD, faulty
vec = faulty(high=0.8).make_vec(3, processes=3)
print(*(worker.pid for worker in vec._processes.workers), flush=True)
vec.reset(options={{"task": [[HANG_AT_RESET], [GOOD], [GOOD]]}})
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    workers = [int(pid) for pid in parent.stdout.readline().split()]
    time.sleep(0.5)
    parent.kill()
    parent.wait()
    end = time.monotonic() + 10
    while any(_alive(pid) for pid in workers) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(_alive(pid) for pid in workers)


def test_processes_end_when_their_parent_is_killed():
    read, write = os.pipe()
    parent = os.fork()
    if parent == 0:
        vec = family_from_gymnasium(Ramp).make_vec(3, processes=3)
        os.write(write, " ".join(str(worker.pid) for worker in vec._processes.workers).encode())
        time.sleep(60)
        os._exit(0)
    workers = [int(pid) for pid in os.read(read, 100).split()]
    os.kill(parent, 9)
    os.waitpid(parent, 0)
    deadline = time.monotonic() + 10
    while any(_alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(_alive(pid) for pid in workers)


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
