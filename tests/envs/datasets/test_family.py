"""Families of own data: knobs that would touch nothing, settings, defaults for teachers, the kit."""

import numpy as np
import pytest

from teacherstudent import teachers
from teacherstudent.envs.datasets.making import family_from_dataset
from teacherstudent.testing.families import check_family

RNG = np.random.default_rng(0)
TABLE = (RNG.normal(size=(60, 4)), np.arange(60) % 2)
BYTES = (RNG.integers(0, 256, (60, 8, 8)).astype(np.uint8), np.arange(60) % 2)
FLOATS = (RNG.normal(size=(60, 1, 8, 8)), np.arange(60) % 2)


@pytest.mark.parametrize("data", [TABLE, BYTES, FLOATS], ids=["table", "bytes", "floats"])
@pytest.mark.parametrize("examples", [False, True])
def test_it_keeps_the_contract(data, examples):
    check_family(family_from_dataset(data, examples=examples))


@pytest.mark.parametrize(
    ("data", "knob", "message"),
    [
        (TABLE, "bandwidth", "expected images"),
        (TABLE, "smoothing", "expected images"),
        (TABLE, "magnitude", "expected images"),
        (FLOATS, "magnitude", "expected images of bytes"),
        ((TABLE[0], TABLE[0][:, 0]), "self_distillation", "expected targets that are classes"),
    ],
)
def test_knobs_that_touch_nothing_are_refused(data, knob, message):
    value = 0.5
    for options in ({"knobs": {knob: (0.25, value)}}, {"examples": True, "fixed": {knob: value}}):
        with pytest.raises(ValueError, match=f"data: {knob}: touches nothing: {message}"):
            family_from_dataset(data, **options)


def test_settings_tell_data_apart():
    one, other = (family_from_dataset((TABLE[0], y)) for y in (TABLE[1], 1 - TABLE[1]))
    assert one.settings() != other.settings()
    assert one.settings()["knobs"] == {"lr_scale": (0.1, 1)}
    fixed = family_from_dataset(TABLE, examples=True, fixed={"lr_scale": 0.5})
    assert fixed.settings()["fixed"] == {"lr_scale": 0.5}


def test_images_are_read_by_row_alone():
    with pytest.raises(TypeError, match="data: expected its data to be read by row"):
        family_from_dataset(TABLE).read()


def test_it_serves_teachers():
    family = family_from_dataset(BYTES)
    assert family.serving(teachers.get("lerac"), {}, {}).family == {"knobs": {"lr_spread": (0, 4)}}
    assert family.serving(teachers.get("in-order"), {}, {}).family == {
        "stages": [{"bandwidth": 0.5}, {"bandwidth": 0.75}, {"bandwidth": 1}]
    }
