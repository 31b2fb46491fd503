"""Curricula of earlier runs: taken over in the unit cube, and refused when something does not fit."""

import numpy as np
import pytest
from curricula import curriculum

from teacherstudent.contract.spaces import Parameters
from teacherstudent.teachers.lessons.curriculum import Curriculum, Gaussians
from teacherstudent.teachers.progress.expectation import Mixture

SPACE = Parameters(a=(0, 10), b=(-1, 1))


def of(given):
    return Curriculum.of("x", SPACE, given)


def test_it_is_taken_over():
    found = of(curriculum(SPACE))
    assert [len(step) for step in found.steps] == [2, 2, 2]
    np.testing.assert_allclose(found.steps[1].means, [[0.5, 0.5], [0.5, 0.5]])
    np.testing.assert_allclose(found.steps[0].roots[0] @ found.steps[0].roots[0].T, np.eye(2) * 0.05**2)
    np.testing.assert_allclose(found.steps[0].alp, [0.6, 0.2])
    np.testing.assert_allclose(found.scores, [0.3, 0.4, 0.5])
    assert found.episodes.tolist() == [0, 40, 80]
    bare = curriculum(SPACE)
    assert of({name: bare[name] for name in ("means", "covariances")}).scores is None


def test_roots_have_the_covariance_of_the_task():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(3, 3))
    mixture = Mixture(np.ones(1), np.array([[5, 0, -0.1]]), (a @ a.T)[None])
    found = Gaussians.of(SPACE, mixture)
    expected = (a @ a.T)[:2, :2] / np.outer([10, 2], [10, 2])
    np.testing.assert_allclose(found.roots[0] @ found.roots[0].T, expected)
    assert found.alp.tolist() == [0]
    flat = Gaussians.of(SPACE, Mixture(np.ones(1), np.zeros((1, 3)), np.ones((1, 3, 3))))
    np.testing.assert_allclose(flat.roots[0] @ flat.roots[0].T, 1 / np.outer([10, 2], [10, 2]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"means": []}, "x: means: expected a list with an entry for each step"),
        ({"means": [[[1.0, 0, 0]]]}, "x: covariances: expected as many steps as means, 1, got 3"),
        ({"means": [[[1.0, 0]]] * 3}, r"x: step 0: expected means \(k, 3\)"),
        ({"means": [[]] * 3}, r"x: step 0: means: expected|x: step 0: expected means \(k, 3\)"),
        ({"covariances": [-np.ones((2, 3, 3))] * 3}, "covariances: expected variances above 0"),
        ({"scores": [1, 2]}, "x: scores: expected a finite number for each of 3 steps"),
        ({"episodes": [5, 5, 6]}, "x: episodes: expected ascending whole numbers"),
        ({"episodes": [0, 0.5, 6]}, "x: episodes: expected ascending whole numbers"),
        ({"more": 1}, "x: expected entries among .*, got 'more'"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        of(curriculum(SPACE) | change)


def test_what_is_no_curriculum_is_refused():
    with pytest.raises(ValueError, match="x: expected a mapping with means and covariances, got 'runs/x'"):
        of("runs/x")
    with pytest.raises(ValueError, match="x: expected an entry 'covariances'"):
        of({"means": []})
