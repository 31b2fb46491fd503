"""Learning progress: what is measured and when, what counts, planted learners, bad input."""

import numpy as np
import pytest

from teacherstudent import teachers
from teacherstudent.contract.purposes import Purpose
from teacherstudent.contract.spaces import Box, Discrete
from teacherstudent.contract.types import Outcomes
from teacherstudent.testing import check_teacher

SPACE = Discrete(4, start=3)


def make(space=SPACE, seed=0, **options):
    return teachers.make("learning-progress", space, seed=seed, **{"attempts": 2} | options)


def tell(teacher, asked, success):
    n = len(asked)
    teacher.tell(
        Outcomes.of(asked, score=np.zeros(n), cost=np.ones(n), signals={"success": np.asarray(success)})
    )


def rows(tasks, success, purpose=Purpose.TRAIN):
    n = len(tasks)
    return Outcomes(
        ids=np.full(n, -1),
        tasks=np.asarray(tasks),
        score=np.zeros(n),
        cost=np.ones(n),
        purpose=np.full(n, purpose),
        signals={"success": np.asarray(success, float)},
    )


def test_training_rows_are_uniform_at_first_and_then_follow_learning_progress():
    teacher = make(uniform=0.2)
    assert teacher.first_action().rows == 16
    np.testing.assert_allclose(teacher.snapshot()["probabilities"], 0.25)
    teacher.tell(rows([3, 3, 4, 4, 5, 5, 6, 6], [0, 0, 0, 0, 1, 1, 0, 0]))
    # No learning progress; the only task ever solved.
    np.testing.assert_allclose(teacher.snapshot()["probabilities"], [0.05, 0.05, 0.85, 0.05])
    teacher.tell(rows([3, 3], [1, 1]))
    found = teacher.snapshot()
    high, low = 1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1))
    np.testing.assert_allclose(found["probabilities"][[0, 2]], 0.05 + 0.8 * np.array([high, low]))
    assert found["value"][0] > 0
    assert found["value"][2] == 0  # a task that was not told keeps its estimate
    assert found["success"].tolist() == [1, 0, 1, 0]
    assert found["tasks"].tolist() == [3, 4, 5, 6]
    metrics = teacher.metrics()
    assert metrics["estimated"] == 1
    assert metrics["success"] == 0.5
    share = np.bincount(teacher.ask(4000).tasks - 3, minlength=4) / 4000
    np.testing.assert_allclose(share, found["probabilities"], atol=0.035)


def test_measured_rows_alone_count_where_it_measures():
    teacher = make(evaluate_every=3)
    assert teacher.first_action().rows == 19
    asked = teacher.ask(5)
    assert asked.tasks.tolist() == [3, 4, 5, 6, 3]
    assert (asked.purpose == Purpose.MEASURE).all()
    more = teacher.ask(5)  # ends the evaluation in its middle
    assert more.tasks[:3].tolist() == [4, 5, 6]
    assert more.purpose.tolist() == [2 - 1] * 3 + [0] * 2
    tell(teacher, asked, [0, 0, 1, 0, 0])
    tell(teacher, more, [0, 1, 0, 1, 1])
    assert teacher.metrics()["estimated"] == 1
    # Task 5 succeeds at random: its baseline is 0.75, and it is solved.
    np.testing.assert_allclose(teacher.snapshot()["probabilities"], [0, 0, 1, 0])
    train = teacher.ask(2)  # two of three rows were handed out before
    assert (train.purpose == Purpose.TRAIN).all()
    assert set(train.tasks.tolist()) == {5}
    tell(teacher, train, [0, 0])
    assert teacher.snapshot()["success"].tolist() == [0, 0, 1, 0]
    again = teacher.ask(8)
    assert again.tasks.tolist() == [3, 4, 5, 6] * 2
    assert (again.purpose == Purpose.MEASURE).all()
    tell(teacher, again, [1, 0, 1, 0] * 2)
    found = teacher.snapshot()
    assert found["value"][0] > 0
    assert found["value"][2] == 0  # 1 before and after
    assert teacher.first_action() is None


def test_the_line_of_mastery_stands_in_for_the_signal():
    teacher = make(mastered=0.5)
    assert teacher.needs == frozenset()
    assert make().needs == {"success"}
    asked = teacher.ask(4)
    teacher.tell(Outcomes.of(asked, score=[0.5, 0.5, 0.6, 0.4], cost=np.ones(4)))
    counted = teacher.state_dict()["algorithm"]["estimates"]
    last = np.nan_to_num(counted["last"])
    assert 2 * last.sum() + counted["sum"].sum() == 1


def test_late_lost_and_damaged_rows():
    teacher = make(evaluate_every=4)
    first = teacher.ask(8)
    tell(teacher, first.select(np.array([7, 0, 5])), [1, 0, 1])
    teacher.drop(first.ids[1:3])
    teacher.ask(4)
    tell(teacher, teacher.ask(8), [0] * 8)
    # Rows that were lost are made up for by the next evaluation.
    state = teacher.state_dict()["algorithm"]["estimates"]
    assert state["count"].tolist() == [1, 1, 0, 1]
    for change in ({"left": 9}, {"left": -1}, {"trained": -1}):
        whole = teacher.state_dict()
        with pytest.raises(ValueError, match=next(iter(change))):
            teacher.load_state_dict(whole | {"algorithm": whole["algorithm"] | change})


def learner(teacher, steps, *, limit=3, batch=16):
    """Return each task's practice: tasks beyond limit cannot be learnt, and each task helps the next one."""
    k = int(teacher.space.n)
    practice = np.zeros(k)
    rng = np.random.default_rng(1)
    for _ in range(steps):
        asked = teacher.ask(batch)
        task = asked.tasks - int(teacher.space.start)
        skill = 1 - np.exp(-practice / 200)
        # The first task is solved now and then from the start.
        skill[0] = np.maximum(skill[0], 0.1)
        skill[limit + 1 :] = 0
        tell(teacher, asked, (rng.random(batch) < skill[task]).astype(float))
        task = task[(asked.purpose == Purpose.TRAIN) & (task <= limit)]
        # Nothing is learnt of a task whose predecessor is not half learnt.
        task = task[(task == 0) | (skill[task - 1] > 0.5)]
        np.add.at(practice, task, 1.0)
        np.add.at(practice, task + 1, 0.3)
    return practice


def learnt(practice, limit=3):
    return (1 - np.exp(-practice / 200))[: limit + 1].mean()


@pytest.mark.parametrize("options", [{"attempts": 5}, {"attempts": 2, "evaluate_every": 400}])
def test_it_beats_uniform_draws_where_most_tasks_cannot_be_learnt(options):
    """At equal rows, measured ones included."""
    space = Discrete(40)
    ours, uniform = [], []
    for seed in range(2):
        ours.append(learnt(learner(make(space, seed, **options), 400)))
        uniform.append(learnt(learner(make(space, seed, uniform=1.0), 400)))
    assert max(uniform) < 0.3
    assert min(ours) > 0.8


def test_the_contract_where_it_measures_and_filters():
    table = ~np.eye(4, dtype=bool)
    check_teacher(
        lambda seed: make(seed=seed, evaluate_every=20, uniform=0.5, interesting=table), episodes=150
    )


def test_boring_tasks_are_left_alone():
    """Tasks 2 and 3 are copies of 0 and 1: a model finds them boring beside these."""
    table = np.ones((4, 4), bool)
    table[0, 2] = table[1, 3] = table[2, 0] = table[3, 1] = False
    teacher = make(uniform=0, interesting=table)
    teacher.tell(rows([3, 3, 4, 4, 5, 5, 6, 6], [1, 1, 1, 1, 1, 0, 1, 0]))
    chance = teacher.snapshot()["probabilities"]
    np.testing.assert_allclose(chance, np.array([1000, 1000, 1, 1]) / 2002)
    assert teacher.metrics()["interesting"] == 0.5
    listed = make(uniform=0, interesting=[0, 1, 1, 2])
    np.testing.assert_allclose(listed.snapshot()["probabilities"], [0, 0.25, 0.25, 0.5])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attempts": 0}, "attempts: expected a whole number of at least 1"),
        ({"rate": 0}, "rate: expected a finite number above 0 and of at most 1"),
        ({"theta": 1}, "theta: expected a finite number above 0 and below 1"),
        ({"evaluate_every": 0}, "evaluate_every: expected a whole number of at least 1"),
        ({"uniform": 1.5}, "uniform: expected a finite number"),
        ({"baseline": [0.1, 0.2]}, r"baseline: expected a share in \[0, 1\], or one for each of 4 tasks"),
        ({"baseline": 1.2}, "baseline: expected a share"),
        ({"interesting": [1, 2]}, "interesting: expected a table"),
        ({"mastered": np.nan}, "mastered: expected a finite number"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_boxes_are_refused():
    with pytest.raises(TypeError, match="expected a space of type Discrete"):
        make(Box(0, 1, (1,)))
