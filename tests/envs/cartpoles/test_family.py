from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.classic_control.cartpole import CartPoleEnv
from gymnasium.utils.env_checker import check_env

import teacherstudent
from teacherstudent.contract.family import Snapshot
from teacherstudent.envs.cartpoles.family import CartPoleParameters, CartPoleParametersEnv
from teacherstudent.envs.cartpoles.physics import CARTPOLE_V1, advance, failed, push
from teacherstudent.simulation.counters import uniform_array

V1 = np.array([list(CARTPOLE_V1.values())])


def upright(state):
    """A simple balancing policy."""
    return (state @ [0.1, 0.2, 1.0, 0.3] > 0).astype(int)


def test_one_step_by_hand():
    # 10 N on 1.1 kg: thrust 9.0909; the pole turns at -9.0909 / (0.5 (4/3 - 0.1/1.1)) = -14.6341 rad/s^2;
    # the cart gains 9.0909 + 0.1 * 0.5 * 14.6341 / 1.1 = 9.7561 m/s^2; both over 0.02 s
    state = advance(np.zeros((1, 4)), np.array([True]), V1)
    assert state == pytest.approx(np.array([[0, 0.195122, 0, -0.292683]]), abs=1e-6)
    state = advance(np.zeros((1, 4)), np.array([False]), V1)
    assert state == pytest.approx(np.array([[0, -0.195122, 0, 0.292683]]), abs=1e-6)


def test_a_push_by_hand():
    # the tip of a 2 m pole gains 3 m/s: 1.5 rad/s
    physics = np.array([[2.0, 10.0, 9.8, 3.0]] * 2)
    pushed = push(np.zeros((2, 4)), np.array([True, False]), physics)
    assert pushed.tolist() == [[0, 0, 0, 1.5], [0, 0, 0, -1.5]]


@pytest.mark.parametrize("seed", range(3))
def test_dynamics_are_those_of_gymnasium_at_its_parameters(seed):
    theirs = CartPoleEnv()
    theirs.reset(seed=seed)
    state = theirs.state[None].copy()
    rng = np.random.default_rng(seed)
    for _ in range(200):
        action = rng.integers(2) if rng.random() < 0.2 else upright(state)[0]
        _, reward, terminated, _, _ = theirs.step(int(action))
        state = advance(state, np.array([action == 1]), V1)
        assert state[0] == pytest.approx(theirs.state, rel=1e-12, abs=1e-14)
        assert bool(failed(state)[0]) == terminated
        assert reward == 1.0
        if terminated:
            break


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


def test_the_pole_is_pushed_once_a_second_to_either_side():
    vec = CartPoleParameters().make_vec(64)
    task = np.tile([1.0, 10.0, 9.8, 0.5], (64, 1))
    calm = task * [1, 1, 1, 0]
    runs = []
    for tasks in (task, calm):
        observations, _ = vec.reset(seed=5, options={"task": tasks})
        spins = []
        for _ in range(50):
            observations = vec.step(upright(observations[:, :4]))[0]
            spins.append(observations[:, 3])
        runs.append(np.array(spins))
    change = runs[0] - runs[1]
    assert not change[:49].any()
    assert np.abs(change[49]) == pytest.approx(0.5, abs=1e-5)
    assert 10 < (change[49] > 0).sum() < 54


def test_draws_are_uniform_and_follow_from_seed_episode_and_number():
    seeds = np.arange(1000, dtype=np.uint64)[:, None, None]
    episodes, draws = np.arange(3)[None, :, None], np.arange(4)[None, None, :]
    numbers = uniform_array(seeds, episodes, draws)
    assert numbers.shape == (1000, 3, 4)
    assert len(np.unique(numbers)) == numbers.size
    assert np.histogram(numbers, 10, (0, 1))[0] == pytest.approx(1200, abs=150)
    assert abs(np.corrcoef(numbers.reshape(1000, 12).T) - np.eye(12)).max() < 0.15
    assert uniform_array(seeds[7:8], episodes, draws)[0].tolist() == numbers[7].tolist()


def test_a_slot_goes_on_with_its_own_stream_when_it_is_not_seeded():
    family, mask = CartPoleParameters(), np.array([True, False])
    tasks = family.test_tasks()[:2]
    vec = family.make_vec(2)
    first = vec.reset(seed=[3, 4], options={"task": tasks})[0]
    second = vec.reset(options={"task": tasks, "reset_mask": mask})[0]
    assert not np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])
    again = vec.reset(seed=[3, None], options={"task": tasks, "reset_mask": mask})[0]
    assert np.array_equal(again[0], first[0])
    assert np.array_equal(vec.reset(options={"task": tasks, "reset_mask": mask})[0][0], second[0])


def test_slots_that_were_never_seeded_differ():
    vec = CartPoleParameters().make_vec(2)
    starts = vec.reset(options={"task": np.tile([1.0, 10.0, 9.8, 0.0], (2, 1))})[0]
    assert not np.array_equal(starts[0], starts[1])


def test_a_seed_of_any_size_is_a_seed():
    vec = CartPoleParameters().make_vec(2)
    starts = vec.reset(seed=[2**70 + 1, 1])[0]
    assert np.array_equal(starts[0], starts[1])  # seeds count modulo 2**63


def test_without_a_task_each_slot_draws_its_own():
    vec = CartPoleParameters().make_vec(3)
    infos = vec.reset(seed=1)[1]
    assert all(vec.task_space.contains(task) for task in infos["task"])
    assert len(np.unique(infos["task"])) == 12
    assert np.array_equal(vec.reset(seed=1)[1]["task"], infos["task"])


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


def test_snapshots_cross_processes():
    vec = CartPoleParameters().make_vec(5, processes=2)
    assert isinstance(vec, Snapshot)
    begun = vec.reset(seed=1)[0]
    state = vec.get_state()
    first = [vec.step(np.ones(5, int))[0] for _ in range(4)]
    vec.set_state(state)
    assert all(np.array_equal(a, vec.step(np.ones(5, int))[0]) for a in first)
    vec.set_state(state)
    mask = np.array([True, False, False, False, False])
    assert np.array_equal(vec.reset(options={"reset_mask": mask})[0][1:], begun[1:])
    with pytest.raises(ValueError, match="expected 2 groups"):
        vec.set_state(state | {"groups": state["groups"][:1]})
    vec.close()


def test_a_bad_snapshot_is_refused():
    vec = CartPoleParameters().make_vec(2)
    state = vec.get_state()
    with pytest.raises(ValueError, match="missing"):
        vec.set_state({name: values for name, values in state.items() if name != "seed"})
    with pytest.raises(ValueError, match=r"expected shape \(2, 4\), got \(3, 4\)"):
        vec.set_state(CartPoleParameters().make_vec(3).get_state())


@pytest.mark.parametrize("actions", [[2], [0.5], [0, 1], [[0]], [np.nan]])
def test_bad_actions_are_refused(actions):
    vec = CartPoleParameters().make_vec(1)
    vec.reset(seed=0)
    with pytest.raises(ValueError, match="zeros and ones"):
        vec.step(actions)


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
