"""Compiled tracks, and what stands on them."""

from __future__ import annotations

import numpy as np

from teacherstudent.envs.walkers.cpu import lay_some
from teacherstudent.envs.walkers.ground.tracks import empty_tracks


def lay(kind, tasks, seed=0):
    """Return the tracks of tasks, a slot each."""
    tasks = np.asarray(tasks, np.float32)
    n = len(tasks)
    tracks = empty_tracks(n, kind)
    lay_some(kind, tracks, np.arange(n), tasks, np.arange(n) + 1000 * seed, np.zeros(n, np.int64))
    return tracks


def obstacles(tracks, slot=0):
    return [tracks.corners[slot, i, : tracks.sides[slot, i], :2] for i in range(tracks.lengths[slot, 1])]
