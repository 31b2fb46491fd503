"""Stump tracks: published tests, stumps where the paper puts them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from box2d_tracks import GROUND, PAD, STEP, polygons, still

from teacherstudent.envs.walkers import stump_tracks
from teacherstudent.envs.walkers.stump_tracks import StumpTracksEnv


def ground(env):
    """Return where the edges of the ground meet."""
    edges = sorted(fixture.shape.vertices for fixture in env.terrain[1].fixtures)
    assert all(y == pytest.approx(GROUND, abs=1e-6) for edge in edges for _, y in edge)
    return [edges[0][0][0], *(edge[1][0] for edge in edges)]


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


def test_stumps_stand_where_the_paper_puts_them():
    env = StumpTracksEnv()
    still(env, [1.5, 2.0])
    period = STEP + 2.0
    shapes = polygons(env)
    assert len(shapes) == math.ceil((200 * STEP - PAD) / period)
    for i, shape in enumerate(shapes):
        left, right, top = PAD + i * period, PAD + i * period + STEP, GROUND + 1.5 * STEP
        expected = [(left, GROUND), (left, top), (right, GROUND), (right, top)]
        assert np.array(shape) == pytest.approx(np.array(expected), abs=1e-4)
    corners = ground(env)
    assert corners[:4] == pytest.approx([0, PAD, PAD + STEP, PAD + period], abs=1e-5)
    assert corners[-1] >= 200 * STEP - 1e-4  # past the finish, so that nobody falls off


def test_low_stumps_and_close_stumps_keep_the_paper_s_least_sizes():
    env = StumpTracksEnv()
    still(env, [0.0, 0.0])
    first, second = polygons(env)[:2]
    assert first[1][1] - GROUND == pytest.approx(0.05 * STEP, abs=1e-5)
    assert second[0][0] - first[2][0] == pytest.approx(0.01, abs=1e-5)


def test_heights_of_stumps_scatter_by_a_tenth():
    env, heights = StumpTracksEnv(), []
    for seed in range(20):
        env.reset(seed=seed, options={"task": [2.0, 0.5]})
        heights += [(shape[1][1] - GROUND) / STEP for shape in polygons(env)]
    assert np.mean(heights) == pytest.approx(2.0, abs=0.01)
    assert np.std(heights) == pytest.approx(0.1, abs=0.01)
