"""One part of a walker's leg over ground that is given, in the first of a group's lanes."""

import numpy as np

from teacherstudent.envs.walkers.cpu import new_work
from teacherstudent.envs.walkers.embodiments import embodiment
from teacherstudent.envs.walkers.ground.tracks import GIVEN, empty_tracks, give_track
from teacherstudent.envs.walkers.physics.joints import set_angle
from teacherstudent.envs.walkers.physics.layout import work_rows
from teacherstudent.envs.walkers.physics.rig import ANGLE, BODY_ROWS, X, Y, rig_of, rows_of

RIG = rig_of(embodiment("default"))
BODY = 1
"""The part: the first below the hull."""


def track(corners, obstacles=()):
    """Return tracks of one slot."""
    tracks = empty_tracks(1, GIVEN)
    give_track(tracks, 0, np.array(corners, np.float32), [np.array(solid, float) for solid in obstacles])
    return tracks


def part(x, y, angle=0.0):
    """Return state and scratch of a walker whose part is there, at rest."""
    count = len(RIG.parents)
    state = np.zeros((rows_of(count).floats, 1), np.float32)
    state[BODY_ROWS * BODY + np.array([X, Y, ANGLE]), 0] = x, y, angle
    work = new_work(count, work_rows(count))
    set_angle(work.rows, BODY, np.float32(angle), 0)
    return state, work
