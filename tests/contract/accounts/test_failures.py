import numpy as np
import pytest

from teacherstudent.contract.accounts.failures import (
    LISTED,
    FailedTask,
    Failures,
    TooManyFailedTasksError,
    asked_for,
)


def add(failures, *ids, blamed=True):
    tasks = np.array([[float(i)] for i in ids])
    failures.add(np.array(ids), tasks, [f"slot {i}" for i in ids], blamed)


def test_a_new_one_allows_no_failure():
    failures = Failures()
    assert not failures.allowed
    with pytest.raises(TooManyFailedTasksError, match=r"expected at most 0 tasks .*, got 1; .*\nslot 3$"):
        add(failures, 3)


def test_tasks_that_only_stood_beside_do_not_count():
    failures = Failures()
    failures.limit = 2
    add(failures, 0, 1, 2, blamed=np.array([False, True, False]))
    assert (failures.count, failures.left) == (1, 1)
    add(failures, 3)
    add(failures, 4, blamed=False)
    assert (failures.count, failures.left) == (2, 0)
    found = failures.take()
    assert [one.id for one in found if one.blamed] == [1, 3]
    assert failures.take() == []
    assert failures.count == 2


def test_the_error_names_the_last_ones_that_are_to_blame():
    failures = Failures()
    failures.limit = 20
    add(failures, *range(20))
    add(failures, 50, blamed=False)
    with pytest.raises(TooManyFailedTasksError, match=r"at most 20 tasks .*, got 21") as caught:
        add(failures, 20)
    assert str(caught.value).splitlines()[1:] == [f"slot {i}" for i in range(21 - LISTED, 21)]


def test_tasks_are_copied():
    failures = Failures()
    failures.limit = 1
    tasks = np.array([[1.0, 2.0]])
    failures.add(np.array([0]), tasks, ["x"])
    tasks[:] = 9
    assert failures.take()[0].task.tolist() == [1.0, 2.0]


def test_joined_ones_count_together():
    one, other = Failures(), Failures()
    one.limit, other.limit = 1, 5
    one.join(other)
    add(one, 0, 1)
    add(other, 2)
    assert (one.limit, one.count, other.count, one.left) == (5, 3, 3, 2)
    assert [failed.id for failed in one.take()] == [0, 1, 2]
    assert other.take() == []


def test_a_teacher_waits_for_what_it_asked_for():
    failed = [FailedTask(id=i, task=np.zeros(1), error="", blamed=True) for i in (4, -1, 2)]
    assert asked_for(failed).tolist() == [4, 2]
    assert (asked_for([]).tolist(), asked_for([]).dtype) == ([], np.int64)
