"""Slots in other processes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from compiling import slots_that_compile
from ramps import ROWS, SPACE, Ramp

from teacherstudent.envs import make
from teacherstudent.slots.gymnasium import TaskSlots
from teacherstudent.slots.processes.slots import ProcessSlots, spread
from teacherstudent.slots.wrapping.family import family_from_gymnasium


def test_infos_of_processes_are_joined():
    family = family_from_gymnasium(Ramp)
    one, two = family.make_vec(3), family.make_vec(3, processes=2)
    mask = np.array([True, True, False])
    for vec in (one, two):
        vec.reset(seed=0, options={"task": ROWS})
    assert two.metadata == one.metadata
    infos = [vec.reset(seed=5, options={"task": ROWS, "reset_mask": mask})[1] for vec in (one, two)]
    infos += [vec.step(np.zeros(3, int))[4] for vec in (one, two)]
    two.close()
    for a, b in (infos[:2], infos[2:]):
        assert a.keys() == b.keys()
    assert infos[0]["_task"].tolist() == infos[1]["_task"].tolist() == mask.tolist()
    assert np.array_equal(infos[2]["at"], infos[3]["at"])
    assert np.array_equal(infos[2]["nested"]["a"], infos[3]["nested"]["a"])


def test_closing_ends_the_processes():
    vec = family_from_gymnasium(Ramp).make_vec(2, processes=2)
    workers = list(vec._processes.workers)
    assert all(worker.is_alive() for worker in workers)
    vec.close()
    assert not any(worker.is_alive() for worker in workers)
    with pytest.raises(RuntimeError, match="closed"):
        vec.reset()


def test_processes_can_be_spawned():
    code = """
import multiprocessing
import numpy as np
import teacherstudent
from teacherstudent.envs import make
multiprocessing.set_start_method("spawn")
tracks = teacherstudent.family_from_gymnasium("teacherstudent/StumpTracks-v0")
for family in (make("cartpole-parameters"), tracks):
    seen = []
    for processes in (1, 2):
        vec = family.make_vec(3, processes=processes)
        vec.reset(seed=0, options={"task": family.test_tasks()[:3]})
        vec.action_space.seed(0)
        seen.append(vec.step(vec.action_space.sample())[0])
        vec.close()
    assert np.array_equal(*seen)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


class Made:
    """Notes how slots were asked for, and makes ramps."""

    def __init__(self, *, numbered):
        self.asked = []
        self._numbered = numbered

    def __call__(self, n, **keywords):
        self.asked.append((n, keywords))
        first = keywords if self._numbered else {}
        return TaskSlots(Ramp, n, space=SPACE, **first)


def test_slots_are_made_here_unless_they_are_to_be_elsewhere():
    whole, group = Made(numbered=False), Made(numbered=True)
    here = spread(whole, 3, processes=1, space=SPACE, group=group)
    assert isinstance(here, TaskSlots)
    assert (whole.asked, group.asked) == ([(3, {})], [])
    # One process with a time limit is another one; a group of one slot is made here, to see its spaces.
    for processes, options in ((2, {}), (1, {"step_timeout": 60.0})):
        vec = spread(whole, 3, processes=processes, space=SPACE, group=group, kind=ProcessSlots, **options)
        assert type(vec) is ProcessSlots
        assert len(vec._processes.workers) == processes
        assert vec.step_timeout == options.get("step_timeout")
        vec.close()
    assert (len(whole.asked), group.asked) == (1, [(1, {"first_slot": 0})] * 2)


@pytest.mark.parametrize(("n", "processes"), [(0, 1), (2, 0), (2, 3)])
def test_too_few_slots_are_refused_before_any_is_made(n, processes):
    made = Made(numbered=True)
    with pytest.raises(ValueError, match="expected"):
        spread(made, n, processes=processes, space=SPACE)
    assert made.asked == []


def test_every_process_compiles_the_first_one_alone(tmp_path, monkeypatch):
    def compile_(self):
        with (tmp_path / "log").open("a") as log:
            log.write(f"begin {os.getpid()}\n")
        time.sleep(0.2)
        with (tmp_path / "log").open("a") as log:
            log.write(f"end {os.getpid()}\n")

    slots_that_compile(monkeypatch, compile_)
    with contextlib.closing(make("cartpole-parameters").make_vec(4, processes=3)) as vec:
        vec.compile()
        first = vec._processes.workers[0].pid
        pids = {worker.pid for worker in vec._processes.workers}
    lines = (tmp_path / "log").read_text().split("\n")
    assert lines[:2] == [f"begin {first}", f"end {first}"]
    assert {int(line.split()[1]) for line in lines if line} == pids


def test_processes_of_what_compiles_nothing_are_left_alone():
    with contextlib.closing(family_from_gymnasium(Ramp).make_vec(2, processes=2)) as vec:
        vec.compile()
