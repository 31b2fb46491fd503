"""Constant knobs: what nobody drives is neutral."""

from knob_paths import SPACE, make, value


def test_knobs_that_are_not_driven_are_neutral():
    (task,) = make("constant").ask(1).tasks
    assert dict(zip(SPACE.names, task.tolist(), strict=True)) == {
        "bandwidth": 224,
        "magnitude": 0,
        "lr_spread": 0,
        "smoothing": 0,
        "data_fraction": 1,
        "self_distillation": 0,
        "lr_scale": 1,
    }
    teacher = make("ps-kd", values={"magnitude": 0.3})
    assert value(teacher, "magnitude", 0.7) == 0.3
    assert value(teacher, "bandwidth", 0.7) == 224
