"""Expectation maximisation: against scikit-learn, by hand, its starts, and saved mixtures."""

import numpy as np
import pytest
from mixtures import COUNTS, blobs
from sklearn.mixture import GaussianMixture

from teacherstudent.teachers.progress import expectation
from teacherstudent.teachers.progress.expectation import assign, first_centres, maximise
from teacherstudent.teachers.progress.mixture import Mixture, fit_mixture, parameters, penalty


def reference_from(points, responsibilities):
    """Return scikit-learn's mixture after EM from the given responsibilities ``(k, n)``."""
    model = GaussianMixture(len(responsibilities))
    model._initialize_parameters = lambda X, rng, xp=None: model._initialize(X, responsibilities.T.copy())  # noqa: N803
    return model.fit(points)


@pytest.mark.parametrize("d", [1, 3, 13])
def test_em_takes_the_steps_of_scikit_learn(d):
    rows = blobs(250, d, seed=d)
    points = rows - rows.mean(axis=0)
    start = assign(points, first_centres(points, 10, np.random.default_rng(0)), COUNTS)
    ends = np.cumsum(COUNTS)
    for fit, part in zip(maximise(points, COUNTS, start), np.split(start, ends[:-1]), strict=True):
        model = reference_from(points, part)
        assert fit.iterations == model.n_iter_
        assert fit.bound == pytest.approx(model.lower_bound_, abs=1e-9)
        np.testing.assert_allclose(fit.mixture.weights, model.weights_, atol=1e-9)
        np.testing.assert_allclose(fit.mixture.means, model.means_, atol=1e-9)
        np.testing.assert_allclose(fit.mixture.covariances, model.covariances_, atol=1e-9)


def test_em_survives_densities_beyond_floating_point():
    rng = np.random.default_rng(0)
    points = np.concatenate(
        [1e-5 * rng.standard_normal((150, 3)), [[0.9, 0.9, 0.9]], rng.random((99, 3)) / 9]
    )
    start = np.zeros((2, 250))
    start[0, :150] = start[1, 150:] = 1  # one very narrow Gaussian: its density at the others is exp(-1e5)
    start[0, 150], start[1, 150] = 1, 0
    fit, model = maximise(points, [2], start)[0], reference_from(points, start)
    assert fit.iterations == model.n_iter_
    np.testing.assert_allclose(fit.mixture.means, model.means_, atol=1e-9)
    far = np.full((1, 3), 40.0)
    lone = maximise(np.concatenate([points, far]), [1], np.ones((1, 251)))[0]
    assert np.isfinite(lone.bound)


def test_the_scaled_e_step_equals_the_plain_one():
    points = blobs(120, 2, seed=1) - 0.5
    tables = expectation._features(2)
    augmented = np.concatenate([np.ones((1, 120)), points.T])
    features = augmented[tables.first] * augmented[tables.second]
    start = np.random.default_rng(0).dirichlet(np.ones(5), 120).T
    active = expectation._Active(np.array([2, 3]), np.arange(2))
    start[:2] /= start[:2].sum(axis=0)
    start[2:] /= start[2:].sum(axis=0)
    _, coefficients = expectation._solve(features @ start.T, 120, 1e-6, *tables)
    plain, bound = active.expect(coefficients, features)
    shifted = coefficients.copy()
    shifted[0] -= 1000.0  # every density is exp(-1000) of what it was: 0 in floating point
    scaled, lower = active.expect(shifted, features)
    np.testing.assert_allclose(scaled, plain, atol=1e-12)
    np.testing.assert_allclose(lower, bound - 1000, atol=1e-9)
    assert plain[:2].sum(axis=0) == pytest.approx(np.ones(120))


def test_one_component_by_hand():
    fit = maximise(np.array([[-1.0], [0.0], [4.0], [1.0]]), [1], np.ones((1, 4)))[0]
    # mean 1, variance (4 + 1 + 9 + 0) / 4 = 3.5, and the regularisation
    assert fit.mixture.weights.tolist() == [1.0]
    assert fit.mixture.means[0, 0] == pytest.approx(1.0)
    assert fit.mixture.covariances[0, 0, 0] == pytest.approx(3.5 + 1e-6)
    assert fit.bound == pytest.approx(-0.5 * np.log(2 * np.pi * 3.5) - 0.5, abs=1e-6)


def test_k_means_by_hand():
    points = np.array([[0.0], [0.25], [0.5], [0.75], [1.0]])
    shares = assign(points, np.array([[[0.0], [1.0], [0.5]]]), [2, 3])
    # two from 0 and 1: the tie at 0.5 counts on both sides, whose centres go to 0.25 and 0.75; three from 0,
    # 1 and 0.5: ties at 0.25 and 0.75 move the outer centres to 0.125 and 0.875 and then belong to them
    assert shares[:2].tolist() == [[1, 1, 0.5, 0, 0], [0, 0, 0.5, 1, 1]]
    assert shares[2:].tolist() == [[1, 1, 0, 0, 0], [0, 0, 0, 1, 1], [0, 0, 1, 0, 0]]


def test_counts_take_the_sequences_in_turn():
    points = np.array([[0.0], [0.1], [0.9], [1.0]])
    starts = np.array([[[0.0], [1.0]], [[1.0], [0.0]]])
    shares = assign(points, starts, [2, 2, 2])
    assert shares.argmax(axis=0).tolist() == [0, 0, 1, 1]
    assert np.array_equal(shares[:2], shares[4:])
    assert np.array_equal(shares[:2], shares[[3, 2]])


def test_first_centres_are_different_and_spread():
    rng = np.random.default_rng(0)
    three = np.repeat([[0.0, 0], [1, 0], [0, 1]], 40, axis=0)
    for _ in range(20):
        for centres in first_centres(three, 10, rng):
            assert sorted(centres.tolist()) == [[0, 0], [0, 1], [1, 0]]
    # five tight clusters: the best of a few candidates misses one only rarely
    rows = np.repeat(np.eye(5), 50, axis=0) + 0.01 * rng.standard_normal((250, 5))
    drawn = np.concatenate([first_centres(rows, 5, rng) for _ in range(20)])
    assert np.mean([len(set(centres.argmax(axis=1))) == 5 for centres in drawn]) > 0.9
    assert len(np.unique(drawn[:, 0], axis=0)) > 25  # independent draws


def test_giving_up_does_not_change_who_wins_by_much():
    rng = np.random.default_rng(1)
    lost, given_up = [], 0
    for seed in range(30):
        rows = blobs(250, 3, seed, spread=0.1)
        points = rows - rows.mean(axis=0)
        start = assign(points, first_centres(points, 10, rng), COUNTS)
        costs = penalty("aic", np.array([parameters(k, 3) for k in COUNTS], float), 250)
        every = [-500 * f.bound + c for f, c in zip(maximise(points, COUNTS, start), costs, strict=True)]
        some = maximise(points, COUNTS, start, costs=costs)
        kept = [-500 * f.bound + c for f, c in zip(some, costs, strict=True) if f is not None]
        given_up += len(every) - len(kept)
        lost.append(min(kept) - min(every))
    assert given_up > 30
    assert np.min(lost) > -1e-6
    assert np.mean(lost) < 10  # two seeds of scikit-learn differ by 50 on such rows


def test_moved_by_hand():
    mixture = Mixture(np.array([1.0]), np.array([[1.0, 2.0]]), np.array([[[4.0, 1.0], [1.0, 9.0]]]))
    moved = mixture.moved(np.array([10.0, 0.0]), np.array([2.0, 3.0]))
    assert moved.means.tolist() == [[12.0, 6.0]]
    assert moved.covariances.tolist() == [[[16.0, 6.0], [6.0, 81.0]]]


def test_state_round_trip():
    mixture = fit_mixture(blobs(100, 2, seed=0), COUNTS, "aic", np.random.default_rng(0))
    again = Mixture.load(mixture.state(), 2)
    assert np.array_equal(again.covariances, mixture.covariances)
    with pytest.raises(ValueError, match="missing \\['means'\\]"):
        Mixture.load({k: v for k, v in mixture.state().items() if k != "means"}, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": np.ones(1)}, r"means: expected shape \(1, 2\), got \(2, 2\)"),
        ({"weights": np.array([0.5, 0.4])}, r"weights: expected a sum of 1, got 0\.9"),
        ({"weights": np.array([1.5, -0.5])}, "weights: expected numbers from 0 to"),
        ({"weights": np.array([0.5, np.nan])}, "weights: expected finite numbers"),
        ({"means": np.zeros((2, 3))}, r"means: expected shape \(2, 2\), got \(2, 3\)"),
        ({"means": np.full((2, 2), np.inf)}, "means: expected finite numbers"),
        ({"covariances": np.zeros((2, 2, 2))}, "covariances: expected variances above 0, got 0"),
        ({"covariances": np.array([[[1, 2], [2, 1]]] * 2)}, "covariances: expected no negative eigenvalue"),
        ({"covariances": np.array([[[1, 0.5], [0, 1]]] * 2)}, "covariances: expected symmetric matrices"),
    ],
)
def test_what_is_no_mixture_is_refused(change, message):
    good = {"weights": np.full(2, 0.5), "means": np.zeros((2, 2)), "covariances": np.array([np.eye(2)] * 2)}
    assert len(Mixture.load(good, 2)) == 2
    with pytest.raises(ValueError, match="mixture: " + message):
        Mixture.load(good | change, 2)
