"""What teachers with an adversary refuse."""

import numpy as np
import pytest
from adversaries import FAST, LINE, Bits, simulated

from teacherstudent import teachers
from teacherstudent.contract.types import Outcomes
from teacherstudent.testing.sessions import difference


@pytest.mark.parametrize("name", ["minimax", "paired", "repaired"])
@pytest.mark.parametrize("bad", ["shape", "large", "score"])
def test_a_refused_tell_leaves_no_trace(name, bad):
    teacher = teachers.make(name, LINE, seed=0, adversary=FAST)
    asked = teacher.ask(6)
    good = simulated(teacher, asked)
    which = "max_return"
    before, wrong = teacher.state_dict(), {}
    if bad == "shape":
        wrong = {which: np.ones((6, 2))}
    elif bad == "large":
        wrong = {which: np.where(np.arange(6) == 5, -1e50, 0.0)}
    elif name == "repaired":  # the antagonist's half is the second to be read
        wrong = {"max_return": np.repeat([0.0, 1e308], 3), "mean_value": np.repeat([0.0, -1e308], 3)}
    if not wrong:
        return
    outcomes = Outcomes(
        ids=good.ids, tasks=good.tasks, score=good.score, cost=good.cost, signals={**good.signals, **wrong}
    )
    with pytest.raises(ValueError, match=f"'{which}'|level score|'max_return'") as refused:
        teacher.tell(outcomes)
    assert ("expected at most 1e+12 in size" in str(refused.value)) == (bad == "large")
    assert difference(before, teacher.state_dict()) is None
    teacher.tell(good)


@pytest.mark.parametrize("name", ["minimax", "paired", "repaired"])
def test_bad_input(name):
    with pytest.raises(TypeError, match=r"expected a space of type Box or with a method builder\(\)"):
        teachers.make(name, Bits(), seed=0)
    with pytest.raises(TypeError, match="colour"):
        teachers.make(name, LINE, seed=0, adversary={"colour": 1})
    teacher = teachers.make(name, LINE, seed=0)
    signal = "max_return"
    outcomes = simulated(teacher, teacher.ask(2))
    wide = dict(outcomes.signals) | {signal: np.zeros((2, 3))}
    said = rf"signal '{signal}': expected one number for each of 2 rows, got shape \(2, 3\)"
    with pytest.raises(ValueError, match=said):
        teacher.tell(
            Outcomes(ids=outcomes.ids, tasks=outcomes.tasks, score=[0, 0], cost=[1, 1], signals=wide)
        )
    teacher.tell(outcomes)
