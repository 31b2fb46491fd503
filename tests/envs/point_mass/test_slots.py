"""Slots of point masses: rewards, ends, noise, states."""

import numpy as np
import pytest
from gate_pilot import pilot, play

from teacherstudent.contract.spaces import Parameters
from teacherstudent.envs.point_mass.family import PointMass
from teacherstudent.envs.point_mass.slots import PointMassSlots

SPACE = Parameters(gate_position=(-4, 4), gate_width=(0.5, 8))
GATES = np.array([[0.0, 4.0], [3.0, 0.5], [-3.0, 0.5]])


def still(seen):
    return np.zeros((len(seen), 2))


def test_whoever_stays_at_the_start_earns_its_distance():
    slots = PointMassSlots(3, space=SPACE, noise=0.0, max_steps=100)
    score, success, length = play(slots, GATES, still)
    assert score == pytest.approx(np.full(3, 100 * np.exp(-0.6 * 6.0)))
    assert not success.any()
    assert length.tolist() == [100] * 3


def test_the_wall_ends_an_episode_and_the_goal_does_not_unless_the_reward_is_sparse():
    def fall(seen):
        return np.tile([0.0, -1.0], (len(seen), 1))

    # y = 3 - 0.15 j (j - 1) / 2 substeps meets 0 at j = 64.5 / 10: in the seventh step.
    slots = PointMassSlots(3, space=SPACE, noise=0.0, max_steps=100)
    score, success, length = play(slots, GATES, fall)
    assert length.tolist() == [100, 7, 7]
    # Nothing stops the first one: it lies at the end of the room, 1 m beyond the goal, most of the time.
    assert score[0] == pytest.approx(100 * np.exp(-0.6), abs=8)
    sparse = PointMassSlots(3, space=SPACE, noise=0.0, sparse=True, max_steps=100)
    score, success, length = play(sparse, GATES, pilot)
    assert score.tolist() == [1.0, 1.0, 1.0]
    assert success.all()
    assert length.max() < 60


def test_noise_is_that_of_the_seed_and_of_its_size():
    def velocities(noise, seed):
        slots = PointMassSlots(2_000, space=SPACE, noise=noise, max_steps=100)
        slots.reset(seed=seed, options={"task": np.tile(GATES[:1], (2_000, 1))})
        slots.step(np.zeros((2_000, 2)))
        return slots.get_state()["state"][:, [1, 3]]

    seen = velocities(0.5, 7)
    assert np.array_equal(seen, velocities(0.5, 7))
    assert not np.array_equal(seen, velocities(0.5, 8))
    # Ten substeps of 0.01 s add ten draws of deviation 0.5: sqrt(10) * 0.5 * 0.01.
    assert seen.std(axis=0) == pytest.approx(0.0158, rel=0.06)
    assert abs(np.corrcoef(seen.T)[0, 1]) < 0.07
    assert not velocities(0.0, 7).any()


def test_noise_differs_from_step_to_step():
    slots = PointMassSlots(1, space=SPACE, noise=0.5, max_steps=100)
    slots.reset(seed=1, options={"task": GATES[:1]})
    gains = []
    for _ in range(50):
        before = slots.get_state()["state"][0, 1]
        slots.step(np.zeros((1, 2)))
        gains.append(slots.get_state()["state"][0, 1] - before)
    assert len(np.unique(np.round(gains, 12))) == 50


def test_observations_are_scaled():
    slots = PointMass(friction=True).make_vec(1)
    seen, _ = slots.reset(seed=0, options={"task": [[2.0, 8.0, 0.0]]})
    assert seen[0].tolist() == [0.0, 0.0, 0.75, 0.0, 0.5, 1.0, -1.0]


@pytest.mark.parametrize("bad", [np.zeros(3), np.full((3, 2), np.nan), "up"])
def test_bad_actions_are_refused(bad):
    slots = PointMassSlots(3, space=SPACE)
    slots.reset(seed=0)
    with pytest.raises(ValueError, match="actions: expected two finite numbers for 3 slots"):
        slots.step(bad)
