"""Joints hold, in random play."""

from __future__ import annotations

import numpy as np
import pytest
from walker_slots import KINDS, slots_of

from teacherstudent.envs.walkers.ground.tracks import LEVELS
from teacherstudent.envs.walkers.physics.rig import BODY_ROWS, MANIFOLDS


@pytest.mark.parametrize(("kind", "walker"), [*((kind, "default") for kind in KINDS), (LEVELS, "quadruped")])
def test_random_play_stays_finite_and_in_one_piece(kind, walker):
    """40 000 steps each: no contact is left out, and joints and speeds stay as Box2D's."""
    n, steps = 256, 160
    slots, rng = slots_of(n, kind, walker=walker, max_steps=120), np.random.default_rng(0)
    slots.reset(seed=0)
    rig, rows, most, gaps, speeds = slots._rig, slots._layout[1], 0, [], []
    parts = len(rig.parents)
    for _ in range(steps):
        seen, rewards, terminated, truncated, _ = slots.step(rng.uniform(-1, 1, (n, parts)))
        done = terminated | truncated
        assert np.isfinite(seen).all()
        assert np.isfinite(rewards).all()
        most = max(most, int(slots._now["ints"][:, rows.counts : rows.counts + parts].max()))
        gaps.append(joint_gaps(slots))
        speeds.append(np.abs(bodies(slots)[:, :, 3:5]).max())
        if done.any():
            slots.reset(options={"reset_mask": done})
    assert most < MANIFOLDS
    assert np.median(gaps) < 0.01
    assert np.quantile(gaps, 0.999) < 0.5  # Box2D's own, under random actions
    assert max(speeds) < 100  # m/s: 2 m a step
    assert np.isfinite(slots._now["floats"]).all()


def bodies(slots):
    """Return ``(n, bodies, 6)``: centres, angles, velocities."""
    count = BODY_ROWS * (1 + len(slots._rig.parents))
    rows = slots._now["floats"][:, :count].transpose(0, 2, 1).reshape(-1, count)[: slots.num_envs]
    return rows.reshape(slots.num_envs, -1, BODY_ROWS)


def joint_gaps(slots):
    """Return how far apart the two sides of each joint are (m)."""
    state, rig = bodies(slots), slots._rig

    def at(body, anchor):
        c, s = np.cos(state[:, body, 2]), np.sin(state[:, body, 2])
        x, y = anchor.T
        return state[:, body, 0] + c * x - s * y, state[:, body, 1] + s * x + c * y

    own, parent = at(np.arange(len(rig.parents)) + 1, rig.joints[:, 2:4]), at(rig.parents, rig.joints[:, :2])
    return np.hypot(own[0] - parent[0], own[1] - parent[1])
