"""Sequences of stumps."""

from __future__ import annotations

import pytest
from box2d_tracks import GROUND, PAD, STEP, polygons, still

from teacherstudent.envs.walkers.stump_sequence import StumpSequenceEnv


def test_stump_sequences_stand_side_by_side():
    env = StumpSequenceEnv()
    still(env, [1, 0.5, 2, 1.0, 3, 0.25, 0, 2.0, 5, 0.0])
    left = PAD
    for shape, (height, width) in zip(
        polygons(env)[:5], [(1, 0.5), (2, 1.0), (3, 0.25), (0.05, 2.0), (5, 0.05)], strict=True
    ):
        (a, low), (_, high), (b, _), _ = shape
        assert (a, b, low) == pytest.approx((left, left + width, GROUND), abs=1e-4)
        assert high - GROUND == pytest.approx(height * STEP, abs=1e-4)
        left += width
    assert polygons(env)[5][0][0] == pytest.approx(left + 8, abs=1e-4)
