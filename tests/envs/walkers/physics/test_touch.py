"""Contacts with the ground, in their order."""

from __future__ import annotations

import numpy as np
from walker_twins import copy, gaits, rough


def test_a_step_on_two_edges_at_once_is_box2d_s():
    """Feet start on two edges each: the order in which contacts are solved shows in the first step."""
    n = 16
    envs, slots, seen, _ = rough(n, solver="exact")
    heuristics, errors = gaits(n), []
    for _ in range(60):
        for i, env in enumerate(envs):
            copy(slots, i, env)
        actions = [gait.step_heuristic(row) for gait, row in zip(heuristics, seen, strict=True)]
        slots._now["done"][:] = False
        mine = slots.step(np.array(actions))[0]
        seen = [env.step(action)[0] for env, action in zip(envs, actions, strict=True)]
        errors.append(np.abs(mine - np.array(seen)).max(axis=1))
    assert np.median(errors[0]) < 1e-3
    assert np.quantile(errors, 0.97) < 5e-3
