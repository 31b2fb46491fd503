"""Promotion by mastery: the rule by hand for every window, noise, late outcomes, runs, bad input."""

import numpy as np
import pytest

from teacherstudent import teachers
from teacherstudent.experiment import Experiment
from teacherstudent.plan import Plan
from teacherstudent.recording.runs import Run
from teacherstudent.spaces import Discrete
from teacherstudent.types import Outcomes

SPACE = Discrete(5, start=2)


def make(space=SPACE, **options):
    return teachers.make("mastery", space, seed=0, **{"mastered": 0.98} | options)


def outcomes(ids, tasks, scores):
    return Outcomes(ids=ids, tasks=np.asarray(tasks), score=scores, cost=np.ones(len(ids)))


def tell(teacher, **scores):
    """Tell scores by task: ``t2=0.99``; they were not asked for."""
    tasks = [int(name[1:]) for name in scores]
    teacher.tell(outcomes(np.full(len(tasks), -1), tasks, list(scores.values())))


def hand(teacher):
    return sorted(set(teacher.ask(12).tasks.tolist()))


def test_single_goes_on_when_the_task_is_above_the_line():
    teacher = make()
    assert hand(teacher) == [2]
    tell(teacher, t2=0.98)
    assert hand(teacher) == [2]
    tell(teacher, t2=0.981)
    assert hand(teacher) == [3]
    assert teacher.metrics() == {"newest": 3.0, "oldest": 3.0}
    tell(teacher, t3=0.5)
    assert teacher.metrics() == {"newest": 3.0, "oldest": 3.0, "level": 0.5}


def test_cumulative_needs_the_newest_and_the_mean():
    teacher = make(window=None)
    tell(teacher, t2=1.0)
    assert hand(teacher) == [2, 3]
    tell(teacher, t2=1.0, t3=0.975)  # mean 0.9875, newest below
    assert hand(teacher) == [2, 3]
    tell(teacher, t2=0.96, t3=0.99)  # newest above, mean 0.975
    assert hand(teacher) == [2, 3]
    tell(teacher, t2=0.975, t3=0.99)  # mean 0.9825: one task may be below
    assert hand(teacher) == [2, 3, 4]


def test_sliding_drops_the_oldest():
    teacher = make(window=2)
    seen = [hand(teacher)]
    for task in range(2, 7):
        tell(teacher, **{f"t{i}": 1.0 for i in range(2, task + 1)})
        seen.append(hand(teacher))
    assert seen == [[2], [2, 3], [3, 4], [4, 5], [5, 6], [5, 6]]  # after the last one nothing moves


def test_a_new_task_must_be_seen_before_it_is_passed():
    teacher = make(window=None)
    tell(teacher, t2=1.0)
    tell(teacher, t2=1.0)
    tell(teacher, t2=1.0)
    assert hand(teacher) == [2, 3]


def test_rows_go_round_the_tasks_at_hand():
    teacher = make(window=None)
    tell(teacher, t2=1.0)
    tell(teacher, t2=1.0, t3=1.0)
    assert teacher.ask(7).tasks.tolist() == [2, 3, 4, 2, 3, 4, 2]
    assert [int(teacher.ask(1).tasks[0]) for _ in range(4)] == [3, 4, 2, 3]


def test_lookback_takes_the_mean_of_as_many_scores():
    teacher = make(mastered=0.5, lookback=3)
    for score, newest in ((1.0, 2), (1.0, 2), (-1.0, 2), (0.9, 2), (1.7, 3)):  # means 1/3, 0.3, 1.6/3
        tell(teacher, t2=score)
        assert teacher.metrics()["newest"] == newest


def test_a_task_counts_once_whenever_outcomes_are_told():
    teacher = make(mastered=0.5, lookback=2)
    for scores, newest in (([1.0] * 5, 2), ([0.0, -0.4], 2), ([0.9, 1.7], 3)):  # means 1, -0.2, 1.3
        teacher.tell(outcomes(np.full(len(scores), -1), [2] * len(scores), scores))
        assert teacher.metrics()["newest"] == newest
    np.testing.assert_allclose(teacher.snapshot()["value"][0], 0.55)


def test_patience_counts_passes_in_a_row():
    teacher = make(patience=2)
    for score, newest in ((1.0, 2), (0.9, 2), (1.0, 2), (1.0, 3)):
        tell(teacher, t2=score)
        assert teacher.metrics()["newest"] == newest
    tell(teacher, t3=1.0)
    assert teacher.metrics()["newest"] == 3  # counted anew


def test_late_outcomes_of_tasks_left_behind_do_not_count_as_assessments():
    teacher = make(patience=2)
    late = teacher.ask(2)
    tell(teacher, t2=1.0)
    tell(teacher, t2=1.0)
    tell(teacher, t3=1.0)
    teacher.tell(outcomes(late.ids, late.tasks, [1.0, 1.0]))
    assert teacher.metrics()["newest"] == 3
    tell(teacher, t3=1.0)
    assert teacher.metrics()["newest"] == 4


def test_snapshot():
    teacher = make(window=2)
    tell(teacher, t2=1.0)
    found = teacher.snapshot()
    assert found["tasks"].tolist() == [2, 3, 4, 5, 6]
    assert found["probabilities"].tolist() == [0.5, 0.5, 0, 0, 0]
    np.testing.assert_array_equal(found["value"], [1.0, np.nan, np.nan, np.nan, np.nan])


def test_it_goes_on_from_its_state():
    one, two = make(window=None, patience=2, lookback=2), make(window=None, patience=2, lookback=2)
    for _ in range(4):
        tell(one, t2=1.0)
    one.ask(3)
    two.load_state_dict(one.state_dict())
    for teacher in (one, two):
        tell(teacher, t3=1.0, t2=0.99)
        tell(teacher, t3=1.0, t2=0.99)
        tell(teacher, t3=1.0, t2=0.99)
    assert one.metrics()["newest"] == 4
    assert one.state_dict()["algorithm"].keys() == two.state_dict()["algorithm"].keys()
    assert one.ask(5).tasks.tolist() == two.ask(5).tasks.tolist()


@pytest.mark.parametrize("window", [1, None])
def test_a_run_climbs(window, tmp_path):
    experiment = Experiment(
        teacher="mastery",
        teacher_options={"window": window},
        family="parity",
        family_options={"kind": "dms", "largest": 4, "tests": 100},
        student="leaky-rnn",
        student_options={"units": 32, "batch": 32, "steps": 50, "device": "cpu"},
        plan=Plan(budget=4e8, test_every=2e8),
    )
    experiment.run(tmp_path)
    rounds = Run.load(tmp_path).episodes()
    newest = np.maximum.accumulate(rounds["task"].reshape(-1, 3).max(axis=1))
    assert newest[0] == 2
    assert newest[-1] > 2
    for row in np.flatnonzero(np.diff(newest)):
        assert rounds["score"].reshape(-1, 3)[row].max() > 0.98


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mastered": None}, "mastered: expected a score"),
        ({"mastered": np.nan}, "mastered: expected a score"),
        ({"window": 0}, "window: expected a whole number of at least 1, got 0"),
        ({"window": 1.5}, r"window: expected a whole number of at least 1, got 1\.5"),
        ({"lookback": 0}, "lookback: expected a whole number of at least 1"),
        ({"lookback": None}, "lookback: expected a whole number of at least 1, got None"),
        ({"patience": 0}, "patience: expected a whole number of at least 1"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)
