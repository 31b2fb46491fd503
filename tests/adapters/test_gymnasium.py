"""A teacher in a loop of gymnasium."""

import gymnasium as gym
import numpy as np
from adapted import Listener

from teacherstudent.adapters.gymnasium import TeacherEnv


def test_gymnasium_wrapper_asks_and_tells(family):
    teacher = Listener(family.space)
    env = TeacherEnv(family.make_env(), teacher, mastered=3.0)
    for k in range(3):
        _, info = env.reset(seed=k)
        assert info["task_id"] == k
        np.testing.assert_array_equal(info["task"], teacher.asked[k])
        total, done, steps = 0.0, False, 0
        while not done:
            _, reward, terminated, truncated, _ = env.step(env.action_space.sample())
            total, done, steps = total + reward, terminated or truncated, steps + 1
        told = teacher.told[-1]
        assert (told.ids[0], told.score[0], told.signals["length"][0]) == (k, total, steps)
        assert told.signals["success"][0] == (total > 3.0)
    assert teacher.outstanding.size == 0


def test_gymnasium_wrapper_drops_an_episode_that_is_given_up(family):
    teacher = Listener(family.space)
    env = TeacherEnv(family.make_env(), teacher)
    env.reset()
    env.step(env.action_space.sample())
    env.reset()
    assert teacher.outstanding.tolist() == [1]
    assert teacher.told == []


def test_gymnasium_autoreset_vector_env_of_wrapped_environments(family):
    teacher = Listener(family.space)
    vec = gym.vector.SyncVectorEnv([lambda: TeacherEnv(family.make_env(), teacher)] * 3)
    vec.reset(seed=0)
    for _ in range(200):
        vec.step(vec.action_space.sample())
    assert len(teacher.told) > 10
    assert len(teacher.outstanding) <= 3
