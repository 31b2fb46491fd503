"""Terrain levels: every walker's way by hand, levels as tasks, late and lost rows, a learner, bad input."""

import numpy as np
import pytest

from teacherstudent import teachers
from teacherstudent.contract.spaces import Box, Discrete, Parameters, log, to_unit
from teacherstudent.contract.types import Outcomes

LIST = Discrete(4, start=10)


def make(space=LIST, **options):
    return teachers.make("terrain-levels", space, seed=0, **{"mastered": 0.8, "demoted": 0.4} | options)


def tell(teacher, asked, scores):
    teacher.tell(Outcomes.of(asked, score=scores, cost=np.ones(len(asked))))


def levels(teacher):
    return teacher.state_dict()["algorithm"]["walkers"].tolist()


def test_every_walker_goes_its_own_way():
    teacher = make(max_start=0)
    asked = teacher.ask(3)
    assert asked.tasks.tolist() == [10, 10, 10]
    tell(teacher, asked, [0.9, 0.8, 0.3])  # up; on the line: stays; down from the lowest: stays
    asked = teacher.ask(3)
    assert asked.tasks.tolist() == [11, 10, 10]
    assert asked.notes["level"].tolist() == [1, 0, 0]
    tell(teacher, asked, [1.0, 0.9, 0.4])
    asked = teacher.ask(3)
    assert asked.tasks.tolist() == [12, 11, 10]
    tell(teacher, asked, [0.39, 0.1, 0.81])
    assert levels(teacher) == [1, 0, 1]
    found = teacher.metrics()
    assert found["promoted"] == 4
    assert found["demoted"] == 3
    assert found["finished"] == 0
    assert (found["walkers"], found["level_mean"], found["level_max"]) == (3, 2 / 3, 1)
    assert teacher.snapshot()["walkers"].tolist() == [1, 2, 0, 0]


def test_outcomes_find_their_walkers_whenever_they_come():
    teacher = make(max_start=0)
    first, second = teacher.ask(2), teacher.ask(2)
    tell(teacher, second.select(np.array([1])), [1.0])  # walker 3
    tell(teacher, first.select(np.array([1])), [0.5])  # walker 1
    assert levels(teacher) == [0, 0, 0, 1]
    # The walker that has been free for the longest time comes first; a fifth is born.
    third = teacher.ask(3)
    assert third.notes["level"].tolist() == [1, 0, 0]
    assert len(levels(teacher)) == 5
    tell(teacher, first.select(np.array([0])), [1.0])
    teacher.drop(second.ids[:1])  # walker 2 is free again where it was
    tell(teacher, third, [1.0, 1.0, 0.0])
    assert levels(teacher) == [1, 1, 0, 2, 0]
    assert teacher.ask(5).notes["level"].tolist() == [1, 0, 2, 1, 0]


def test_rows_that_nobody_asked_for_move_no_walker():
    teacher = make(max_start=0)
    asked = teacher.ask(2)
    rows = Outcomes(ids=[-1, -1], tasks=[10, 10], score=[1.0, 1.0], cost=[1.0, 1.0])
    teacher.tell(rows)
    assert levels(teacher) == [0, 0]
    assert teacher.metrics()["promoted"] == 0
    tell(teacher, asked, [1.0, 1.0])
    assert levels(teacher) == [1, 1]


def test_after_the_last_level_comes_any_level():
    teacher = make(max_start=0, levels=4)
    for _ in range(3):
        tell(teacher, teacher.ask(4000), np.ones(4000))
    assert levels(teacher) == [3] * 4000
    tell(teacher, teacher.ask(4000), np.ones(4000))
    assert teacher.metrics()["finished"] == 4000
    share = np.bincount(levels(teacher), minlength=4) / 4000
    np.testing.assert_allclose(share, 0.25, atol=0.03)  # 4 standard errors: 0.027


@pytest.mark.parametrize(
    ("count", "max_start", "highest"), [(10, None, 5), (4, None, 3), (10, 8, 8), (1, 0, 0)]
)
def test_walkers_start_on_random_levels(count, max_start, highest):
    teacher = make(Discrete(10), levels=count, max_start=max_start)
    found = teacher.ask(2000).notes["level"]
    share = np.bincount(found, minlength=count) / 2000
    np.testing.assert_allclose(share[: highest + 1], 1 / (highest + 1), atol=0.045)
    assert not share[highest + 1 :].any()


def test_countof_a_box_are_slices_of_what_gets_harder():
    space = Parameters(height=(0, 4), spacing=(0, 10), colour=(0, 1), friction=log(1, 16))
    teacher = make(space, difficulty_step=(0.1, -0.5, 0, 3), levels=4, max_start=3)
    asked = teacher.ask(4000)
    level = asked.notes["level"]
    unit = to_unit(space, asked.tasks)
    np.testing.assert_array_equal(np.floor(unit[:, 0] * 4), level)
    np.testing.assert_array_equal(np.floor((1 - unit[:, 1]) * 4), level)  # harder downwards
    np.testing.assert_array_equal(np.floor(unit[:, 3] * 4), level)
    for i in range(4):
        rows = unit[level == i]
        assert rows[:, 2].min() < 0.01
        assert rows[:, 2].max() > 0.99
        np.testing.assert_allclose(rows[:, 0].mean(), (i + 0.5) / 4, atol=0.01)
    ends = teacher.snapshot()
    np.testing.assert_allclose(ends["low"][1], [1, 5, 0, 2])
    np.testing.assert_allclose(ends["high"][1], [2, 7.5, 1, 4])


def test_countof_a_list_hold_its_tasks_in_order():
    teacher = make(Discrete(10, start=1), levels=4, max_start=3)
    asked = teacher.ask(2000)
    held = [sorted(set(asked.tasks[asked.notes["level"] == i].tolist())) for i in range(4)]
    assert held == [[1, 2], [3, 4, 5], [6, 7], [8, 9, 10]]
    turned = make(LIST, difficulty_step=(-2,), max_start=0)
    assert turned.ask(2).tasks.tolist() == [13, 13]


def test_the_line_of_demotion_follows_from_the_range_of_scores():
    teacher = make(mastered=230, demoted=None, score_range=(-150, 350), max_start=1)
    assert teacher.demoted == 40
    assert make(mastered=230, demoted=-20, score_range=(-150, 350)).demoted == -20


def test_walkers_gather_where_the_student_is():
    """A student that solves levels up to 6 of 10, and learns nothing: walkers stay about its limit."""
    rng, teacher = np.random.default_rng(0), make(Discrete(10), max_start=0)
    for _ in range(100):
        asked = teacher.ask(64)
        solved = asked.tasks <= 6
        tell(teacher, asked, np.where(solved, 0.9, 0.1) + 0.05 * rng.standard_normal(64))
    assert set(levels(teacher)) == {6, 7}
    slow = make(Discrete(10), max_start=0)
    for step in range(100):  # it learns a level every ten rounds
        asked = slow.ask(64)
        tell(slow, asked, np.where(asked.tasks <= step // 10, 0.9, 0.1))
    assert slow.metrics()["level_max"] == 9
    assert slow.metrics()["finished"] > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mastered": None}, "mastered: expected a score above which a walker goes up, got None"),
        ({"mastered": np.inf}, "mastered: expected a finite number"),
        ({"demoted": None}, "demoted: expected a score below which .* got neither"),
        ({"demoted": 0.9}, "demoted: expected at most 0.8, which is mastered, got 0.9"),
        (
            {"demoted": None, "score_range": (0.9, 1.0)},
            "half of the way .*: expected at most 0.8",
        ),
        ({"score_range": (1, 0)}, "score_range: expected finite low < high"),
        ({"levels": 5}, "levels: expected a whole number of at most 4, got 5"),
        ({"levels": 0}, "levels: expected a whole number of at least 1"),
        ({"max_start": 4}, "max_start: expected a whole number of at most 3, got 4"),
        ({"difficulty_step": (0.0,)}, "difficulty_step: expected a finite step"),
        ({"difficulty_step": (1, 1)}, "difficulty_step: expected a finite step"),
        ({"space": Box(0, 1, (2,))}, r"difficulty_step: expected one signed step for each of \('x0', 'x1'\)"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"walkers": np.array([0, 4, 0])}, "walkers: expected numbers from 0 to 3"),
        ({"free": np.array([1, 1])}, "free: expected each of 3 walkers once"),
        ({"free": np.array([0, 1])}, "free: expected each of 3 walkers once"),
        ({"moves": {"promoted": 1}}, "moves: expected"),
    ],
)
def test_damaged_states_are_refused(change, message):
    teacher = make()
    asked = teacher.ask(3)
    tell(teacher, asked.select(np.array([0, 2])), [1.0, 1.0])
    state = teacher.state_dict()
    assert state["algorithm"]["free"].tolist() == [0, 2]
    with pytest.raises(ValueError, match=message):
        teacher.load_state_dict(state | {"algorithm": state["algorithm"] | change})
