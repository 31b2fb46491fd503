import dataclasses
import itertools
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from teacherstudent import envs, students, teachers
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.contract.demand import Signal, check_demand
from teacherstudent.recording.disk import plain
from teacherstudent.recording.disk.checkpoint import CheckpointError, Checkpoints
from teacherstudent.recording.disk.files import WriteError
from teacherstudent.recording.runs import Run
from teacherstudent.running.loop import run
from teacherstudent.running.progress import Progress
from teacherstudent.students.competence import CompetenceStudent
from teacherstudent.teachers.random import UniformTeacher

PLAN = Plan(budget=400, test_every=100, checkpoint_every=50)


def make(seed=0, **options):
    family = envs.make("toy-grid")
    teacher = teachers.make("riac", family.space, seed=seed, score_range=(0, 1), region_size=40)
    student = students.make("competence", family, seed=seed, batch=7, noise=0.05)
    return family, teacher, student


def disturbed(draws):
    """What `make` returns, at another place in its streams of random numbers: a checkpoint must set them."""
    family, teacher, student = make()
    for rng in (teacher.rng, student._rng):
        rng.random(draws)
    return family, teacher, student


def logs(folder):
    """Everything that a run recorded, apart from times."""
    found = Run.load(folder)
    episodes = {k: v for k, v in found.episodes().items() if k != "time"}
    tests = {k: v for k, v in found.tests().items() if k != "time" and "seconds" not in k}
    teacher = [{k: r[k] for k in ("spent", "metrics", "snapshot", "train")} for r in found.records()]
    return episodes, tests, teacher


def assert_same_logs(found, expected):
    for a, b in zip(found[:2], expected[:2], strict=True):
        assert a.keys() == b.keys()
        for name in a:
            np.testing.assert_array_equal(a[name], b[name], err_msg=name)
    assert plain.dumps(found[2]) == plain.dumps(expected[2])


class StopAfter:
    def __init__(self, rounds):
        self.rounds = rounds

    def __call__(self):
        self.rounds -= 1
        return self.rounds <= 0


def test_a_run_records_everything(tmp_path):
    ledger = run(*make(), tmp_path, PLAN)
    assert ledger.spent == ledger.costs["train"] == ledger.episodes == 406  # whole rounds of 7
    found = Run.load(tmp_path)
    assert found.status()["status"] == "finished"
    assert len(found.episodes()["score"]) == 406
    assert np.unique(found.tests()["spent"]).tolist() == [0, 105, 203, 301, 406]
    assert len(found.tests()["score"]) == 5 * 100
    assert found.records()[0]["spent"] == 0
    assert found.records()[-1]["spent"] == 406
    assert len(found.records()) > 50  # every hundredth of the budget, in whole rounds
    assert ledger.seconds["total"] >= ledger.seconds["student"] + ledger.seconds["evaluate"] > 0
    assert ledger.costs["evaluate"] == 5 * 100
    assert not [p for p in tmp_path.rglob("*") if p.suffix == ".pkl"]


def test_stopping_and_resuming_changes_nothing(tmp_path):
    run(*make(), tmp_path / "whole", PLAN)
    folder = tmp_path / "cut"
    run(*make(), folder, PLAN, stop=StopAfter(5))
    assert Run.load(folder).status()["status"] == "interrupted"
    for k in itertools.count():
        ledger = run(*disturbed(k + 1), folder, PLAN, resume=True, stop=StopAfter(17))
        if ledger.spent >= PLAN.budget:
            break
    assert k >= 2
    assert_same_logs(logs(folder), logs(tmp_path / "whole"))
    assert ledger.dropped == 0


def test_resuming_a_finished_run_does_nothing(tmp_path):
    run(*make(), tmp_path, PLAN)
    before = logs(tmp_path)
    ledger = run(*make(), tmp_path, PLAN, resume=True)
    assert ledger.spent == 406
    assert_same_logs(logs(tmp_path), before)


def test_a_finished_run_can_be_prolonged(tmp_path):
    run(*make(), tmp_path, PLAN)
    ledger = run(*make(), tmp_path, Plan(budget=800, test_every=100, checkpoint_every=50), resume=True)
    assert ledger.spent == 805
    assert np.unique(Run.load(tmp_path).tests()["spent"]).tolist()[-1] == 805


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
import test_loop
from teacherstudent.running.loop import run

def say():
    print("round", flush=True)
    return False

made = test_loop.make() if sys.argv[1] == "0" else test_loop.disturbed(int(sys.argv[1]))
run(*made, {folder!r}, test_loop.PLAN, resume=True, stop=say)
"""


def test_killed_at_any_moment_it_resumes_to_the_same_end(tmp_path):
    run(*make(), tmp_path / "whole", PLAN)
    folder = tmp_path / "killed"
    script = SCRIPT.format(tests=os.path.dirname(__file__), folder=str(folder))
    rng = np.random.default_rng(0)
    for attempt in range(6):
        command = [sys.executable, "-c", script, str(attempt)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        for _ in range(rng.integers(1, 20)):
            assert child.stdout.readline() == "round\n"
        time.sleep(rng.uniform(0, 0.01))
        child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
        assert Run.load(folder).status()["status"] != "finished"
        Run.load(folder).tests()
    run(*disturbed(99), folder, PLAN, resume=True)
    assert_same_logs(logs(folder), logs(tmp_path / "whole"))


class Failing(CompetenceStudent):
    """Breaks in some way once 150 episodes are done."""

    how = None

    def train(self, assignment):
        outcomes = super().train(assignment)
        if self.how is not None and self.spent()["train"] > 150:
            if self.how == "raise":
                raise ZeroDivisionError("the environment broke")
            if self.how == "interrupt":
                raise KeyboardInterrupt
            outcomes.score[2] = self.how
        return outcomes


@pytest.mark.parametrize("how", [np.nan, np.inf, -np.inf])
def test_scores_that_are_no_numbers_stop_the_run_with_one_clear_error(tmp_path, how):
    family, teacher, _ = make()
    student = Failing(family, seed=0, batch=7)
    student.how = how
    with pytest.raises(
        ValueError, match=r"RIAC\.tell: row 2 \(id \d+, task \[.*\]\): expected a finite score"
    ):
        run(family, teacher, student, tmp_path, PLAN)
    found = Run.load(tmp_path)
    assert found.status()["status"] == "failed"
    assert "expected a finite score" in found.status()["error"]["traceback"]
    assert len(found.episodes()["score"]) == 147  # all that came before


@pytest.mark.parametrize(
    ("how", "error", "status"),
    [("raise", ZeroDivisionError, "failed"), ("interrupt", KeyboardInterrupt, "interrupted")],
)
def test_a_crash_is_written_down_and_the_run_resumes(tmp_path, how, error, status):
    run(*make(), tmp_path / "whole", PLAN)
    family, teacher, _ = make()
    student = Failing(family, seed=0, batch=7, noise=0.05)
    student.how = how
    with pytest.raises(error):
        run(family, teacher, student, tmp_path / "cut", PLAN)
    assert Run.load(tmp_path / "cut").status()["status"] == status
    with pytest.raises(FileExistsError, match="resume"):
        run(*make(), tmp_path / "cut", PLAN)
    family, teacher, _ = make()
    healed = Failing(family, seed=0, batch=7, noise=0.05)
    run(family, teacher, healed, tmp_path / "cut", PLAN, resume=True)
    assert_same_logs(logs(tmp_path / "cut"), logs(tmp_path / "whole"))


def test_a_damaged_checkpoint_is_named_and_the_one_before_can_be_used(tmp_path):
    run(*make(), tmp_path, PLAN, stop=StopAfter(30))
    last = Checkpoints(tmp_path / "checkpoints").paths()[-1]
    last.write_bytes(last.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=f"{last.name} is damaged .* Delete it to resume"):
        run(*make(), tmp_path, PLAN, resume=True)
    last.unlink()
    assert run(*make(), tmp_path, PLAN, resume=True).spent == 406


def test_a_checkpoint_of_another_teacher_is_refused(tmp_path):
    run(*make(), tmp_path, PLAN, stop=StopAfter(10))
    family, _, student = make()
    with pytest.raises(ValueError, match=r"expected"):
        run(family, UniformTeacher(family.space, seed=0), student, tmp_path, PLAN, resume=True)


def test_a_full_disk_is_one_clear_error_and_the_run_resumes(tmp_path, monkeypatch):
    run(*make(), tmp_path / "whole", PLAN)
    folder = tmp_path / "full"
    count = itertools.count()
    real = os.fsync

    def no_space(handle):
        if next(count) > 25:
            raise OSError(28, "No space left on device")
        real(handle)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", no_space)
        with pytest.raises(WriteError, match="No space left on device"):
            run(*make(), folder, PLAN)
    assert Run.load(folder).manifest["budget"] == 400
    run(*make(), folder, PLAN, resume=True)
    assert_same_logs(logs(folder), logs(tmp_path / "whole"))


class Lazy(CompetenceStudent):
    def train(self, assignment):
        return super().train(assignment.select(slice(0, 0)))


def test_a_student_that_never_spends_anything_is_stopped(tmp_path):
    family, teacher, _ = make()
    with pytest.raises(RuntimeError, match="Lazy: spent nothing in 1000 rounds"):
        run(family, teacher, Lazy(family, seed=0, batch=1), tmp_path, PLAN)


def test_tests_of_one_run_start_from_one_seed(tmp_path):
    run(*make(), tmp_path, PLAN, stop=StopAfter(10))
    other = Plan(budget=400, test_every=100, checkpoint_every=50, test_seed=1)
    with pytest.raises(ValueError, match="test_seed: expected 0 as in the run to resume, got 1"):
        run(*make(), tmp_path, other, resume=True)


def test_costs_carry_their_unit(tmp_path):
    run(*make(), tmp_path, PLAN, stop=StopAfter(2))
    assert Run.load(tmp_path).manifest["cost_unit"] == "episodes"


CHARGED = Plan(budget=400, charged=150, test_every=100, checkpoint_every=50)


def test_a_run_starts_at_what_it_is_charged_with(tmp_path):
    family, teacher, student = make()
    asked = []

    def ask(n, *, progress, real=teacher.ask):
        asked.append(progress)
        return real(n, progress=progress)

    teacher.ask = ask
    ledger = run(family, teacher, student, tmp_path, CHARGED)
    assert (ledger.costs["before"], ledger.costs["train"], ledger.spent) == (150, 252, 402)
    tests = Run.load(tmp_path).tests()
    assert np.unique(tests["spent"]).tolist() == [150, 206, 304, 402]
    assert set(tests["ledger_cost/before"]) == {150}
    np.testing.assert_allclose(asked, np.arange(36) * 7 / 250)  # over what is left of the budget
    assert Run.load(tmp_path).manifest["charged"] == 150


def test_a_charged_run_resumes_to_the_same_end_and_keeps_its_charge(tmp_path):
    run(*make(), tmp_path / "whole", CHARGED)
    folder = tmp_path / "cut"
    run(*make(), folder, CHARGED, stop=StopAfter(11))
    before = (folder / "manifest.json").read_bytes()
    with pytest.raises(ValueError, match=r"charged: expected 150.0 as in the run to resume, got 0"):
        run(*make(), folder, PLAN, resume=True)
    assert (folder / "manifest.json").read_bytes() == before
    assert run(*disturbed(1), folder, CHARGED, resume=True).spent == 402
    assert_same_logs(logs(folder), logs(tmp_path / "whole"))


def test_a_student_that_learns_by_the_budget_has_the_run_s(tmp_path):
    family = envs.make("digits-stages")
    small = {"backbone": "cnn", "backbone_options": {"width": 8}, "score": "train"}
    teacher = teachers.make("constant", family.space, seed=0)
    for budget in (None, 2e8):
        student = students.make("classifier", family, seed=0, budget=budget, **small)
        with pytest.raises(
            ValueError, match=rf"expected a student with the plan's budget 1e\+08.*got {budget}"
        ):
            run(family, teacher, student, tmp_path, Plan(budget=1e8))
    assert not list(tmp_path.iterdir())
    student = students.make("classifier", family, seed=0, budget=1e8, **small)
    other = students.make("classifier", family, seed=0, budget=2e8, **small)
    with pytest.raises(ValueError, match=r"budget: expected 100000000\.0 as in the run to resume"):
        other.load_state_dict(student.state_dict())


class Content(UniformTeacher):
    """Has nothing to teach any more after so many outcomes."""

    told = 0

    @property
    def done(self):
        return f"{self.told} tasks are enough" if self.told >= 70 else None

    def _tell(self, outcomes):
        super()._tell(outcomes)
        self.told += len(outcomes)

    def _state(self):
        return {"told": self.told}

    def _load(self, state):
        self.told = state["told"]


def test_a_teacher_may_end_a_run_before_its_budget(tmp_path):
    def go(**how):
        family, _, student = make()
        return run(family, Content(family.space, seed=0), student, tmp_path, PLAN, **how)

    assert go().spent == 70
    status = Run.load(tmp_path).status()
    assert status["status"] == "finished"
    assert status["note"] == "Content ended the run before its budget: 70 tasks are enough"
    assert Run.load(tmp_path).tests()["spent"][-1] == 70
    assert go(resume=True).spent == 70


class Vectors(CompetenceStudent):
    """Reports a vector, and a number that is not for the log."""

    offers = {
        "episode": {
            **CompetenceStudent.offers["episode"],
            "embedding": Signal(shape=(3,)),
            "secret": Signal(logged=False),
            "dear": Signal(free=False),
        }
    }

    def bind(self, demand):
        self.carried = check_demand(demand, self.offers, "vectors")

    def train(self, assignment):
        found = super().train(assignment)
        n = len(found)
        more = {"embedding": np.ones((n, 3)), "secret": np.ones(n), "dear": np.ones(n)}
        return dataclasses.replace(
            found, signals={**found.signals, **{k: v for k, v in more.items() if k in self.carried}}
        )


def test_vectors_and_what_costs_more_are_there_where_the_plan_names_them(tmp_path):
    free = {"length", "success"}
    for k, (named, there) in enumerate(
        [((), free), (("embedding",), free | {"embedding"}), (("dear", "secret"), free | {"dear", "secret"})]
    ):
        family, teacher, _ = make()
        student = Vectors(family, seed=0)
        run(family, teacher, student, tmp_path / str(k), Plan(budget=50, signals=named))
        episodes = Run.load(tmp_path / str(k)).episodes()
        assert episodes.keys() & {"length", "success", "embedding", "secret", "dear"} == there
    family, teacher, student = make()
    with pytest.raises(ValueError, match="the plan names the signal 'value_l1', which"):
        run(family, teacher, student, tmp_path / "x", Plan(budget=20, signals=("value_l1",)))


def test_a_run_that_a_teacher_ends_looks_at_the_test_split(tmp_path):
    family = envs.make("digits-stages")
    teacher = teachers.make("constant", family, seed=0)
    type(teacher).done = property(lambda self: "enough" if self.state_dict()["ids"]["next"] > 1 else None)
    try:
        small = {"backbone": "cnn", "backbone_options": {"width": 4}, "budget": 1e8}
        student = students.make("classifier", family, seed=0, **small)
        ledger = run(family, teacher, student, tmp_path, Plan(budget=1e8))
    finally:
        del type(teacher).done
    assert ledger.spent < 1e8
    tests = Run.load(tmp_path).tests()
    assert tests["test"][0] == 0
    assert tests["test"][-1] == 1


class Compiling(CompetenceStudent):
    """Says what it does, and compiles for a while."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.log = []

    def compile(self):
        self.log.append("compile")
        time.sleep(0.05)

    def evaluate(self, tasks, *, seed):
        self.log.append("evaluate")
        return super().evaluate(tasks, seed=seed)


def test_a_student_compiles_before_the_clock_of_tests_and_training_starts(tmp_path):
    shown = []

    class Bar(Progress):
        def compiling(self, yes):
            shown.append(yes)

    family, teacher, _ = make()
    student = Compiling(family, seed=0, batch=7)
    ledger = run(family, teacher, student, tmp_path, PLAN, progress=Bar(PLAN.budget, "run"))
    assert student.log[:2] == ["compile", "evaluate"]
    assert student.log.count("compile") == 1
    assert shown == [True, False]
    assert ledger.seconds["compile"] >= 0.05
    found = Run.load(tmp_path).tests()
    assert (found["ledger_seconds/compile"] == ledger.seconds["compile"]).all()
    assert found["ledger_seconds/evaluate"][0] <= found["ledger_seconds/total"][0]


def test_a_student_that_compiles_nothing_spends_no_time_on_it(tmp_path):
    assert run(*make(), tmp_path, PLAN).seconds["compile"] == 0.0
