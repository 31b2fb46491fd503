"""Stump tracks: published tests."""

from __future__ import annotations

import numpy as np
import pytest
from compiled_tracks import lay, obstacles

from teacherstudent.contract.family import HasEasy
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.types import generator
from teacherstudent.envs.walkers import stump_tracks
from teacherstudent.envs.walkers.ground.tracks import STUMPS
from teacherstudent.envs.walkers.physics.layout import GROUND, STEP


def tops(tracks):
    """Return the heights of a track's stumps, in terrain steps."""
    return np.array([(solid[:, 1].max() - GROUND) / STEP for solid in obstacles(tracks)])


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


def test_heights_below_0_are_flat_but_for_the_least_stump():
    family = stump_tracks.stump_tracks(min_height=-3.0)
    assert family.space.low.tolist() == [-3.0, 0.0]
    assert family.space.high.tolist() == [3.0, 6.0]
    usual = stump_tracks.stump_tracks()
    # Tests are at heights from 0, and called the same.
    assert np.array_equal(family.test_tasks(), usual.test_tasks())
    assert family.test_set == usual.test_set
    # Noise of 0.1 cannot lift -3 to 0, so every stump is of the least height.
    low, high = (tops(tracks) for tracks in (lay(STUMPS, [[-3.0, 2.0]]), lay(STUMPS, [[1.0, 2.0]])))
    assert low == pytest.approx(np.full(len(low), 0.05), abs=1e-4)
    assert len(low) == len(high) > 20
    assert high.min() > 0.5


def test_box2d_takes_heights_below_0():
    task = {"task": np.array([-2.0, 3.0])}
    env = stump_tracks.stump_tracks(min_height=-2.0, simulator="box2d").make_env()
    assert env.reset(seed=0, options=task)[1]["task"] == pytest.approx(task["task"])
    env.close()


@pytest.mark.parametrize("height", [0.1, 3.0, np.inf, np.nan, "low", True])
def test_only_heights_down_from_0_can_be_the_lower_end(height):
    with pytest.raises(ValueError, match="min_height: expected a finite number of at most 0"):
        stump_tracks.stump_tracks(min_height=height)


@pytest.mark.parametrize("options", [{}, {"min_height": -3.0}, {"max_height": 9.0}])
def test_easy_tasks_are_low_stumps_far_apart(options):
    family = stump_tracks.stump_tracks(**options)
    assert isinstance(family, HasEasy)
    tasks = family.easy(generator(0), 2000)
    assert tasks.shape == (2000, 2)
    assert tasks.min(axis=0) == pytest.approx([0.0, 5.4], abs=0.01)
    assert tasks.max(axis=0) == pytest.approx([0.3, 6.0], abs=0.01)
    assert all(family.space.contains(task.astype(family.space.dtype)) for task in tasks[:50])
    low = stump_tracks.stump_tracks(max_height=0.1, test_height=0.1).easy(generator(0), 100)
    assert low[:, 0].max() <= 0.1


def test_teachers_are_told_the_easy_tasks():
    teacher = TEACHERS.make("adr", stump_tracks.stump_tracks(), seed=0)
    height, spacing = teacher.ask(1).tasks[0]
    assert 0 <= height <= 0.3
    assert 5.4 <= spacing <= 6.0
