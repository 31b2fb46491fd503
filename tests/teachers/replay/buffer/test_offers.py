"""Told rows on their way into a buffer: which count, what is kept of them, what is refused."""

import numpy as np
import pytest
from level_teachers import SMALL, cycle, make, played, tell_levels

from teacherstudent.teachers.replay.buffer import levels as level_buffer
from teacherstudent.teachers.replay.buffer.offers import scored
from teacherstudent.teachers.replay.buffer.scores import score_of
from teacherstudent.teachers.replay.buffer.tables import ranked
from teacherstudent.testing.sessions import difference


def test_the_highest_return_is_kept_under_every_score():
    teacher = make("plr", score="value_l1")
    signals = {"episodes": np.ones(2), "value_l1": [1.0, 2.0]}
    tell_levels(teacher, [5, 6], **signals, max_return=[3.0, -7.0])
    assert teacher.buffer.returns.tolist() == [3.0, -7.0]
    tell_levels(teacher, [5, 6], **signals)  # of a student that does not report it: the mean return, here 0
    assert teacher.buffer.returns.tolist() == [3.0, 0.0]


@pytest.mark.parametrize(("semantics", "expected"), [("dcd", 0.7), ("jaxued", 0.5)])
@pytest.mark.parametrize("order", [[0, 1, 2], [1, 0, 2]])
def test_max_mc_of_a_level_that_is_played_twice_at_once(semantics, expected, order):
    """All rows are scored by 0.9; in jaxued by 0.7, which was kept, or their own, and the last one counts."""
    teacher = make("plr", score="max_mc", replay=1.0, min_fill=0.0, buffer=SMALL | {"semantics": semantics})
    tell_levels(teacher, [5], episodes=[1.0], max_return=[0.7], mean_value=[0.0])
    replayed = teacher.ask(3)
    assert replayed.tasks.ravel().tolist() == [5, 5, 5]
    signals = {"max_return": np.array([0.9, 0.0, -1.0])[order], "mean_value": 0.2}
    teacher.tell(played(replayed, **signals))
    assert teacher.buffer.scores[0] == pytest.approx(expected)
    assert teacher.buffer.returns.tolist() == [0.9]


def test_rows_without_a_complete_episode():
    rows = {"episodes": [0.0, 1.0, 0.0], "value_l1": [3.0, 0.0, 0.0]}
    dcd, jaxued = make("plr"), make("plr", buffer=SMALL | {"semantics": "jaxued"})
    tell_levels(dcd, [1, 2, 3], **rows)
    assert dcd.buffer.levels.ravel().tolist() == [1, 2]
    assert dcd.buffer.returns.tolist() == [-np.inf, 0.0]
    tell_levels(jaxued, [1, 2, 3], **rows)
    assert jaxued.buffer.levels.ravel().tolist() == [2]
    grounded = make("plr", score="max_mc")
    tell_levels(grounded, [1, 2], episodes=[0.0, 1], max_return=[9.0, 1.0], mean_value=[0.0, 0.0])
    assert grounded.buffer.levels.ravel().tolist() == [2]


def test_scores_that_are_not_finite_are_refused_whole():
    teacher = make("plr", score="max_mc", replay=1.0, min_fill=0.0)
    tell_levels(teacher, [5], episodes=[1.0], max_return=[0.0], mean_value=[0.0])
    asked, before = teacher.ask(2), teacher.state_dict()
    huge = played(asked, max_return=[1.0, 1e308], mean_value=[0.5, -1e308])
    with pytest.raises(ValueError, match=r"row 1.*expected a .*max_return"):
        teacher.tell(huge)
    assert difference(before, teacher.state_dict()) is None
    with pytest.raises(ValueError, match=r"level score: row 1: expected a finite .*'max_return'.*, got inf"):
        scored(teacher.buffer, score_of("max_mc"), huge)
    with pytest.raises(ValueError, match=r"signal 'success': row 0: expected a share in \[0, 1\], got 60.0"):
        tell_levels(make("plr", score="learnability"), [1], episodes=[5.0], success=[60.0])
    sfl = make("sfl", candidates=20, keep=5)
    with pytest.raises(ValueError, match=r"signal 'success': row 1: expected a share"):
        sfl.tell(played(sfl.ask(2), success=[0.5, -0.1]))


def test_rows_of_new_levels_alone_leave_the_ranks_as_they_are(monkeypatch):
    teacher = make("plr", replay=0.0)
    while teacher.buffer.fill < 1:
        cycle(teacher)
    counted = []

    def counting(*arguments):
        counted.append(arguments)
        return ranked(*arguments)

    monkeypatch.setattr(level_buffer, "ranked", counting)
    for _ in range(5):  # into a full buffer: each level competes with those that are there
        cycle(teacher)
    assert len(counted) <= 1
