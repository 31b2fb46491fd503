"""A teacher around VecEnvs of stable-baselines3, as they are."""

import pickle
import warnings

import gymnasium as gym
import numpy as np
import pytest
from adapted import HEIGHT, Heights, Listener
from stable_baselines3 import PPO, SAC, HerReplayBuffer
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    SubprocVecEnv,
    VecEnvWrapper,
    VecMonitor,
    VecNormalize,
)

from teacherstudent import TaskReset, TeacherVecEnv, teachers
from teacherstudent.adapters.serving.server import share


class Tilted(gym.Env):
    """Takes no options; cut after four steps."""

    observation_space = gym.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gym.spaces.Discrete(3)
    slope = 0.0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps, self.now = 0, self.slope
        return np.full(1, self.now, np.float32), {"began": self.now}

    def step(self, action):
        self.steps += 1
        seen = np.array([self.now if self.steps < 4 else -self.now], np.float32)
        return seen, self.now, False, self.steps == 4, {"steps": self.steps}


def tilt(env, task):
    env.unwrapped.slope = float(task[0])


def dummy(make=Heights, n=3):
    return DummyVecEnv([make] * n)


def subproc(make=Heights, apply=None, n=3):
    return SubprocVecEnv([lambda: TaskReset(make(), apply)] * n, start_method="fork")


@pytest.mark.parametrize("make", [dummy, subproc])
def test_every_episode_plays_its_own_task_and_is_told(make):
    teacher = Listener(HEIGHT)
    vec = TeacherVecEnv(teacher, make(), mastered=2.5)
    assert isinstance(vec, TeacherVecEnv)
    assert isinstance(vec, VecEnvWrapper)
    obs = vec.reset()
    for step in range(1, 21):
        np.testing.assert_allclose(obs, vec.tasks, rtol=1e-6)
        before = obs
        obs, _, dones, infos = vec.step(np.zeros(3, int))
        assert dones.tolist() == [step % 5 == 0] * 3
        for slot, info in enumerate(infos):
            assert info["collisions"] == (step - 1) % 5 + 1
            assert ("task" in info) == ("terminal_observation" in info) == (step % 5 == 0)
            if step % 5 == 0:
                np.testing.assert_allclose(info["task"], before[slot], rtol=1e-6)
                np.testing.assert_allclose(info["terminal_observation"], before[slot], rtol=1e-6)
                np.testing.assert_array_equal(info["task"], teacher.asked[info["task_id"]])
                assert info["is_success"] == (5 * info["task"][0] > 2.5)
    assert [len(batch) for batch in teacher.told] == [3] * 4
    for batch in teacher.told:
        np.testing.assert_allclose(batch.score, 5 * batch.tasks[:, 0], rtol=1e-6)
        assert batch.signals["success"].tolist() == (batch.score > 2.5).tolist()
    assert len(teacher.outstanding) == 6  # one that is played and one ahead, a slot
    vec.reset()
    assert len(teacher.outstanding) == 6
    vec.close()


@pytest.mark.parametrize("kind", ["dummy", "subproc"])
def test_a_function_sets_the_task_and_time_limits_stay(kind):
    teacher = Listener(HEIGHT)
    if kind == "dummy":
        vec = TeacherVecEnv(teacher, dummy(Tilted), apply=tilt)
    else:
        vec = TeacherVecEnv(teacher, subproc(Tilted, tilt))
    obs = vec.reset()
    assert [info["began"] for info in vec.reset_infos] == pytest.approx(obs[:, 0])
    for step in range(1, 13):
        before = obs
        obs, _, _, infos = vec.step(np.zeros(3, int))
        np.testing.assert_allclose(obs, vec.tasks, rtol=1e-6)
        if step % 4 == 0:
            assert [info["TimeLimit.truncated"] for info in infos] == [True] * 3
            assert np.stack([info["terminal_observation"] for info in infos]) == pytest.approx(-before)
    assert sum(map(len, teacher.told)) == 9
    assert "success" not in teacher.told[0].signals
    vec.close()


def test_a_second_function_takes_the_place_of_the_first_but_not_of_the_users():
    vec = dummy(Tilted)
    TeacherVecEnv(Listener(HEIGHT), vec, apply=tilt)
    again = TeacherVecEnv(Listener(HEIGHT), vec, apply=lambda env, task: tilt(env, -task))
    np.testing.assert_allclose(again.reset(), -again.tasks, rtol=1e-6)
    own = dummy(lambda: TaskReset(Tilted(), tilt))
    with pytest.raises(TypeError, match=r"TeacherVecEnv: apply: expected none, as slot 0 has a TaskReset"):
        TeacherVecEnv(Listener(HEIGHT), own, apply=tilt)


@pytest.mark.parametrize("make", [dummy, subproc])
def test_methods_and_attributes_are_the_environments_own(make):
    vec = TeacherVecEnv(Listener(HEIGHT), make())
    vec.reset()
    assert np.stack(vec.env_method("action_masks"))[:, 1].tolist() == (vec.tasks[:, 0] > 0.5).tolist()
    assert vec.has_attr("height")
    assert not vec.has_attr("no_such_thing")
    vec.set_attr("mark", 7, indices=[1])
    assert vec.get_attr("mark", indices=[1]) == [7]
    vec.seed(3)
    vec.close()


def test_masks_and_goals_work():
    contrib = pytest.importorskip("sb3_contrib")
    teacher = Listener(HEIGHT)
    contrib.MaskablePPO("MlpPolicy", TeacherVecEnv(teacher, subproc()), n_steps=32, batch_size=32).learn(96)
    assert sum(map(len, teacher.told)) == 3 * (32 // 5)

    class Goals(Heights):
        observation_space = gym.spaces.Dict(
            {
                key: gym.spaces.Box(-2, 2, (1,), np.float32)
                for key in ("observation", "achieved_goal", "desired_goal")
            }
        )
        action_space = gym.spaces.Box(-1, 1, (1,), np.float32)

        def see(self):
            here = np.zeros(1, np.float32)
            goal = np.array([self.height], np.float32)
            return {"observation": here, "achieved_goal": here, "desired_goal": goal}

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed, options=options)
            return self.see(), {}

        def step(self, action):
            return self.see(), *super().step(action)[1:]

        def compute_reward(self, achieved, desired, info):
            return -np.abs(achieved - desired).max(-1)

    teacher = Listener(HEIGHT)
    model = SAC(
        "MultiInputPolicy",
        TeacherVecEnv(teacher, dummy(Goals)),
        replay_buffer_class=HerReplayBuffer,
        learning_starts=30,
        gradient_steps=1,
        batch_size=8,
    )
    model.learn(60)
    assert sum(map(len, teacher.told)) == 12


def test_monitors_and_normalisation_go_inside_and_outside():
    teacher = Listener(HEIGHT)
    vec = VecNormalize(TeacherVecEnv(teacher, make_vec_env(Heights, 2)))
    model = PPO("MlpPolicy", vec, n_steps=25, batch_size=50)
    model.learn(100)
    assert len(model.ep_info_buffer) == 20
    assert sum(map(len, teacher.told)) == 20
    vec = VecMonitor(
        TeacherVecEnv(Listener(HEIGHT), VecNormalize(dummy())), info_keywords=("collisions", "task")
    )
    vec.reset()
    for _ in range(5):
        infos = vec.step(np.zeros(3, int))[3]
    assert infos[1]["episode"]["collisions"] == 5
    assert infos[1]["episode"]["task"].shape == (1,)


def test_fixed_tasks_are_played_once_each_and_told_to_nobody():
    tasks = np.linspace(0.1, 0.7, 7)[:, None]
    vec = TeacherVecEnv.evaluation(dummy(Tilted), tasks, apply=tilt, mastered=2)
    model = PPO("MlpPolicy", dummy(Tilted), n_steps=8, batch_size=8)
    for _ in range(2):
        played = []

        def count(local, _, played=played):
            if local["done"]:
                played.append(local["info"]["task_id"])

        with warnings.catch_warnings():
            warnings.filterwarnings("error", message=".*teacher hears.*")
            evaluate_policy(model, vec, n_eval_episodes=7, callback=count, warn=False)
        assert sorted(played) == list(range(7))
    with pytest.raises(ValueError, match="at least one task"):
        TeacherVecEnv.evaluation(dummy(), np.zeros((0, 1)))


def test_tests_on_the_training_environment_bring_a_warning():
    vec = TeacherVecEnv(Listener(HEIGHT), dummy())
    model = PPO("MlpPolicy", vec, n_steps=8, batch_size=8)
    with pytest.warns(UserWarning, match="the teacher hears of test episodes"):
        evaluate_policy(model, vec, n_eval_episodes=2, warn=False)


def test_a_teacher_is_saved_and_loaded(tmp_path):
    def new():
        return TeacherVecEnv(teachers.make("riac", HEIGHT, seed=0), dummy(), budget=600)

    def play(vec, steps):
        vec.reset()
        for _ in range(steps):
            vec.step(np.zeros(3, int))

    first, second = new(), new()
    play(first, 33)
    first.save(tmp_path / "teacher.npz")
    play(second, 3)
    assert second.load(tmp_path / "teacher.npz") == 6
    assert second.teacher.metrics() == first.teacher.metrics()
    assert second.teacher.outstanding.size == 0
    with pytest.raises(RuntimeError, match="expected a reset"):
        second.step(np.zeros(3, int))
    play(second, 10)
    assert len(second.teacher.outstanding) == 6


def test_a_pickled_one_is_a_client():
    teacher = Listener(HEIGHT)
    vec = TeacherVecEnv(teacher, dummy())
    vec.reset()
    twin = pickle.loads(pickle.dumps(vec))
    with pytest.raises(RuntimeError, match="expected a reset"):
        twin.step(np.zeros(3, int))
    twin.reset()
    for _ in range(5):
        twin.step(np.zeros(3, int))
    twin.teacher.flush()
    assert [len(batch) for batch in teacher.told] == [3]
    share(teacher).close()
    assert teacher.outstanding.tolist() == [0, 1, 2, 3, 4, 5]


def test_environments_elsewhere_need_the_wrapper_inside():
    vec = SubprocVecEnv([Heights] * 2, start_method="fork")
    with pytest.raises(TypeError, match=r"SubprocVecEnv\(\[lambda: TaskReset"):
        TeacherVecEnv(Listener(HEIGHT), vec)
    vec.close()
    vec = subproc()
    with pytest.raises(TypeError, match="give no apply here"):
        TeacherVecEnv(Listener(HEIGHT), vec, apply=tilt)
    vec.close()
    with pytest.raises(TypeError, match="apply: expected a function"):
        TeacherVecEnv(Listener(HEIGHT), dummy(), apply=3)
    with pytest.raises(TypeError, match="expected a Teacher"):
        TeacherVecEnv(3, dummy())
