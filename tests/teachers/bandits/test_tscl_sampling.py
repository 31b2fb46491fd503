"""The sampling algorithm of TSCL, by hand."""

import numpy as np
from bandit_teachers import NAN, probabilities, tell, value

from teacherstudent.contract.spaces import Discrete
from teacherstudent.teachers.bandits.tscl_sampling import TSCLSampling


def test_sampling_by_hand():
    teacher = TSCLSampling(Discrete(3), seed=0, window=2, policy=("thompson", 0.3))
    tell(teacher, [0, 0, 0, 0, 1, 1], [9.0, 0.0, 0.5, 0.2, 0.0, 0.4])
    np.testing.assert_allclose(
        teacher.state_dict()["algorithm"]["changes"], [[0.5, -0.3], [NAN, 0.4], [NAN] * 2]
    )
    np.testing.assert_allclose(value(teacher), [0.1, 0.4, 1])
    # arm 2 has no change: 1 beats all
    np.testing.assert_allclose(probabilities(teacher), [0.1, 0.1, 0.8], rtol=1e-12)
    tell(teacher, [2, 2, 2], [0.0, 0.0, 0.0])
    # arm 0 draws 0.5 (wins) or 0.3 (loses to arm 1's 0.4), one half each
    np.testing.assert_allclose(probabilities(teacher), [0.45, 0.45, 0.1], rtol=1e-12)
    arms = teacher.ask(20_000).tasks
    np.testing.assert_allclose(np.bincount(arms) / 20_000, [0.45, 0.45, 0.1], atol=4 * 0.5 / np.sqrt(20_000))


def test_sampling_by_the_mean():
    teacher = TSCLSampling(Discrete(2), seed=0, policy=("epsilon", 0.2))
    tell(teacher, [0, 0, 0, 1, 1, 1], [0.0, 4.0, 0.0, 0.0, 1.0, 2.0])
    np.testing.assert_allclose(value(teacher), [0, 1])
    np.testing.assert_allclose(probabilities(teacher), [0.1, 0.9])
