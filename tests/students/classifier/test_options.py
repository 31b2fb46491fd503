"""Options of training: rates over compute, and what is refused."""

import numpy as np
import pytest

from teacherstudent.networks.device import Machine
from teacherstudent.students.classifier.options import Training, parse


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("linear", [1, 0.75, 0.5, 0.25, 0]),
        ("rex", [1, 0.857142857, 2 / 3, 0.4, 0]),
        ("cosine", [1, 0.8535534, 0.5, 0.1464466, 0]),
        ("constant", [1] * 5),
    ],
)
def test_rates_over_compute(schedule, expected):
    training = Training(lr=0.3, warmup=0, schedule=schedule)
    found = [training.rate(p) for p in (0, 0.25, 0.5, 0.75, 1)]
    assert np.allclose(found, 0.3 * np.array(expected))
    assert training.rate(1.5) == training.rate(1)


def test_the_rate_rises_first():
    training = Training(lr=0.4, warmup=0.2, schedule="constant")
    assert np.allclose([training.rate(p) for p in (0, 0.05, 0.1, 0.2, 0.5)], [0, 0.1, 0.2, 0.4, 0.4])


@pytest.mark.parametrize(
    ("kind", "given", "error", "message"),
    [
        (Training, {"learning_rate": 1}, TypeError, r"names of \['optimizer'.*got 'learning_rate'"),
        (Training, [1], TypeError, r"names and values, got \[1\]"),
        (Training, {"optimizer": "lion"}, ValueError, "optimizer: expected one of"),
        (Training, {"schedule": "step"}, ValueError, "schedule: expected one of"),
        (Training, {"lr": 0}, ValueError, "rate above 0"),
        (Training, {"warmup": 1.0}, ValueError, "warmup"),
        (Training, {"accumulate": 0}, ValueError, "accumulate: expected a whole number"),
        (Training, {"accumulate": 5, "batch_size": 4}, ValueError, "accumulate: expected"),
        (Training, {"batch_size": 1.5}, ValueError, "batch_size: expected a whole number"),
        (Training, {"ema": 1}, ValueError, "ema: expected a decay"),
        (Machine, {"precision": "int8"}, ValueError, "precision: expected one of"),
        (
            Machine,
            {"probe_batch": 2.5},
            ValueError,
            "probe_batch: expected a whole number",
        ),
    ],
)
def test_bad_options(kind, given, error, message):
    with pytest.raises(error, match=message):
        parse(kind, "options", given)
