"""Whole runs with a stable-baselines3 student: stopped, killed, resumed."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from gymnasium import Env
from gymnasium.spaces import Box

from teacherstudent import students, teachers
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.contract.spaces import Parameters
from teacherstudent.recording.disk import plain
from teacherstudent.recording.runs import Run
from teacherstudent.running.experiment import Experiment
from teacherstudent.running.loop import run
from teacherstudent.slots.wrapping.family import family_from_gymnasium

PLAN = Plan(budget=3000, test_every=1500, checkpoint_every=500)
OPTIONS = {"n_envs": 4, "options": {"n_steps": 32, "batch_size": 64, "n_epochs": 2}}


def experiment(seed=0):
    return Experiment(
        teacher="riac", family="cartpole-parameters", plan=PLAN, seed=seed, student_options=OPTIONS
    )


class StopAfter:
    def __init__(self, rounds):
        self.rounds = rounds

    def __call__(self):
        self.rounds -= 1
        return self.rounds <= 0


def logs(folder):
    found = Run.load(folder)
    tables = [
        {k: v for k, v in table.items() if k != "time" and "seconds" not in k}
        for table in (found.episodes(), found.tests())
    ]
    records = [
        {name: part for name, part in record.items() if name not in ("time", "ledger")}
        for record in found.records()
    ]
    return *tables, plain.dumps(records)


def assert_same(found, expected):
    for a, b in zip(found[:2], expected[:2], strict=True):
        assert a.keys() == b.keys()
        for name in a:
            np.testing.assert_array_equal(a[name], b[name], err_msg=name)
    assert found[2] == expected[2]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "run"
    experiment().run(folder)
    return folder


def test_stopped_and_resumed_bit_for_bit(whole, tmp_path):
    experiment().run(tmp_path, stop=StopAfter(7))
    assert Run.load(tmp_path).status()["status"] == "interrupted"
    ledger = experiment().run(tmp_path, resume=True)
    assert ledger.dropped == 0
    assert_same(logs(tmp_path), logs(whole))


def test_other_seeds_differ(whole, tmp_path):
    experiment(seed=1).run(tmp_path)
    with pytest.raises(AssertionError):
        assert_same(logs(tmp_path), logs(whole))


def test_killed_and_resumed_bit_for_bit(whole, tmp_path):
    script = f"""
import sys
sys.path.insert(0, {os.path.dirname(__file__)!r})
from test_runs import experiment

def say():
    print("round", flush=True)
    return False

experiment().run({str(tmp_path / "run")!r}, resume=True, stop=say)
"""
    for rounds in (6, 9):
        child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        for _ in range(rounds):
            assert child.stdout.readline() == "round\n"
        child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
    assert 0 < Run.load(tmp_path / "run").status()["spent"] < PLAN.budget
    experiment().run(tmp_path / "run", resume=True)
    assert_same(logs(tmp_path / "run"), logs(whole))


class Walk(Env):
    """No snapshots; may break on purpose."""

    observation_space = Box(-100, 100, (1,), np.float32)
    action_space = Box(-1, 1, (1,), np.float32)
    task_space = Parameters(target=(1, 3))
    broken_at = None
    steps = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.task, self.x, self.t = np.asarray(options["task"]), 0.0, 0
        return np.zeros(1, np.float32), {"task": self.task}

    def step(self, action):
        type(self).steps += 1
        if type(self).broken_at is not None and type(self).steps >= type(self).broken_at:
            raise ZeroDivisionError("the physics broke")
        self.x, self.t = self.x + float(action[0]), self.t + 1
        return np.array([self.x], np.float32), self.x, False, self.t >= 50, {}


@pytest.fixture
def walk(monkeypatch):
    monkeypatch.setattr(Walk, "broken_at", None)
    monkeypatch.setattr(Walk, "steps", 0)
    family = family_from_gymnasium(Walk, test_tasks=3)

    def make():
        teacher = teachers.make("riac", family.space, seed=0)
        return family, teacher, students.make("sb3", family, seed=0, **OPTIONS)

    return make


def test_without_snapshots_episodes_in_flight_are_dropped_and_counted(walk, tmp_path):
    run(*walk(), tmp_path, PLAN, stop=StopAfter(5))
    family, teacher, student = walk()
    ledger = run(family, teacher, student, tmp_path, PLAN, resume=True)
    assert ledger.dropped == 4  # one in every slot
    assert Run.load(tmp_path).status()["ledger"]["dropped"] == 4
    assert sorted(teacher.outstanding) == sorted(student.holds())
    episodes = Run.load(tmp_path).episodes()
    asked = episodes["id"][episodes["id"] >= 0]
    assert len(np.unique(asked)) == len(asked)


def test_an_environment_that_raises_is_one_clear_error_and_the_run_resumes(walk, tmp_path):
    Walk.broken_at = 1500
    with pytest.raises(Exception, match=r"slot \d, task \[.*\].*ZeroDivisionError: the physics broke"):
        run(*walk(), tmp_path, PLAN)
    status = Run.load(tmp_path).status()
    assert status["status"] == "failed"
    assert "the physics broke" in status["error"]["traceback"]
    assert len(Run.load(tmp_path).episodes()["score"]) > 5
    Walk.broken_at = None
    assert run(*walk(), tmp_path, PLAN, resume=True).spent >= PLAN.budget
