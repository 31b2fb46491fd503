"""Knobs whose range would change nothing."""

import pytest

from teacherstudent.networks.knobs.touching import check_strengths, nothing


@pytest.mark.parametrize(
    ("reach", "message"),
    [
        (
            {"magnitude": (0, 0.003)},
            "magnitude: touches nothing: expected a strength of at least 0.00392, got 0.003",
        ),
        ({"smoothing": (0, 0.2)}, "smoothing: touches nothing: expected pixels of at least 0.3, got 0.2"),
    ],
)
def test_what_never_moves_a_pixel_is_refused(reach, message):
    with pytest.raises(ValueError, match=message):
        check_strengths(reach)


def test_what_does_passes():
    check_strengths({"magnitude": (0, 0.1), "smoothing": (0, 1.0), "lr_scale": (0.1, 1)})
    assert str(nothing("freeze", "a model", None)) == "freeze: touches nothing: expected a model, got None"
