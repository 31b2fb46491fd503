"""Slots of mazes, and walks through them."""

from __future__ import annotations

import numpy as np

from teacherstudent.envs.mazes.batch.slots import MazeSlots
from teacherstudent.envs.mazes.codes import padded
from teacherstudent.envs.mazes.layouts import MAZES
from teacherstudent.envs.mazes.space import MazeLevels
from teacherstudent.envs.mazes.suites import make_suite

ACCEL = make_suite("accel-12")


def slots_of(levels, **options):
    levels = np.stack(levels)
    slots = MazeSlots(len(levels), space=MazeLevels(extent=levels.shape[1], size=2, n_walls=0), **options)
    slots.reset(options={"task": levels})
    return slots


def levels_for_walks():
    rng = np.random.default_rng(3)
    drawn = [MazeLevels(extent=19, n_walls=n).draw(rng, 12) for n in (0, 25, 60, 120)]
    crossings = [padded(MAZES["SimpleCrossing"].make(rng), 19) for _ in range(20)]
    return np.concatenate([*drawn, ACCEL.levels, crossings])


def walk(n, steps):
    """Return actions of which most go forward, so that agents get somewhere."""
    return np.random.default_rng(4).choice(7, (steps, n), p=[0.17, 0.17, 0.6, 0.03, 0.01, 0.01, 0.01])
