"""Rays against Box2D's."""

from __future__ import annotations

import numpy as np
import pytest
from Box2D.b2 import rayCastCallback
from box2d_tracks import ENVS, GROUND

from teacherstudent.envs.walkers.box2d.lidar import DIRECTIONS


class Nearest(rayCastCallback):
    """Box2D's own ray, for comparison."""

    def __init__(self):
        super().__init__()
        self.fraction = 1.0

    def ReportFixture(self, fixture, point, normal, fraction):  # noqa: N802
        if not fixture.filterData.categoryBits & 1:
            return -1
        self.fraction = fraction
        return fraction


@pytest.mark.parametrize("name", ENVS)
def test_rays_hit_what_box2d_s_hit(name):
    env, rng, hits = ENVS[name](), np.random.default_rng(0), 0
    for seed in range(10):
        env.reset(seed=seed)
        for x, y in rng.uniform([0, GROUND - 1], [95, GROUND + 5], (100, 2)).tolist():
            mine = env.rays.cast(x, y)
            for k, (dx, dy) in enumerate(DIRECTIONS.tolist()):
                ray = Nearest()
                env.world.RayCast(ray, (x, y), (x + dx, y + dy))
                assert mine[k] == pytest.approx(ray.fraction, abs=1e-4)
                hits += ray.fraction < 1
    assert hits > 1000
