import re

import numpy as np
import pytest

from teacherstudent.contract.knobs import KNOBS, USUAL, check_value, complete, describe, pixels, shown, words


def test_neutral_and_usual_values_are_within_their_knob_s_bounds():
    assert USUAL.keys() == KNOBS.keys()
    for name, knob in KNOBS.items():
        assert check_value("here", name, knob.neutral) == knob.neutral
        for value in USUAL[name]:
            assert check_value("here", name, value) == value


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("magnitude", 1.5, "here: magnitude (strength of random augmentation; 0 is none): expected a value "),
        ("magnitude", 1.5, "expected a value in [0, 1], got 1.5"),
        ("data_fraction", 0, "expected a value in (0, 1], got 0"),
        ("lr_scale", float("nan"), "expected a value in (0, 1e+06], got nan"),
        ("batch_size", 2**20 + 1, "expected a value in [0, 1.04858e+06], got 1048577"),
        ("hue", 1, "here: expected knobs of ['bandwidth', 'resize', "),
        ("hue", 1, "'freeze', 'sequence_length'], got 'hue'"),
    ],
)
def test_values_out_of_bounds_are_refused(name, value, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        check_value("here", name, value)


@pytest.mark.parametrize("value", [True, "0.5", None, [0.5]])
def test_a_value_is_a_number(value):
    with pytest.raises(TypeError, match=re.escape(f"here: magnitude: expected a number, got {value!r}")):
        check_value("here", "magnitude", value)
    assert check_value("here", "magnitude", np.float32(0.5)) == 0.5


def test_knobs_that_are_not_set_are_neutral():
    setting = complete({"bandwidth": 16, "lr_scale": np.float64(2)})
    assert setting.keys() == KNOBS.keys()
    assert (setting["bandwidth"], setting["lr_scale"], setting["data_fraction"]) == (16.0, 2.0, 1.0)
    assert describe(setting) == "bandwidth=16, lr_scale=2"
    assert describe(complete({})) == "all knobs neutral"


def test_sizes_are_pixels_shares_or_the_whole_side():
    assert [pixels(value, 32) for value in (0, 0.25, 1, 1.5, 24)] == [32, 8, 32, 1.5, 24]


def test_words_are_those_of_the_command_line():
    assert words("knobs", {"bandwidth": [shown(4.0), shown(0.5)]}) == (
        """--family-options 'knobs={"bandwidth": [4, 0.5]}'"""
    )
