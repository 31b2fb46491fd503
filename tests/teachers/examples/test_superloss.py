"""SuperLoss: its threshold and weights, by hand and in the student's loss."""

import numpy as np
import pytest
from example_teachers import experiment, make, weigh

from teacherstudent.recording.runs import Run


def test_superloss_follows_the_mean_loss():
    teacher = make("superloss", memory=0.75)
    batch = np.array([1.0, 3.0])
    weigh(teacher, batch)
    assert teacher.metrics()["threshold"] == 2
    weights = weigh(teacher, batch + 4)
    assert teacher.metrics()["threshold"] == 3  # 0.75 * 2 + 0.25 * 6
    assert 0 < weights[1] < weights[0] < 1
    again = make("superloss", memory=0.75)
    again.load_state_dict(teacher.state_dict())
    assert np.array_equal(weigh(teacher, batch, 0.1), weigh(again, batch, 0.1))


def test_superloss_with_a_fixed_threshold():
    teacher = make("superloss", threshold=1.0)
    found = weigh(teacher, np.array([1 + 2 * np.e, 1.0, 0.0]))
    np.testing.assert_allclose(found, [1 / np.e, 1, np.e])
    assert weigh(make("superloss", strength=1e9), [0.0, 9.0]) == pytest.approx(1)


def test_weights_reach_the_students_loss(tmp_path):
    losses = {}
    for label in ("uniform", "superloss"):
        experiment(label, 1e8).run(tmp_path / label)
        episodes = Run.load(tmp_path / label).episodes()
        losses[label] = episodes["loss"]
        assert (
            episodes["task"][:64].tolist() == Run.load(tmp_path / "uniform").episodes()["task"][:64].tolist()
        )
    assert np.array_equal(losses["uniform"][:64], losses["superloss"][:64])  # before the first step
    assert not np.allclose(losses["uniform"][64:128], losses["superloss"][64:128])
