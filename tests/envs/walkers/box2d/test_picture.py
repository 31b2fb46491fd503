"""Pictures of compiled walkers."""

from __future__ import annotations

import numpy as np
import pytest
from walker_twins import Twins

from teacherstudent.contract.registry import FAMILIES
from teacherstudent.envs.walkers.box2d.picture import WalkerPicture


@pytest.mark.parametrize(("walker", "track"), [("default", "stumps"), ("quadruped", "hexagons")])
def test_a_picture_is_box2d_s(walker, track):
    twins = Twins(walker, track, 2)
    for _ in range(30):
        twins.step(np.full((2, twins.motors), 0.3))
        for env in twins.envs:
            env.step(np.full(twins.motors, 0.3))
    twins.copy(1)
    theirs = twins.envs[1]
    theirs.render_mode = "rgb_array"
    mine, frame = twins.slots.render_slot(1), theirs.render()
    assert mine.shape == frame.shape == (400, 600, 3)
    differ = (np.abs(mine.astype(int) - frame) > 40).any(axis=2).mean()
    assert differ < 1e-3
    still = WalkerPicture("rgb_array").draw(twins.slots.view(0))
    assert (np.abs(still.astype(int) - frame) > 40).any(axis=2).mean() > 5 * differ


def test_one_compiled_walker_is_an_environment_with_pictures():
    env = FAMILIES.make("stump-tracks").make_env(render_mode="rgb_array")
    env.reset(seed=0, options={"task": [1.0, 2.0]})
    first = env.render()
    for _ in range(20):
        env.step(np.ones(4))
    assert first.shape == (400, 600, 3)
    assert (env.render() != first).any()
    env.close()
