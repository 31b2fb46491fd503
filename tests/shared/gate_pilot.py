"""A controller that passes the gates of `point-mass`: to the gate's side, down, to the goal."""

import numpy as np


def pilot(seen):
    """Return ``(n, 2)`` actions for observations of the family's slots."""
    x, vx, y, vy = (seen[:, :4] * [4, 10, 4, 10]).T
    gate = 4.0 * seen[:, 4]
    above = y > 0
    aim = np.where(above, gate, 0.0)
    ready = (np.abs(x - aim) < 0.12) | ~above
    depth = np.where(ready, -3.0, 3.0)
    pull = np.stack([8 * (aim - x) - 5 * vx, 8 * (depth - y) - 5 * vy], axis=1)
    return np.clip(pull / 15, -1, 1)


def play(slots, tasks, policy, seed=0):
    """Return score, success and length ``(n,)`` of an episode on each task."""
    seen, _ = slots.reset(seed=seed, options={"task": tasks})
    n = len(tasks)
    score = np.zeros(n)
    length = np.zeros(n, int)
    success = np.zeros(n, bool)
    live = np.ones(n, bool)
    while live.any():
        seen, rewards, terminated, truncated, infos = slots.step(policy(seen))
        score += rewards * live
        length += live
        success |= infos["is_success"] & live
        ended = terminated | truncated
        live &= ~ended
        # Slots that are done start again only so that the others can go on.
        if ended.any():
            slots.reset(options={"reset_mask": ended, "task": tasks})
    return score, success, length
