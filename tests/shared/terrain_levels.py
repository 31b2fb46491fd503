"""Levels of terrain, laid."""

from __future__ import annotations

import numpy as np

from teacherstudent.envs.walkers.cpu import lay_some
from teacherstudent.envs.walkers.ground.tracks import LEVELS, empty_tracks

LEVEL = np.array([1.0, 0.2, 0.3, 0.4, 0.8, 1.0, 1.1, 3.0, 77.0])


def lay(tasks, kind=LEVELS, seeds=None, episode=0):
    n = len(tasks)
    tracks = empty_tracks(n, kind)
    seeds = np.arange(n) if seeds is None else seeds
    lay_some(kind, tracks, np.arange(n), np.asarray(tasks, np.float32), seeds, np.full(n, episode, np.int64))
    return tracks


def ground(tracks, slot):
    n = tracks.lengths[slot, 0]
    return np.stack([tracks.x[slot, :n], tracks.y[slot, :n]], axis=1)
