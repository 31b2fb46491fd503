"""Whole runs in which environments fail on some of the tasks."""

import json

import numpy as np
import pytest
from binding import all_of, pair
from faulty import faulty

from teacherstudent import students, teachers
from teacherstudent.contract.accounts.failures import TooManyFailedTasksError
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.contract.types import Assignment
from teacherstudent.recording.disk import plain
from teacherstudent.recording.runs import Run
from teacherstudent.running.loop import run
from teacherstudent.slots.requests import TaskError

SB3 = {"options": {"n_steps": 16, "batch_size": 32, "n_epochs": 1}}
RSL = {"n_steps": 16, "device": "cpu", "options": {"num_learning_epochs": 1, "num_mini_batches": 2}}
SAC = {"algorithm": "DQN", "options": {"learning_starts": 20, "train_freq": 4, "buffer_size": 500}}
PLR = {"min_fill": 0.1, "buffer": {"capacity": 20}}
CASES = {
    "sb3": ("sb3", SB3, "random", {}),
    "sb3 normalized": ("sb3", SB3 | {"normalize": True}, "riac", {}),
    "sb3 off-policy": ("sb3", SAC, "random", {}),
    "sb3 bound": ("sb3", SB3 | {"normalize": True}, "plr", PLR),
    "sb3 bound, some measured": ("sb3", SB3, "robust-plr", PLR),
    "rsl-rl": ("rsl-rl", RSL, "random", {}),
    "rsl-rl bound": ("rsl-rl", RSL, "plr", PLR),
    "rsl-rl bound, some measured": ("rsl-rl", RSL, "robust-plr", PLR),
    "two members": ("sb3", SB3, "paired", {}),
    "two members, rsl-rl": ("rsl-rl", RSL, "paired", {}),
}


def make(name, family, **more):
    kind, options, teacher, settings = CASES[name]
    options = {"n_envs": 4, **options}
    if "normalize" not in options and kind == "rsl-rl":
        options = options | {"normalize": True}
    taught = teachers.make(teacher, family, seed=0, **settings)
    if taught.members > 1:
        return family, taught, pair(kind, family, n=taught.members, **options, **more)
    return family, taught, students.make(kind, family, seed=0, **options, **more)


@pytest.mark.parametrize("name", CASES)
def test_a_run_goes_on_without_the_tasks_that_fail(name, tmp_path):
    family, teacher, student = make(name, faulty())
    plan = Plan(budget=1500, test_every=500, max_failed_tasks=10**6)
    ledger = run(family, teacher, student, tmp_path, plan)
    found = Run.load(tmp_path)
    status = found.status()
    assert status["status"] == "finished"
    assert ledger.failed > 10
    assert ledger.spent >= 1500
    played = found.tasks(found.episodes())[:, 0]
    assert ((played >= 0) & (played < 0.1)).all()
    assert len(played) > 10
    assert sorted(set(teacher.outstanding) - set(student.holds())) == []
    rows = [json.loads(line) for line in (tmp_path / "failed.jsonl").read_text().splitlines()]
    assert sum(row["blamed"] for row in rows) == ledger.failed
    assert (
        status["failed_tasks"]
        == [{name: row[name] for name in ("id", "task", "error", "blamed")} for row in rows if row["blamed"]][
            -20:
        ]
    )
    assert all(row["task"][0] >= 0.1 and "slot" in row["error"] for row in rows if row["blamed"])
    assert f"on {ledger.failed} tasks the environment failed" in status["note"]
    asked = found.episodes()["id"]
    asked = np.concatenate([asked[asked >= 0], [row["id"] for row in rows if row["id"] >= 0]])
    assert len(np.unique(asked)) == len(asked)
    student.close()


@pytest.mark.parametrize("name", ["sb3", "rsl-rl", "sb3 bound", "rsl-rl bound"])
def test_processes_that_die_or_hang_are_replaced_in_the_midst_of_a_run(name, tmp_path):
    family = faulty(high=0.65, step_timeout=0.5)
    family, teacher, student = make(name, family, processes=2)
    plan = Plan(budget=960 if "bound" in name else 320, test_every=1000, max_failed_tasks=10**6)
    ledger = run(family, teacher, student, tmp_path, plan)
    told = (tmp_path / "failed.jsonl").read_text()
    assert "died with exit code 3" in told
    assert "within 0.5 s (step_timeout)" in told
    assert ledger.failed > 5
    student.close()


@pytest.mark.parametrize("name", ["sb3", "rsl-rl bound"])
def test_too_many_end_the_run_with_the_list_and_more_may_be_allowed_then(name, tmp_path):
    plan = {"budget": 1500, "test_every": 500, "checkpoint_every": 64}
    with pytest.raises(
        TooManyFailedTasksError, match=r"expected at most 45 tasks.*got \d+(.|\n)*slot \d, task"
    ):
        run(*make(name, faulty()), tmp_path, Plan(**plan, max_failed_tasks=45))
    status = Run.load(tmp_path).status()
    assert status["status"] == "failed"
    assert len(status["failed_tasks"]) == 20  # the last ones
    assert 0 < status["spent"] < 1500
    ledger = run(*make(name, faulty()), tmp_path, Plan(**plan, max_failed_tasks=10**6), resume=True)
    assert ledger.spent >= 1500
    lines = (tmp_path / "failed.jsonl").read_text().splitlines()
    assert sum(json.loads(line)["blamed"] for line in lines) == ledger.failed


def test_none_may_fail_if_that_is_asked_for(tmp_path):
    with pytest.raises(TaskError, match="slot"):
        run(*make("sb3", faulty()), tmp_path, Plan(budget=500, max_failed_tasks=0))


def test_as_many_may_fail_as_there_are_episodes_to_pay_for_them():
    plan = Plan(budget=1)
    assert [plan.may_fail(n) for n in (0, 19, 20, 2000)] == [3, 3, 4, 103]
    assert Plan(budget=1, max_failed_tasks=7).may_fail(2000) == 7
    for bad in (-1, 1.5, True):
        with pytest.raises(ValueError, match="max_failed_tasks: expected a whole number of at least 0"):
            Plan(budget=1, max_failed_tasks=bad)


@pytest.mark.parametrize("name", ["sb3", "rsl-rl"])
def test_a_test_task_that_fails_ends_the_run_and_is_named(name, tmp_path):
    family = faulty(test_tasks=np.array([[0.05], [0.25]]))
    with pytest.raises(TaskError, match=r"test task 1, \[0\.25\].*failed 3 times.*ground gone"):
        run(*make(name, family), tmp_path, Plan(budget=500))
    assert Run.load(tmp_path).status()["status"] == "failed"


@pytest.mark.parametrize("name", ["sb3 bound", "rsl-rl bound"])
def test_a_failed_row_teaches_nothing(name, tmp_path):
    """Rows that fail from the start leave the networks as if they had been measured only."""
    student = make(name, faulty())[2]
    student.bind(all_of(student))
    student.failures.limit = 100
    before = plain.dumps(plain.to_plain(_networks(student)))
    found = student.train(Assignment(ids=np.arange(4), tasks=np.full((4, 1), 0.15)))
    assert len(found) == 0
    assert len(student.failures.take()) == 4
    assert student.spent()["updates"] == 0
    assert plain.dumps(plain.to_plain(_networks(student))) == before
    assert student.spent()["train"] == 64  # it costs its row
    student.close()


def _networks(student):
    state = student.state_dict()
    part = state["algorithm"]["torch"] if "algorithm" in state else state["ppo"]["actor"]
    return {name: np.asarray(values).tolist() for name, values in _flat(part)}


def _flat(part, where=""):
    for name, value in part.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{where}{name}.")
        elif isinstance(value, np.ndarray):
            yield f"{where}{name}", value
