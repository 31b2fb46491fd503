"""What tasks mean: named knobs or listed stages."""

import numpy as np
import pytest

from teacherstudent import Parameters, teachers
from teacherstudent.adapters.supervised.stages.settings import Settings
from teacherstudent.contract.spaces import Discrete


def read(space, knobs=None):
    return Settings(teachers.make("random", space, seed=0), knobs)


def test_named_knobs_are_read_and_the_others_neutral():
    settings = read(Parameters(bandwidth=(0.5, 1), lr_scale=(0.1, 1)))
    assert settings.reach == {"bandwidth": (0.5, 1), "lr_scale": (0.1, 1)}
    found = settings.of(np.array([0.75, 0.5]))
    assert (found["bandwidth"], found["lr_scale"], found["smoothing"]) == (0.75, 0.5, 0)


def test_listed_stages_are_read_by_their_numbers():
    settings = read(Discrete(2, start=5), [{"smoothing": 1.0, "lr_scale": 1.0}, {}])
    assert settings.reach == {"smoothing": (0, 1)}
    assert settings.of(np.array(5))["smoothing"] == 1
    assert settings.of(np.array(6))["smoothing"] == 0


@pytest.mark.parametrize(
    ("space", "knobs", "message"),
    [
        (Parameters(hue=(0, 1)), None, "expected knobs of .*'hue'"),
        (Parameters(magnitude=(0, 2)), None, r"expected a value in \[0, 1\], got 2"),
        (Parameters(bandwidth=(0, 1)), None, "bandwidth: expected a smallest value above 0"),
        (Parameters(batch_size=(0, 9)), None, "batch_size: expected a smallest value above 0"),
        (Parameters(bandwidth=(0.5, 1), resize=(0.5, 1)), None, "an image has one size"),
        (Parameters(magnitude=(0, 1)), [{}], "expected none for a teacher over named knobs"),
        (Discrete(2), None, "expected a list of 2 stages"),
        (Discrete(2), [{}, 3], "expected a list of 2 stages"),
        (Discrete(2), [{}], "expected 2 stages, one for each number, got 1"),
        (Discrete(2), [{}, {"hue": 1}], "stage 1: expected knobs"),
        (Discrete(2), [{}, {"lr_scale": 1}], "expected a knob that is not neutral everywhere"),
    ],
)
def test_what_is_no_stage_is_refused(space, knobs, message):
    with pytest.raises((ValueError, TypeError), match=message):
        read(space, knobs)


def test_other_spaces_are_refused():
    from gymnasium.spaces import Box

    with pytest.raises(TypeError, match="expected a teacher over Parameters of knobs"):
        read(Box(0, 1, (2,)))
    with pytest.raises(TypeError, match="expected a Teacher"):
        Settings("random", None)
