"""The online algorithm of TSCL, by hand."""

import numpy as np
from bandit_teachers import probabilities, tell, value

from teacherstudent.contract.spaces import Discrete
from teacherstudent.teachers.bandits.tscl_online import TSCLOnline


def test_online_by_hand():
    teacher = TSCLOnline(Discrete(3), seed=0, rate=0.5)
    np.testing.assert_allclose(probabilities(teacher), 1 / 3)
    tell(teacher, [0, 1, 0, 0, 1], [0.5, 1.0, 0.9, 0.7, 0.2])
    # arm 0: changes 0.4, -0.2: 0.5 * 0.4 = 0.2, then 0.2 + 0.5 * (-0.2 - 0.2) = 0; arm 1: 0.5 * -0.8
    np.testing.assert_allclose(value(teacher), [0.0, -0.4, 0.0], atol=1e-15)
    np.testing.assert_allclose(
        probabilities(teacher), [0.1 / 3, 0.9 + 0.1 / 3, 0.1 / 3]
    )  # |-0.4| is greatest


def test_online_boltzmann_by_hand():
    teacher = TSCLOnline(Discrete(2), seed=0, rate=1.0, policy=("boltzmann", 0.5))
    tell(teacher, [0, 0, 1, 1], [0, -1, 0, 0.5])
    weight = np.exp([1 / 0.5, 0.5 / 0.5])
    np.testing.assert_allclose(probabilities(teacher), weight / weight.sum())


def test_the_authors_code_compares_a_first_score_with_0_and_signed_values():
    teacher = TSCLOnline(Discrete(3), seed=0, rate=0.5, reward="signed")
    tell(teacher, [0, 1, 0], [0.5, -1.0, 0.9])
    # arm 0: 0.5 * 0.5 = 0.25, then 0.25 + 0.5 * (0.4 - 0.25); arm 1: 0.5 * (-1 - 0)
    np.testing.assert_allclose(value(teacher), [0.325, -0.5, 0.0])
    np.testing.assert_allclose(probabilities(teacher), [0.9 + 0.1 / 3, 0.1 / 3, 0.1 / 3])
