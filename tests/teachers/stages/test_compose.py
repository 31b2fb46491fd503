"""Several curricula at once, each with knobs of its own."""

import pytest
from knob_paths import make, value


def test_curricula_compose():
    teacher = make("compose", parts=("efficient-train", {"name": "lerac", "share": 0.5}, "rex"))
    assert value(teacher, "bandwidth", 0.25) == pytest.approx(160)
    assert value(teacher, "lr_spread", 0.25) == 2.5
    assert value(teacher, "lr_scale", 0.25) == pytest.approx(0.75 / 0.875)
    assert value(teacher, "smoothing", 0.25) == 0
    assert make("compose", values={"magnitude": 0.5}).ask(1).tasks[0, 1] == 0.5


def test_only_open_loop_teachers_compose():
    with pytest.raises(TypeError, match="expected open-loop teachers, got 'alp-gmm'"):
        make("compose", parts=("alp-gmm",))
