"""Episodes of compiled walkers: where they end."""

from __future__ import annotations

import numpy as np
from walker_twins import FORCE

from teacherstudent.contract.registry import FAMILIES
from teacherstudent.envs.walkers.box2d import environment as walker_track
from teacherstudent.envs.walkers.ground.tracks import GIVEN
from teacherstudent.envs.walkers.physics.rig import BODY_ROWS
from teacherstudent.envs.walkers.slots import WalkerSlots
from teacherstudent.simulation.lanes import WIDTH


def shift(slots, slot, x):
    """Carry a walker until its hull's centre of mass is at ``x``."""
    floats = slots._now["floats"][slot // WIDTH, :, slot % WIDTH]
    bodies = floats[: BODY_ROWS * (1 + slots.single_action_space.shape[0])].reshape(-1, BODY_ROWS)
    bodies[:, 0] += x - bodies[0, 0]


def test_the_ends_of_the_track_end_the_episode():
    slots = FAMILIES.make("stump-tracks", solver="exact").make_vec(3)
    slots.reset(seed=0, options={"task": [[0.0, 6.0]] * 3})
    shift(slots, 1, -0.5)
    shift(slots, 2, walker_track.FINISH + 0.5)
    _, rewards, terminated, truncated, _ = slots.step(np.zeros((3, 4)))
    assert terminated.tolist() == [False, True, True]
    assert not truncated.any()
    assert rewards[1] == -100.0
    assert rewards[2] > 100  # all the way at once
    assert abs(rewards[0]) < 1


def test_an_episode_is_cut_at_its_cap_and_not_before():
    slots = WalkerSlots(2, space=FORCE, kind=GIVEN, max_steps=5)
    for slot in range(2):
        slots.set_track(slot, np.array([(0.0, 10 / 3), (95.0, 10 / 3)]), [])
    slots.reset(seed=0)
    for step in range(5):
        if step == 2:  # counts start again with the episode
            slots.reset(options={"reset_mask": np.array([False, True])})
        _, _, terminated, truncated, _ = slots.step(np.zeros((2, 4)))
        assert not terminated.any()
        assert truncated.tolist() == [step == 4, False]
