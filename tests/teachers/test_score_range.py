"""Scores outside a teacher's score_range: counted, and said once."""

import logging
from inspect import signature

import numpy as np
import pytest

from teacherstudent import teachers
from teacherstudent.contract.spaces import Discrete, Parameters
from teacherstudent.contract.types import Outcomes
from teacherstudent.teachers.score_range import FIRST, ScoreRange

TEACHERS = {
    "alp-gmm": Parameters(height=(0, 1)),
    "alp-figmn": Parameters(height=(0, 1)),
    "covar-gmm": Parameters(height=(0, 1)),
    "riac": Parameters(height=(0, 1)),
    "tscl-online": Discrete(3),
    "tscl-naive": Discrete(3),
    "tscl-window": Discrete(3),
    "tscl-sampling": Discrete(3),
}


OTHERS = {"adr", "again", "rugged", "terrain-levels"}
"""They hand the range on to another teacher, or take a line from it, and scale no score by it."""


def tell(teacher, scores):
    asked = teacher.ask(len(scores))
    teacher.tell(Outcomes(ids=asked.ids, tasks=asked.tasks, score=scores, cost=np.ones(len(scores))))


def test_every_teacher_with_a_range_is_tried():
    takes = {name for name in teachers.names() if "score_range" in signature(teachers.get(name)).parameters}
    assert takes - OTHERS == set(TEACHERS)
    assert takes > OTHERS


@pytest.mark.parametrize("name", TEACHERS)
def test_scores_that_never_enter_the_range_are_reported_once(name, caplog):
    teacher = teachers.make(name, TEACHERS[name], seed=0, score_range=(0.0, 1.0))
    assert "outside_range_share" not in teacher.metrics()
    with caplog.at_level(logging.WARNING):
        for _ in range(8):
            tell(teacher, np.full(40, -340.0))
    (record,) = caplog.records
    assert f"{name}: 100 of the first 100 scores lie outside score_range=(0.0, 1.0)" in record.getMessage()
    assert teacher.metrics()["outside_range_share"] == 1
    tell(teacher, np.full(320, 0.5))
    assert teacher.metrics()["outside_range_share"] == 0.5
    other = teachers.make(name, TEACHERS[name], seed=1, score_range=(0.0, 1.0))
    other.load_state_dict(teacher.state_dict())
    assert other.metrics()["outside_range_share"] == 0.5


@pytest.mark.parametrize("name", TEACHERS)
def test_scores_that_fit_are_not_mentioned(name, caplog):
    teacher = teachers.make(name, TEACHERS[name], seed=0, score_range=(0.0, 1.0))
    tell(teacher, np.r_[np.zeros(30), np.ones(30), np.full(50, 2.0)])
    tell(teacher, np.full(100, 2.0))
    assert caplog.records == []
    plain = teachers.make(name, TEACHERS[name], seed=0)
    tell(plain, np.full(300, -340.0))
    assert "outside_range_share" not in plain.metrics()
    assert caplog.records == []


@pytest.mark.parametrize("sizes", [[300], [99, 1, 200], [100, 200], [1] * 300])
@pytest.mark.parametrize(("outside", "said"), [(50, 0), (51, 1)])
def test_the_first_scores_are_judged_however_they_come(sizes, outside, said, caplog):
    scores = np.r_[np.full(outside, 9.0), np.full(FIRST - outside, 0.5), np.full(200, 9.0)]
    found = ScoreRange("who", (0.0, 1.0))
    for part in np.split(scores, np.cumsum(sizes)[:-1]):
        found.watch(part)
    assert len(caplog.records) == said
    assert found.state() == {"told": 300, "outside": 200 + outside}


@pytest.mark.parametrize(
    ("ends", "message"),
    [
        ((1.0, 1.0), r"who: score_range: expected finite low < high, got \(1.0, 1.0\)"),
        ((0.0, np.inf), "expected finite low < high"),
        ((0, 10**400), "expected finite low < high"),
        (("a", "b"), "expected finite low < high"),
        (3.0, r"expected finite low < high, got 3\.0"),
        ((-1.7e308, 1.7e308), "expected high - low within float64"),
    ],
)
def test_bad_ranges_are_refused(ends, message):
    with pytest.raises(ValueError, match=message):
        ScoreRange("who", ends)


def test_a_tiny_range_saturates_without_a_warning():
    with np.errstate(all="raise", under="ignore"):
        found = ScoreRange("who", (0.0, 5e-324)).scaled(np.array([-1e100, 0.0, 1e100]))
    assert found.tolist() == [0, 0, 1]
