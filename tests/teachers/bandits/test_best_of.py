"""How probable each of several random numbers is to be the greatest: against counting, and against scipy."""

import itertools

import numpy as np
import pytest
from scipy import integrate, stats

from teacherstudent.teachers.bandits.best_of import (
    best_of_normals,
    best_of_values,
    independent_parts,
    spread_points,
)

NAN = np.nan


def counted(rows):
    """Return how often each row has the greatest of one number of every row, shared by those that tie."""
    won = np.zeros(len(rows))
    for numbers in itertools.product(*rows):
        best = np.array(numbers) == max(numbers)
        won += best / best.sum()
    return won / np.prod([len(row) for row in rows])


@pytest.mark.parametrize("kind", ["different", "some equal", "two values", "all equal"])
@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 6])
def test_kept_values_equal_counting(kind, k):
    rng = np.random.default_rng([k, len(kind)])
    for _ in range(20):
        width = int(rng.integers(1, 5))
        sizes = rng.integers(1, width + 1, k)
        top = {"some equal": 3, "two values": 2, "all equal": 1}.get(kind)
        rows = [rng.standard_normal(n) if top is None else rng.integers(0, top, n) * 1.0 for n in sizes]
        values = np.array([[NAN] * (width - len(row)) + row.tolist() for row in rows])
        np.testing.assert_allclose(best_of_values(values), counted(rows), atol=1e-12)


def test_kept_values_by_hand():
    found = best_of_values(np.array([[1.0, 3.0], [2.0, NAN], [NAN, -5.0]]))
    assert found.tolist() == [0.5, 0.5, 0]
    np.testing.assert_allclose(best_of_values(np.array([[0.0, 1.0], [1.0, 1.0]])), [0.25, 0.75])
    huge = np.array([[1e120, -1e120], [1e120, 1e120]])
    np.testing.assert_allclose(best_of_values(huge), [0.25, 0.75])


@pytest.mark.parametrize("k", [31, 32, 33, 34, 200, 5000, 100_000])
def test_ties_of_many_are_shared(k):
    np.testing.assert_allclose(best_of_values(np.ones((k, 1))), 1 / k, rtol=1e-10)
    # One arm in two draws the 1 that the others always have: it wins half as often.
    values = np.ones((k, 2))
    values[0] = [0.0, 1.0]
    found = best_of_values(values)
    np.testing.assert_allclose(found[0], 1 / (2 * k), rtol=1e-10)
    np.testing.assert_allclose(found.sum(), 1, rtol=1e-10)


@pytest.mark.parametrize("equal", [True, False])
def test_many_arms_win_once_in_all(equal):
    rng = np.random.default_rng(0)
    values = rng.integers(0, 2, (20_000, 10)) * 1.0 if equal else rng.standard_normal((20_000, 10))
    found = best_of_values(values)
    assert found.sum() == pytest.approx(1, abs=1e-12)
    assert (found >= 0).all()
    # Against draws: the arms with the greatest chances.
    column = np.argsort(found)[-3:]
    drawn = values[np.arange(20_000), rng.integers(0, 10, (400, 20_000))]
    best = drawn == drawn.max(axis=1, keepdims=True)
    won = (best / best.sum(axis=1, keepdims=True))[:, column].mean(axis=0)
    assert (np.abs(won - found[column]) < 5 * np.sqrt(found[column] / 400) + 1e-3).all()


def by_quadrature(mean, deviation, folded):
    mean = np.abs(mean) if folded else mean
    ends = mean[:, None] + deviation[:, None] * np.array([-9, -4, -1, 0, 1, 4, 9])
    ends = np.unique(np.maximum(ends, 0) if folded else ends)
    found = []
    for a in range(len(mean)):

        def density(t, a=a):
            below = stats.norm.cdf(t, mean, deviation) - folded * stats.norm.cdf(-t, mean, deviation)
            own = stats.norm.pdf(t, mean[a], deviation[a]) + folded * stats.norm.pdf(
                -t, mean[a], deviation[a]
            )
            return own * np.prod(np.delete(below, a))

        pieces = itertools.pairwise(ends.tolist())
        found.append(sum(integrate.quad(density, x, y, epsabs=1e-11)[0] for x, y in pieces))
    return np.array(found)


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("k", [2, 3, 4, 5, 6])
def test_gaussians_equal_scipys_quadrature(folded, k):
    rng = np.random.default_rng([k, folded])
    for scale in (0.0, 1.0, 3.0):
        mean, deviation = 3 * rng.standard_normal(k), 10.0 ** (scale * rng.uniform(-1, 0.3, k))
        found = best_of_normals(mean[None], deviation, folded=folded)[0]
        np.testing.assert_allclose(found, by_quadrature(mean, deviation, folded), atol=1e-7)
        assert found.sum() == pytest.approx(1, abs=1e-7)


def test_gaussians_by_hand():
    found = best_of_normals(np.array([[0.0, 1.0], [2.0, 2.0]]), np.array([0.6, 0.8]))
    np.testing.assert_allclose(found, [[0.158655254, 1 - 0.158655254], [0.5, 0.5]], atol=1e-8)
    equal = best_of_normals(np.full((1, 7), -3.0), np.full(7, 1e-5), folded=True)
    np.testing.assert_allclose(equal, 1 / 7, atol=1e-8)
    for size in (1e-100, 1e100):
        same = best_of_normals(np.array([[0.0, size]]), size * np.array([0.6, 0.8]))
        np.testing.assert_allclose(same, [[0.158655254, 1 - 0.158655254]], atol=1e-8)


@pytest.mark.parametrize(("folded", "near"), [(False, 1e-9), (True, 1e-5)])
def test_gaussians_far_from_0_end(folded, near):
    """Rounding of numbers this great is above the tolerance: halving panels would never end."""
    deviation = np.array([0.0, 0.03, 0.06])
    found = best_of_normals(np.full((1, 3), 1e9), deviation, folded=folded)
    expected = best_of_normals(np.zeros((1, 3)), deviation)
    np.testing.assert_allclose(found, expected, atol=near)


def test_arms_without_a_deviation_win_for_sure_or_share():
    mean = np.array([[1.0, 1.0, 0.0], [-2.0, 0.0, 0.0]])
    assert best_of_normals(mean, np.zeros(3)).tolist() == [[0.5, 0.5, 0], [0, 0.5, 0.5]]
    assert best_of_normals(mean, np.zeros(3), folded=True).tolist() == [[0.5, 0.5, 0], [1, 0, 0]]
    found = best_of_normals(np.array([[0.0, 1.0, 1.0, 0.5]]), np.array([1.0, 0.0, 0.0, 0.0]))
    below = stats.norm.cdf(1)
    np.testing.assert_allclose(found, [[1 - below, below / 2, below / 2, 0]], atol=1e-9)


def test_many_gaussians_win_once_in_all():
    rng = np.random.default_rng(0)
    mean, deviation = rng.standard_normal((2, 30_000)), rng.random(30_000)
    found = best_of_normals(mean, deviation)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-7)
    drawn = mean[0] + deviation * rng.standard_normal((400, 30_000))
    won = np.bincount(drawn.argmax(axis=1), minlength=30_000) / 400
    strong = found[0] > 0.005
    assert won[strong].sum() == pytest.approx(found[0][strong].sum(), abs=5 * 0.5 / 20)


def test_points_are_spread_over_every_coordinate():
    points = spread_points(np.random.default_rng(0), 64, 5)
    slices = np.floor(64 * stats.norm.cdf(points)).astype(int)
    assert np.sort(slices, axis=0).tolist() == np.tile(np.arange(64)[:, None], 5).tolist()
    assert np.abs(np.corrcoef(points.T) - np.eye(5)).max() < 0.5


@pytest.mark.parametrize("k", [2, 5, 9])
def test_the_parts_of_a_covariance_add_up_to_it(k):
    rng = np.random.default_rng(k)
    root = rng.standard_normal((k, k)) * 10.0 ** rng.uniform(-3, 3, k)[:, None]
    covariance = root @ root.T
    common, own = independent_parts(covariance, np.eye(k))
    assert (own > 0).all()
    np.testing.assert_allclose(common.T @ common + np.diag(own**2), covariance, rtol=1e-6)
    walked = 0.9 * np.ones((k, k)) + 0.1 * np.eye(k)
    np.testing.assert_allclose(independent_parts(walked, np.eye(k))[1], np.sqrt(0.1), rtol=1e-3)


def test_arms_that_are_certain_have_no_part():
    common, own = independent_parts(np.diag([0.0, 4.0, 0.0]), np.ones((2, 3)))
    np.testing.assert_allclose(own, [0, 2, 0])
    np.testing.assert_allclose(common, 0, atol=1e-3)
