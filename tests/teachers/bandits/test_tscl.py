import numpy as np
import pytest
from bandit_teachers import probabilities, tell

from teacherstudent.contract.spaces import Discrete
from teacherstudent.teachers.bandits.tscl_naive import TSCLNaive
from teacherstudent.teachers.bandits.tscl_online import TSCLOnline
from teacherstudent.teachers.bandits.tscl_sampling import TSCLSampling
from teacherstudent.teachers.bandits.tscl_window import TSCLWindow

ALL = (TSCLOnline, TSCLNaive, TSCLWindow, TSCLSampling)


def test_the_authors_code_leaves_an_arm_that_is_forgotten():
    paper, fixed = (TSCLSampling(Discrete(2), seed=0, window=1, reward=r) for r in ("signed", "progress"))
    for teacher in (paper, fixed):
        tell(teacher, [0, 1, 0, 1], [0.0, 0.9, 0.1, 0.0])  # changes 0.1 and -0.9
    np.testing.assert_allclose(probabilities(paper), [0.95, 0.05], atol=1e-3)
    np.testing.assert_allclose(probabilities(fixed), [0.05, 0.95], atol=1e-3)
    window, naive = (cls(Discrete(2), seed=0, window=2, reward="signed") for cls in (TSCLWindow, TSCLNaive))
    for teacher in (window, naive):
        tell(teacher, [0, 1, 0, 1], [0.0, 0.9, 0.1, 0.0])
        np.testing.assert_allclose(probabilities(teacher), [0.95, 0.05])


@pytest.mark.parametrize("kind", ALL)
def test_an_arm_that_is_forgotten_is_trained_again(kind):
    teacher = kind(Discrete(3), seed=0)
    n = 22
    arms = np.repeat([0, 1, 2], n)
    tell(teacher, arms, np.concatenate([np.full(n, 1.0), np.linspace(1, 0, n), np.full(n, 0.5)]))
    assert probabilities(teacher).argmax() == 1
    other = kind(Discrete(3), seed=0, reward="score")
    tell(other, arms, np.repeat([0.1, -5.0, 0.0], n))
    assert probabilities(other).argmax() == 0


BAD = [
    ({"policy": "greedy"}, "policy: expected one of"),
    ({"reward": "loss"}, "reward: expected one of"),
    ({"final": (9, 0.1)}, "final: expected an arm"),
]


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(("options", "message"), BAD)
def test_bad_options_are_refused(kind, options, message):
    with pytest.raises(ValueError, match="tscl-.*: " + message):
        kind(Discrete(3), seed=0, **options)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (TSCLOnline, {"rate": 0.0}, r"tscl-online: rate: expected a step in \(0, 1\], got 0.0"),
        (TSCLOnline, {"policy": "thompson"}, "tscl-online: policy"),
        (TSCLNaive, {"rate": 1.1}, "tscl-naive: rate"),
        (TSCLNaive, {"window": 1}, "tscl-naive: window: expected a whole number of at least 2, got 1"),
        (TSCLWindow, {"window": 1}, "tscl-window: window: expected a whole number of at least 2, got 1"),
        (TSCLSampling, {"window": 0}, "tscl-sampling: window: expected a whole number of at least 1, got 0"),
        (TSCLNaive, {"window": 2.5}, r"window: expected a whole number of at least 2, got 2\.5"),
        (TSCLWindow, {"window": 2.5}, r"window: expected a whole number of at least 2, got 2\.5"),
        (TSCLSampling, {"window": True}, "window: expected a whole number of at least 1, got True"),
        (TSCLWindow, {"policy": ("epsilon",)}, "policy: expected a name, or a name and a number, got"),
    ],
)
def test_own_bad_options_are_refused(kind, options, message):
    with pytest.raises(ValueError, match=message):
        kind(Discrete(3), seed=0, **options)
