"""Tracks in Box2D: stumps and hexagons where the paper puts them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from box2d_tracks import GROUND, PAD, STEP, polygons, still

from teacherstudent.envs.walkers.box2d.tracks import HexagonTracksEnv, StumpSequenceEnv, StumpTracksEnv


def ground(env):
    """Return where the edges of the ground meet."""
    edges = sorted(fixture.shape.vertices for fixture in env.terrain[1].fixtures)
    assert all(y == pytest.approx(GROUND, abs=1e-6) for edge in edges for _, y in edge)
    return [edges[0][0][0], *(edge[1][0] for edge in edges)]


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


def test_hexagons_deform_by_their_offsets():
    env = HexagonTracksEnv()
    still(env, [0.0] * 12)
    plain = [(-0.5, 0), (-0.5, 0.25), (-0.25, 0.5), (0.25, 0.5), (0.5, 0), (0.5, 0.25)]
    shapes = polygons(env)
    assert len(shapes) == math.ceil((200 * STEP - PAD) / 9)
    for i, shape in enumerate(shapes[:3]):
        expected = np.array([PAD + 9.0 * i, GROUND]) + np.array(plain) * STEP
        assert np.array(shape) == pytest.approx(expected, abs=1e-4)
    # the third corner goes 1 right and 2 up; up-offsets of first and last corner do nothing
    still(env, [0, 4, 0, 0, 1, 2, 0, 0, 0, 0, 0, 4])
    moved = (np.array(polygons(env)[0]) - [PAD, GROUND]) / STEP
    hull = [(-0.5, 0), (-0.5, 0.25), (0.5, 0), (0.75, 2.5)]  # the fourth and fifth lie inside
    assert moved == pytest.approx(np.array(hull), abs=1e-4)
