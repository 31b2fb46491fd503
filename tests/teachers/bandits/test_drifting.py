"""The filters behind progress-thompson: the linear one against the exact one, and damaged states."""

import numpy as np
import pytest

from teacherstudent.teachers.bandits.drifting import ExactFilter, FactorFilter

ALL = np.ones(6, bool)


def pair(k=6, *, drift=0.01, common=0.9, folded=False):
    options = {"drift": drift, "common": common, "folded": folded}
    return ExactFilter(k, **options), FactorFilter(k, **options)


def run(filters, n, rng, noise=1.0):
    """Give every filter the same rewards; each arm once first."""
    k = len(filters[0].mean)
    means = rng.standard_normal(k)
    for i in range(n):
        arm = i % k if i < k else int(rng.integers(k))
        reward = means[arm] + np.sqrt(noise) * rng.standard_normal()
        for each in filters:
            each.step(noise)
            each.observe(arm, float(reward), noise)


def factor_covariance(filtered):
    return np.diag(filtered.own) + np.outer(filtered.follow, filtered.follow)


@pytest.mark.parametrize(("drift", "common"), [(0.0, 0.9), (0.3, 0.0)])
def test_the_linear_filter_is_exact_without_a_common_step(drift, common):
    exact, linear = pair(drift=drift, common=common)
    run((exact, linear), 80, np.random.default_rng(0))
    np.testing.assert_allclose(linear.mean, exact.mean, rtol=1e-10)
    np.testing.assert_allclose(factor_covariance(linear), exact.covariance, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(linear.deviation(), exact.deviation(), rtol=1e-10)
    np.testing.assert_allclose(linear.best(ALL, 0), exact.best(ALL, 0), atol=1e-6)


def test_rewards_are_taken_in_exactly_from_any_state():
    exact, linear = pair(drift=0.0)
    rng = np.random.default_rng(1)
    exact.mean, linear.mean = (np.arange(6.0) for _ in range(2))
    linear.own, linear.follow = rng.random(6), rng.standard_normal(6)
    exact.covariance = factor_covariance(linear)
    for arm in (2, 4, 2, 0):
        for each in (exact, linear):
            each.observe(arm, 3.0, 0.5)
        np.testing.assert_allclose(linear.mean, exact.mean, rtol=1e-10)
        np.testing.assert_allclose(factor_covariance(linear), exact.covariance, rtol=1e-8, atol=1e-12)


def test_a_common_step_adds_its_variance_to_every_arm_that_had_a_reward():
    exact, linear = pair(drift=0.5, common=0.7)
    run((exact, linear), 20, np.random.default_rng(0))
    before = linear.deviation() ** 2
    linear.step(2.0)
    np.testing.assert_allclose(linear.deviation() ** 2, before + 1.0)
    fresh = pair()[1]
    fresh.observe(0, 1.0, 1.0)
    fresh.step(1.0)
    assert fresh.deviation()[1:].tolist() == [0] * 5


@pytest.mark.parametrize("common", [0.5, 0.9, 1.0])
def test_the_linear_filter_is_close_with_a_common_step(common):
    errors = []
    for seed in range(6):
        exact, linear = pair(common=common)
        run((exact, linear), 150, np.random.default_rng(seed))
        errors.append(np.abs(linear.mean - exact.mean) / exact.deviation())
        np.testing.assert_allclose(linear.deviation(), exact.deviation(), rtol=0.25)
    assert np.mean(errors) < 0.15


@pytest.mark.parametrize("folded", [False, True])
def test_probabilities_of_correlated_arms_are_those_of_their_draws(folded):
    exact, linear = pair(folded=folded, drift=0.1)
    run((exact, linear), 60, np.random.default_rng(2))
    arms, _ = exact.play(np.random.default_rng(0), 200_000, ALL)
    share = np.bincount(arms, minlength=6) / 200_000
    looks = np.array([exact.best(ALL, look) for look in range(20)])
    np.testing.assert_allclose(looks.mean(axis=0), share, atol=0.004)
    assert 0 < looks.std(axis=0).max() < 0.006
    arms, probabilities = linear.play(np.random.default_rng(0), 200_000, ALL)
    np.testing.assert_allclose(np.bincount(arms, minlength=6) / 200_000, probabilities, atol=0.005)


def test_arms_that_hardly_differ_get_an_estimate_that_is_never_zero():
    exact, _ = pair()
    exact.mean, exact.covariance = np.linspace(0, 0.1, 6), np.ones((6, 6))
    found = exact.best(ALL, 0)
    assert found.sum() == pytest.approx(1)
    assert found.argmax() == 5
    exact, _ = pair(folded=True)
    exact.mean, exact.covariance = np.linspace(-1, 1, 6), np.ones((6, 6))
    found = exact.best(ALL, 0)
    assert (found[[0, -1]] > 0.4).all()
    assert found.min() > 0


def test_some_arms_only():
    exact, linear = pair()
    run((exact, linear), 60, np.random.default_rng(2))
    some = np.array([False, True, True, False, False, True])
    for each in (exact, linear):
        found = each.probabilities(some, 3)
        assert found[~some].tolist() == [0, 0, 0]
        assert found.sum() == pytest.approx(1)
    each.mean[2] = np.nan
    assert each.probabilities(some, 3).tolist() == [0, 0, 1, 0, 0, 0]


@pytest.mark.parametrize(
    ("which", "change", "message"),
    [
        (0, {"mean": np.zeros(5)}, r"mean: expected shape \(6\)"),
        (0, {"mean": np.full(6, np.inf)}, "mean: expected finite numbers, or NaN"),
        (0, {"covariance": np.zeros((6, 5))}, r"covariance: expected shape \(6, 6\)"),
        (0, {"covariance": np.full((6, 6), np.nan)}, "covariance: expected finite numbers"),
        (0, {"covariance": np.triu(np.ones((6, 6)))}, "covariance: expected a symmetric matrix"),
        (0, {"covariance": -np.eye(6)}, "covariance: expected a symmetric matrix without negative"),
        (1, {"own": -np.ones(6)}, "own: expected numbers of at least 0"),
        (1, {"follow": np.full(6, np.nan)}, "follow: expected finite numbers"),
        (1, {"more": 1}, "unknown"),
    ],
)
def test_damaged_states_are_refused(which, change, message):
    found = pair()[which]
    run((found,), 20, np.random.default_rng(0))
    state = found.state()
    pair()[which].load(state)
    with pytest.raises(ValueError, match=message):
        found.load(state | change)
