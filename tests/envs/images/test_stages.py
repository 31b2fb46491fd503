"""Training stages as tasks: settings of points and of listed stages."""

import numpy as np
import pytest

from teacherstudent.contract.knobs import KNOBS
from teacherstudent.envs.images.stages import DigitsStages


def test_settings_of_points_and_of_listed_stages():
    family = DigitsStages(knobs={"bandwidth": [4, 8], "lr_scale": [0.5, 2]}, fixed={"lr_spread": 1.5})
    setting = family.setting(np.array([6.0, 0.7]))
    assert (setting["bandwidth"], setting["lr_scale"], setting["lr_spread"]) == (6.0, 0.7, 1.5)
    assert all(setting[name] == KNOBS[name].neutral for name in ("magnitude", "data_fraction", "batch_size"))
    assert family.test_tasks().tolist() == [[8.0, 1.0]]
    listed = DigitsStages(stages=[{"bandwidth": 4}, {"bandwidth": 6, "lr_scale": 2}, {}])
    assert listed.space.n == 3
    assert [listed.setting(k)["lr_scale"] for k in range(3)] == [1.0, 2.0, 1.0]
    assert listed.test_tasks().tolist() == [2]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"knobs": {"contrast": [0, 1]}}, ValueError, r"expected knobs of \['bandwidth'.*got 'contrast'"),
        ({"knobs": {"magnitude": [0, 2]}}, ValueError, r"strength of random augmentation.*\[0, 1\], got 2"),
        ({"knobs": {"data_fraction": [0, 1]}}, ValueError, r"\(0, 1\], got 0"),
        ({"knobs": {"bandwidth": 4}}, TypeError, r"pair \[low, high\], got 4"),
        ({"knobs": {"bandwidth": [4, 16]}}, ValueError, "at most the image's side 8"),
        ({"knobs": {"bandwidth": [0, 8]}}, ValueError, "smallest size above 0"),
        ({"knobs": {"bandwidth": [0.5, 8]}}, ValueError, "shares up to 1 or pixels above"),
        ({"knobs": {"bandwidth": [4, 8], "resize": [4, 8]}}, ValueError, "bandwidth or resize, got both"),
        ({"knobs": {"lr_scale": [1, 2]}, "fixed": {"lr_scale": 1}}, ValueError, "free or fixed"),
        ({"knobs": {"lr_scale": [1, 2]}, "stages": [{}]}, ValueError, "knobs or stages, got both"),
        ({"stages": []}, ValueError, "at least one stage"),
        ({"stages": 3}, TypeError, "stages: expected a list of mappings from knobs to values, got 3"),
        ({"stages": ["a"]}, TypeError, "stage 0: expected a mapping from knobs to values, got 'a'"),
        ({"fixed": {"magnitude": "much"}}, TypeError, "expected a number, got 'much'"),
        ({"knobs": {}}, ValueError, "at least one"),
    ],
)
def test_bad_stages(options, error, message):
    with pytest.raises(error, match=message):
        DigitsStages(**options)
