from __future__ import annotations

import numpy as np
import pytest

from teacherstudent.contract.registry import FAMILIES
from teacherstudent.envs.walkers import hexagon_tracks, stump_sequence


@pytest.mark.parametrize(
    ("make", "top", "size", "test_set"),
    [
        (hexagon_tracks.hexagon_tracks, 4.0, 12, "teachDeepRL/poly_shape0_4.0"),
        (stump_sequence.stump_sequence, 6.0, 10, "teachDeepRL/stump_seq0_6.0"),
    ],
)
def test_the_other_test_sets_are_drawn_as_published(make, top, size, test_set):
    legacy = np.random.RandomState(4222)
    drawn = [legacy.uniform(0, top, size) for _ in range(50)]  # task by task, as the authors' script
    assert np.array_equal(make().test_tasks(), drawn)
    assert make().test_set == test_set


@pytest.mark.parametrize(
    ("name", "step"),
    [("stump-tracks", (0.1, -0.2)), ("hexagon-tracks", (0.1,) * 12), ("stump-sequence", (0.1,) * 10)],
)
def test_scores_and_the_oracles_steps_are_the_papers(name, step):
    family = FAMILIES.make(name)
    assert (family.mastered, family.score_range) == (230.0, (-150.0, 350.0))
    assert family.difficulty_step == step
