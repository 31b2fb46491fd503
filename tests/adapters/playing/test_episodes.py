"""The book of what slots play, by hand."""

import numpy as np
import pytest
from adapted import HEIGHT, Listener

from teacherstudent.adapters.playing.episodes import Episodes
from teacherstudent.adapters.playing.sources import FromTeacher
from teacherstudent.students.rollouts.play import EpisodeError


@pytest.fixture
def teacher():
    return Listener(HEIGHT)


@pytest.fixture
def episodes(teacher):
    return Episodes(FromTeacher(teacher, mastered=None, budget=None, where="test"), 3)


ALL = np.ones(3, np.bool_)
SECOND = np.array([False, True, False])


def test_what_an_episode_brought_is_told_of_the_task_that_was_played(teacher, episodes):
    episodes.prepare(ALL)
    episodes.begin(ALL)
    played = episodes.tasks
    episodes.add(np.array([1.0, 2.0, 3.0]))
    episodes.add(np.array([1.0, 2.0, 3.0]))
    episodes.finish(np.array([1]), np.array([True]))
    told = teacher.told[0]
    assert (told.ids.tolist(), told.score.tolist(), told.cost.tolist()) == ([1], [4.0], [2.0])
    assert {name: column.tolist() for name, column in told.signals.items()} == {
        "length": [2],
        "success": [True],
    }
    np.testing.assert_array_equal(told.tasks, played[[1]])
    # closed: what the slot shows now counts for nothing
    episodes.add(np.array([1.0, np.nan, 3.0]))
    episodes.prepare(SECOND)
    episodes.begin(SECOND)
    assert episodes.ids.tolist() == [0, 3, 2]
    assert played is not episodes.tasks
    episodes.add(np.array([0.0, 5.0, 0.0]))
    assert episodes.returns(np.arange(3)).tolist() == [3.0, 5.0, 9.0]
    assert episodes.lengths(np.arange(3)).tolist() == [4, 1, 4]
    with pytest.raises(EpisodeError, match="finite reward"):
        episodes.add(np.array([0.0, np.inf, 0.0]))


def test_what_is_given_up_is_dropped_once(teacher, episodes):
    episodes.prepare(ALL)
    episodes.begin(ALL)
    episodes.give_up(SECOND)
    episodes.give_up(SECOND)
    assert teacher.outstanding.tolist() == [0, 2]
    episodes.forget()
    episodes.give_up(ALL)
    assert teacher.outstanding.tolist() == [0, 2]


def test_a_next_task_waits_until_it_is_begun(teacher, episodes):
    episodes.prepare(ALL)
    episodes.prepare(ALL)
    assert teacher.outstanding.tolist() == [0, 1, 2]
    episodes.give_up(ALL)
    assert teacher.outstanding.tolist() == [0, 1, 2]  # nothing was under way
    episodes.begin(ALL)
    assert episodes.ids.tolist() == [0, 1, 2]


def test_an_error_of_the_teacher_tells_nothing_twice(teacher, episodes):
    episodes.prepare(ALL)
    episodes.begin(ALL)
    teacher._tell = lambda outcomes: 1 / 0
    with pytest.raises(ZeroDivisionError):
        episodes.finish(np.array([0, 1]), None)
    assert episodes.open.tolist() == [False, False, True]
