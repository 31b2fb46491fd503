import numpy as np
import pytest

from teacherstudent.teachers.targets import smoother
from teacherstudent.teachers.targets.smoother import NadarayaWatson


def slow(point, points, scores, scale):
    """The definition, a point at a time."""
    squared = ((points - point) ** 2).sum(axis=1)
    within = squared <= (3 * scale) ** 2
    if not within.any():
        within = np.zeros(len(points), bool)
        within[np.argsort(squared)[:10]] = True
    weights = np.exp(-squared[within] / (2 * scale**2) + squared.min() / (2 * scale**2))
    return (weights * scores[within]).sum() / weights.sum()


def test_two_neighbours_by_hand():
    model = NadarayaWatson(np.array([[0.0], [2.0]]), np.array([1.0, 5.0]), 1.0)
    # Weights exp(-0.5) and exp(-0.5): the middle; exp(0) and exp(-2): near the first.
    assert model.predict(np.array([[1.0], [0.0]])) == pytest.approx(
        [3.0, (1 + 5 * np.exp(-2)) / (1 + np.exp(-2))]
    )


def test_beyond_three_scales_a_neighbour_does_not_count():
    model = NadarayaWatson(np.array([[0.0], [3.1]]), np.array([1.0, 5.0]), 1.0)
    assert model.predict(np.array([[0.0]])).tolist() == [1.0]


@pytest.mark.parametrize("scale", [0.01, 0.1, 1.0])
def test_it_is_the_definition_near_and_far(scale, monkeypatch):
    rng = np.random.default_rng(0)
    points = rng.random((40, 2))
    scores = rng.random(40)
    queries = 3 * rng.random((5, 6, 2)) - 1
    model = NadarayaWatson(points, scores, scale)
    expected = [[slow(q, points, scores, scale) for q in row] for row in queries]
    np.testing.assert_allclose(model.predict(queries), expected)
    monkeypatch.setattr(smoother, "_BLOCK", 120)  # three queries at a time
    np.testing.assert_allclose(model.predict(queries), expected)


def test_fewer_points_than_neighbours_all_count():
    model = NadarayaWatson(np.array([[0.0], [0.0]]), np.array([1.0, 3.0]), 0.1)
    assert model.predict(np.array([[9.0]])).tolist() == [2.0]
    assert model.predict(np.empty((0, 1))).shape == (0,)
