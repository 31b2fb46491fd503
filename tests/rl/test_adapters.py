import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.logger import KVWriter, Logger

from teacherstudent import envs
from teacherstudent.rl.adapters import TeacherCallback, TeacherEnv, TeacherVecEnv
from teacherstudent.spaces import Box, sample
from teacherstudent.teacher import Teacher
from teacherstudent.types import Assignment


class Listener(Teacher):
    """Random tasks; keeps what it is told."""

    accepts = (Box,)

    def __init__(self, space, *, seed=0):
        super().__init__(space, seed=seed)
        self.asked, self.told = {}, []

    def _ask(self, ids, progress):
        tasks = sample(self.space, self.rng, len(ids))
        self.asked |= dict(zip(ids.tolist(), tasks, strict=True))
        return Assignment(ids=ids, tasks=tasks)

    def _tell(self, outcomes):
        self.told.append(outcomes)

    def _state(self):
        return {}

    def _load(self, state):
        pass

    def metrics(self):
        return {"told": float(len(self.told))}


class Rows(KVWriter):
    def __init__(self):
        self.rows = []

    def write(self, key_values, key_excluded, step=0):
        self.rows.append(dict(key_values))

    def close(self):
        pass


class NeedsValue(Listener):
    needs = frozenset({"value_l1"})


class WholeRollouts(Listener):
    granularity = "rollout"


@pytest.fixture
def family():
    return envs.make("cartpole-parameters")


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


def test_model_learn_with_a_teacher(family):
    teacher = Listener(family.space)
    vec = TeacherVecEnv(teacher, family.make_vec(4), mastered=family.mastered, seed=0)
    model = PPO("MlpPolicy", vec, n_steps=64, batch_size=64, n_epochs=1, seed=0)
    log = Rows()
    model.set_logger(Logger(folder=None, output_formats=[log]))
    model.learn(1024, callback=TeacherCallback(teacher))
    rows = sum(len(told) for told in teacher.told)
    assert rows > 10
    assert len(teacher.outstanding) == 4  # one under way in every slot
    assert rows + 4 == len(teacher.asked)
    for told in teacher.told:
        for number, task in zip(told.ids, told.tasks, strict=True):
            np.testing.assert_array_equal(teacher.asked[number], task)
    assert [row["teacher/told"] for row in log.rows] == sorted(row["teacher/told"] for row in log.rows)
    assert log.rows[-1]["teacher/told"] == len(teacher.told)
    assert len(model.ep_info_buffer) > 0  # stable-baselines3 sees the returns too


def test_vec_env_reset_drops_what_was_under_way(family):
    teacher = Listener(family.space)
    vec = TeacherVecEnv(teacher, family.make_vec(2))
    vec.reset()
    vec.reset()
    assert teacher.outstanding.tolist() == [2, 3]


@pytest.mark.parametrize(("kind", "words"), [(NeedsValue, "value_l1"), (WholeRollouts, "rollout")])
def test_teachers_that_episodes_cannot_serve_are_refused(family, kind, words):
    with pytest.raises(ValueError, match=words):
        TeacherEnv(family.make_env(), kind(family.space))
    with pytest.raises(ValueError, match=words):
        TeacherVecEnv(kind(family.space), family.make_vec(1))


def test_attributes_are_not_lost_in_silence(family):
    vec = TeacherVecEnv(Listener(family.space), family.make_vec(2))
    with pytest.raises(AttributeError, match="through their task"):
        vec.set_attr("gravity", 3)
    with pytest.raises(AttributeError, match="gymnasium environments of this process"):
        vec.env_method("set_gravity", 3)


class Pacing(Listener):
    def _ask(self, ids, progress):
        self.paces = [*getattr(self, "paces", []), progress]
        return super()._ask(ids, progress)


def test_progress_follows_a_budget(family):
    teacher = Pacing(family.space)
    env = TeacherEnv(family.make_env(), teacher, budget=40)
    env.action_space.seed(0)
    while not teacher.outstanding.size or teacher.paces[-1] < 1:
        env.reset(seed=0)
        done = False
        while not done:
            _, _, terminated, truncated, _ = env.step(env.action_space.sample())
            done = terminated or truncated
        if len(teacher.paces) > 20:
            break
    assert teacher.paces[0] == 0
    assert teacher.paces == sorted(teacher.paces)
    assert teacher.paces[-1] == 1
    teacher = Pacing(family.space)
    vec = TeacherVecEnv(teacher, family.make_vec(4), budget=400)
    vec.reset()
    for _ in range(100):
        vec.step(np.zeros(4, int))
    assert teacher.paces[0] == 0
    assert 0 < teacher.paces[1] < teacher.paces[-1] <= 1
    with pytest.raises(ValueError, match="budget: expected steps above 0"):
        TeacherEnv(family.make_env(), teacher, budget=0)
