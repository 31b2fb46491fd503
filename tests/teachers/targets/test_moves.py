import numpy as np
import pytest

from teacherstudent.teachers.targets.moves import BALL, LINE, best, candidates


def around(particles, goals, mastered, radius=0.5, line=False):
    particles = np.array(particles, float)
    rng = np.random.default_rng(0)
    return candidates(particles, np.array(goals, float), np.array(mastered), radius, rng, line=line)


def test_candidates_fill_the_half_of_the_ball_that_faces_the_goal():
    found = around([[1.0, 1.0]], [[9.0, 1.0]], [True])[0] - 1.0
    assert found.shape == (BALL, 2)
    assert (found[:, 0] >= 0).all()
    lengths = np.linalg.norm(found, axis=1)
    assert 0.45 < lengths.max() <= 0.5
    # Uniform in the disc: a quarter lies within half of the radius.
    assert (lengths < 0.25).mean() == pytest.approx(0.25, abs=0.1)


def test_a_reflection_keeps_the_part_across():
    ball = around([[0.0, 0.0]], [[0.0, 1.0]], [False])[0]
    half = around([[0.0, 0.0]], [[0.0, 1.0]], [True])[0]
    np.testing.assert_allclose(half, np.column_stack([ball[:, 0], np.abs(ball[:, 1])]))
    assert (ball[:, 1] < 0).any()


def test_a_ball_is_no_larger_than_the_way_and_nothing_at_the_goal():
    near, arrived = around([[0.0, 0.0], [2.0, 2.0]], [[0.1, 0.0], [2.0, 2.0]], [True, True], line=True)
    assert np.linalg.norm(near, axis=1).max() <= 0.1 + 1e-12
    assert np.array_equal(arrived, np.full((BALL + LINE, 2), 2.0))


def test_points_on_the_way_come_in_tenths_of_the_radius():
    found = around([[1.0, 1.0]], [[1.0, 9.0]], [True], line=True)[0][BALL:]
    np.testing.assert_allclose(found, [[1.0, 1.0 + 0.05 * i] for i in range(1, 11)])


class Field:
    """Scores that a function says."""

    def __init__(self, function):
        self.function = function

    def predict(self, points):
        return self.function(points)


@pytest.mark.parametrize("seed", range(6))
def test_the_best_place_is_the_nearest_above_the_line_or_the_highest(seed):
    rng = np.random.default_rng(seed)
    places = rng.random((200, 17, 2))
    goals = rng.random((200, 2))
    # A field with a line that some particles can nowhere cross.
    field = Field(lambda points: np.sin(9 * points[..., 0]) + points[..., 1])
    line = 1.7
    expected = []
    none = 0
    for own, goal in zip(places, goals, strict=True):
        scores = field.predict(own)
        away = ((own - goal) ** 2).sum(axis=1)
        above = scores > line
        none += not above.any()
        expected.append(own[np.where(above, away, np.inf).argmin() if above.any() else scores.argmax()])
    assert 0 < none < 200
    assert np.array_equal(best(places, goals, field, line), expected)
