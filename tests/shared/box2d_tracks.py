"""Tracks in Box2D: without noise, and what stands on them."""

from __future__ import annotations

import numpy as np
from gymnasium.envs.box2d import bipedal_walker as original

from teacherstudent.envs.walkers.box2d.tracks import HexagonTracksEnv, StumpSequenceEnv, StumpTracksEnv

STEP, GROUND, PAD = original.TERRAIN_STEP, original.TERRAIN_HEIGHT, 20 * original.TERRAIN_STEP
ENVS = {
    "stump-tracks": StumpTracksEnv,
    "hexagon-tracks": HexagonTracksEnv,
    "stump-sequence": StumpSequenceEnv,
}


class Still:
    """A generator without noise: every draw is its mean."""

    def normal(self, mean, spread):
        return np.array(mean, float) if np.ndim(mean) else float(mean)

    def uniform(self, low, high):
        return (low + high) / 2


def still(env, task):
    """Reset on a task, without noise."""
    env._np_random = Still()
    return env.reset(options={"task": np.array(task, float)})


def polygons(env):
    """Return the obstacles' corners from left to right, each sorted."""
    return sorted(sorted(map(tuple, fixture.shape.vertices)) for fixture in env.terrain[0].fixtures)
