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


@pytest.mark.parametrize("simulator", ["compiled", "box2d"])
@pytest.mark.parametrize("name", ["stump-tracks", "hexagon-tracks", "stump-sequence", "bipedal-levels"])
def test_stuck_walkers_are_cut_in_every_family_and_the_test_set_says_so(name, simulator):
    family = FAMILIES.make(name, simulator=simulator, stuck=[3, 2.0])
    assert family.test_set == f"{FAMILIES.make(name).test_set}/stuck3steps2m"
    slots = family.make_vec(2)
    env = family.make_env()
    task = family.test_tasks()[0]
    slots.reset(seed=0, options={"task": np.stack([task, task])})
    env.reset(seed=0, options={"task": task})
    for step in range(3):
        _, _, terminated, truncated, _ = slots.step(np.zeros((2, 4)))
        assert not terminated.any()
        assert truncated.tolist() == [step == 2] * 2
        assert env.step(np.zeros(4))[2:4] == (False, step == 2)


def test_stuck_walkers_are_cut_in_other_processes():
    family = FAMILIES.make("stump-tracks", stuck=(2, 1.0))
    slots = family.make_vec(2, processes=2)
    slots.reset(seed=0, options={"task": family.test_tasks()[:2]})
    assert [slots.step(np.zeros((2, 4)))[3].tolist() for _ in range(2)] == [[False] * 2, [True] * 2]
    slots.close()
