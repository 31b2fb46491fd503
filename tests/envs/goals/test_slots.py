"""Points in mazes as slots: episodes, seeds, snapshots, errors."""

from __future__ import annotations

import numpy as np
import pytest

from teacherstudent.contract.family import Snapshot
from teacherstudent.envs.goals.family import GoalMaze


def towards(seen, x, y):
    """Return actions that go straight to a place, given in observations' units."""
    # half a cell, the longest move, is an eleventh in these units
    return np.clip((np.array([x, y]) - seen[:, :2]) * 11, -1, 1)


def test_a_walk_to_the_goal_pays_once():
    vec = GoalMaze().make_vec(2)
    seen, _ = vec.reset(seed=0, options={"task": [[4.5, 0.5], [10.5, 10.5]]})
    steps = 0
    terminated = np.zeros(2, np.bool_)
    while not terminated.any():
        seen, rewards, terminated, truncated, infos = vec.step(towards(seen, 4.5 * 2 / 11 - 1, -0.9))
        steps += 1
        assert rewards.tolist() == infos["is_success"].tolist() == terminated.tolist()
        assert not truncated.any()
    # from 0.4 to 0.6 on, half a cell a step, until less than half a cell is left
    assert steps in (7, 8)
    assert terminated.tolist() == [True, False]


def test_an_episode_is_cut_after_100_steps():
    vec = GoalMaze().make_vec(1)
    vec.reset(seed=0, options={"task": [[20.0, 20.0]]})
    for step in range(1, 101):
        _, rewards, terminated, truncated, _ = vec.step([[1.0, 1.0]])
        assert (rewards[0], bool(terminated[0]), bool(truncated[0])) == (0.0, False, step == 100)
    with pytest.raises(RuntimeError, match="have no episode"):
        vec.step([[0.0, 0.0]])


def test_points_never_are_in_walls():
    family = GoalMaze(start="anywhere", margin=0.0)
    vec = family.make_vec(200)
    rng = np.random.default_rng(0)
    vec.reset(seed=1)
    visited = set()
    for _ in range(300):
        _, _, terminated, truncated, _ = vec.step(rng.uniform(-2, 2, (200, 2)))
        places = vec.get_state()["place"]
        assert family.feasible(places).all()
        visited |= set(map(tuple, places.astype(int).tolist()))
        if (terminated | truncated).any():
            vec.reset(options={"reset_mask": terminated | truncated})
    assert len(visited) == 104


def test_observations_stay_in_their_space():
    for options in ({}, {"tolerance": True}, {"start": "task", "margin": 0.3}):
        family = GoalMaze(**options)
        vec = family.make_vec(2)
        seen, _ = vec.reset(seed=0, options={"task": np.stack([family.space.low, family.space.high])})
        for row in seen:
            assert vec.single_observation_space.contains(row)


def test_what_was_observed_is_not_written_to_again():
    vec = GoalMaze().make_vec(2)
    first, _ = vec.reset(seed=0)
    kept = first.copy()
    second = vec.step(np.ones((2, 2)))[0]
    later = second.copy()
    vec.reset(options={"reset_mask": np.array([True, False])})
    assert np.array_equal(first, kept)
    assert np.array_equal(second, later)


def test_snapshots_cross_processes():
    vec = GoalMaze().make_vec(5, processes=2)
    assert isinstance(vec, Snapshot)
    vec.reset(seed=1)
    state = vec.get_state()
    first = [vec.step(np.ones((5, 2)))[0].copy() for _ in range(4)]
    vec.set_state(state)
    assert all(np.array_equal(a, vec.step(np.ones((5, 2)))[0]) for a in first)
    vec.close()


def test_what_is_aimed_at_follows_from_the_tasks_of_a_state():
    family = GoalMaze()
    one, other = family.make_vec(1), family.make_vec(1)
    one.reset(seed=0, options={"task": [[0.6, 0.6]]})
    other.reset(seed=0, options={"task": [[9.5, 9.5]]})
    other.set_state(one.get_state())
    assert other.step([[0.0, 0.0]])[2].all()
    with pytest.raises(ValueError, match="goal maze state"):
        other.set_state({name: values for name, values in one.get_state().items() if name != "place"})


@pytest.mark.parametrize("actions", [[[0.0]], [0.0, 0.0], [[np.nan, 0.0]], [[np.inf, 0.0]], [[0.0, 0.0]] * 2])
def test_bad_actions_are_refused(actions):
    vec = GoalMaze().make_vec(1)
    vec.reset(seed=0)
    with pytest.raises(ValueError, match=r"actions: expected finite numbers, shape \(1, 2\)"):
        vec.step(actions)


def test_a_single_environment_agrees_with_a_slot_and_is_drawn():
    family = GoalMaze()
    env = family.make_env(render_mode="rgb_array")
    vec = family.make_vec(3)
    task = np.array([3.0, 2.0])
    seen, _ = vec.reset(seed=[5, 6, 7], options={"task": [task] * 3})
    alone, info = env.reset(seed=6, options={"task": task})
    assert np.array_equal(alone, seen[1])
    assert np.array_equal(info["task"], task)
    for _ in range(5):
        seen, rewards, *_ = vec.step(np.ones((3, 2)))
        alone, reward, *_ = env.step(np.ones(2))
        assert np.array_equal(alone, seen[1])
        assert reward == rewards[1]
    assert np.array_equal(env.render(), vec.render()[1])
    assert family.make_env().render() is None
    with pytest.raises(ValueError, match="render_mode: expected 'rgb_array' or None, got 'human'"):
        family.make_env(render_mode="human")
