"""What the walker families share: test tasks, scores, cap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from teacherstudent import spaces
from teacherstudent.envs.walker_body import embodiment
from teacherstudent.envs.walker_track import WalkerTrack
from teacherstudent.rl.gymnasium_family import EnvMaker, GymnasiumFamily
from teacherstudent.types import Array

MAX_STEPS = 2000
MASTERED = 230.0
SCORE_RANGE = (-150.0, 350.0)
_TEST_TASKS, _TEST_SEED = 50, 4222


def walker_family(
    env: type[WalkerTrack],
    options: Mapping[str, Any],
    *,
    name: str,
    space: spaces.Parameters,
    test_ranges: Sequence[tuple[float, float]],
    test_set: str,
    difficulty_step: tuple[float, ...],
) -> GymnasiumFamily:
    """Return a walker family with the scores of Portelas et al. (2019): mastered above 230.

    Args:
        env: the environment.
        options: its keyword arguments.
        name: name of the family.
        space: the task space.
        test_ranges: a range for each dimension, over which the test tasks are drawn.
        test_set: name of the test tasks.
        difficulty_step: direction and stride in which tasks get harder.

    Raises:
        ValueError: if ``options["embodiment"]`` names no walker.
    """
    embodiment(options["embodiment"])
    return GymnasiumFamily(
        EnvMaker(target=env, options=dict(options), max_episode_steps=MAX_STEPS),
        name=name,
        space=space,
        test_tasks=published_test_tasks(test_ranges),
        test_set=test_set,
        mastered=MASTERED,
        score_range=SCORE_RANGE,
        difficulty_step=difficulty_step,
    )


def published_test_tasks(ranges: Sequence[tuple[float, float]]) -> Array:
    """Return the authors' 50 test tasks, ``(50, d)``: the draws of NumPy's legacy generator."""
    low, high = np.array(ranges).T
    legacy = np.random.RandomState(_TEST_SEED)  # the published draws came from it
    return legacy.uniform(low, high, (_TEST_TASKS, len(low)))
