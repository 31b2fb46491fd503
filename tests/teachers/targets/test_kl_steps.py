import numpy as np
import pytest
from scipy.optimize import NonlinearConstraint, approx_fprime, minimize

from teacherstudent.teachers.targets.batches import Rows
from teacherstudent.teachers.targets.gaussian import Gaussian
from teacherstudent.teachers.targets.kl_steps import Step, interpolated


def drawn(points, scores, weights=1.0):
    return Rows(points, scores, np.broadcast_to(weights, len(scores)))


def problem(d, seed=0, rows=60):
    """Return a step of a Gaussian whose scores fall with the distance from its mean, and its parts."""
    rng = np.random.default_rng(seed)
    root = 0.05 * np.tril(rng.normal(size=(d, d)))
    root[np.diag_indices(d)] = 0.1 + 0.1 * rng.random(d)
    old = Gaussian(rng.random(d), root)
    target = Gaussian(rng.random(d), np.diag(0.05 + 0.05 * rng.random(d)))
    points = old.draw(rows, rng)
    scores = 1 - np.linalg.norm(points - old.mean, axis=1) + 0.1 * rng.standard_normal(rows)
    return Step(old, target, drawn(points, scores)), old, target, points, scores


@pytest.mark.parametrize("d", [1, 2, 4])
def test_numbers_are_those_of_the_gaussian_that_a_vector_describes(d):
    step, old, target, points, scores = problem(d)
    x = 0.1 * np.random.default_rng(1).standard_normal(d * (d + 3) // 2)
    new = step.gaussian(x)
    assert step.divergence(x)[0] == pytest.approx(old.kl(new))
    assert step.to_target(x)[0] == pytest.approx(new.kl(target))
    ratio = np.exp(new.log_density(points) - old.log_density(points))
    mean = scores.mean()
    assert step.expected(x) == pytest.approx(mean + (ratio * (scores - mean)).mean())
    assert step.expected(0 * x) == pytest.approx(mean)


def test_a_row_of_weight_one_half_is_half_a_row():
    _, old, target, points, scores = problem(2)
    half = Step(old, target, drawn(points, scores, np.where(np.arange(60) < 20, 1.0, 0.5)))
    # The same as rows of which the first twenty come twice.
    twice = Step(old, target, drawn(*(np.concatenate([part, part[:20]]) for part in (points, scores))))
    x = 0.1 * np.random.default_rng(1).standard_normal(5)
    assert half.mean == pytest.approx(twice.mean)
    assert half.expected(x) == pytest.approx(twice.expected(x))


@pytest.mark.parametrize("d", [1, 2, 4])
@pytest.mark.parametrize("name", ["divergence", "to_target", "gain"])
def test_gradients_are_those_of_differences(d, name):
    step = problem(d)[0]
    function = getattr(step, name)
    x = 0.1 * np.random.default_rng(1).standard_normal(d * (d + 3) // 2)
    differences = approx_fprime(x, lambda y: function(y)[0], 1e-7)
    np.testing.assert_allclose(function(x)[1], differences, rtol=1e-3, atol=1e-4)


def reference(step, objective, size, max_kl, line=None):
    """Solve a step with scipy's trust-constr, as the authors do."""
    constraints = [
        NonlinearConstraint(
            lambda x: step.divergence(x)[0], -np.inf, max_kl, jac=lambda x: step.divergence(x)[1]
        )
    ]
    if line is not None:
        constraints.append(NonlinearConstraint(step.expected, line, np.inf))
    options = {"gtol": 1e-6, "xtol": 1e-8, "maxiter": 3000}
    return minimize(
        objective, np.zeros(size), method="trust-constr", constraints=constraints, options=options
    )


@pytest.mark.parametrize("d", [1, 2, 3])
def test_a_step_to_the_target_is_what_trust_constr_finds(d):
    step, old, target, _, scores = problem(d)
    for line in (scores.mean() - 1.0, scores.mean() - 0.02):
        x = step.approach(0.25, None, line)
        found = reference(step, lambda x: step.to_target(x)[0], len(x), 0.25, line)
        assert old.kl(step.gaussian(x)) <= 0.25 + 1e-5
        assert step.expected(x) >= line - 1e-4
        start = old.kl(target)
        assert start - step.to_target(x)[0] > 0.1
        # As good as the reference, up to its own tolerance.
        assert step.to_target(x)[0] <= found.fun + 1e-3 * start


@pytest.mark.parametrize("d", [1, 2, 3])
def test_a_step_to_high_scores_is_what_trust_constr_finds(d):
    step, old = problem(d)[:2]
    x = step.maximise(0.1, None)
    found = reference(step, lambda x: -step.gain(x)[0], len(x), 0.1)
    assert old.kl(step.gaussian(x)) <= 0.1 + 1e-5
    assert step.gain(x)[0] >= -found.fun - 1e-3


@pytest.mark.parametrize("alpha", [0.0, 0.01, 10.0])
def test_the_penalised_step_is_what_trust_constr_finds(alpha):
    step, old = problem(2)[:2]
    x = step.balance(0.1, None, alpha)

    def objective(x):
        return alpha * step.to_target(x)[0] - step.expected(x)

    found = reference(step, objective, len(x), 0.1)
    assert old.kl(step.gaussian(x)) <= 0.1 + 1e-5
    assert objective(x) <= found.fun + 1e-3 * max(1.0, alpha)


def test_a_free_step_to_the_target_gets_there():
    step, old, target, points, scores = problem(2)
    found = old
    for _ in range(4):
        # The target is further away than the greatest bound.
        found = step.gaussian(step.approach(10.0, None, -100.0))
        step = Step(found, target, drawn(points, scores))
    np.testing.assert_allclose(found.mean, target.mean, atol=0.01)
    np.testing.assert_allclose(found.covariance, target.covariance, atol=1e-3)


def test_a_floor_keeps_the_root_wide():
    step, old, _, _, _ = problem(2)
    least = 0.95 * np.diag(old.root).min()
    free = step.gaussian(step.approach(0.5, None, -100.0))
    kept = step.gaussian(step.approach(0.5, least, -100.0))
    assert np.diag(free.root).min() < least
    assert np.diag(kept.root).min() >= least - 1e-9
    # One that is too narrow already need not widen at once.
    wide = step.gaussian(step.approach(0.1, 10.0, -100.0))
    assert (np.diag(wide.root) >= np.diag(old.root) - 1e-9).all()


def test_equal_scores_say_nothing():
    _, old, target, points, _ = problem(2)
    step = Step(old, target, drawn(points, np.full(len(points), 1e50)))
    assert not step.maximise(0.25, None).any()
    assert step.to_target(step.approach(0.25, None, 2e50))[0] < old.kl(target)


def test_interpolation_mixes_precisions_as_far_as_the_bound():
    old = Gaussian(np.zeros(1), np.eye(1))
    target = Gaussian(np.array([3.0]), 0.5 * np.eye(1))
    new = interpolated(old, target, 0.2)
    assert old.kl(new) == pytest.approx(0.2)
    # With share a the precision is 1 + 3a, and the mean 12a / (1 + 3a).
    a = (1 / new.covariance[0, 0] - 1) / 3
    assert 0 < a < 1
    assert new.mean[0] == pytest.approx(12 * a / (1 + 3 * a))
    assert interpolated(new, new, 0.2) is new
