"""What samplers hear and measure: late losses, wrong ones, super-batches, and states."""

import numpy as np
import pytest
import torch
from taught_data import N, data, flat, listening, loader, one_pass, sampler

from teacherstudent import teachers
from teacherstudent.adapters.supervised.samplers import TeacherBatchSampler
from teacherstudent.contract.spaces import Discrete
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Assignment


def batches(made, n):
    walk = iter(made)
    return [next(walk) for _ in range(n)]


def test_losses_may_come_late_mixed_and_in_parts():
    teacher = listening()
    made = sampler("batch", teacher)
    first, second, third = batches(made, 3)
    made.tell(np.arange(5.0), third)
    mixed = [*second, *first][::-1]
    made.tell(torch.arange(4.0), torch.tensor(mixed[:4]))
    made.tell([7.0] * 6, mixed[4:])
    assert sorted(row[0] for row in teacher.told) == list(range(15))
    assert {task: score for _, task, score in teacher.told}[third[4]] == -4
    assert teacher.outstanding.size == 0


def test_an_example_that_comes_twice_is_told_of_twice():
    teacher = teachers.make("random", Discrete(2), seed=0)
    made = sampler("batch", teacher, n=2, batch_size=4)
    # A pass over two examples has two rows.
    (rows,) = batches(made, 1)
    assert len(rows) == 2
    made.tell([0.0] * 2, rows)
    assert teacher.outstanding.size == 0


def test_signals_reach_the_teacher():
    teacher = listening()
    teacher.reads = frozenset({"correct"})
    seen = []
    teacher._tell = lambda outcomes: seen.append(outcomes.signals)
    made = sampler("batch", teacher)
    (rows,) = batches(made, 1)
    made.tell(torch.arange(5.0), rows, correct=torch.tensor([True, False, True, True, False]))
    assert seen[0]["correct"].tolist() == [1, 0, 1, 1, 0]
    assert seen[0]["loss"].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("losses", "indices", "message"),
    [
        (torch.tensor(1.0), [0, 1, 2, 3, 4], "losses: expected one number for each of 5 examples"),
        ([1.0] * 5, [0, 1, 2, 3, 5], "tell: indices: .*got 5"),
        ([1.0] * 5, [0, 1, 2, 3, 3], "tell: indices: .*got 3"),
        ([np.nan] * 5, [0, 1, 2, 3, 4], "expected finite numbers, got nan"),
        ([1.0] * 5, [0.0, 1, 2, 3, 4], "expected whole numbers"),
        ([1.0], 0, "expected whole numbers of shape"),
        ([-1.0] * 5, [0, 1, 2, 3, 4], "losses of at least 0"),
    ],
)
def test_a_wrong_tell_changes_nothing(losses, indices, message):
    teacher = teachers.make("loss-proportional", Discrete(5), seed=0)
    made = sampler("batch", teacher, n=5)
    batches(made, 1)
    with pytest.raises(ValueError, match=message):
        made.tell(losses, indices)
    assert len(teacher.outstanding) == 5
    made.tell([1.0] * 5, [4, 3, 2, 1, 0])


def test_too_late_is_said():
    teacher = listening()
    made = sampler("batch", teacher, late=7)
    first, second = batches(made, 2)
    assert len(teacher.outstanding) == 7
    with pytest.raises(ValueError, match="a row is given up after 7 others"):
        made.tell([0.0] * 5, first)
    made.tell([0.0] * 7, [*first[3:], *second])
    assert teacher.outstanding.size == 0


def jest(**options):
    reference = np.zeros(N)
    return teachers.make(
        "jest", Discrete(N), seed=0, **{"select": "top", "filter": 0.5, "reference": reference} | options
    )


@pytest.mark.parametrize("kind", ["batch", "rows"])
def test_a_super_batch_is_measured_and_its_hardest_part_is_trained_on(kind):
    made = sampler(kind, jest())
    asked = []

    def losses_of(batch):
        (numbers,), indices = batch
        asked.append(indices.tolist())
        return numbers

    made.measure(losses_of)
    walk = iter(loader(made))
    _, indices = next(walk)
    measured = flat(asked)
    assert len(measured) == 10
    assert sorted(indices.tolist()) == sorted(measured)[5:]
    assert made.spent() == {"train": 5.0, "measure": 10.0}
    assert made.teacher.outstanding.size == 5


def test_a_teacher_that_measures_needs_a_way_to():
    made = sampler("batch", jest())
    with pytest.raises(ValueError, match=r"JEST measures before it chooses: call measure\(losses_of"):
        next(iter(made))
    by_number = TeacherBatchSampler(jest(), N, batch_size=5)
    with pytest.raises(TypeError, match="made with the data set, got one made with the number 23"):
        by_number.measure(lambda batch: batch)
    made.measure(lambda batch: torch.zeros(1))
    with pytest.raises(ValueError, match="measure: losses: expected one number for each of 5"):
        next(iter(made))


class OnlyMeasures(Teacher):
    accepts = (Discrete,)

    def _ask(self, ids, progress):
        return Assignment(ids=ids, tasks=np.zeros(len(ids), np.int64), purpose=np.ones(len(ids), np.uint8))

    def _tell(self, outcomes):
        pass

    def _state(self):
        return {}

    def _load(self, state):
        pass


def test_a_teacher_that_only_measures_is_stopped():
    made = sampler("batch", OnlyMeasures(Discrete(N), seed=0))
    made.measure(lambda batch: batch[0][0])
    with pytest.raises(ValueError, match="expected examples to train on, got 190 in a row to be measured"):
        next(iter(made))


class Few(Teacher):
    """Never has more than two tasks."""

    accepts = (Discrete,)

    def _ask(self, ids, progress):
        return Assignment(ids=ids[:2], tasks=np.arange(len(ids[:2])))

    _tell = OnlyMeasures._tell
    _state = OnlyMeasures._state
    _load = OnlyMeasures._load


def test_a_teacher_may_give_fewer_than_are_asked_for():
    made = sampler("batch", Few(Discrete(N), seed=0))
    assert batches(made, 1) == [[0, 1, 0, 1, 0]]


def test_a_state_that_does_not_fit_is_refused():
    made = sampler("batch", "uniform")
    batches(made, 2)
    state = made.state_dict()
    for change, message in [
        (
            {"open": {**state["open"], "ids": state["open"]["ids"] + 1}},
            "expected the ids that the teacher waits",
        ),
        ({"left": -1}, "left"),
        ({"handed": None}, "handed"),
    ]:
        with pytest.raises((ValueError, TypeError), match=message):
            sampler("batch", "uniform").load_state_dict({**state, **change})
    with pytest.raises(ValueError, match="sampler: state"):
        made.load_state_dict({})


def test_what_a_loader_read_ahead_comes_again_and_nothing_else():
    teacher = listening()
    made = sampler("batch", teacher)
    walk = iter(made)
    read = [next(walk) for _ in range(3)]
    made.tell([0.0] * 5, read[0])
    made.tell([0.0] * 2, read[1][:2])
    other = sampler("batch", listening())
    other.load_state_dict(made.state_dict())
    # The three rows that were not told of, then the third batch, then new ones.
    assert flat(one_pass(other, loader(other))) == [*read[1][2:], *read[2], *range(15, N)]
    assert other.spent()["train"] == N


def test_the_data_of_the_tests_are_what_they_say():
    assert len(data()) == N
