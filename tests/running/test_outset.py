"""What teachers wait for before they act, and what is said where the first rounds bring too few rows."""

import numpy as np
import pytest
from binding import all_of, bind_pair, pair

from teacherstudent import envs, students, teachers
from teacherstudent.contract.spaces import Discrete, Parameters
from teacherstudent.contract.types import Outcomes
from teacherstudent.running.outset import Outset

SPACE = Parameters(a=(0, 1), b=(0, 1))
PPO = {"n_envs": 4, "options": {"n_steps": 64, "batch_size": 64, "n_epochs": 1}}
BUFFER = {"capacity": 100}


class Costs:
    """A student of which only the cost of a row matters."""

    def __init__(self, row_cost=None):
        self.row_cost = row_cost


@pytest.mark.parametrize(
    ("name", "space", "options", "rows"),
    [
        ("plr", SPACE, {}, 2000),
        ("plr", SPACE, {"buffer": BUFFER, "min_fill": 0.07}, 7),
        ("plr", SPACE, {"buffer": BUFFER, "min_fill": 0.0}, 1),
        ("plr", SPACE, {"replay": 0.0}, None),
        ("plr", Discrete(10), {}, 5),
        ("robust-plr", SPACE, {"buffer": BUFFER}, 50),
        ("accel", SPACE, {"buffer": BUFFER}, 50),
        ("parallel-plr", SPACE, {"buffer": BUFFER}, 50),
        ("parallel-accel", SPACE, {"buffer": BUFFER}, 50),
        ("repaired", SPACE, {"buffer": BUFFER}, 100),  # half of the rows are the protagonist's
        ("sfl", SPACE, {"candidates": 30, "keep": 5, "attempts": 3}, 90),
        ("sfl", Discrete(7), {"candidates": 30, "keep": 5, "attempts": 3}, 21),
        ("domain-randomization", SPACE, {}, None),
        ("minimax", SPACE, {}, None),
        ("paired", SPACE, {}, None),
        ("random", SPACE, {}, None),
        ("alp-gmm", SPACE, {"fit_rate": 70}, 70),
        ("covar-gmm", SPACE, {"fit_rate": 70}, 70),
        ("riac", SPACE, {"region_size": 60}, 60),
        ("mastery", Discrete(3), {"mastered": 1.0, "lookback": 5, "patience": 2}, 10),
        ("mastery", Discrete(1), {"mastered": 1.0}, None),
        ("exp3s", Discrete(12), {}, 12),
        ("tscl-online", Discrete(12), {}, 12),
    ],
)
def test_what_teachers_wait_for(name, space, options, rows):
    teacher = teachers.make(name, space, seed=0, **options)
    wait = teacher.first_action()
    assert (None if wait is None else wait.rows) == rows


def played(assignment):
    n = len(assignment)
    signals = {"episodes": np.ones(n), "value_l1": np.ones(n)}
    return Outcomes(
        ids=assignment.ids, tasks=assignment.tasks, score=np.ones(n), cost=np.ones(n), signals=signals
    )


@pytest.mark.parametrize("name", ["plr", "robust-plr", "accel", "parallel-plr", "parallel-accel"])
def test_a_level_teacher_does_not_replay_before_what_it_waits_for(name):
    teacher = teachers.make(name, SPACE, seed=0, score="value_l1", buffer=BUFFER)
    told = 0
    while True:
        assignment = teacher.ask(5)
        if 1 in assignment.notes["kind"]:
            break
        teacher.tell(played(assignment))
        told += 5
    assert 50 <= told < 80


def test_rows_are_counted_where_their_cost_is_not_known():
    teacher, said = teachers.make("alp-gmm", SPACE, seed=0, fit_rate=300), []

    def count(rows, rounds=20):
        said.clear()
        outset = Outset(teacher, Costs(), 1000.0, said.append)
        for _ in range(rounds):
            outset.round(rows, 10.0)
        return list(said)

    assert count(rows=1, rounds=1) == []  # a hundredth of the budget says nothing yet
    (text,) = count(rows=1)  # once; 2 rows for 20 are 100 in all, 292 at most
    assert text.startswith("ALPGMM: fitting begins after 300 outcomes at least, and the budget of 1000 holds")
    assert "holds about 100, by the first 2 of them: at this rate it never will" in text
    assert len(count(rows=0)) == 1
    assert count(rows=3) == []


@pytest.mark.parametrize("name", ["sb3", "rsl-rl"])
@pytest.mark.parametrize("teacher", ["plr", "repaired"])
def test_students_know_what_a_row_costs_where_they_are_bound(name, teacher):
    family = envs.make("cartpole-parameters")
    options = PPO if name == "sb3" else {"n_envs": 4, "n_steps": 64}
    student = students.make(name, family, seed=0, **options)
    assert student.row_cost is None
    student.bind(all_of(student))
    asked = teachers.make("domain-randomization", family.space, seed=0).ask(student.wants())
    outcomes = student.train(asked)
    assert student.row_cost == 64
    assert (outcomes.cost == 64).all()
    student.close()
    if teacher == "repaired":
        two = bind_pair(pair(name, family, **options))
        outcomes = two.train(teachers.make("paired", family.space, seed=0).ask(two.wants()))
        assert two.row_cost == 64
        assert (outcomes.cost == 64).all()
        two.close()
