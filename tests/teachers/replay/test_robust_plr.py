"""Robust PLR: it replays what scores highest, finds the frontier, and says so where it never trains."""

import numpy as np
import pytest
from level_teachers import SMALL, SOLVABLE, Difficulty, RolloutStudent, cycle, make, toy

from teacherstudent import envs, teachers
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.recording.runs import Run
from teacherstudent.running.loop import run


def test_replay_prefers_the_highest_score():
    teacher = make("robust-plr", replay=1.0, buffer=SMALL | {"temperature": 0.1, "staleness": 0.0})
    cycle(teacher, 16)
    best = teacher.buffer.levels.max()
    assignment, _ = cycle(teacher, 16)
    assert (assignment.tasks == best).mean() > 0.9


def test_a_score_that_is_the_regret_finds_the_hardest_levels_that_can_be_solved():
    options = {"capacity": 64, "temperature": 0.3, "staleness": 0.1}
    teacher = make("robust-plr", Difficulty(), score="value_l1", buffer=options)
    levels = toy(teacher, 200, np.random.default_rng(0))
    assert (levels < SOLVABLE).mean() > 0.97  # of those generated it is half
    assert np.median(levels) > 0.95 * SOLVABLE


@pytest.mark.parametrize("episodes", [0.0, 2.0])
def test_a_run_without_an_update_says_so(tmp_path, caplog, episodes):
    family = envs.make("cartpole-parameters")
    buffer = {"capacity": 30, "semantics": "jaxued"}
    teacher = teachers.make("robust-plr", family.space, seed=0, score="value_l1", buffer=buffer)
    ledger = run(family, teacher, RolloutStudent(episodes), tmp_path, Plan(budget=1800.0, test_every=1800.0))
    note = Run.load(tmp_path).status()["note"]
    if episodes:
        assert ledger.updates > 0
        assert ledger.episodes == 2 * 180, "two in each row, a row is 10 steps"
        assert note is None
        assert not caplog.records
    else:
        assert ledger.updates == ledger.episodes == 0
        assert teacher.metrics()["unfinished_share"] == 1
        assert note.startswith("the student made no update")
        assert [note.count(record.message.split(": ", 1)[1]) for record in caplog.records] == [1, 1, 1]
