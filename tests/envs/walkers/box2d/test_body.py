"""The body in Box2D: what its feet feel, and what is left of it after a reset."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from teacherstudent.envs.walkers.box2d.tracks import StumpTracksEnv


def test_every_foot_of_the_quadruped_feels_the_ground():
    env = StumpTracksEnv(embodiment="quadruped")
    observation = env.reset(seed=0, options={"task": [0.5, 5.0]})[0]
    touched = np.zeros(4, bool)
    for _ in range(40):
        touched |= observation[8:24:5] == 1
        observation = env.step(np.zeros(8))[0]
    assert touched.all()


def test_resets_leave_nothing_behind():
    code = (
        "import gc\n"
        "from teacherstudent.envs.walkers.box2d.tracks import HexagonTracksEnv\n"
        "from teacherstudent.envs.walkers.box2d.body import Contacts\n"
        "def memory():\n"
        "    gc.collect()\n"
        "    return int(open('/proc/self/statm').read().split()[1]) * 4096 / 2**20\n"
        "env = HexagonTracksEnv()\n"
        "for _ in range(200): env.reset()\n"
        "before = memory()\n"
        "for _ in range(2000): env.reset()\n"
        "left = sum(type(thing) is Contacts for thing in gc.get_objects())\n"
        "print(left, memory() - before)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    left, grown = done.stdout.split()
    assert int(left) <= 2
    assert float(grown) < 2.0  # MB
