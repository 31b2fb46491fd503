import numpy as np
import pytest

from teacherstudent.contract.types import Assignment
from teacherstudent.students.sb3.queue import TaskQueue


def tasks(first, n):
    ids = np.arange(first, first + n)
    return Assignment(ids=ids, tasks=ids[:, None] * 10.0)


def test_first_in_first_out_across_assignments():
    queue = TaskQueue(2, seed=0)
    queue.put(tasks(0, 3))
    queue.put(tasks(3, 2))
    assert queue.draw(4)[0].tolist() == [0, 1, 2, 3]
    ids, drawn = queue.draw(1)
    assert ids.tolist() == [4]
    assert drawn.tolist() == [[40.0]]
    assert queue.repeated == 0


def test_dry_queue_repeats_the_latest_assignment_under_id_minus_1():
    queue = TaskQueue(2, seed=0)
    queue.put(tasks(0, 3))
    queue.put(tasks(3, 2))
    ids, drawn = queue.draw(25)
    assert ids.tolist() == [0, 1, 2, 3, 4] + [-1] * 20
    assert set(drawn[5:, 0].tolist()) == {30.0, 40.0}
    assert queue.repeated == 20


def test_a_queue_that_ran_dry_goes_on_with_what_comes_next():
    queue = TaskQueue(2, seed=0)
    queue.put(tasks(0, 2))
    queue.draw(3)
    assert len(queue) == 0
    queue.put(tasks(2, 3))
    assert queue.ids.tolist() == [2, 3, 4]
    assert queue.draw(2)[0].tolist() == [2, 3]
    queue.put(tasks(5, 1))
    assert queue.ids.tolist() == [4, 5]
    assert [part.tolist() for part in queue.draw(2)] == [[4, 5], [[40.0], [50.0]]]


def test_drawing_copies_nothing():
    queue = TaskQueue(2, seed=0)
    assignment = tasks(0, 9)
    queue.put(assignment)
    ids, drawn = queue.draw(4)
    assert np.shares_memory(ids, assignment.ids)
    assert np.shares_memory(drawn, assignment.tasks)


def test_empty_queue_is_an_error():
    with pytest.raises(ValueError, match="expected an assignment before the first episode"):
        TaskQueue(2, seed=0).draw(1)


def test_wants_follows_use():
    queue = TaskQueue(4, seed=0)
    assert queue.wants() == 8  # one task to start every slot and one to follow
    queue.put(tasks(0, 8))
    queue.draw(4)
    assert queue.wants() == 0
    queue.observe(10)
    assert queue.wants() == 12 - 4
    queue.observe(0)
    assert queue.wants() == 6 - 4
    for _ in range(5):
        queue.observe(0)
    assert queue.wants() == 0


def test_state_round_trip_continues():
    queue, other = TaskQueue(2, seed=0), TaskQueue(2, seed=9)
    queue.put(tasks(0, 5))
    queue.draw(2)
    queue.observe(7)
    other.load_state_dict(queue.state_dict())
    assert other.wants() == queue.wants()
    for a, b in zip(queue.draw(9), other.draw(9), strict=True):
        np.testing.assert_array_equal(a, b)


def test_with_somebody_to_ask_nothing_is_asked_ahead():
    asked = []

    def more(n):
        asked.append(n)
        return tasks(100 + sum(asked[:-1]), n)

    queue = TaskQueue(4, seed=0)
    queue.more = more
    assert queue.wants() == 4  # a task to start every slot
    queue.put(tasks(0, 4))
    assert queue.draw(4)[0].tolist() == [0, 1, 2, 3]
    assert asked == []
    assert queue.draw(2)[0].tolist() == [100, 101]
    assert queue.draw(1)[0].tolist() == [102]
    assert asked == [2, 1]
    queue.observe(3)
    assert queue.wants() == 0
    assert queue.repeated == 0


def test_slots_that_repeat_a_task_are_missed_in_the_next_round():
    queue = TaskQueue(4, seed=0)
    queue.more = lambda n: tasks(0, 0)
    queue.put(tasks(0, 4))
    queue.draw(4)
    assert queue.draw(3)[0].tolist() == [-1, -1, -1]
    other = TaskQueue(4, seed=9)
    other.more = queue.more
    other.load_state_dict(queue.state_dict())
    assert other.wants() == queue.wants() == 3
    queue.draw(3)
    assert queue.wants() == 4, "never more than there are slots"
    queue.put(tasks(4, 2))
    assert queue.wants() == 0
