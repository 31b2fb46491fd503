"""The picture of a buffer, by hand."""

import numpy as np
import pytest
from level_teachers import make, tell_levels


def test_snapshot_by_hand():
    teacher = make("plr", score="value_l1")
    assert teacher.snapshot() == {}
    tell_levels(teacher, [10, 20, 30], episodes=[1.0] * 3, value_l1=[2.0, 6.0, 4.0])
    found = teacher.snapshot()
    assert found["levels"].ravel().tolist() == [20, 30, 10]
    assert found["level_scores"].tolist() == [6.0, 4.0, 2.0]
    assert found["features"]["number"].tolist() == [20.0, 30.0, 10.0]
    assert found["feature_scores"].tolist() == [6.0, 4.0, 2.0]
    assert found["scores"][[0, 16, 32]].tolist() == [2.0, 4.0, 6.0]
    assert found["staleness"][[0, 16, 32]].tolist() == [0.0, 1.0, 2.0]
    metrics = teacher.metrics()
    assert metrics["fill"] == 3 / 16
    assert metrics["score"] == 4.0
    assert metrics["staleness"] == 1.0
    # ranks 3, 1, 2 and temperature 1: 2/11, 6/11, 3/11; staleness 2, 1, 0 of 3
    p = 0.7 * np.array([2, 6, 3]) / 11 + 0.3 * np.array([2, 1, 0]) / 3
    assert metrics["effective_size"] == pytest.approx(1 / (p**2).sum())
    big = make("plr", buffer={"capacity": 1000})
    tell_levels(big, np.arange(600), episodes=[1.0] * 600, value_l1=np.arange(600.0))
    numbers = big.snapshot()["features"]["number"]
    assert len(numbers) == 256
    assert (numbers[0], numbers[-1]) == (599.0, 0.0)
