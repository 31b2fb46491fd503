"""Obstacles as the compiled walker meets them."""

from __future__ import annotations

import numpy as np
import pytest
from compiled_tracks import lay, obstacles

from teacherstudent.envs.walkers.ground.tracks import HEXAGONS, LEVELS, SEQUENCE, STUMPS


@pytest.mark.parametrize("kind", [HEXAGONS, STUMPS, SEQUENCE, LEVELS])
def test_obstacles_are_convex_and_in_order(kind):
    size, top = {HEXAGONS: (12, 4), STUMPS: (2, 3), SEQUENCE: (10, 6), LEVELS: (8, 4)}[kind]
    tracks = lay(kind, np.random.default_rng(1).uniform(1, top, (50, size)))
    for slot in range(50):
        solids, reach = obstacles(tracks, slot), tracks.reach[slot, : tracks.lengths[slot, 1]]
        assert (np.diff(reach[:, :2], axis=0) > -1e-4).all()
        for i, solid in enumerate(solids):
            sides = np.roll(solid, -1, axis=0) - solid
            following = np.roll(sides, -1, axis=0)
            assert (
                sides[:, 0] * following[:, 1] - sides[:, 1] * following[:, 0] > -1e-5
            ).all()  # left turns only
            normals = tracks.corners[slot, i, : len(solid), 2:]
            assert np.linalg.norm(normals, axis=1) == pytest.approx(1, abs=1e-5)
            assert np.sum(normals * sides, axis=1) == pytest.approx(0, abs=1e-4)
            away = ((solid.mean(axis=0) - solid) * normals).sum(axis=1)
            assert (away < 1e-5).all()  # outwards
            assert reach[i] == pytest.approx(
                [*solid[:, 0].min(0, keepdims=True), solid[:, 0].max(), solid[:, 1].max()]
            )
