import numpy as np
import pytest
import torch

from teacherstudent.contract.types import Assignment
from teacherstudent.students.rsl_rl.queue import TensorQueue
from teacherstudent.students.sb3.queue import TaskQueue

CPU = torch.device("cpu")


def make(slots, seed=0):
    return TensorQueue(slots, seed=seed, device=CPU)


def tasks(first, n):
    ids = np.arange(first, first + n)
    return Assignment(ids=ids, tasks=ids[:, None] * 10.0)


def begin(queue, slots, starts=50):
    return queue.open(np.full(slots, -1), None, starts)


def test_finished_slots_take_the_next_tasks_in_order_of_slots():
    queue = make(4)
    queue.put(tasks(0, 5))
    queue.put(tasks(5, 4))
    played = begin(queue, 4)
    played.draw(torch.tensor([True, True, True, True]))
    assert played.ids[played.rows].tolist() == [0, 1, 2, 3]
    drawn, _ = played.draw(torch.tensor([False, True, False, True]))
    assert played.ids[played.rows].tolist() == [0, 4, 2, 5]
    assert drawn[:, 0].tolist() == [0.0, 40.0, 20.0, 50.0]
    played.draw(torch.zeros(4, dtype=torch.bool))
    assert played.ids[played.rows].tolist() == [0, 4, 2, 5]
    queue.close(played)
    assert queue.ids.tolist() == [6, 7, 8]
    assert queue.repeated == 0


def test_the_slots_of_the_last_round_play_on():
    queue = make(2)
    queue.put(tasks(0, 4))
    first = begin(queue, 2)
    first.draw(torch.tensor([True, True]))
    queue.close(first)
    rows = first.rows.numpy()
    second = queue.open(first.ids[rows], first.tasks[rows], 9)
    assert second.ids[second.rows].tolist() == [0, 1]
    drawn, _ = second.draw(torch.tensor([False, True]))
    assert second.ids[second.rows].tolist() == [0, 2]
    assert drawn[:, 0].tolist() == [0.0, 20.0]


def test_dry_queue_plays_the_latest_assignment_again_under_id_minus_1():
    queue = make(3)
    queue.put(tasks(0, 2))
    queue.put(tasks(2, 2))
    played = begin(queue, 3)
    ids, values = [], []
    for _ in range(4):
        drawn, _ = played.draw(torch.tensor([True, True, True]))
        ids += played.ids[played.rows].tolist()
        values += drawn[:, 0].tolist()
    queue.close(played)
    assert ids == [0, 1, 2, 3] + [-1] * 8
    assert sorted(values[4:]) == [20.0] * 4 + [30.0] * 4  # each as often
    assert queue.repeated == 8
    assert len(queue) == 0


def test_as_many_tasks_wanted_as_by_the_queue_of_the_host():
    mine, other = make(4), TaskQueue(4, seed=0)
    for used, n in ((10, 8), (0, 3), (30, 0), (2, 40)):
        for queue in (mine, other):
            queue.put(tasks(0, n))
            queue.observe(used)
        assert mine.wants() == other.wants()
    assert make(4).wants() == 8


def test_empty_queue_is_an_error():
    with pytest.raises(ValueError, match="expected an assignment before the first episode"):
        begin(make(2), 2)


def test_seeds_differ_between_episodes_and_rounds_and_do_not_depend_on_rounds():
    queue = make(2)
    queue.put(tasks(0, 20))
    found = []
    for _ in range(3):
        played = begin(queue, 2)
        for _ in range(2):
            found += played.draw(torch.tensor([True, True]))[1].tolist()
        queue.close(played)
    whole = make(2)
    whole.put(tasks(0, 20))
    played = begin(whole, 2)
    assert found == [s for _ in range(6) for s in played.draw(torch.tensor([True, True]))[1].tolist()]
    assert len(set(found)) == 12
    assert make(2, seed=1).key != queue.key


def test_state_round_trip_continues():
    queue, other = make(2), make(2, seed=9)
    queue.put(tasks(0, 5))
    played = begin(queue, 2)
    played.draw(torch.tensor([True, True]))
    queue.close(played)
    queue.observe(7)
    other.load_state_dict(queue.state_dict())
    assert other.wants() == queue.wants()
    for _ in range(2):
        one, two = begin(queue, 2), begin(other, 2)
        for _ in range(5):
            for a, b in zip(
                one.draw(torch.tensor([True, True])), two.draw(torch.tensor([True, True])), strict=True
            ):
                assert torch.equal(a, b)
        queue.close(one)
        other.close(two)
    assert queue.repeated == other.repeated == 17
