"""Stuck walkers in Box2D."""

import numpy as np

from teacherstudent.envs.walkers.box2d.stuck import StuckLimit
from teacherstudent.envs.walkers.box2d.tracks import StumpTracksEnv


def carry(env, metres):
    for body in (env.unwrapped.hull, *env.unwrapped.legs):
        body.position = (body.position.x + metres, body.position.y)


def test_a_walker_is_cut_once_it_is_stuck():
    env = StuckLimit(StumpTracksEnv(), 4, 0.5)
    for _ in range(2):  # counts start again with the episode
        env.reset(seed=0, options={"task": [0.0, 6.0]})
        found = []
        for step in range(1, 8):
            if step in (2, 3):
                carry(env, 0.3)  # half a metre in two steps
            found.append(env.step(np.zeros(4))[2:4])
        assert found == [(False, False)] * 6 + [(False, True)]


def test_a_walker_that_falls_is_not_cut_as_well():
    env = StuckLimit(StumpTracksEnv(), 1, 0.5)
    env.reset(seed=0, options={"task": [0.0, 6.0]})
    carry(env, -20.0)
    assert env.step(np.zeros(4))[2:4] == (True, False)
