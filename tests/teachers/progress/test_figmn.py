"""FIGMN: one component against numpy, a plain loop of the rule, forgetting, pruning, hard rows, damage."""

import numpy as np
import pytest
from scipy.stats import chi2, multivariate_normal

from teacherstudent.teachers.progress.expectation import Mixture
from teacherstudent.teachers.progress.figmn import FLOOR, Figmn


def make(d=2, spread=0.3, novelty=0.1, most=10, memory=None, patience=None):
    """Make a mixture with the authors' patience, or another."""
    if patience is None:
        patience = 2 * d
    spreads = np.full(d, float(spread))
    return Figmn(d, spread=spreads, novelty=novelty, most=most, memory=memory, patience=patience)


def two_clouds(n=300):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n, 2)) * [0.1, 0.2]
    rows[rng.random(n) < 0.4] += [3.0, -2.0]
    return rows


@pytest.mark.parametrize("d", [1, 3, 13])
def test_one_component_is_mean_and_covariance_of_its_rows(d):
    """The rank-one steps lose nothing: its first variances count as those of one row."""
    rng = np.random.default_rng(d)
    rows = rng.normal(size=(400, d)) @ rng.normal(size=(d, d)) + 2
    made = make(d, most=1)
    made.learn(rows[:150])
    made.learn(rows[150:])
    covariance = (np.atleast_2d(np.cov(rows.T, bias=True)) * 400 + np.eye(d) * 0.09) / 400
    found = made.mixture()
    np.testing.assert_allclose(found.means[0], rows.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.covariances[0], covariance, rtol=1e-12, atol=1e-12)
    scale = np.abs(np.linalg.inv(covariance)).max()
    np.testing.assert_allclose(made.precisions[0], np.linalg.inv(covariance), rtol=1e-9, atol=1e-12 * scale)
    np.testing.assert_allclose(made.log_determinants[0], np.linalg.slogdet(covariance)[1], rtol=1e-12)


def plain(rows, spread, novelty, memory):
    """The rule as it stands in the docstring, with inverses and densities of scipy."""
    d = rows.shape[1]
    parts = []  # mean, covariance, mass, age
    for x in rows:
        for part in parts:
            part[2] *= 1 - 1 / memory
        squares = [(x - m) @ np.linalg.inv(c) @ (x - m) for m, c, _, _ in parts]
        if not parts or min(squares) >= chi2.ppf(1 - novelty, d):
            parts.append([x.copy(), np.eye(d) * spread**2, 1.0, 1])
            continue
        density = np.array([multivariate_normal.pdf(x, m, c) * mass for m, c, mass, _ in parts])
        for part, share in zip(parts, density / density.sum(), strict=True):
            part[3] += 1
            part[2] += share
            w = share / part[2]
            e = x - part[0]
            part[0] = part[0] + w * e
            part[1] = (1 - w) * (part[1] + w * np.outer(e, e))
        parts = [part for part in parts if part[3] <= 2 * d or part[2] >= d + 1]
    return parts


def test_the_rule_of_the_paper():
    rows = two_clouds()
    made = make(memory=100)
    made.learn(rows)
    parts = plain(rows, 0.3, 0.1, 100)
    found = made.mixture()
    assert made.count == len(parts) >= 2
    masses = np.array([part[2] for part in parts])
    np.testing.assert_allclose(found.weights, masses / masses.sum())
    np.testing.assert_allclose(found.means, [part[0] for part in parts])
    np.testing.assert_allclose(found.covariances, [part[1] for part in parts])
    np.testing.assert_allclose(made.precisions, np.linalg.inv(found.covariances), rtol=1e-9)
    np.testing.assert_allclose(made.log_determinants, np.linalg.slogdet(found.covariances)[1], rtol=1e-9)


def test_two_clouds_are_found():
    made = make()
    made.learn(two_clouds(2000))
    found = made.mixture()
    order = np.argsort(-found.weights)[:2]
    order = order[np.argsort(found.means[order, 0])]
    np.testing.assert_allclose(found.means[order], [[0, 0], [3, -2]], atol=0.1)
    np.testing.assert_allclose(found.weights[order], [0.6, 0.4], atol=0.1)


def test_it_forgets():
    old, new = np.zeros((500, 2)), np.ones((500, 2))
    rng = np.random.default_rng(0)
    rows = np.concatenate([old, new]) + 0.05 * rng.normal(size=(1000, 2))
    forgets, keeps = make(memory=50), make()
    for made in (forgets, keeps):
        made.learn(rows)
    old = []
    for mixture in (forgets.mixture(), keeps.mixture()):
        near = np.abs(mixture.means).max(axis=1) < 0.3
        old.append(mixture.weights[near].sum())
    assert old[0] < 0.01
    assert old[1] > 0.4


def test_stray_rows_are_dropped_and_the_most_is_kept():
    made = make(d=1, spread=0.1)
    made.learn(np.array([[0.0], [9.0]]))
    assert made.count == 2
    made.learn(np.zeros((1, 1)))
    assert made.count == 2  # two rows old
    made.learn(np.zeros((3, 1)))
    assert made.count == 1
    few = make(most=3)
    few.learn(np.random.default_rng(0).uniform(-100, 100, (50, 2)))
    assert few.count <= 3


@pytest.mark.parametrize(("patience", "kept"), [(6, False), (250, True)])
def test_rare_rows_need_patience(patience, kept):
    """One row in twenty is far off: with 2 D rows of patience it never gets a component that stays."""
    rng = np.random.default_rng(0)
    rows = 0.1 * rng.normal(size=(4000, 3))
    rows[::20] += 5.0
    made = make(3, spread=0.1, memory=250, patience=patience)
    held = []
    for start in range(2000, 4000, 16):
        made.learn(rows[:2000] if start == 2000 else rows[start - 16 : start])
        held.append(made.mixture().means.max() > 4)
    assert np.mean(held) == 1.0 if kept else np.mean(held) < 0.5


@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((500, 3)),
        np.outer(np.linspace(0, 1, 500), [1, 1, 1]),
        np.concatenate([np.random.default_rng(0).random((99, 3)), np.full((1, 3), 1e100), np.zeros((99, 3))]),
        np.random.default_rng(0).random((500, 3)) * [1, 1e-9, 1e9],
    ],
    ids=["equal", "line", "outlier", "units"],
)
def test_hard_rows_leave_a_mixture(rows):
    made = make(3, spread=0.1, memory=50)
    made.learn(rows)
    state = made.state()
    Mixture.load(made.mixture().state(), 3)
    np.linalg.cholesky(made.mixture().covariances[:, :2, :2])
    other = make(3, spread=0.1, memory=50)
    other.load("x", state)
    if np.abs(rows).max() <= 1:
        assert (made.precisions.diagonal(axis1=1, axis2=2) <= 1.001 / FLOOR).all()
        expected = np.linalg.inv(made.mixture().covariances)
        np.testing.assert_allclose(made.precisions, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


def test_a_state_goes_on():
    rows = two_clouds()
    one, two = make(memory=60), make(memory=60)
    one.learn(rows[:100])
    two.load("x", one.state())
    for made in (one, two):
        made.learn(rows[100:])
    for name, value in one.state().items():
        np.testing.assert_array_equal(two.state()[name], value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("count", 11, "count: expected a whole number from 0 to 10"),
        ("masses", np.zeros(2), "masses: expected numbers above 0"),
        ("ages", np.zeros(2), "ages: expected numbers of at least 1"),
        ("covariances", -np.ones((2, 2, 2)), "covariances: expected variances above 0"),
        ("precisions", -np.ones((2, 2, 2)), "precisions: expected diagonals above 0"),
        ("precisions", np.array([[[2, 1], [0, 2.0]]] * 2), "precisions: expected symmetric matrices"),
    ],
)
def test_damaged_states_are_refused(name, value, message):
    made = make()
    made.learn(np.array([[0.0, 0], [5, 5]]))
    with pytest.raises(ValueError, match=message):
        make().load("x", made.state() | {name: value})
