import numpy as np
import pytest

from teacherstudent.teachers.targets.gaussian import Gaussian


def of(mean, covariance):
    return Gaussian(np.array(mean, float), np.linalg.cholesky(np.array(covariance, float)))


def test_the_divergence_of_one_dimension_by_hand():
    # ln 2 + (1 + 1) / 8 - 1/2
    assert of([0], [[1]]).kl(of([1], [[4]])) == pytest.approx(np.log(2) - 0.25)
    # -ln 2 + (4 + 1) / 2 - 1/2
    assert of([1], [[4]]).kl(of([0], [[1]])) == pytest.approx(2 - np.log(2))
    assert of([3], [[5]]).kl(of([3], [[5]])) == pytest.approx(0)


def test_the_divergence_of_two_dimensions_by_hand():
    # trace(diag(1/2, 1/4) diag(1, 1)) + 2^2 / 4 - 2 + ln 8, halved.
    assert of([0, 0], np.eye(2)).kl(of([0, 2], np.diag([2, 4]))) == pytest.approx(
        (0.75 + 1 - 2 + np.log(8)) / 2
    )


def test_the_divergence_is_the_mean_of_the_log_ratio():
    rng = np.random.default_rng(0)
    p = of([0.2, -0.1], [[0.5, 0.2], [0.2, 0.4]])
    q = of([0.0, 0.3], [[0.8, -0.1], [-0.1, 0.6]])
    draws = p.draw(400_000, rng)
    assert p.kl(q) == pytest.approx((p.log_density(draws) - q.log_density(draws)).mean(), abs=0.01)


def test_the_density_by_hand():
    # -(2 / 2)^2 / 2 - ln 2, without ln sqrt(2 pi).
    assert of([1], [[4]]).log_density(np.array([[3.0]])) == pytest.approx([-0.5 - np.log(2)])


def test_draws_have_mean_and_covariance_and_are_found_again():
    p = of([0.2, -0.1], [[0.5, 0.2], [0.2, 0.4]])
    found = Gaussian.of(p.draw(200_000, np.random.default_rng(0)), 0.0)
    np.testing.assert_allclose(found.mean, p.mean, atol=0.01)
    np.testing.assert_allclose(found.covariance, p.covariance, atol=0.01)


def test_a_gaussian_of_one_task_has_the_least_deviation():
    found = Gaussian.of(np.array([[0.3, 0.4]]), 0.1)
    assert found.mean.tolist() == [0.3, 0.4]
    np.testing.assert_allclose(found.covariance, 0.01 * np.eye(2))


@pytest.mark.parametrize(
    "change",
    [
        {"mean": np.array([0.0, 11.0])},
        {"root": np.array([[1.0, 0.5], [0.0, 1.0]])},
        {"root": np.array([[1.0, 0.0], [0.0, 0.0]])},
        {"root": -np.eye(2)},
    ],
)
def test_a_damaged_state_is_refused(change):
    with pytest.raises(ValueError, match="gaussian: expected a mean within"):
        Gaussian.load(of([0, 0], np.eye(2)).state() | change, 2)
