"""Parallel PLR: halves by hand, and the numbers of minimax unless others are given."""

import numpy as np
from level_teachers import SMALL, SPACE, cycle, make

from teacherstudent import teachers
from teacherstudent.contract.purposes import Purpose


def test_it_trains_on_the_half_that_is_replayed_and_measures_the_other():
    teacher = make("parallel-plr")
    while teacher.buffer.fill < 0.5:
        cycle(teacher, 4)
    kept = teacher.buffer.keys.copy()
    assignment = teacher.ask(6)
    assert assignment.notes["kind"].tolist() == [0, 0, 0, 1, 1, 1]
    assert assignment.purpose.tolist() == [Purpose.MEASURE] * 3 + [Purpose.TRAIN] * 3
    assert np.isin(assignment.notes["key"][3:], kept).all()


def test_the_buffer_is_minimaxs_where_nobody_says_otherwise():
    # Ranks 1 and 2 at temperature 0.3: weights 1 and 0.5 ** (1 / 0.3). Ages are 1 and 0, weighed by a half.
    plain = teachers.make("parallel-plr", SPACE, seed=0)
    plain.buffer.insert([[1], [2]], [2.0, 1.0])
    second = 0.5 ** (1 / 0.3)
    expected = 0.5 * np.array([1, second]) / (1 + second) + 0.5 * np.array([1, 0])
    np.testing.assert_allclose(plain.buffer.probabilities(), expected)
    # Temperature 1 gives 2/3 and 1/3; the staleness of a half stays.
    own = teachers.make("parallel-plr", SPACE, seed=0, buffer=SMALL)
    own.buffer.insert([[1], [2]], [2.0, 1.0])
    np.testing.assert_allclose(own.buffer.probabilities(), [1 / 3 + 1 / 2, 1 / 6])
