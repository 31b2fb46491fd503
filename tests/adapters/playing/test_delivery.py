"""How tasks reach slots."""

import gymnasium as gym
import numpy as np
import pytest
from adapted import Heights
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

from teacherstudent import TaskReset
from teacherstudent.adapters.playing.delivery import ByAttribute, ByFunction, ByOptions, ByWrappers, delivery

TASKS = np.array([[0.25], [0.5]])


class OnePiece(gym.vector.VectorEnv):
    num_envs = 2
    metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP}


def test_environments_of_this_process_are_wrapped_where_they_are_not():
    vec = SyncVectorEnv([Heights, lambda: gym.wrappers.TimeLimit(TaskReset(Heights()), 3)])
    own = vec.envs[1]
    way = delivery(vec, None, "test")
    assert isinstance(way, ByWrappers)
    assert isinstance(vec.envs[0], TaskReset)
    assert vec.envs[1] is own
    way.put(TASKS, np.array([True, True]))
    assert vec.reset()[0].tolist() == [[0.25], [0.5]]
    way.put(TASKS + 0.25, np.array([False, True]))
    assert vec.reset()[0].tolist() == [[0.25], [0.75]]
    assert way.options({"own": 1}, TASKS, np.ones(2, np.bool_)) == {"own": 1}


def height(factor):
    """Return a function that starts a multiple of a task."""

    def apply(env, task):
        env.unwrapped.next = factor * float(task[0])

    return apply


class Settable(Heights):
    """Starts the height that was set, or else that of its options."""

    next = None

    def reset(self, *, seed=None, options=None):
        told = (options or {}).get("task", [self.next])
        return super().reset(seed=seed, options={"task": told})


def test_a_second_function_takes_the_place_of_the_first():
    vec = SyncVectorEnv([Settable] * 2)
    every = np.ones(2, np.bool_)
    delivery(vec, height(1), "test").put(TASKS, every)
    assert vec.reset()[0].tolist() == [[0.25], [0.5]]
    # Also where the user has put more wrappers around in between.
    vec.envs[1] = gym.wrappers.TimeLimit(vec.envs[1], 3)
    delivery(vec, height(2), "test").put(TASKS, every)
    assert vec.reset()[0].tolist() == [[0.5], [1.0]]
    delivery(vec, None, "test").put(TASKS / 2, every)
    assert vec.reset()[0].tolist() == [[0.125], [0.25]]


def test_a_function_beside_a_wrapper_of_the_users_is_refused():
    vec = SyncVectorEnv([Settable, lambda: TaskReset(Settable(), height(2))])
    with pytest.raises(TypeError, match=r"slot 1 has a TaskReset inside already.*give no apply here"):
        delivery(vec, height(1), "test")
    assert type(vec.envs[0]) is Settable
    delivery(vec, None, "test").put(TASKS, np.ones(2, np.bool_))
    assert vec.reset()[0].tolist() == [[0.25], [1.0]]


def test_environments_of_other_processes_need_the_wrapper_inside():
    vec = AsyncVectorEnv([lambda: TaskReset(Heights())] * 2)
    way = delivery(vec, None, "test")
    assert isinstance(way, ByAttribute)
    way.put(TASKS, np.ones(2, np.bool_))
    assert vec.reset()[0].tolist() == [[0.25], [0.5]]
    with pytest.raises(TypeError, match="give no apply here"):
        delivery(vec, print, "test")
    vec.close()
    vec = AsyncVectorEnv([Heights] * 2)
    with pytest.raises(TypeError, match=r"AsyncVectorEnv\(\[lambda: TaskReset"):
        delivery(vec, None, "test")
    vec.close()


def test_environments_in_one_piece_need_a_function_or_take_options():
    vec, seen = OnePiece(), []
    with pytest.raises(TypeError, match="OnePiece starts slots by itself"):
        delivery(vec, None, "test")
    way = delivery(vec, lambda envs, tasks: seen.append((envs, tasks)), "test")
    assert isinstance(way, ByFunction)
    way.put(TASKS, np.ones(2, np.bool_))
    assert seen[0][0] is vec
    assert seen[0][1].tolist() == TASKS.tolist()
    vec.metadata = {"autoreset_mode": AutoresetMode.DISABLED}
    way = delivery(vec, None, "test")
    assert isinstance(way, ByOptions)
    mask = np.array([False, True])
    assert way.options({"own": 1}, TASKS, mask) == {"own": 1, "task": TASKS, "reset_mask": mask}
    with pytest.raises(TypeError, match="apply: expected a function"):
        delivery(vec, 3, "test")
