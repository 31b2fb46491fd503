"""The compiled tracks are the families': sizes, counts, scatter; and levels are gymnasium's ground."""

from __future__ import annotations

import math

import numpy as np
import pytest
from compiled_tracks import lay, obstacles
from gymnasium.envs.box2d import bipedal_walker as original

from teacherstudent.envs.walkers.box2d.tracks import HexagonTracksEnv, StumpSequenceEnv, StumpTracksEnv
from teacherstudent.envs.walkers.cpu import lay_some
from teacherstudent.envs.walkers.ground.tracks import (
    CAPACITY,
    HEXAGONS,
    LEVELS,
    SEQUENCE,
    STUMPS,
    empty_tracks,
)

STEP, GROUND, PAD = original.TERRAIN_STEP, original.TERRAIN_HEIGHT, 20 * original.TERRAIN_STEP


def ground(tracks, slot=0):
    n = tracks.lengths[slot, 0]
    return np.stack([tracks.x[slot, :n], tracks.y[slot, :n]], axis=1)


def boxes(tracks, slot=0):
    """Return left, right, bottom, top of each obstacle, in cells from the start pad's end and the ground."""
    found = [[s[:, 0].min(), s[:, 0].max(), s[:, 1].min(), s[:, 1].max()] for s in obstacles(tracks, slot)]
    return (np.array(found).reshape(-1, 4) - [PAD, PAD, GROUND, GROUND]) / STEP


def in_box2d(env, seed, task):
    """Return ground and obstacles of a Box2D family's track."""
    env.reset(seed=seed, options={"task": np.array(task, float)})
    edges = sorted(fixture.shape.vertices for fixture in env.terrain[1].fixtures)
    solids = [np.array(fixture.shape.vertices) for fixture in env.terrain[0].fixtures]
    return np.array([edges[0][0], *(edge[1] for edge in edges)]), sorted(solids, key=lambda s: s[:, 0].max())


@pytest.mark.parametrize("task", [[0.0, 0.0], [0.0, 6.0], [3.0, 0.3], [1.5, 2.0]])
def test_stumps_stand_where_box2d_s_stand(task):
    tracks = lay(STUMPS, [task] * 20)
    corners, solids = in_box2d(StumpTracksEnv(), 0, task)
    assert ground(tracks) == pytest.approx(corners, abs=1e-3)
    mine = obstacles(tracks)
    assert len(mine) == len(solids)
    for solid, theirs in zip(mine, solids, strict=True):
        assert solid[:, 0].min() == pytest.approx(theirs[:, 0].min(), abs=1e-3)
        assert solid[:, 0].max() == pytest.approx(theirs[:, 0].max(), abs=1e-3)
        assert solid[:, 1].min() == pytest.approx(GROUND, abs=1e-5)
    heights = np.concatenate([boxes(tracks, slot)[:, 3] for slot in range(20)])
    theirs = [
        (s[:, 1].max() - GROUND) / STEP for k in range(5) for s in in_box2d(StumpTracksEnv(), k, task)[1]
    ]
    assert heights.min() >= 0.05 - 1e-5
    assert heights.mean() == pytest.approx(np.mean(theirs), abs=0.03)
    assert heights.std() == pytest.approx(np.std(theirs), abs=0.03)


def test_the_closest_stumps_fit():
    tracks = lay(STUMPS, [[1.0, 0.0]] * 3)
    corners, solids = CAPACITY[STUMPS]
    assert (tracks.lengths == tracks.lengths[0]).all()
    assert tracks.lengths[0, 0] <= corners
    assert tracks.lengths[0, 1] == math.ceil((200 * STEP - PAD) / (STEP + 0.01)) <= solids


def test_hexagons_have_the_hulls_that_box2d_makes():
    rng = np.random.default_rng(0)
    for task in [np.zeros(12), np.array([0, 4, 0, 0, 1, 2, 0, 0, 0, 0, 0, 4]), *rng.uniform(0, 4, (6, 12))]:
        tracks = lay(HEXAGONS, [task] * 40)
        sizes, tops, widths = [], [], []
        for slot in range(40):
            for solid in obstacles(tracks, slot):
                sizes.append(len(solid))
                tops.append((solid[:, 1].max() - GROUND) / STEP)
                widths.append(np.ptp(solid[:, 0]) / STEP)
        theirs = [s for k in range(15) for s in in_box2d(HexagonTracksEnv(), k, task)[1]]
        assert len(obstacles(tracks)) == len(theirs) / 15
        assert np.mean(sizes) == pytest.approx(np.mean([len(s) for s in theirs]), abs=0.3)
        assert np.mean(tops) == pytest.approx(
            np.mean([s[:, 1].max() - GROUND for s in theirs]) / STEP, abs=0.04
        )
        assert np.mean(widths) == pytest.approx(np.mean([np.ptp(s[:, 0]) for s in theirs]) / STEP, abs=0.06)
        assert ground(tracks) == pytest.approx(in_box2d(HexagonTracksEnv(), 0, task)[0], abs=1e-3)


def test_sequences_stand_side_by_side():
    task = [1, 0.5, 2, 1.0, 3, 0.25, 0, 2.0, 5, 0.0]
    tracks = lay(SEQUENCE, [task] * 60)
    flights = np.concatenate([boxes(tracks, slot)[:5] for slot in range(60)]).reshape(60, 5, 4)
    assert flights[:, 0, 0] == pytest.approx(0, abs=1e-4)
    assert flights[:, 1:, 0] == pytest.approx(flights[:, :-1, 1], abs=1e-4)
    widths = (flights[:, :, 1] - flights[:, :, 0]) * STEP
    assert widths.mean(axis=0)[:4] == pytest.approx([0.5, 1.0, 0.25, 2.0], abs=0.05)
    assert flights[:, :, 3].mean(axis=0)[[0, 1, 2, 4]] == pytest.approx([1, 2, 3, 5], abs=0.05)
    assert min(widths.min() / STEP, flights[:, :, 3].min()) >= 0.05 - 1e-3
    theirs = [len(in_box2d(StumpSequenceEnv(), k, task)[1]) for k in range(10)]
    assert tracks.lengths[:, 1].mean() == pytest.approx(np.mean(theirs), abs=2)
    second = boxes(tracks)[5, 0] - boxes(tracks)[4, 1]
    assert second * STEP == pytest.approx(8, abs=1e-3)
    narrow = lay(SEQUENCE, [[1, 0] * 5] * 50)
    assert (narrow.lengths.max(axis=0) <= CAPACITY[SEQUENCE]).all()


def test_a_level_without_obstacles_is_gymnasiums_own_ground():
    tracks = lay(LEVELS, [[1, 0, 0, 0, 0, 0, 0, 1]] * 300)
    mine = tracks.y[:, :200].astype(float)
    assert (tracks.lengths == [200, 0]).all()
    assert tracks.x[0, :200] == pytest.approx(np.arange(200) * STEP, abs=1e-3)
    env, theirs = original.BipedalWalker(), []
    for seed in range(40):
        env._np_random = np.random.default_rng(seed)
        env._generate_terrain(False)
        theirs.append(env.terrain_y)
        env.terrain = []
    theirs = np.array(theirs)
    assert mine[:, :21] == pytest.approx(GROUND, abs=1e-4)
    assert theirs[:, :20] == pytest.approx(GROUND)
    for statistic in (
        lambda y: y[:, 60:].std(),
        lambda y: np.diff(y[:, 60:]).std(),
        lambda y: np.diff(y[:, 60:], 2).std(),
    ):
        assert statistic(mine) == pytest.approx(statistic(theirs), rel=0.08)
    assert mine[:, 60:].mean() == pytest.approx(theirs[:, 60:].mean(), abs=0.05)
    flat = lay(LEVELS, [[0, 0, 0, 0, 0, 0, 0, 1]])
    assert flat.y[0, :200] == pytest.approx(GROUND, abs=1e-5)
    double = lay(LEVELS, [[2, 0, 0, 0, 0, 0, 0, 1]] * 300).y[:, :200]
    assert np.diff(double[:, 22:40]).std() == pytest.approx(2 * np.diff(mine[:, 22:40]).std(), rel=0.02)


def test_stumps_of_a_level():
    tracks = lay(LEVELS, [[0, 0, 0, 1, 2, 0, 0, 1]] * 60)
    found = np.concatenate([boxes(tracks, slot) for slot in range(60)])
    assert found[:, 1] - found[:, 0] == pytest.approx(1, abs=1e-3)  # a cell wide
    assert found[:, 2] == pytest.approx(0, abs=1e-4)
    assert found[:, 3].min() >= 1
    assert found[:, 3].max() <= 2
    assert found[:, 3].mean() == pytest.approx(1.5, abs=0.05)
    gaps = np.concatenate([np.diff(boxes(tracks, slot)[:, 0]) for slot in range(60)]).round(3)
    assert set(gaps) == set(range(int(min(gaps)), int(max(gaps)) + 1))
    assert len(set(gaps)) == 5  # 5 to 9 cells of grass between
    assert tracks.y[:, :200].min() == pytest.approx(GROUND, abs=1e-4)


def test_pits_of_a_level():
    tracks = lay(LEVELS, [[0, 2, 2, 0, 0, 0, 0, 1]] * 5)
    for slot in range(5):
        found, line = boxes(tracks, slot).reshape(-1, 2, 4), ground(tracks, slot)
        assert found[:, 1, 0] - found[:, 0, 0] == pytest.approx(3, abs=1e-3)  # 1 + 2 cells from wall to wall
        assert found[:, :, 3] == pytest.approx(0, abs=1e-4)
        assert found[:, :, 2] == pytest.approx(-4, abs=1e-4)  # four cells deep
        for (left, _), (right, _) in found[:-1, :, :2]:
            inside = (line[:, 0] > PAD + STEP * (left + 0.5)) & (line[:, 0] < PAD + STEP * (right - 0.5))
            assert inside.any()
            assert line[inside, 1] == pytest.approx(GROUND - 4 * STEP, abs=1e-4)
        assert (np.diff(line[:, 0]) >= -1e-4).all()


def test_stairs_of_a_level():
    tracks = lay(LEVELS, [[0, 0, 0, 0, 0, 0.5, 0.5, 3]] * 40)
    found = np.array([boxes(tracks, slot)[:3] for slot in range(40)])
    assert found[:, :, 1] - found[:, :, 0] == pytest.approx(4, abs=1e-3)  # four cells a step
    assert found[:, 1:, 0] == pytest.approx(found[:, :-1, 1], abs=1e-3)
    assert found[:, :, 3] - found[:, :, 2] == pytest.approx(0.5, abs=1e-3)
    rise = np.diff(found[:, :, 3])
    assert np.abs(rise) == pytest.approx(0.5, abs=1e-3)
    assert (np.sign(rise[:, 0]) == np.sign(rise[:, 1])).all()
    assert 0.2 < (rise[:, 0] > 0).mean() < 0.8  # up or down


def test_no_level_exceeds_its_room():
    rng = np.random.default_rng(0)
    high = np.array([10, 10, 10, 5, 5, 5, 5, 9.0])
    tasks = np.concatenate([rng.uniform([0] * 7 + [1], high, (2000, 8)), [high, [10, 0, 1, 0, 1, 0, 1, 9]]])
    tracks = lay(LEVELS, tasks)
    corners, solids = CAPACITY[LEVELS]
    assert tracks.lengths[:, 0].max() <= corners
    assert 20 < tracks.lengths[:, 1].max() < solids
    assert np.isfinite(tracks.y).all()
    assert np.isfinite(tracks.corners).all()
    assert (np.diff(tracks.x[:, :200], axis=1) > -1e-4).all()  # the ground never turns back


def test_a_track_depends_on_task_seed_and_episode_only():
    task = np.array([[3, 1, 3, 1, 2, 0.5, 1, 3]], np.float32)

    def one(seed, episode, slots=1):
        tracks = empty_tracks(slots, LEVELS)
        lay_some(
            LEVELS,
            tracks,
            np.array([slots - 1]),
            np.repeat(task, slots, 0),
            np.full(slots, seed),
            np.full(slots, episode),
        )
        return tracks.y[slots - 1]

    assert np.array_equal(one(5, 2), one(5, 2, slots=4))
    assert not np.array_equal(one(5, 2), one(5, 3))
    assert not np.array_equal(one(5, 2), one(6, 2))
