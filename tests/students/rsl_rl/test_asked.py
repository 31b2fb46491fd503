import numpy as np
import torch

from teacherstudent.contract.types import Assignment
from teacherstudent.students.rsl_rl.asked import AskedTasks
from teacherstudent.students.rsl_rl.queue import TensorQueue

CPU = torch.device("cpu")


def rows(first, n):
    ids = np.arange(first, first + n)
    return Assignment(ids=ids, tasks=ids[:, None] * 10.0)


class Source:
    """Hands out rows, at most so many at a time, and remembers how many were asked for."""

    def __init__(self, most=100):
        self.most = most
        self.asked = []
        self.next = 100

    def __call__(self, n):
        self.asked.append(n)
        given = rows(self.next, min(n, self.most))
        self.next += len(given)
        return given


def queue_of(source, slots=4):
    queue = TensorQueue(slots, seed=0, device=CPU)
    queue.more = source
    return queue


def test_slots_get_their_tasks_in_the_step_in_which_they_are_free():
    source = Source()
    queue = queue_of(source)
    assert queue.wants() == 4
    queue.put(rows(0, 4))
    table = queue.open(np.full(4, -1), None, 0)
    assert isinstance(table, AskedTasks)
    started, seeds = table.draw(torch.ones(4, dtype=torch.bool))
    assert started[:, 0].tolist() == [0.0, 10.0, 20.0, 30.0]
    assert source.asked == []
    same, _ = table.draw(torch.zeros(4, dtype=torch.bool))
    assert same.tolist() == started.tolist()
    later, new_seeds = table.draw(torch.tensor([False, True, False, True]))
    assert source.asked == [2]
    assert later[:, 0].tolist() == [0.0, 1000.0, 20.0, 1010.0]
    assert (new_seeds == seeds).tolist() == [True, False, True, False]
    assert table.ids[table.rows.numpy()].tolist() == [0, 100, 2, 101]
    assert table.tasks[table.rows.numpy(), 0].tolist() == [0.0, 1000.0, 20.0, 1010.0]
    assert started[:, 0].tolist() == [0.0, 10.0, 20.0, 30.0], "what environments hold is left alone"
    assert queue.wants() == 0
    assert queue.repeated == 0


def test_a_slot_that_gets_nothing_plays_a_task_again_and_is_missed():
    queue = queue_of(Source(most=0))
    queue.put(rows(0, 4))
    table = queue.open(np.full(4, -1), None, 0)
    table.draw(torch.ones(4, dtype=torch.bool))
    table.draw(torch.tensor([True, False, False, False]))
    assert table.ids[table.rows.numpy()].tolist() == [-1, 1, 2, 3]
    assert queue.repeated == 1
    assert queue.wants() == 1
    state = queue.state_dict()
    other = queue_of(Source())
    other.load_state_dict(state)
    assert other.wants() == 1
    queue.put(rows(7, 1))
    assert queue.wants() == 0
