"""Learning-rate laws: REX and its rivals, by hand."""

import numpy as np
import pytest
from knob_paths import make, value

from teacherstudent.teachers.stages.rex import profile


@pytest.mark.parametrize(
    ("law", "at", "expected"),
    [
        ("rex", (0, 0.25, 0.5, 0.75, 0.9), (1, 0.857, 0.667, 0.4, 0.182)),
        ("linear", (0, 0.25, 1), (1, 0.75, 1e-4)),
        ("cosine", (0, 1 / 3, 0.5, 1), (1, 0.75, 0.5, 1e-4)),
        ("constant", (0, 0.5, 1), (1, 1, 1)),
    ],
)
def test_learning_rate_laws(law, at, expected):
    teacher = make("rex", law=law)
    np.testing.assert_allclose([value(teacher, "lr_scale", p) for p in at], expected, atol=5e-4)


def test_rex_bends_from_linear_and_is_read_as_often_as_told():
    for p in (0.1, 0.6):
        assert profile("rex", p) == pytest.approx((1 - p) / (1 - p / 2))
        assert profile("rex", p, d=0.0) == pytest.approx(1 - p)
    teacher = make("rex", readings=4, scale=0.5)
    assert [value(teacher, "lr_scale", p) for p in (0.0, 0.249)] == [0.5, 0.5]
    assert value(teacher, "lr_scale", 0.51) == pytest.approx(1 / 3)
