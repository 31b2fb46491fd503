"""PLR: rows that come late, that nobody asked for, or whose level has gone."""

import numpy as np
from level_teachers import make, played

from teacherstudent.contract.types import Outcomes


def test_late_outcomes_and_rows_nobody_asked_for():
    teacher = make("plr", replay=0.0)
    first, second = teacher.ask(4), teacher.ask(4)
    teacher.tell(played(second, value_l1=1.0))
    teacher.drop(first.ids[:1])
    late = played(first.select(np.array([3, 1])), value_l1=2.0)
    teacher.tell(late)
    # first seen before the four of the second ask: number 4 of 8, and number 2 of 8
    assert teacher.buffer.staleness.tolist() == [3, 2, 1, 0, 4, 6]
    free = played(teacher.ask(2), value_l1=3.0)
    rows = Outcomes(ids=[-1, -1], tasks=free.tasks, score=free.score, cost=free.cost, signals=free.signals)
    teacher.tell(rows)
    assert len(teacher.buffer) == 8


def test_an_evicted_level_that_was_replayed_is_ignored():
    teacher = make("plr", replay=1.0, buffer={"capacity": 1})
    teacher.tell(played(teacher.ask(1), value_l1=1.0))
    asked = teacher.ask(1)
    teacher.buffer.insert([[700]], [5.0])
    teacher.tell(played(asked, value_l1=9.0))
    assert (teacher.buffer.levels.tolist(), teacher.buffer.scores.tolist()) == ([[700]], [5.0])
