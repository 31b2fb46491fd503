"""From values to arms: policies by hand, draws, ties, and what is refused."""

import numpy as np
import pytest
from bandit_teachers import NAN, same

from teacherstudent.teachers.bandits import policies

ALL = np.ones(4, bool)


SOME = np.array([True, False, True, True])


def test_policies_by_hand():
    values = np.array([1.0, 9.0, 3.0, 3.0])
    same(policies.greedy(values, ALL), [0, 1, 0, 0])
    same(policies.greedy(values, SOME), [0, 0, 0.5, 0.5])
    np.testing.assert_allclose(policies.choose(("epsilon", 0.3), values, SOME), [0.1, 0, 0.45, 0.45])
    np.testing.assert_allclose(
        policies.choose(("boltzmann", 2.0), values, SOME),
        np.array([np.exp(0.5), 0, np.exp(1.5), np.exp(1.5)]) / (np.exp(0.5) + 2 * np.exp(1.5)),
    )
    same(policies.softmax(np.array([-1e6, 0, 1e6, 1e6]), ALL), [0, 0, 0.5, 0.5])


def test_draws_follow_the_probabilities_and_never_take_an_arm_of_none():
    p = np.array([0.0, 0.2, 0.0, 0.8, 0.0])
    arms = policies.draw(np.random.default_rng(0), p, 20_000)
    assert set(arms.tolist()) == {1, 3}
    assert np.mean(arms == 1) == pytest.approx(0.2, abs=4 * np.sqrt(0.16 / 20_000))


def test_temperatures_may_be_tiny_and_values_huge():
    values = np.array([1e120, -1e120, 1e120, 3.0])
    with np.errstate(invalid="raise", divide="raise"):
        same(policies.choose(("boltzmann", 5e-324), values, ALL), [0.5, 0, 0.5, 0])
        same(policies.choose(("boltzmann", 5e-324), values, ~ALL | (values == 3)), [0, 0, 0, 1])


def test_winners_share_ties():
    values = np.tile([5.0, 9.0, 5.0, 1.0], (20_000, 1))
    arms = policies.winners(np.random.default_rng(0), values, SOME)
    assert set(arms.tolist()) == {0, 2}
    assert np.mean(arms == 0) == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(20_000))
    infinite = np.tile([np.inf, 1.0, np.inf, 3.0], (100, 1))
    assert set(policies.winners(np.random.default_rng(0), infinite, SOME).tolist()) == {0, 2}


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("greedy", r"who: policy: expected one of \['boltzmann', 'epsilon'\], got 'greedy'"),
        (("epsilon", 1.5), r"who: policy: expected a share in \[0, 1\], got 1.5"),
        (("epsilon", NAN), "expected a share"),
        (("epsilon",), r"who: policy: expected a name, or a name and a number, got \('epsilon',\)"),
        (("epsilon", "much"), "who: policy: expected a name, or a name and a number"),
        (0.5, "who: policy: expected a name, or a name and a number"),
        (("boltzmann", 0.0), "who: policy: expected a temperature above 0, got 0.0"),
    ],
)
def test_bad_policies_are_refused(policy, message):
    with pytest.raises(ValueError, match=message):
        policies.check_policy("who", policy, {"epsilon": 0.1, "boltzmann": 4e-4})


def test_a_policy_name_alone_takes_the_default():
    assert policies.check_policy("who", "boltzmann", {"boltzmann": 4e-4}) == ("boltzmann", 4e-4)
    assert policies.check_policy("who", ["epsilon", 0], {"epsilon": 0.1}) == ("epsilon", 0.0)
