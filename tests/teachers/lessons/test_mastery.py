"""Promotion by mastery: the rule by hand for every window, noise, late outcomes, runs, bad input."""

import numpy as np
import pytest

from teacherstudent import teachers
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.contract.spaces import Discrete
from teacherstudent.contract.types import Outcomes
from teacherstudent.recording.runs import Run
from teacherstudent.running.experiment import Experiment

SPACE = Discrete(5, start=2)


def make(space=SPACE, **options):
    return teachers.make("mastery", space, seed=0, **{"mastered": 0.98, "lookback": 1} | options)


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


def test_lookback_takes_the_mean_of_as_many_episodes_and_assesses_after_as_many():
    teacher = make(mastered=0.5, lookback=3)
    scores = (1.0, 1.0, -1.0, 1.0, 1.0, 1.0)  # means 1/3 and, after three more, 1
    for score, newest in zip(scores, (2, 2, 2, 2, 2, 3), strict=True):
        tell(teacher, t2=score)
        assert teacher.metrics()["newest"] == newest


@pytest.mark.parametrize("size", [1, 2, 4, 7, 20])
def test_episodes_count_and_not_tells(size):
    """The level is that of the last 20 episodes; a mean of 0.75 passes, wherever a tell ends."""
    teacher = make(mastered=0.7, lookback=20)
    scores = np.resize([1.0, 0.0, 1.0, 1.0], 60)
    for start in range(0, 60, size):
        part = scores[start : start + size]
        teacher.tell(outcomes(np.full(len(part), -1), [2] * len(part), part))
        told = start + len(part)
        assert teacher.metrics()["newest"] == (3 if told >= 20 else 2)


def test_few_lucky_episodes_do_not_promote():
    used = []
    for seed in range(10):
        rng, teacher = (
            np.random.default_rng(seed),
            teachers.make("mastery", Discrete(10), seed=0, mastered=0.8),
        )
        for _ in range(2000):
            asked = teacher.ask(1)
            score = (rng.random(1) < 0.3).astype(float)
            teacher.tell(outcomes(asked.ids, asked.tasks, score))
        used.append(teacher.metrics()["newest"])
    assert max(used) == 0
    strong = teachers.make("mastery", Discrete(10), seed=0, mastered=0.8)
    for _ in range(20 * 9):
        assert strong.metrics()["newest"] < 9
        asked = strong.ask(1)
        strong.tell(outcomes(asked.ids, asked.tasks, [1.0]))
    assert strong.metrics()["newest"] == 9


def test_patience_takes_new_episodes_each_time():
    teacher = make(mastered=0.5, lookback=4, patience=3)
    for told in range(1, 13):
        assert teacher.metrics()["newest"] == 2
        tell(teacher, t2=1.0)
        if told == 12:
            assert teacher.metrics()["newest"] == 3


def test_every_task_may_have_a_line_of_its_own():
    teacher = make(mastered=[0.5, 0.9, 0.7, 0.5, 0.5])
    tell(teacher, t2=0.6)
    tell(teacher, t3=0.8)
    assert teacher.metrics()["newest"] == 3
    tell(teacher, t3=0.95)
    tell(teacher, t4=0.71)
    assert teacher.metrics()["newest"] == 5
    both = make(mastered=(0.5, 0.9, 0.7, 0.5, 0.5), window=2)
    tell(both, t2=0.6)
    tell(both, t2=0.4, t3=0.95)  # mean 0.675, lines' mean 0.7
    assert both.metrics()["newest"] == 3
    tell(both, t2=0.5, t3=0.95)
    assert both.metrics()["newest"] == 4


def test_a_task_may_be_lost_again():
    teacher = make(mastered=0.8, demoted=0.3, lookback=2)
    tell(teacher, t2=1.0)
    tell(teacher, t2=1.0)
    tell(teacher, t3=0.4)
    tell(teacher, t3=0.3)  # 0.35: neither
    assert hand(teacher) == [3]
    tell(teacher, t3=0.1)
    tell(teacher, t3=0.2)
    assert hand(teacher) == [2]
    assert np.isnan(teacher.snapshot()["value"]).all()  # the way on is earned anew
    tell(teacher, t2=0.9)
    assert hand(teacher) == [2]
    tell(teacher, t2=0.9)
    assert hand(teacher) == [3]
    stays = make(mastered=0.8, demoted=0.3, lookback=1)
    tell(stays, t2=0.0)
    assert hand(stays) == [2]  # nothing is before the first


def test_failures_must_follow_each_other_and_each_task_has_its_line():
    teacher = make(mastered=0.8, demoted=[0, 0, 0.6, 0, 0], patience=2)
    for _ in range(2):
        tell(teacher, t2=1.0)
    for _ in range(2):
        tell(teacher, t3=0.1)
    assert hand(teacher) == [3]  # above its line of 0
    for _ in range(2):
        tell(teacher, t3=1.0)
    for score in (0.5, 0.7, 0.5):
        tell(teacher, t4=score)
    assert hand(teacher) == [4]
    tell(teacher, t4=0.5)
    assert hand(teacher) == [3]
    for window, expected in ((2, [2, 3]), (None, [2, 3])):
        other = make(mastered=0.8, demoted=0.3, window=window)
        tell(other, t2=1.0)
        tell(other, t2=1.0, t3=1.0)
        tell(other, t3=1.0, t4=0.1)
        assert hand(other) == expected


def test_a_task_stays_for_its_least_episodes_and_the_count_begins_anew():
    teacher = make(mastered=0.5, demoted=0.2, least=[3, 0, 2, 0, 0])
    for newest in (2, 2, 3):
        tell(teacher, t2=1.0)
        assert teacher.metrics()["newest"] == newest
    tell(teacher, t3=1.0)
    assert teacher.metrics()["newest"] == 4  # a least of 0
    tell(teacher, t4=1.0)
    assert teacher.metrics()["newest"] == 4
    tell(teacher, t4=0.1)  # failing needs no least episodes
    assert teacher.metrics()["newest"] == 3
    tell(teacher, t3=1.0)
    tell(teacher, t3=1.0)  # of the task before: adds nothing to the stay
    tell(teacher, t4=1.0)
    assert teacher.metrics()["newest"] == 4
    tell(teacher, t4=1.0)
    assert teacher.metrics()["newest"] == 5


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
    for _ in range(5):
        tell(one, t2=1.0)
    one.ask(3)
    two.load_state_dict(one.state_dict())
    for teacher in (one, two):
        tell(teacher, t3=1.0, t2=0.99)
        tell(teacher, t3=1.0, t2=0.99)
        tell(teacher, t3=1.0, t2=0.99)
    assert one.metrics() == two.metrics()
    assert one.metrics()["newest"] == 4
    assert one.state_dict()["algorithm"].keys() == two.state_dict()["algorithm"].keys()
    assert one.ask(5).tasks.tolist() == two.ask(5).tasks.tolist()


@pytest.mark.parametrize("window", [1, None])
def test_a_run_climbs(window, tmp_path):
    experiment = Experiment(
        teacher="mastery",
        teacher_options={"window": window, "lookback": 1},
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
        ({"mastered": "high"}, "mastered: expected a score .* got 'high'"),
        ({"mastered": [0.5, 0.5]}, r"mastered: expected .* one for each of 5 tasks, got \[0.5, 0.5\]"),
        ({"mastered": [[0.5], [0.5, 0.6]]}, "mastered: expected a score"),
        ({"demoted": [0.5, np.inf, 0, 0, 0]}, "demoted: expected a score"),
        ({"demoted": [0.5, 0.99, 0, 0, 0]}, "demoted: expected at most mastered, 0.98 for task 1, got 0.99"),
        ({"window": 0}, "window: expected a whole number of at least 1, got 0"),
        ({"window": 1.5}, r"window: expected a whole number of at least 1, got 1\.5"),
        ({"lookback": 0}, "lookback: expected a whole number of at least 1"),
        ({"lookback": None}, "lookback: expected a whole number of at least 1, got None"),
        ({"least": -1}, "least: expected a whole number of at least 0, or one for each of 5 tasks, got -1"),
        ({"least": [1, 2]}, r"least: expected .* got \[1, 2\]"),
        ({"least": 0.5}, r"least: expected .* got 0\.5"),
        ({"least": None}, "least: expected .* got None"),
        ({"patience": 0}, "patience: expected a whole number of at least 1"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"newest": 5}, "mastery: newest: expected a task below 5, got 5"),
        ({"newest": -1}, "mastery: newest: expected a whole number"),
        ({"turn": 2}, "mastery: turn: expected one of 1 tasks, got 2"),
        ({"episodes": 1}, "mastery: episodes: expected fewer than 1, got 1"),
        ({"scores": np.zeros((5, 2))}, "mastery: scores: expected shape"),
        ({"scores": np.full((5, 1), np.inf)}, "mastery: scores: expected NaN only"),
    ],
)
def test_damaged_states_are_refused(change, message):
    teacher = make()
    state = teacher.state_dict()
    with pytest.raises(ValueError, match=message):
        teacher.load_state_dict(state | {"algorithm": state["algorithm"] | change})


@pytest.mark.parametrize(
    ("lookback", "patience", "least"), [(4, 3, 0), (1, 1, 0), (5, 2, 0), (4, 3, 4), (4, 2, 9), (1, 1, 7)]
)
def test_the_second_task_comes_after_the_rows_that_were_announced(lookback, patience, least):
    teacher = teachers.make(
        "mastery", Discrete(3), seed=0, mastered=0.5, lookback=lookback, patience=patience, least=least
    )
    for _ in range(teacher.first_action().rows):
        assert teacher.metrics()["newest"] == 0
        asked = teacher.ask(1)
        teacher.tell(Outcomes.of(asked, score=[1.0], cost=[1.0]))
    assert teacher.metrics()["newest"] == 1
