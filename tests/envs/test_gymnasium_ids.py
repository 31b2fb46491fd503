"""Environments by their ids in gymnasium."""

from __future__ import annotations

import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import teacherstudent
from teacherstudent.envs.walkers.box2d.tracks import HexagonTracksEnv, StumpSequenceEnv, StumpTracksEnv

IDS = {
    "teacherstudent/StumpTracks-v0": StumpTracksEnv,
    "teacherstudent/HexagonTracks-v0": HexagonTracksEnv,
    "teacherstudent/StumpSequence-v0": StumpSequenceEnv,
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", IDS)
def test_gymnasium_finds_it_and_its_checker_accepts_it(name):
    teacherstudent.register_environments()
    env = gym.make(name, render_mode="rgb_array", embodiment="short")
    assert type(env.unwrapped) is IDS[name]
    assert env.spec.max_episode_steps == 2000
    check_env(env.unwrapped)
    env.reset(seed=0)
    frame = env.render()
    assert frame.shape == (400, 600, 3)
    assert len(np.unique(frame.reshape(-1, 3), axis=0)) > 5


def test_importing_the_package_does_not_import_box2d():
    code = (
        "import sys, teacherstudent, gymnasium\n"
        "assert 'teacherstudent/StumpTracks-v0' in gymnasium.registry\n"
        "assert 'Box2D' not in sys.modules and 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
