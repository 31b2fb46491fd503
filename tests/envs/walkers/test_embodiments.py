"""Measures of the embodiments."""

from __future__ import annotations

import pytest

from teacherstudent.contract.registry import FAMILIES
from teacherstudent.envs.walkers.embodiments import EMBODIMENTS, embodiment


def test_measures_of_the_embodiments():
    default, short, quadruped = (EMBODIMENTS[name] for name in ("default", "short", "quadruped"))
    assert (default.leg_width, default.leg_height, default.torque, default.legs) == (8, 34, 80, 2)
    assert (short.leg_width, short.leg_height, short.torque, short.legs) == (8, 17, 80, 2)
    assert (quadruped.leg_width, quadruped.leg_height, quadruped.torque, quadruped.legs) == (10, 51, 300, 4)
    assert default.torque_cost == short.torque_cost == pytest.approx(0.028)
    assert quadruped.torque_cost == pytest.approx(0.00035 / 8 * 300)
    with pytest.raises(ValueError, match=r"one of .*quadruped.*got 'hexapod'"):
        embodiment("hexapod")
    with pytest.raises(ValueError, match="hexapod"):
        FAMILIES.make("hexagon-tracks", embodiment="hexapod")
