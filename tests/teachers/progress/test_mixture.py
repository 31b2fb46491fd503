import numpy as np
import pytest
from mixtures import COUNTS, blobs
from sklearn.mixture import GaussianMixture

from teacherstudent.teachers.progress.mixture import fit_mixture, fit_reference, parameters, penalty


def aic(mixture, rows):
    """Return AIC, computed by scikit-learn."""
    model = GaussianMixture(len(mixture))
    model.weights_, model.means_, model.covariances_ = mixture.weights, mixture.means, mixture.covariances
    model.precisions_cholesky_ = np.linalg.cholesky(np.linalg.inv(mixture.covariances))
    return model.aic(rows)


def test_criteria_by_hand():
    # 3 Gaussians in 2 dimensions: 3 x (2 means + 3 covariances) + 2 weights
    assert parameters(3, 2) == 17
    assert parameters(1, 1) == 2
    free = np.array([2.0, 17.0])
    assert penalty("aic", free, 20).tolist() == [4.0, 34.0]
    assert penalty("bic", free, 20) == pytest.approx(free * np.log(20))
    assert penalty("aicc", free, 20) == pytest.approx([4 + 2 * 2 * 3 / 17, 34 + 2 * 17 * 18 / 2])
    assert penalty("aicc", free, 18).tolist() == [pytest.approx(4 + 12 / 15), np.inf]


def test_the_number_of_clusters_is_found():
    for k in (2, 4, 7):
        rng = np.random.default_rng(k)
        centres = np.array([[i % 3, i // 3] for i in range(k)]) / 3
        rows = centres[np.arange(300) % k] + 0.02 * rng.standard_normal((300, 2))
        mixture = fit_mixture(rows, COUNTS, "bic", rng)
        assert len(mixture) == k
        order = np.lexsort(np.rint(mixture.means * 3).T)
        np.testing.assert_allclose(mixture.means[order], centres, atol=0.01)
        np.testing.assert_allclose(mixture.weights, 1 / k, atol=0.01)


@pytest.mark.parametrize("d", [3, 13])
def test_as_good_as_scikit_learn(d):
    rng = np.random.default_rng(0)
    ours, theirs, again = [], [], []
    for seed in range(12):
        rows = blobs(250, d, seed, spread=0.15)
        ours.append(aic(fit_mixture(rows, COUNTS, "aic", rng), rows))
        theirs.append(aic(fit_reference(rows, COUNTS, "aic", 0), rows))
        again.append(aic(fit_reference(rows, COUNTS, "aic", 1), rows))
    noise = np.abs(np.subtract(theirs, again)).mean()
    assert noise > 0.5
    assert np.mean(ours) <= np.mean(theirs) + noise


def test_degenerate_rows():
    rng = np.random.default_rng(0)
    same = fit_mixture(np.full((50, 3), 0.3), COUNTS, "aic", rng)
    assert (len(same), same.weights.tolist()) == (1, [1.0])
    np.testing.assert_allclose(same.means, [[0.3] * 3])
    np.testing.assert_allclose(same.covariances[0], 1e-6 * np.eye(3), atol=1e-12)
    single = fit_mixture(np.array([[0.2, 0.4]]), COUNTS, "aic", rng)
    np.testing.assert_allclose(single.means, [[0.2, 0.4]])
    pair = fit_mixture(np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]), COUNTS, "aic", rng)
    assert len(pair) == 2
    line = fit_mixture(np.column_stack([np.linspace(0, 1, 250), np.zeros(250)]), COUNTS, "aic", rng)
    assert np.isfinite(line.covariances).all()
    few = fit_mixture(rng.random((4, 6)), COUNTS, "aicc", rng)  # every size has too many parameters
    assert len(few) == 2  # then the smallest
    assert min(np.linalg.eigvalsh(c)[0] for c in few.covariances) > 0


def test_units_of_a_wide_column_do_not_matter():
    rows = blobs(250, 3, seed=4)
    rows[:, 2] = (rows[:, 2] - rows[:, 2].min()) / np.ptp(rows[:, 2])  # its range is 1
    small = fit_mixture(rows, COUNTS, "aic", np.random.default_rng(0))
    large = fit_mixture(rows * [1, 1, 500], COUNTS, "aic", np.random.default_rng(0))
    np.testing.assert_allclose(large.weights, small.weights, atol=1e-9)
    np.testing.assert_allclose(large.means, small.means * [1, 1, 500], rtol=1e-9)
    np.testing.assert_allclose(large.covariances[:, 2, 2], small.covariances[:, 2, 2] * 500**2, rtol=1e-6)


def test_the_reference_is_the_best_of_scikit_learns_fits():
    rows = blobs(250, 3, seed=2, spread=0.15)
    for criterion, extra in (("aic", False), ("bic", False), ("aicc", True)):
        models = [GaussianMixture(k, random_state=7).fit(rows) for k in COUNTS]
        values = [model.bic(rows) if criterion == "bic" else model.aic(rows) for model in models]
        if extra:  # the authors count d^2/2 - d/2 + 2 d + 1 = 6 a component for the 2 task dimensions
            free = [6 * k - 1 for k in COUNTS]
            values = [v + 2 * p * (p + 1) / (250 - p - 1) for v, p in zip(values, free, strict=True)]
        best = models[int(np.argmin(values))]
        got = fit_reference(rows, COUNTS, criterion, 7, aicc_dimension=2)
        assert np.array_equal(got.means, best.means_)
    with pytest.raises(ValueError, match="n_samples"):
        fit_reference(rows[:5], COUNTS, "aic", 0)


@pytest.mark.parametrize("value", [-1e100, 0.1, 1e100])
def test_a_constant_column_has_no_range_however_large_it_is(value):
    rows = np.column_stack([blobs(100, 2, seed=0), np.full(100, value)])
    mixture = fit_mixture(rows, COUNTS, "aic", np.random.default_rng(0))
    plain = fit_mixture(
        np.column_stack([rows[:, :2], np.zeros(100)]), COUNTS, "aic", np.random.default_rng(0)
    )
    np.testing.assert_allclose(mixture.means[:, :2], plain.means[:, :2])
    np.testing.assert_allclose(mixture.means[:, 2], value)
    np.testing.assert_allclose(mixture.covariances[:, 2, 2], 1e-6)
