"""A student in a file of its own, as users have it: slow, loud or broken, as its options say."""

import os

import numpy as np

from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.recording.runs import Run
from teacherstudent.running.experiment import Experiment

CODE = '''
import os
import time
from teacherstudent.students.competence import CompetenceStudent

class Paced(CompetenceStudent):
    """Waits in every round, so that there is time to break something."""

    def __init__(self, family, *, seed, pause=0.0, how="", **options):
        super().__init__(family, seed=seed, batch=5, **options)
        self.pause = pause
        self.how = how
        print("a word of the run", os.environ.get("CUDA_VISIBLE_DEVICES"), os.environ["OMP_NUM_THREADS"])

    def train(self, assignment):
        time.sleep(self.pause)
        if self.how == "raise" and self.spent()["train"] > 20:
            raise ZeroDivisionError("in the middle")
        if self.how == "die" and self.spent()["train"] > 20:
            os._exit(7)
        return super().train(assignment)
'''


def write(folder, monkeypatch):
    """Write the student's file, and let this process and those it starts find it."""
    (folder / "paced_student.py").write_text(CODE)
    monkeypatch.syspath_prepend(folder)
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))


def experiment(seed=0, *, budget=100, **options):
    """Return a run of the student: tests and checkpoints every 20 of a budget of 100."""
    return Experiment(
        teacher="riac",
        family="toy-grid",
        student="paced_student:Paced",
        student_options=options,
        seed=seed,
        plan=Plan(budget=budget, test_every=20, may_never_act=True),
    )


def assert_same(first, second):
    """Check that two run folders hold the same results, bit for bit, but for the seconds."""
    one, two = Run.load(first), Run.load(second)
    for read in (Run.episodes, Run.tests):
        left, right = read(one), read(two)
        assert left.keys() == right.keys()
        assert len(left["score"]) > 0
        for name in left:
            if name != "time" and not name.startswith("ledger_seconds") and "seconds" not in name:
                np.testing.assert_array_equal(left[name], right[name], err_msg=name)
    metrics = [[(row["spent"], row["metrics"]) for row in run.records()] for run in (one, two)]
    assert metrics[0] == metrics[1]
