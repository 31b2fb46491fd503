"""The compiled walker is Box2D's: same ground, same actions, same states and rewards.

Box2D's own sensitivity is the measure: how far it ends up from itself with fewer solver iterations.
"""

from __future__ import annotations

import functools

import numpy as np
import pytest
from walker_twins import TRACKS, Twins, gaits, rough

from teacherstudent.envs.walkers.box2d import environment as walker_track
from teacherstudent.envs.walkers.embodiments import EMBODIMENTS
from teacherstudent.envs.walkers.slots import SOLVERS

STEPS, WALKERS = 25, 32


def actions_of(motors, scale):
    return (scale * np.random.default_rng(1).uniform(-1, 1, (STEPS, WALKERS, motors))).astype(np.float32)


@functools.cache
def box2d_poses(walker, track, scale, iterations):
    """Return the hulls' poses in Box2D with so many iterations, ``(steps, n, 3)``."""
    twins = Twins(walker, track, WALKERS)
    poses = np.zeros((STEPS, WALKERS, 3))
    kept = walker_track._ITERATIONS
    walker_track._ITERATIONS = iterations
    try:
        for t, actions in enumerate(actions_of(twins.motors, scale)):
            for i, env in enumerate(twins.envs):
                env.step(actions[i])
                poses[t, i] = *env.hull.position, env.hull.angle
    finally:
        walker_track._ITERATIONS = kept
    return poses


def apart(walker, track, scale, poses):
    """Return how far hulls are from Box2D's after 10 and 25 steps: the median (m and rad)."""
    error = np.linalg.norm(poses - box2d_poses(walker, track, scale, (180, 60)), axis=2)
    return np.median(error[[9, STEPS - 1]], axis=1)


CASES = [("default", track) for track in TRACKS] + [("short", "stumps"), ("quadruped", "stumps")]


@pytest.mark.parametrize(("walker", "track"), CASES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_states_stay_as_close_to_box2d_s_as_the_solver_says(walker, track, solver):
    twins = Twins(walker, track, WALKERS, solver=solver)
    poses = []
    for actions in actions_of(twins.motors, 1.0):
        twins.step(actions)
        poses.append(twins.poses())
    mine = apart(walker, track, 1.0, np.array(poses))
    third = apart(walker, track, 1.0, box2d_poses(walker, track, 1.0, (60, 20)))
    ninth = apart(walker, track, 1.0, box2d_poses(walker, track, 1.0, (20, 5)))
    if solver == "fast":
        assert (third < mine).all()  # a speed that costs something
        assert mine == pytest.approx(ninth, rel=0.25)
    else:
        assert (mine < 0.2 * third).all()
        assert (mine < {"default": [0.003, 0.03], "exact": [0.001, 0.02]}[solver]).all()


@pytest.mark.parametrize("walker", EMBODIMENTS)
def test_a_drop_without_power_ends_where_box2d_s_does(walker):
    errors = {}
    for solver in SOLVERS:
        twins = Twins(walker, "flat", WALKERS, solver=solver)
        poses = []
        for actions in actions_of(twins.motors, 0.0):
            twins.step(actions)
            poses.append(twins.poses())
        errors[solver] = apart(walker, "flat", 0.0, np.array(poses))
    third = apart(walker, "flat", 0.0, box2d_poses(walker, "flat", 0.0, (60, 20)))
    ninth = apart(walker, "flat", 0.0, box2d_poses(walker, "flat", 0.0, (20, 5)))
    assert errors["exact"][0] < 1e-3
    assert (errors["exact"] < third).all()
    assert (errors["default"] < 0.5 * third).all()
    assert errors["fast"][0] == pytest.approx(ninth[0], rel=0.25)


@pytest.mark.parametrize("walker", EMBODIMENTS)
@pytest.mark.parametrize("solver", ["default", "exact"])
def test_observations_and_rewards_are_box2d_s(walker, solver):
    twins = Twins(walker, "stumps", 24, solver=solver)
    flags = 4 + 5 * np.arange(1, twins.motors // 2 + 1) - 1
    others = np.setdiff1d(np.arange(twins.first.shape[1]), flags)
    assert np.array_equal(twins.first[:, flags], np.array(twins.seen)[:, flags])
    bound = {"default": 1e-2, "exact": 2e-3}[solver]
    assert twins.first == pytest.approx(np.array(twins.seen), abs=bound)
    rng, errors, rewards, flagged = np.random.default_rng(2), [], [], []
    for _ in range(10):
        actions = rng.uniform(-1.2, 1.2, (24, twins.motors)).astype(np.float32)
        mine, paid, over, _, _ = twins.step(actions)
        theirs = [env.step(action) for env, action in zip(twins.envs, actions, strict=True)]
        seen = np.array([step[0] for step in theirs])
        assert not over.any()
        assert not any(step[2] for step in theirs)
        errors.append(np.abs(mine - seen)[:, others])
        rewards.append(np.abs(paid - [step[1] for step in theirs]))
        flagged.append(mine[:, flags] == seen[:, flags])
    assert np.median(errors, axis=(0, 1)).max() < 2 * bound  # of every column
    assert np.quantile(errors, 0.9) < 2e-2
    assert np.median(rewards) < bound
    assert np.mean(flagged) > 0.97


def test_gymnasiums_heuristic_walks_as_far_on_gymnasiums_ground():
    n, cap = 48, 800
    envs, slots, theirs, seen = rough(n, max_steps=cap)
    paid = np.zeros((2, n))
    for i, (env, gait) in enumerate(zip(envs, gaits(n), strict=True)):
        row, over, steps = theirs[i], False, 0
        while not over and steps < cap:
            row, reward, over, _, _ = env.step(gait.step_heuristic(row))
            paid[0, i] += reward
            steps += 1
    heuristics, live = gaits(n), np.ones(n, bool)
    while live.any():
        actions = np.array([gait.step_heuristic(row) for gait, row in zip(heuristics, seen, strict=True)])
        slots._now["done"][:] = False
        seen, rewards, terminated, truncated, _ = slots.step(actions)
        paid[1] += rewards * live
        live &= ~(terminated | truncated)
    error = np.hypot(*paid.std(axis=1)) / np.sqrt(n)
    assert error < 20
    assert abs(paid[0].mean() - paid[1].mean()) < 2 * error
    assert (paid > 100).mean(axis=1).min() > 0.2  # it walks: standing still gives about 0, falling -100
