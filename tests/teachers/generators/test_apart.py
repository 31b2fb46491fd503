import numpy as np
import pytest

from teacherstudent.teachers.generators import apart
from teacherstudent.teachers.generators.apart import Apart


def test_points_keep_their_distance_in_the_scale():
    found = Apart(np.array([1.0, 10.0]), 0.5)
    # The second is near the first; the third is far by its second coordinate; the last is near the third.
    found.add(np.array([[0, 0], [0.4, 0], [0, 0.06], [0.3, 0.09]]))
    assert found.points.tolist() == [[0, 0], [0, 0.06]]
    found.add(np.array([[0.5, 0], [0.51, 0]]))
    assert found.points.tolist() == [[0, 0], [0, 0.06], [0.51, 0]]


def test_the_newest_points_stay(monkeypatch):
    monkeypatch.setattr(apart, "MOST", 3)
    found = Apart(np.ones(1), 0.05)
    found.add(np.arange(10)[:, None] / 10)
    assert found.points[:, 0].tolist() == [0.7, 0.8, 0.9]
    with pytest.raises(ValueError, match="at most 3 points, got 4"):
        found.load("x", np.zeros((4, 1)))
