import numpy as np
import pytest

from teacherstudent.contract.purposes import Purpose
from teacherstudent.contract.types import Outcomes
from teacherstudent.teachers.replay.buffer.rows import EDIT, NEW, REPLAY, Rows
from teacherstudent.teachers.replay.counts import Counts


def counted():
    counts = Counts()
    sizes = {NEW: 5, REPLAY: 2, EDIT: 1}
    counts.hand_out([Rows(tasks=np.zeros((n, 2)), kind=k, purpose=Purpose.TRAIN) for k, n in sizes.items()])
    rows = {"ids": np.arange(4), "tasks": np.zeros((4, 2)), "score": np.zeros(4), "cost": np.ones(4)}
    counts.tell(Outcomes(**rows, signals={"episodes": [0, 3, 0, 0]}))
    counts.tell(Outcomes(**rows))  # says nothing of episodes
    return counts


def test_shares_by_hand():
    counts = counted()
    assert counts.asked == 8
    assert counts.metrics() == {
        "new_share": 5 / 8,
        "replay_share": 2 / 8,
        "edit_share": 1 / 8,
        "unfinished_share": 3 / 4,
    }
    other = Counts()
    assert set(other.metrics().values()) == {0.0}
    other.load(counts.state())
    assert other.metrics() == counts.metrics()


@pytest.mark.parametrize("damage", [{"asked": np.zeros(2, int)}, {"told": np.array([-1, 0])}, {"told": None}])
def test_a_damaged_state_is_refused(damage):
    with pytest.raises(ValueError, match="counts of rows"):
        Counts().load({**counted().state(), **damage})
