"""Masses and measures are those of Box2D's bodies."""

from __future__ import annotations

import numpy as np
import pytest
from walker_twins import Given

from teacherstudent.envs.walkers.box2d.tracks import StumpTracksEnv
from teacherstudent.envs.walkers.embodiments import EMBODIMENTS, embodiment
from teacherstudent.envs.walkers.physics.rig import HALF_HEIGHT, HALF_WIDTH, INV_INERTIA, INV_MASS, rig_of


@pytest.mark.parametrize("walker", EMBODIMENTS)
def test_masses_and_measures_are_those_of_box2d_s_bodies(walker):
    env, rig = StumpTracksEnv(walker), rig_of(embodiment(walker))
    env._np_random = Given(0, 0.0)
    env.reset(options={"task": [1.0, 1.0]})
    bodies = [env.hull, *env.legs]
    assert len(rig.bodies) == len(bodies)
    for row, body in zip(rig.bodies, bodies, strict=True):
        about_centre = body.inertia - body.mass * body.localCenter.lengthSquared
        assert 1 / row[INV_MASS] == pytest.approx(body.mass, rel=1e-5)
        assert 1 / row[INV_INERTIA] == pytest.approx(about_centre, rel=1e-4)
    for row, body in zip(rig.bodies[1:], bodies[1:], strict=True):
        corner = np.abs(body.fixtures[0].shape.vertices).max(axis=0)
        assert (row[HALF_WIDTH], row[HALF_HEIGHT]) == pytest.approx(corner, abs=1e-6)
    assert rig.origin == pytest.approx(np.array(env.hull.localCenter), abs=1e-6)
    hull = np.array(sorted(env.hull.fixtures[0].shape.vertices)) - np.array(env.hull.localCenter)
    assert np.array(sorted(map(tuple, rig.hull))) == pytest.approx(hull, abs=1e-5)
