"""Stump tracks: published tests."""

from __future__ import annotations

import numpy as np
import pytest

from teacherstudent.envs.walkers import stump_tracks


@pytest.mark.parametrize(("height", "first"), [(3.0, 0.312), (4.0, 0.416), (5.0, 0.520)])
def test_the_stump_test_sets_are_the_published_ones(height, first):
    family = stump_tracks.stump_tracks(max_height=5.0, test_height=height)
    tasks = family.test_tasks()
    assert tasks.shape == (50, 2)
    assert tasks[0] == pytest.approx([first, 3.861], abs=5e-4)
    unit = stump_tracks.stump_tracks().test_tasks() / [3, 6]
    assert tasks / [height, 6] == pytest.approx(unit, rel=1e-12)
    assert family.test_set == f"teachDeepRL/stump_height0_{height}obstacle_spacing0_6.0"


def test_the_test_set_stays_that_of_height_3_unless_asked_for():
    family = stump_tracks.stump_tracks(max_height=5.0)
    assert family.space.high.tolist() == [5.0, 6.0]
    assert np.array_equal(family.test_tasks(), stump_tracks.stump_tracks().test_tasks())
    with pytest.raises(ValueError, match="test_height"):
        stump_tracks.stump_tracks(max_height=3.0, test_height=4.0)
