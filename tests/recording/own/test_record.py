import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from teacherstudent import Experiment, Outcomes, Parameters, Recorder, TeacherEnv, TeacherServer, teachers
from teacherstudent.comparing.compare import compare
from teacherstudent.recording.runs import Run

TESTS = np.array([[0.0], [0.5], [1.0]])


def new_teacher(seed=0, name="riac"):
    return teachers.make(name, Parameters(steepness=(0, 1)), seed=seed)


def opened(folder, teacher, **changed):
    given = {
        "family": "hills",
        "student": "gambler",
        "seed": 0,
        "budget": 100,
        "test_tasks": TESTS,
        "mastered": 0.5,
        "log": (),
    }
    return Recorder.for_loop(folder, teacher, **{**given, **changed})


def play(teacher, rounds, n=4, **signals):
    """Tell rows whose score is 1 minus the task, and which cost 1."""
    for _ in range(rounds):
        rows = teacher.ask(n)
        columns = {name: np.full(n, value) for name, value in signals.items()}
        teacher.tell(Outcomes.of(rows, score=1 - rows.tasks[:, 0], cost=np.ones(n), signals=columns))


def test_rows_tests_and_the_teacher_are_written(tmp_path):
    teacher = new_teacher()
    with opened(tmp_path / "run", teacher) as record:
        assert record.test([0.0, 0.0, 0.0]) == {"return": 0.0, "mastered_percent": 0.0}
        play(teacher, 10, success=True)
        assert record.spent == 40.0
        record.metrics(loss=0.25)
        record.test([0.0, 1.0, 0.8], counts={"updates": 7}, cost=2.0)
        play(teacher, 15, success=False)
    run = Run.load(tmp_path / "run")
    rows = run.episodes()
    assert rows["id"].tolist() == list(range(100))
    assert np.allclose(rows["score"], 1 - rows["task_steepness"])
    assert rows["success"].tolist() == [1.0] * 40 + [0.0] * 60
    assert rows["spent"].tolist() == [float(4 * (i // 4 + 1)) for i in range(100)]
    curve = run.curve()
    assert curve.spent.tolist() == [0.0, 40.0]
    assert curve.score.tolist() == pytest.approx([0.0, 0.6])
    assert curve.mastered.tolist() == pytest.approx([0.0, 200 / 3])
    assert curve.ledger["updates"][-1] == 7
    assert curve.ledger["cost/evaluate"][-1] == 6.0
    records = run.records()
    # A row costs more than a hundredth of the budget, so each round is recorded, and the end.
    assert len(records) == 26
    assert records[-1]["metrics"] == teacher.metrics()
    assert records[-1]["student"] == {"loss": 0.25}
    assert records[-1]["snapshot"]
    assert run.status()["status"] == "finished"
    assert run.status()["note"] is None
    assert teacher.listener is None


def test_it_is_compared_beside_runs_of_our_own_loop(tmp_path, write_run):
    for seed in range(2):
        teacher = new_teacher(seed, "random")
        with opened(tmp_path / f"own-{seed}", teacher, seed=seed) as record:
            record.test([0.0, 0.0, 0.0])
            play(teacher, 25)
            record.test([1.0, 1.0, 0.0])
    ours = Run.load(tmp_path / "own-0").manifest
    same = {name: ours[name] for name in ("family", "student", "test_set", "mastered", "test_seed")}
    same |= {"space": teacher.space, "budget": 100.0, "teacher": {"name": "plain", "options": {}}}
    for seed in range(2):
        write_run(f"ours-{seed}", seed=seed, **same)
    found = compare([tmp_path], baseline="plain")
    (setting,) = found.settings
    assert [group.teacher for group in setting.groups] == ["plain", "random"]
    assert setting.end == 100.0
    assert {row.teacher: row.seeds for row in found.rows} == {"plain": 2, "random": 2}
    assert any("2 of 4 run(s) are of a loop of its user's own" in note for note in found.notes)


def test_other_settings_are_another_setting(tmp_path):
    for rate in (1, 2):
        with opened(tmp_path / f"{rate}", teacher := new_teacher(), settings={"rate": rate}) as record:
            play(teacher, 1)
            record.test([0, 0, 0])
    labels = [setting.label for setting in compare([tmp_path]).settings]
    assert labels == ["hills (student rate=1)", "hills (student rate=2)"]


def test_a_resumed_loop_writes_what_an_unbroken_one_does(tmp_path):
    def go(folder, *, stop):
        teacher = new_teacher()
        record = opened(folder, teacher)
        play(teacher, 10)
        record.test([0, 0, 1])
        open_rows = teacher.ask(3)
        if stop:
            record.save({"model": "model.zip", "weights": np.arange(3)})
            play(teacher, 7)
            record.test([1, 1, 1])
            record.close("interrupted")
            teacher = new_teacher()
            record = opened(folder, teacher, resume=True)
            assert record.restored["model"] == "model.zip"
            assert record.restored["weights"].tolist() == [0, 1, 2]
            assert teacher.outstanding.size == 0
        else:
            teacher.drop(open_rows.ids)
        play(teacher, 10)
        record.test([0, 1, 1])
        record.close()
        return Run.load(folder)

    whole, resumed = go(tmp_path / "whole", stop=False), go(tmp_path / "resumed", stop=True)
    for name in ("id", "task_steepness", "score", "spent"):
        assert np.array_equal(whole.episodes()[name], resumed.episodes()[name]), name
    assert whole.curve().score.tolist() == resumed.curve().score.tolist() == pytest.approx([1 / 3, 2 / 3])
    assert [r["metrics"] for r in whole.records()] == [r["metrics"] for r in resumed.records()]
    assert len(resumed.manifest["sessions"]) == 2
    assert "3 tasks under way at the checkpoint were dropped" in resumed.status()["note"]
    assert resumed.status()["ledger"]["dropped"] == 3


def test_a_run_without_a_checkpoint_starts_over_and_a_new_one_may_say_resume(tmp_path):
    for _ in range(2):
        record = opened(tmp_path / "run", teacher := new_teacher(), resume=True)
        assert record.restored is None
        play(teacher, 5)
        record.close("interrupted")
    assert len(Run.load(tmp_path / "run").episodes()["id"]) == 20


def test_a_run_is_not_written_over_or_resumed_as_another_one(tmp_path):
    record = opened(tmp_path, teacher := new_teacher())
    play(teacher, 5)
    record.save()
    with pytest.raises(ValueError, match="nobody records yet, got one whose rows go to the record in"):
        opened(tmp_path / "other", teacher)
    record.close("interrupted")
    before = Run.load(tmp_path).episodes()["id"]
    with pytest.raises(FileExistsError, match="holds a run"):
        opened(tmp_path, new_teacher())
    with pytest.raises(ValueError, match=r"student\.options\.rate: expected nothing as in that run, got 1"):
        opened(tmp_path, new_teacher(), resume=True, settings={"rate": 1})
    with pytest.raises(ValueError, match="expected one of ALPGMM, got RIAC"):
        opened(tmp_path, new_teacher(name="alp-gmm"), resume=True)
    assert np.array_equal(Run.load(tmp_path).episodes()["id"], before)


def test_signals_that_come_and_go_are_nan_where_they_lack(tmp_path):
    with opened(tmp_path, teacher := new_teacher()) as record:
        play(teacher, 1, n=2, length=3)
        play(teacher, 1, n=2, length=4, is_good=True)
        play(teacher, 1, n=1)
        record.test([0, 0, 0])
    rows = Run.load(tmp_path).episodes()
    assert np.array_equal(rows["length"], [3, 3, 4, 4, np.nan], equal_nan=True)
    assert np.array_equal(rows["is_good"], [np.nan, np.nan, 1, 1, np.nan], equal_nan=True)


def test_the_loops_own_count_is_the_axis(tmp_path):
    count = {"steps": 0}
    with opened(tmp_path, teacher := new_teacher(), spent=lambda: count["steps"]) as record:
        for _ in range(4):
            count["steps"] += 25
            play(teacher, 1)
            record.test([0, 0, 0])
        count["steps"] = 10
        with pytest.raises(ValueError, match="spent: expected at least 100"):
            play(teacher, 1)
        count["steps"] = 100
    assert Run.load(tmp_path).curve().spent.tolist() == [25, 50, 75, 100]
    assert Run.load(tmp_path).status()["ledger"]["cost/train"] == 100


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([1, 2], r"expected 3, one for each test task in their order, got shape \(2,\)"),
        (0.5, "expected 3, one for each test task, got one number, 0.5"),
        ([1, 2, np.nan], "3 finite numbers"),
        (["a", "b", "c"], "3 finite numbers"),
    ],
)
def test_scores_that_are_none_are_refused(tmp_path, scores, message):
    record = opened(tmp_path, new_teacher())
    with pytest.raises(ValueError, match=message):
        record.test(scores)
    record.close()
    assert Run.load(tmp_path).curve().spent.size == 0


def test_a_run_without_tests_says_so(tmp_path):
    with opened(tmp_path, teacher := new_teacher()):
        play(teacher, 3)
    note = Run.load(tmp_path).status()["note"]
    assert "no test was recorded" in note
    assert "the loop ended at 12 of a budget of 100" in note
    with pytest.raises(ValueError, match="expected at least one finished run that was tested"):
        compare([tmp_path])


def test_an_error_in_the_loop_stands_in_the_folder(tmp_path):
    def loop(record, teacher):
        with record:
            play(teacher, 3)
            record.test([1 / 0])

    teacher = new_teacher()
    record = opened(tmp_path, teacher)
    with pytest.raises(ZeroDivisionError):
        loop(record, teacher)
    run = Run.load(tmp_path)
    assert run.status()["status"] == "failed"
    assert run.status()["error"]["type"] == "ZeroDivisionError"
    assert len(run.episodes()["id"]) == 12
    with pytest.raises(ValueError, match="closed before"):
        record.test([0, 0, 0])
    # The teacher goes on without a record.
    play(teacher, 1)
    assert len(run.episodes()["id"]) == 12


SCRIPT = """
    import sys, numpy as np
    sys.path.insert(0, {here!r})
    from test_record import new_teacher, opened, play
    teacher = new_teacher()
    record = opened({folder!r}, teacher)
    play(teacher, 3)
    record.test([0, 0, 0])
    print("ready", flush=True)
    {end}
"""


def script(folder, end):
    code = SCRIPT.format(here=str(Path(__file__).parent), folder=str(folder), end=end)
    return [sys.executable, "-c", textwrap.dedent(code)]


@pytest.mark.parametrize(
    ("end", "status", "said"),
    [
        ("1 / 0", "failed", "ZeroDivisionError"),
        ("pass", "interrupted", "expected record.close()"),
        ("sys.exit(3)", "interrupted", "expected record.close()"),
    ],
)
def test_a_script_that_leaves_it_open_loses_no_rows(tmp_path, end, status, said):
    done = subprocess.run(script(tmp_path, end), capture_output=True, text=True, check=False)
    assert said in done.stderr
    run = Run.load(tmp_path)
    assert run.status()["status"] == status
    assert len(run.episodes()["id"]) == 12
    assert run.curve().score.tolist() == [0.0]


def test_a_kill_leaves_the_folder_readable(tmp_path):
    process = subprocess.Popen(script(tmp_path, "import time; time.sleep(60)"), stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    run = Run.load(tmp_path)
    assert run.status()["status"] == "killed"
    assert run.curve().spent.tolist() == [12.0]
    assert len(run.records()) >= 1
    record = opened(tmp_path, new_teacher(), resume=True)
    record.close()
    assert run.curve().spent.size == 0


def test_rows_of_workers_are_recorded_where_the_teacher_is(tmp_path):
    teacher = new_teacher()
    with opened(tmp_path, teacher) as record, TeacherServer(teacher) as server:

        def work():
            client = server.client()
            play(client, 5)
            client.close()

        workers = [threading.Thread(target=work) for _ in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        record.test([0, 0, 0])
    assert sorted(Run.load(tmp_path).episodes()["id"].tolist()) == list(range(60))


class Steps(gym.Env):
    """An episode of three steps, each worth its task."""

    observation_space = gym.spaces.Box(0, 1, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.task = float(options["task"][0])
        self.steps = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.steps += 1
        return np.zeros(1, np.float32), self.task, self.steps == 3, False, {}


def test_an_adapter_is_recorded_without_a_word_of_its_own(tmp_path):
    teacher = new_teacher()
    with opened(tmp_path, teacher) as record:
        env = TeacherEnv(Steps(), teacher)
        for _ in range(5):
            env.reset()
            while not env.step(0)[2]:
                pass
        env.reset()
        env.reset()
        record.test([0, 0, 0])
    run = Run.load(tmp_path)
    rows = run.episodes()
    assert np.allclose(rows["score"], 3 * rows["task_steepness"])
    assert rows["spent"].tolist() == [3, 6, 9, 12, 15]
    assert rows["length"].tolist() == [3] * 5
    # The episode that the last reset but one began was given up.
    assert run.status()["ledger"]["dropped"] == 1


def test_it_is_no_experiment(tmp_path):
    opened(tmp_path, new_teacher()).close()
    with pytest.raises(ValueError, match=r"Recorder.for_loop\(..., resume=True\)"):
        Experiment.from_folder(tmp_path)
    assert json.loads((tmp_path / "manifest.json").read_text())["loop"] == "own"
