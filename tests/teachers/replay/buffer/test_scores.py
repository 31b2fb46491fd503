"""Scores of levels: which signals they read, and their values by hand."""

import numpy as np
import pytest
from level_teachers import REPLAYING, SMALL, make, tell_levels

from teacherstudent.contract.spaces import Parameters


def test_needs_depend_on_the_score():
    assert make("plr", score="value_l1").needs == {"episodes", "value_l1"}
    assert make("plr", score="max_mc").needs == {"episodes", "max_return", "mean_value"}
    assert make("plr", score="learnability").needs == {"episodes", "success"}
    for name in ("positive_value_loss", "td_error"):
        assert make("accel", score=name).needs == {"episodes", name}
    with pytest.raises(ValueError, match=r"level score: expected one of \[.*\], got 'entropy'"):
        make("plr", score="entropy")


@pytest.mark.parametrize("name", [*REPLAYING, "repaired"])
def test_the_regret_of_a_pair_is_no_score_of_replayed_levels(name):
    with pytest.raises(ValueError, match=r"which a student has alone, got 'regret', which is 0 unless"):
        make(name, Parameters(height=(0, 1)), score="regret")


def test_max_mc_by_hand():
    teacher = make("plr", score="max_mc")
    one = np.ones(2)
    tell_levels(teacher, [5, 6], episodes=one, max_return=[2.0, -7.0], mean_value=[0.5, -4.0])
    assert teacher.buffer.scores.tolist() == [1.5, -3.0]
    # the first did worse than before, the second better, both are below 0 or not as it comes
    tell_levels(teacher, [5, 6], episodes=one, max_return=[1.0, -6.0], mean_value=[0.25, -8.0])
    assert teacher.buffer.scores.tolist() == [1.75, 2.0]
    assert teacher.buffer.returns.tolist() == [2.0, -6.0]
    floored = make("plr", score="max_mc", buffer=SMALL | {"semantics": "jaxued"})
    tell_levels(floored, [5, 6], episodes=one, max_return=[2.0, -7.0], mean_value=[0.5, -4.0])
    assert floored.buffer.scores.tolist() == [1.5, 4.0]


def test_learnability_by_hand():
    teacher = make("plr", score="learnability")
    tell_levels(teacher, [1, 2, 3], episodes=[4.0, 4, 4], success=[0.25, 0.5, 1.0])
    assert teacher.buffer.scores.tolist() == [0.1875, 0.25, 0.0]
