import copy
import dataclasses
import multiprocessing
import pickle
import warnings

import gymnasium as gym
import numpy as np
import pytest
from adapted import HEIGHT, Heights, Listener
from stable_baselines3 import PPO, SAC, HerReplayBuffer
from stable_baselines3.common.callbacks import EvalCallback
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.logger import KVWriter, Logger
from stable_baselines3.common.vec_env import SubprocVecEnv, VecMonitor, VecNormalize

from teacherstudent import Parameters, envs, family_from_gymnasium, students, teachers
from teacherstudent.adapters.gymnasium import TeacherEnv
from teacherstudent.adapters.sb3 import TeacherCallback, TeacherCheckpointCallback, TeacherVecEnv
from teacherstudent.contract.spaces import Box, Discrete
from teacherstudent.recording.disk.checkpoint import CheckpointError


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
    with pytest.raises(TypeError, match="apply: expected None"):
        TeacherVecEnv(Listener(family.space), family.make_vec(2), apply=print)
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


HILLS = family_from_gymnasium(Heights, space=HEIGHT, mastered=3, test_tasks=7)


def hills(n=2, teacher=None, **options):
    return TeacherVecEnv(teacher or Listener(HEIGHT), HILLS.make_vec(n, **options))


def test_what_an_environment_says_and_the_task_reach_the_infos_of_finished_slots():
    vec = hills(3)
    vec.reset()
    for _ in range(4):
        assert vec.step(np.zeros(3, int))[3] == [{}, {}, {}]
    tasks, ids = vec.tasks.copy(), vec.ids.copy()
    infos = vec.step(np.zeros(3, int))[3]
    for slot, info in enumerate(infos):
        assert info["task"].tolist() == tasks[slot].tolist()
        assert info["task_id"] == ids[slot]
        assert (info["collisions"], info["parts"]) == (5, {"left": 2.5})
        assert type(info["collisions"]) is int
        assert info["name"] == f"hill {tasks[slot][0]:.3f}"
        assert info.get("fell", False) == (tasks[slot][0] > 0.5)  # said of some slots only
        assert info["episode"] == {"r": pytest.approx(5 * tasks[slot][0]), "l": 5}
    monitored = VecMonitor(hills(processes=2), info_keywords=("collisions", "task"))
    monitored.reset()
    for _ in range(5):
        infos = monitored.step(np.zeros(2, int))[3]
    assert infos[1]["episode"]["collisions"] == 5
    monitored.close()


def test_methods_of_single_environments_are_reached():
    vec = hills(3)
    vec.reset()
    assert vec.has_attr("action_masks")
    assert not vec.has_attr("no_such_thing")
    masks = np.stack(vec.env_method("action_masks"))
    assert masks[:, 1].tolist() == (vec.tasks[:, 0] > 0.5).tolist()
    assert vec.get_attr("height", indices=[2]) == [vec.tasks[2, 0]]
    vec.set_attr("height", 0.25, indices=[2])
    assert vec.get_attr("height", indices=[1, 2]) == [vec.tasks[1, 0], 0.25]
    with pytest.raises(AttributeError, match="no_such_thing"):
        vec.env_method("no_such_thing")
    with pytest.raises(AttributeError, match="expected a method, got"):
        vec.env_method("height")


def test_masks_work_in_an_own_loop_and_are_refused_by_name_where_they_cannot(family):
    contrib = pytest.importorskip("sb3_contrib")
    model = contrib.MaskablePPO("MlpPolicy", hills(), n_steps=32, batch_size=32)
    model.learn(64)
    for vec in (TeacherVecEnv(Listener(family.space), family.make_vec(2)), hills(processes=2)):
        with pytest.raises(ValueError, match="MaskablePPO is not supported here"):
            contrib.MaskablePPO("MlpPolicy", vec, n_steps=32, batch_size=32).learn(64)
        vec.close()
    with pytest.raises(TypeError, match="action masks are not supported here"):
        students.make("sb3", HILLS, seed=0, algorithm="sb3_contrib:MaskablePPO")


class Goals(Heights):
    observation_space = gym.spaces.Dict(
        {
            key: gym.spaces.Box(-2, 2, (1,), np.float32)
            for key in ("observation", "achieved_goal", "desired_goal")
        }
    )
    action_space = gym.spaces.Box(-1, 1, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed, options=options)
        return self.see(), {}

    def step(self, action):
        _, _, *rest = super().step(action)
        return self.see(), float(self.compute_reward(np.zeros(1), np.array([self.height]), {})), *rest

    def see(self):
        here = np.zeros(1, np.float32)
        goal = np.array([self.height], np.float32)
        return {"observation": here, "achieved_goal": here, "desired_goal": goal}

    def compute_reward(self, achieved, desired, info):
        return -np.abs(achieved - desired).max(-1).astype(np.float32)


def test_goals_work_in_an_own_loop_and_are_refused_by_name_where_they_cannot():
    family = family_from_gymnasium(Goals, space=HEIGHT, mastered=-1)
    vec = TeacherVecEnv(Listener(HEIGHT), family.make_vec(2))
    options = {"replay_buffer_class": HerReplayBuffer, "learning_starts": 20, "buffer_size": 200}
    SAC("MultiInputPolicy", vec, **options).learn(40)
    with pytest.warns(UserWarning, match="HerReplayBuffer is not supported here"):
        vec = TeacherVecEnv(Listener(HEIGHT), family.make_vec(2, processes=2))
    with pytest.raises(ValueError, match="HerReplayBuffer is not supported here"):
        vec.env_method("compute_reward")
    vec.close()
    with pytest.raises(TypeError, match="goals are not supported here"):
        students.make("sb3", family, seed=0, algorithm="SAC", options=options)


def test_options_of_a_reset_are_not_lost_in_silence(family):
    with pytest.raises(ValueError, match="set_options: expected none"):
        hills().set_options({"low": 1})
    env = TeacherEnv(family.make_env(), Listener(family.space))
    with pytest.raises(ValueError, match="expected no 'task', as the teacher chooses it"):
        env.reset(options={"task": family.space.low})


def test_environments_that_start_by_themselves_or_share_their_options_are_refused(family):
    teacher = Listener(family.space)
    with pytest.raises(ValueError, match="SyncVectorEnv, which hands every slot the tasks of all"):
        TeacherVecEnv(teacher, gym.vector.SyncVectorEnv([family.make_env] * 2))
    with pytest.raises(ValueError, match=r"autoreset_mode'\] AutoresetMode.DISABLED"):
        TeacherVecEnv(teacher, gym.make_vec("CartPole-v1", 2, vectorization_mode="vector_entry_point"))
    with pytest.raises(TypeError, match="expected a vector environment"):
        TeacherVecEnv(teacher, family.make_env())
    with pytest.raises(TypeError, match="teacher: expected a Teacher or a TeacherClient, got 3"):
        TeacherVecEnv(3, family.make_vec(1))


@pytest.mark.parametrize(
    "space",
    [
        Parameters(height=(0, 2)),
        Parameters(width=(0, 1)),
        Box(0.0, 1.0, (2,), np.float64),
        Discrete(2),
    ],
)
def test_a_teacher_of_other_tasks_is_refused_at_once(space):
    class Known(Heights):
        task_space = HEIGHT

    teacher = teachers.make("random", space, seed=0)
    with pytest.raises(ValueError, match="expected a teacher whose tasks lie in the environment's space"):
        TeacherVecEnv(teacher, HILLS.make_vec(2))
    with pytest.raises(ValueError, match="expected a teacher whose tasks lie in the environment's space"):
        TeacherEnv(Known(), teacher)
    TeacherVecEnv(Listener(Parameters(height=(0.2, 0.4))), HILLS.make_vec(2)).reset()


def test_fixed_tasks_are_played_once_each_and_alike_every_time():
    tasks = HILLS.test_tasks()
    for n in (1, 3, 10):
        vec = TeacherVecEnv.evaluation(HILLS.make_vec(n), tasks, mastered=3)
        model = PPO("MlpPolicy", hills(), n_steps=8, batch_size=8)
        played = []

        def count(local, _, played=played):
            if local["done"]:
                played.append(local["info"]["task"][0])

        for _ in range(2):
            played.clear()
            evaluate_policy(model, vec, n_eval_episodes=7, callback=count)
            assert sorted(played) == sorted(tasks[:, 0])


def test_seeds_of_fixed_tasks_follow_from_their_place():
    def starts(n, seed):
        family = envs.make("cartpole-parameters")
        vec = TeacherVecEnv.evaluation(family.make_vec(n), family.test_tasks()[:6], seed=seed)
        first, again = vec.reset(), vec.reset()
        np.testing.assert_array_equal(first, again)
        return first

    np.testing.assert_array_equal(starts(6, 0), starts(6, 0))
    assert not np.array_equal(starts(6, 0), starts(6, 1))
    np.testing.assert_array_equal(starts(2, 0)[0], starts(6, 0)[0])


def test_an_evaluation_callback_tells_the_teacher_nothing():
    teacher = Listener(HEIGHT)
    vec = hills(teacher=teacher)
    tests = vec.evaluation(HILLS.make_vec(2), HILLS.test_tasks())
    model = PPO("MlpPolicy", VecNormalize(vec), n_steps=50, batch_size=50)
    told = sum(map(len, teacher.told))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        callback = EvalCallback(VecNormalize(tests), n_eval_episodes=7, eval_freq=50, verbose=0)
        model.learn(100, callback=callback)
    assert callback.evaluations_timesteps == []  # no log path: only the last mean is kept
    assert callback.last_mean_reward == pytest.approx(5 * HILLS.test_tasks().mean(), abs=1e-5)
    assert sum(map(len, teacher.told)) - told == 100 // 5  # the training episodes alone


def test_bad_tasks_for_an_evaluation_are_refused():
    for tasks, message in (([[2.0]], "evaluation: tasks: row 0"), (np.zeros((0, 1)), "at least one task")):
        with pytest.raises(ValueError, match=message):
            TeacherVecEnv.evaluation(HILLS.make_vec(1), tasks)


def test_tests_on_the_training_environment_bring_one_warning(family):
    vec = hills()
    model = PPO("MlpPolicy", vec, n_steps=8, batch_size=8)
    with pytest.warns(UserWarning, match="the teacher hears of test episodes"):
        evaluate_policy(model, vec, n_eval_episodes=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluate_policy(model, vec, n_eval_episodes=2)  # said once
        hills().reset()
    with pytest.warns(UserWarning, match="the teacher hears of test episodes"):
        evaluate_policy(model, TeacherEnv(Heights(), Listener(HEIGHT)), n_eval_episodes=2, warn=False)


@pytest.mark.parametrize("kind", ["vec", "env"])
def test_a_teacher_is_saved_and_loaded_beside_a_model(kind, tmp_path):
    def make(budget=400):
        teacher = teachers.make("riac", HEIGHT, seed=0)
        if kind == "env":
            return TeacherEnv(Heights(), teacher, budget=budget)
        return TeacherVecEnv(teacher, HILLS.make_vec(3), budget=budget)

    def play(env, steps):
        env.reset()
        for _ in range(steps):
            env.step(np.zeros(3, int) if kind == "vec" else 0)
            if kind == "env" and env.unwrapped.steps == 5:
                env.reset()

    first = make()
    play(first, 33)
    first.save(tmp_path / "teacher.npz")
    open_then = len(first.teacher.outstanding)
    second = make()
    play(second, 3)
    assert second.load(str(tmp_path / "teacher.npz")) == open_then == (3 if kind == "vec" else 1)
    assert second.teacher.outstanding.size == 0
    assert second.teacher.metrics() == first.teacher.metrics()
    assert second._steps == first._steps
    play(second, 33)
    assert len(second.teacher.outstanding) == open_then
    with pytest.raises(FileNotFoundError):
        second.load(tmp_path / "none.npz")
    (tmp_path / "damaged.npz").write_bytes(b"no archive")
    with pytest.raises(CheckpointError, match="damaged"):
        second.load(tmp_path / "damaged.npz")
    other = TeacherVecEnv(Listener(HEIGHT), HILLS.make_vec(1))
    with pytest.raises(
        ValueError, match=r"expected one of Listener, got RIAC|expected \['seeds', 'steps', 'teacher'\]"
    ):
        other.load(tmp_path / "teacher.npz")


def test_a_step_needs_a_reset_after_loading(tmp_path):
    vec = hills()
    with pytest.raises(RuntimeError, match="expected a reset before the first step"):
        vec.step(np.zeros(2, int))
    vec.reset()
    vec.save(tmp_path / "t.npz")
    vec.load(tmp_path / "t.npz")
    with pytest.raises(RuntimeError, match="expected a reset before the first step"):
        vec.step(np.zeros(2, int))


def test_a_teacher_is_never_alone_in_another_process(family):
    teacher = Listener(family.space)
    remedy = "Use one TeacherVecEnv"
    for copying in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError, match=remedy):
            copying(teacher)
    with pytest.raises(TypeError, match=remedy):
        SubprocVecEnv([lambda: TeacherEnv(family.make_env(), teacher)] * 2, start_method="spawn")
    vec = gym.vector.AsyncVectorEnv([lambda: TeacherEnv(family.make_env(), teacher)] * 2, context="fork")
    with pytest.raises(RuntimeError, match=remedy):
        vec.reset()
    vec.close(terminate=True)


def _acts(teacher, pipe):
    said = []
    for act in (teacher.ask, lambda: teacher.drop(np.zeros(0, int)), lambda: teacher.tell(None)):
        try:
            act()
            said.append("acted")
        except RuntimeError as error:
            said.append(str(error))
    own = teachers.make("random", teacher.space, seed=0)
    own.load_state_dict(teachers.make("random", teacher.space, seed=1).state_dict())
    pipe.send((said, own.ask(3).tasks.tolist()))


def test_a_forked_teacher_refuses_to_act_and_a_new_one_there_works(family):
    here, there = multiprocessing.Pipe()
    teacher = teachers.make("random", family.space, seed=0)
    process = multiprocessing.get_context("fork").Process(target=_acts, args=(teacher, there))
    process.start()
    said, tasks = here.recv()
    process.join()
    assert all("which made the teacher" in one for one in said)
    assert tasks == teachers.make("random", family.space, seed=1).ask(3).tasks.tolist()
    assert teacher.outstanding.size == 0


def test_a_deep_copy_in_the_same_process_goes_on_alone(family):
    teacher = teachers.make("riac", family.space, seed=0)
    teacher.ask(3)
    twin = copy.deepcopy(teacher)
    np.testing.assert_array_equal(teacher.ask(4).tasks, twin.ask(4).tasks)
    twin.ask(2)
    assert len(twin.outstanding) == len(teacher.outstanding) + 2


class Measures(Listener):
    """Wants every second task measured only."""

    def _ask(self, ids, progress):
        return dataclasses.replace(super()._ask(ids, progress), purpose=ids % 2)


class Few(Listener):
    """Has one task at a time."""

    def _ask(self, ids, progress):
        return super()._ask(ids, progress).select(slice(0, 1))


@pytest.mark.parametrize("kind", [Measures, Few])
def test_what_an_own_loop_would_train_on_though_it_must_not_is_refused(family, kind):
    teacher = kind(family.space, seed=0)
    with pytest.raises(ValueError, match=rf"TeacherVecEnv: expected 2 tasks .* from {kind.__name__}: use"):
        TeacherVecEnv(teacher, family.make_vec(2)).reset()
    assert teacher.outstanding.size == 0


def test_a_callback_saves_the_teacher_with_the_model(tmp_path):
    def new():
        return TeacherVecEnv(teachers.make("riac", HEIGHT, seed=0), HILLS.make_vec(2))

    vec = new()
    model = PPO("MlpPolicy", VecNormalize(vec), n_steps=20, batch_size=40)
    callback = TeacherCheckpointCallback(save_freq=20, save_path=tmp_path, name_prefix="hills")
    model.learn(80, callback=callback)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "hills_40_steps.zip",
        "hills_80_steps.zip",
        "hills_teacher_40_steps.npz",
        "hills_teacher_80_steps.npz",
    ]
    again = new()
    assert again.load(tmp_path / "hills_teacher_80_steps.npz") == 2
    assert again.teacher.metrics() == vec.teacher.metrics()
    model = PPO.load(tmp_path / "hills_80_steps.zip", env=again)
    model.learn(40, reset_num_timesteps=False)
    assert len(again.teacher.outstanding) == 2
    alone = PPO("MlpPolicy", "CartPole-v1", n_steps=20, batch_size=20)
    with pytest.raises(TypeError, match="expected the model's environment to hold a TeacherVecEnv"):
        alone.learn(20, callback=callback)
