import numpy as np
import pytest
from swings import TESTS, swings, write

from teacherstudent import Experiment, Plan, Recorder, teachers
from teacherstudent.contract.stored.trust import UntrustedNameError
from teacherstudent.recording.runs import Run
from teacherstudent.running.policies.saved import opened

FIRST = np.ones(4, np.bool_)
OBS = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)


def test_the_policy_is_the_one_that_the_run_ended_with(tmp_path):
    write(tmp_path / "run")
    with opened(tmp_path / "run", trust=True) as saved:
        assert saved.spent == 64
        last = saved.student.evaluate(TESTS, seed=0)
        greedy = saved.policy(greedy=True, seed=0)
        assert np.array_equal(greedy(OBS, FIRST), saved.policy(greedy=True, seed=1)(OBS, FIRST))
        drawn = [saved.policy(greedy=False, seed=seed)(OBS, FIRST) for seed in (0, 0, 1)]
    tests = Run.load(tmp_path / "run").tests()
    assert np.array_equal(tests["score"][-4:], last.score)
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


def test_modules_that_a_run_names_are_imported_only_where_it_is_trusted(tmp_path):
    write(tmp_path / "run")
    with pytest.raises(UntrustedNameError), opened(tmp_path / "run"):
        pass


def test_what_has_no_policy_is_refused(tmp_path):
    write(tmp_path / "unsaved", plan={"checkpoint_every": 0})
    with (
        pytest.raises(ValueError, match="expected a run with a checkpoint"),
        opened(tmp_path / "unsaved", trust=True),
    ):
        pass
    plan = Plan(budget=20, may_never_act=True)
    Experiment(teacher="random", family="toy-grid", student="competence", plan=plan).run(tmp_path / "grid")
    with pytest.raises(ValueError, match="'toy-grid', whose tasks are none"), opened(tmp_path / "grid"):
        pass
    family = swings()
    teacher = teachers.make("random", family, seed=0)
    Recorder.for_loop(tmp_path / "own", teacher, family=family, student="mine", seed=0, budget=1).close()
    with pytest.raises(ValueError, match="a loop of its user's own"), opened(tmp_path / "own"):
        pass
    with pytest.raises(FileNotFoundError), opened(tmp_path / "nothing"):
        pass
