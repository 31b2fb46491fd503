from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from balancing import upright
from gymnasium.utils.env_checker import check_env

import teacherstudent
from teacherstudent.envs.cartpoles.family import CartPoleParameters, CartPoleParametersEnv


def test_the_single_environment_agrees_with_a_slot_step_for_step():
    family = CartPoleParameters()
    tasks, rng = family.test_tasks()[:8], np.random.default_rng(0)
    vec = family.make_vec(8)
    seen, _ = vec.reset(seed=[20 + i for i in range(8)], options={"task": tasks})
    envs = [family.make_env() for _ in tasks]
    for i, env in enumerate(envs):
        observation, info = env.reset(seed=20 + i, options={"task": tasks[i]})
        assert np.array_equal(observation, seen[i])
        assert np.array_equal(info["task"], tasks[i])
    for _ in range(300):
        actions = np.where(rng.random(8) < 0.1, rng.integers(2, size=8), upright(seen[:, :4]))
        seen, rewards, terminated, truncated, _ = vec.step(actions)
        for i, env in enumerate(envs):
            observation, reward, *flags, _ = env.step(actions[i])
            assert np.array_equal(observation, seen[i])
            assert (reward, flags) == (rewards[i], [terminated[i], truncated[i]])
        done = terminated | truncated
        if done.any():
            seen, _ = vec.reset(options={"reset_mask": done, "task": tasks})
            for i in np.flatnonzero(done):
                assert np.array_equal(envs[i].reset(options={"task": tasks[i]})[0], seen[i])


def test_an_episode_that_lasts_is_truncated_after_500_steps():
    family = CartPoleParameters()
    task = np.array([[1.0, 10.0, 9.8, 0.0]])
    for env_steps in (
        _lasting(family.make_vec(1), task),
        _lasting(family.make_vec(2), np.repeat(task, 2, 0)),
    ):
        assert env_steps == (500, False, True)
    env = family.make_env()
    observation, _ = env.reset(seed=0, options={"task": task[0]})
    for step in range(1, 501):
        observation, _, terminated, truncated, _ = env.step(upright(observation[:4]))
        assert (terminated, truncated) == (False, step == 500)


def _lasting(vec, tasks):
    seen, _ = vec.reset(seed=0, options={"task": tasks})
    for step in range(1, 1000):
        seen, _, terminated, truncated, _ = vec.step(upright(seen[:, :4]))
        if (terminated | truncated).any():
            return step, bool(terminated.any()), bool(truncated.all())
    return None


def test_observations_end_with_the_task_in_units_of_the_box():
    family = CartPoleParameters()
    low, high = family.space.low, family.space.high
    tasks = np.stack([low, high, (low + high) / 2])
    seen = family.make_vec(3).reset(seed=0, options={"task": tasks})[0]
    assert seen[:, 4:] == pytest.approx(np.array([[-1] * 4, [1] * 4, [0] * 4]), abs=1e-6)
    hidden = CartPoleParameters(observe_task=False).make_vec(3).reset(seed=0, options={"task": tasks})[0]
    assert np.array_equal(hidden, seen[:, :4])


def test_fewer_parameters_leave_the_others_as_in_cartpole_v1():
    family = CartPoleParameters(ranges={"push": (0, 2), "pole_length": (0.5, 1.5)})
    assert family.space.names == ("push", "pole_length")
    vec = family.make_vec(1)
    vec.reset(seed=0, options={"task": [[1.0, 0.75]]})
    assert vec.get_state()["physics"].tolist() == [[0.75, 10.0, 9.8, 1.0]]
    assert family.difficulty_step == pytest.approx((2 / 30, -1 / 30))


def test_the_test_set_is_fixed():
    family = CartPoleParameters()
    tasks = family.test_tasks()
    assert tasks.shape == (50, 4)
    assert tasks[0] == pytest.approx([1.952664, 13.989169, 12.512750, 1.697593], abs=1e-6)
    assert family.test_set == "cartpole-parameters/uniform50_seed4222"
    assert (family.mastered, family.score_range) == (475.0, (0.0, 500.0))
    assert np.sign(family.difficulty_step).tolist() == [-1, -1, -1, 1]


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ({"wind": (0, 1)}, "wind"),
        ({"pole_length": (0, 1)}, "pole_length"),
        ({"force": (-1, 1)}, "force"),
        ({"push": (1, 1)}, "low < high"),
        ({}, "at least one"),
    ],
)
def test_bad_ranges_are_refused(ranges, message):
    with pytest.raises(ValueError, match=message):
        CartPoleParameters(ranges=ranges)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_gymnasium_finds_it_and_its_checker_accepts_it():
    teacherstudent.register_environments()
    env = gym.make("teacherstudent/CartPoleParameters-v0", render_mode="rgb_array")
    assert isinstance(env.unwrapped, CartPoleParametersEnv)
    assert env.spec.max_episode_steps == 500
    check_env(env.unwrapped)


def test_frames_show_the_length_of_the_pole():
    env = CartPoleParameters().make_env(render_mode="rgb_array")
    heights = []
    for length in (0.5, 1.5):
        env.reset(seed=0, options={"task": [length, 10.0, 9.8, 0.0]})
        frame = env.render()
        assert frame.shape == (400, 600, 3)
        heights.append(np.any(frame != 255, axis=(1, 2)).sum())
    assert heights[1] > heights[0] + 100
    env.close()


def test_a_window_opens_and_closes(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    env = CartPoleParameters().make_env(render_mode="human")
    env.reset(seed=0)
    env.step(1)
    env.close()
