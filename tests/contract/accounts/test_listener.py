import copy

import numpy as np
import pytest

from teacherstudent import Outcomes, Parameters, teachers


class Heard:
    """A listener that keeps what it hears."""

    def __init__(self):
        self.calls = []

    def asked(self, assignment):
        self.calls.append(("asked", assignment.ids.tolist()))

    def told(self, outcomes):
        self.calls.append(("told", outcomes.ids.tolist()))

    def dropped(self, ids):
        self.calls.append(("dropped", list(ids)))


@pytest.fixture(name="teacher")
def _teacher():
    teacher = teachers.make("random", Parameters(steepness=(0, 1)), seed=0)
    teacher.listener = Heard()
    return teacher


def test_every_row_is_heard_of(teacher):
    rows = teacher.ask(3)
    teacher.tell(Outcomes.of(rows.select([2, 0]), score=[1.0, 0.0], cost=[1.0, 1.0]))
    teacher.drop(rows.ids[1:2])
    assert teacher.listener.calls == [("asked", [0, 1, 2]), ("told", [2, 0]), ("dropped", [1])]


def test_a_refused_batch_and_an_empty_one_are_not_heard_of(teacher):
    rows = teacher.ask(1)
    teacher.listener.calls.clear()
    with pytest.raises(ValueError, match="score"):
        teacher.tell(Outcomes.of(rows, score=[np.nan], cost=[1.0]))
    teacher.tell(Outcomes.of(rows.select(slice(0)), score=[], cost=[]))
    assert teacher.listener.calls == []


def test_a_copy_has_no_listener(teacher):
    twin = copy.deepcopy(teacher)
    assert twin.listener is None
    twin.ask(1)
    assert teacher.listener.calls == []
