"""Tasks of a teacher and of a list."""

import numpy as np
import pytest
from adapted import HEIGHT, Listener

from teacherstudent import TeacherServer
from teacherstudent.adapters.playing.sources import FromList, FromTeacher


class Pacing(Listener):
    def _ask(self, ids, progress):
        self.pace = progress
        return super()._ask(ids, progress)


def test_a_teacher_is_told_how_far_the_budget_is_spent():
    teacher = Pacing(HEIGHT)
    source = FromTeacher(teacher, mastered=None, budget=200, where="test")
    for steps, pace in ((0, 0.0), (50, 0.25), (500, 1.0)):
        source.steps = steps
        ids, tasks = source.take(np.array([4, 7]))
        assert (teacher.pace, len(ids), tasks.shape) == (pace, 2, (2, 1))
    source.drop(ids)
    assert len(teacher.outstanding) == 4
    assert not source.rewind()
    assert not source.elsewhere
    with TeacherServer(teacher) as served:
        assert FromTeacher(served.client(), mastered=None, budget=None, where="test").elsewhere
    with pytest.raises(TypeError, match="test: teacher: expected a Teacher"):
        FromTeacher(3, mastered=None, budget=None, where="test")


def test_a_list_is_dealt_in_blocks_and_begun_again():
    source = FromList([[0.1], [0.2], [0.3]], 2)
    first = source.take(np.array([0, 1]))[1]
    assert source.take(np.array([1]))[1].tolist() == [[0.3]]
    assert source.rewind()
    np.testing.assert_array_equal(source.take(np.array([0, 1]))[1], first)
    source.tell(None)
    source.drop(None)
