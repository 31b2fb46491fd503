import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.recording.runs import Run
from teacherstudent.running.engines.threads import cores
from teacherstudent.running.experiment import Experiment
from teacherstudent.running.parallel import run_all

BREAKING = '''
import json
import os
import time
import numba
import torch
from teacherstudent.students.competence import CompetenceStudent

class Breaking(CompetenceStudent):
    """How it ends is its option."""

    def __init__(self, family, *, seed, how="", **options):
        super().__init__(family, seed=seed, batch=5, **options)
        self.how = how
        if how == "constructor":
            raise ZeroDivisionError("in the constructor")
        if how == "threads":
            with open(os.path.join(os.path.dirname(__file__), "threads"), "w") as file:
                said = [os.environ.get(name) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")]
                json.dump([*said, torch.get_num_threads(), numba.config.NUMBA_NUM_THREADS], file)

    def train(self, assignment):
        if self.spent()["train"] > 50:
            if self.how == "raise":
                raise ZeroDivisionError("in the middle")
            if self.how == "die":
                os._exit(7)
            if self.how == "kill":
                os.kill(os.getpid(), 9)
            if self.how == "hang":
                open(os.path.join(os.path.dirname(__file__), "hangs"), "w").close()
                while True:
                    time.sleep(1000)
        return super().train(assignment)
'''


def experiment(how="", seed=0, **plan):
    return Experiment(
        teacher="random",
        family="toy-grid",
        student="breaking_student:Breaking",
        student_options={"how": how},
        seed=seed,
        plan=Plan(**{"budget": 100, "test_every": 50, **plan}),
    )


@pytest.fixture(autouse=True)
def breaking_module(tmp_path, monkeypatch):
    (tmp_path / "breaking_student.py").write_text(BREAKING)
    monkeypatch.syspath_prepend(tmp_path)
    paths = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))


def test_a_run_that_breaks_takes_no_other_down(tmp_path):
    ways = ["raise", "", "die", "kill", "constructor"]
    runs = [(experiment(how), tmp_path / f"run{k}") for k, how in enumerate(ways)]
    results = run_all(runs, jobs=2)
    assert [r.status for r in results] == ["failed", "finished", "died", "died", "failed"]
    assert "in the middle" in results[0].error
    assert results[1].error == ""
    assert "ended with code 7" in results[2].error
    assert "killed by signal 9" in results[3].error
    assert "in the constructor" in results[4].error
    assert "in the middle" in Run.load(tmp_path / "run0").status()["error"]["traceback"]
    for k in (0, 2, 3):  # readable, up to the last checkpoint at least
        assert Run.load(tmp_path / f"run{k}").tests()["spent"].max() >= 50
    again = [(experiment("", budget=100), folder) for _, folder in runs[2:4]]
    with pytest.raises(FileExistsError, match="holds a run"):
        run_all(again)
    finished = run_all(
        [(Experiment.from_folder(folder, trust=True), folder) for _, folder in runs[1:2]], jobs=1, resume=True
    )
    assert finished[0].status == "finished"


@pytest.mark.parametrize(
    ("said", "asked", "found"), [(None, None, 1), ("2", None, 2), ("2", 1, 1), ("1", 2, 2)]
)
def test_a_lone_run_has_one_torch_thread_unless_told(tmp_path, monkeypatch, said, asked, found):
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    if said:
        monkeypatch.setenv("OMP_NUM_THREADS", said)
    before, own = dict(os.environ), torch.get_num_threads()
    result = run_all([(experiment("threads"), tmp_path / "run")], threads=asked)[0]
    assert result.status == "finished"
    *told, of_torch, of_kernels = json.loads((tmp_path / "threads").read_text())
    assert told == [str(found)] * 2
    assert 1 <= of_torch <= found  # never more than there are cores
    assert of_kernels == cores()
    assert os.environ == before
    assert torch.get_num_threads() == own


def test_an_experiment_leaves_the_threads_of_its_process_alone(tmp_path):
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    try:
        experiment("threads").run(tmp_path / "run")
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)
    assert json.loads((tmp_path / "threads").read_text())[2] == before + 1


def test_bad_arguments_start_nothing(tmp_path):
    runs = [(experiment(), tmp_path / "a"), (experiment(seed=1), tmp_path / "a")]
    with pytest.raises(ValueError, match="twice"):
        run_all(runs)
    with pytest.raises(ValueError, match="jobs: expected at least 1, got 0"):
        run_all(runs[:1], jobs=0)
    with pytest.raises(ValueError, match="threads: expected at least 1, got 0"):
        run_all(runs[:1], threads=0)
    assert not (tmp_path / "a").exists()


def test_a_finished_run_of_other_options_is_not_taken_for_this_one(tmp_path):
    assert run_all([(experiment(), tmp_path / "run")])[0].status == "finished"
    with pytest.raises(
        ValueError, match=r"run: student\.options\.how: expected '' as in that run, got 'raise'"
    ):
        run_all([(experiment("raise"), tmp_path / "run")], resume=True)
    assert run_all([(experiment(), tmp_path / "run")], resume=True)[0].status == "finished"


def test_a_run_knows_its_folder_again_by_numpy_numbers(tmp_path):
    runs = [(experiment(charged=np.int64(8)), tmp_path / "run")]
    assert run_all(runs)[0].status == "finished"
    assert run_all(runs, resume=True)[0].status == "finished"


def test_a_terminated_process_writes_a_checkpoint_and_resumes(tmp_path):
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
sys.path.insert(0, {os.path.dirname(__file__)!r})
from pathlib import Path
from test_parallel import experiment
from teacherstudent.running.engines.work import work
work(experiment(budget=10**7, test_every=10**6), Path({str(tmp_path / "run")!r}), False)
"""
    child = subprocess.Popen([sys.executable, "-c", code])
    while not (tmp_path / "run" / "checkpoints").exists():
        time.sleep(0.01)
        assert child.poll() is None
    time.sleep(0.3)
    child.send_signal(signal.SIGTERM)
    assert child.wait(20) == 4
    found = Run.load(tmp_path / "run").status()
    assert found["status"] == "interrupted"
    spent = found["spent"]
    ledger = Experiment.from_folder(tmp_path / "run", trust=True).run(
        tmp_path / "run", resume=True, stop=lambda: True
    )
    assert ledger.spent == spent + 5  # one more round, and stopped again


PARENT = """
import os
import signal
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from test_parallel import experiment
from teacherstudent.running.parallel import run_all

def watch(folders):
    {watch}

if __name__ == "__main__":
    folder = Path({folder!r})
    plan = dict(budget=10**7, test_every=10**6)
    runs = [(experiment({how!r}, seed=k, **plan), folder / str(k)) for k in (0, 1)]
    print([r.status for r in run_all(runs, jobs=2, watch=watch)])
"""


def start_parent(tmp_path, *, watch="pass", how=""):
    script = tmp_path / "script.py"
    tests = os.path.dirname(__file__)
    script.write_text(PARENT.format(tests=tests, watch=watch, folder=str(tmp_path), how=how))
    command = [sys.executable, str(script)]
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it would stay ignored there
    try:
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    finally:
        signal.signal(signal.SIGHUP, before)


def wait_for(found, child=None, seconds=60):
    end = time.monotonic() + seconds
    while not found():
        time.sleep(0.05)
        assert time.monotonic() < end
        assert child is None or child.poll() is None


def statuses(tmp_path):
    return {Run.load(tmp_path / str(k)).status()["status"] for k in (0, 1)}


def both_began(tmp_path):
    return all((tmp_path / str(k) / "checkpoints").exists() for k in (0, 1))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_stopping_the_parent_stops_all_runs_with_checkpoints(tmp_path, number):
    child = start_parent(tmp_path)
    wait_for(lambda: both_began(tmp_path), child)
    time.sleep(0.3)
    child.send_signal(number)
    shown, _ = child.communicate(timeout=60)
    assert shown.strip() == "['interrupted', 'interrupted']"
    assert statuses(tmp_path) == {"interrupted"}


def test_an_interrupt_while_the_runs_start_finds_them_deaf(tmp_path):
    child = start_parent(tmp_path, watch="os.killpg(0, signal.SIGINT)")  # as a terminal's Ctrl-C, at once
    shown, _ = child.communicate(timeout=60)
    assert shown.strip() == "['not started', 'not started']"
    assert not list(tmp_path.glob("[01]"))


def test_runs_save_themselves_and_end_when_their_parent_is_killed(tmp_path):
    child = start_parent(tmp_path)
    wait_for(lambda: both_began(tmp_path), child)
    child.kill()
    child.wait()
    wait_for(lambda: statuses(tmp_path) == {"interrupted"}, seconds=20)


def test_a_second_interrupt_kills_runs_that_hang(tmp_path):
    child = start_parent(tmp_path, how="hang")
    wait_for(lambda: (tmp_path / "hangs").exists() and both_began(tmp_path), child)
    child.send_signal(signal.SIGINT)
    time.sleep(1.0)
    assert child.poll() is None
    child.send_signal(signal.SIGINT)
    shown, _ = child.communicate(timeout=20)
    assert "died" in shown
