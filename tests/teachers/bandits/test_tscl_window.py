"""The window algorithm of TSCL: slopes by hand and against numpy's."""

import numpy as np
from bandit_teachers import probabilities, tell, value

from teacherstudent.contract.spaces import Discrete
from teacherstudent.teachers.bandits.tscl_window import TSCLWindow


def test_window_by_hand():
    teacher = TSCLWindow(Discrete(3), seed=0, window=3)
    assert value(teacher).tolist() == [1, 1, 1]
    tell(teacher, [0, 1, 0, 0, 0], [100.0, 3.0, 1.0, 3.0, 8.0])
    # arm 0 keeps times 3, 4, 5: slope 3.5; arm 1 has one score, arm 2 none: 1
    np.testing.assert_allclose(value(teacher), [3.5, 1, 1])
    np.testing.assert_allclose(probabilities(teacher), [0.9 + 0.1 / 3, 0.1 / 3, 0.1 / 3])
    tell(teacher, [1], [-9.0])
    np.testing.assert_allclose(value(teacher), [3.5, -12 / 4, 1])


def test_window_equals_polyfit_over_cost():
    rng = np.random.default_rng(0)
    teacher = TSCLWindow(Discrete(4), seed=0, window=6, per_cost=True)
    arms, scores, costs = rng.integers(0, 4, 80), rng.random(80), rng.random(80) + 0.5
    tell(teacher, arms, scores, costs)
    times = np.cumsum(costs)
    expected = [np.polyfit(times[arms == a][-6:], scores[arms == a][-6:], 1)[0] for a in range(4)]
    np.testing.assert_allclose(value(teacher), expected, rtol=1e-9)


def test_window_on_gains_takes_the_slope_of_their_sum():
    teacher = TSCLWindow(Discrete(2), seed=0, window=3, reward="score", per_cost=True)
    tell(teacher, [0, 1, 0, 1, 0], [9.0, -1.0, 2.0, -4.0, 6.0], [1, 1, 1, 2, 3])
    # arm 0: sums 9, 11, 17 at its own costs 1, 2, 5: polyfit; arm 1: -1, -5 at 1, 3
    np.testing.assert_allclose(value(teacher), [np.polyfit([1, 2, 5], [9, 11, 17], 1)[0], -2])
    assert probabilities(teacher).argmax() == 0  # a negative gain is a harm: -2 is not preferred to 2
