"""A teacher around gymnasium's vector environments, in each of their autoreset modes."""

import multiprocessing
import pickle
import warnings

import gymnasium as gym
import numpy as np
import pytest
from adapted import HEIGHT, Heights, Listener
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

from teacherstudent import TaskReset, TeacherVectorEnv, envs, family_from_gymnasium, teachers
from teacherstudent.adapters.serving.server import share
from teacherstudent.contract.spaces import Discrete

ACTIONS = np.zeros(3, int)
MODES = list(AutoresetMode)


def make():
    return TaskReset(Heights())


def vectors(kind, mode, n=3):
    if kind == "async":
        return AsyncVectorEnv([make] * n, autoreset_mode=mode)
    return SyncVectorEnv([Heights] * n, autoreset_mode=mode)


def play(vec, steps, seen):
    """Step, start what has ended where nobody else does, and keep what is shown."""
    obs, info = vec.reset(seed=1)
    for _ in range(steps):
        obs, rewards, terminated, truncated, info = vec.step(ACTIONS[: vec.num_envs])
        seen.append((obs, rewards, terminated | truncated, info))
        done = terminated | truncated
        if vec.metadata["autoreset_mode"] == AutoresetMode.DISABLED and done.any():
            obs, info = vec.reset(options={"reset_mask": done})
            seen.append((obs, None, np.zeros_like(done), info))
    return obs, info


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_every_episode_plays_its_own_task_and_is_told(kind, mode):
    teacher = Listener(HEIGHT)
    vec = TeacherVectorEnv(teacher, vectors(kind, mode), mastered=2.5)
    seen = []
    play(vec, 24, seen)
    # 24 steps hold four episodes of five steps, or, with a step for each start, of six.
    told = np.concatenate([batch.ids for batch in teacher.told])
    assert len(told) == 12
    ahead = 3 if mode == AutoresetMode.SAME_STEP else 0
    assert len(teacher.asked) == 12 + 3 + ahead
    assert len(teacher.outstanding) == 3 + ahead
    for batch in teacher.told:
        for number, task, score in zip(batch.ids, batch.tasks, batch.score, strict=True):
            np.testing.assert_array_equal(teacher.asked[number], task)
            assert score == pytest.approx(5 * task[0], rel=1e-6)
        assert batch.cost.tolist() == batch.signals["length"].tolist() == [5.0] * len(batch)
        assert batch.signals["success"].tolist() == (batch.score > 2.5).tolist()
    for obs, _, _, info in seen:
        # The task is that of the episode which the observation belongs to.
        np.testing.assert_allclose(obs, info["task"], rtol=1e-6)
        assert info["task_id"].shape == (3,)
        for task, number in zip(info["task"], info["task_id"], strict=True):
            np.testing.assert_array_equal(teacher.asked[number], task)
    vec.close()


@pytest.mark.parametrize("mode", MODES)
def test_what_environments_say_is_kept(mode):
    vec = TeacherVectorEnv(Listener(HEIGHT), vectors("sync", mode))
    vec.reset()
    for step in range(1, 6):
        obs, _, terminated, _, info = vec.step(ACTIONS)
        played = info
        if mode == AutoresetMode.SAME_STEP and step == 5:
            played = info["final_info"]
            np.testing.assert_allclose(np.stack(info["final_obs"]), played["task"], rtol=1e-6)
            np.testing.assert_allclose(obs, info["task"], rtol=1e-6)
            assert played["_task"].tolist() == [True] * 3
            assert not np.array_equal(played["task_id"], info["task_id"])
        assert played["collisions"].tolist() == [step] * 3
        assert played["_collisions"].tolist() == [True] * 3
        assert played["parts"]["left"].tolist() == [step / 2] * 3
        assert played["name"][1] == f"hill {played['task'][1, 0]:.3f}"
    assert terminated.all()
    assert (played["fell"] == (played["task"][:, 0] > 0.5)).all() or "fell" not in played


class Succeeds(Heights):
    def step(self, action):
        obs, reward, terminated, truncated, info = super().step(action)
        if terminated:
            info["is_success"] = self.height > 0.3
        return obs, reward, terminated, truncated, info


class SometimesSays(Heights):
    def step(self, action):
        obs, reward, terminated, truncated, info = super().step(action)
        if terminated and self.height > 0.5:
            info["is_success"] = False
        return obs, reward, terminated, truncated, info


class Told(gym.vector.VectorEnv):
    """Starts what its attribute says; hears the task of its options or does not."""

    num_envs = 3
    metadata = {"autoreset_mode": AutoresetMode.DISABLED}
    observation_space = gym.spaces.Box(-1, 1, (3, 1), np.float32)

    def __init__(self, hears):
        self.hears = hears

    def reset(self, *, seed=None, options=None):
        obs = np.zeros((3, 1), np.float32)
        if self.hears:
            obs[:] = options["task"]
        return obs, {}


def test_an_environment_in_one_piece_that_ignores_its_tasks_brings_one_warning():
    vec = TeacherVectorEnv(Listener(HEIGHT), Told(hears=False))
    vec.reset()
    with pytest.warns(UserWarning, match=r"TeacherVectorEnv: expected Told.*not looked there") as warned:
        vec.reset()
    assert [warning.filename for warning in warned] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vec.reset()
        heard = TeacherVectorEnv(Listener(HEIGHT), Told(hears=True))
        for _ in range(3):
            obs, info = heard.reset()
            np.testing.assert_allclose(obs, info["task"], rtol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_success_is_what_environments_say_it_is(mode):
    teacher = Listener(HEIGHT)
    vec = TeacherVectorEnv(teacher, SyncVectorEnv([Succeeds] * 3, autoreset_mode=mode))
    play(vec, 24, [])
    assert len(teacher.told) >= 4
    for batch in teacher.told:
        assert batch.signals["success"].tolist() == (batch.tasks[:, 0] > 0.3).tolist()
    teacher = Listener(HEIGHT)
    vec = SyncVectorEnv([SometimesSays] * 3, autoreset_mode=mode)
    play(TeacherVectorEnv(teacher, vec, mastered=1.0), 24, [])
    for batch in teacher.told:
        high = batch.tasks[:, 0] > 0.5
        assert batch.signals["success"].tolist() == np.where(high, False, batch.score > 1.0).tolist()
    teacher = Listener(HEIGHT)
    play(TeacherVectorEnv(teacher, SyncVectorEnv([SometimesSays] * 3, autoreset_mode=mode)), 50, [])
    spoken = [np.all(batch.tasks[:, 0] > 0.5) for batch in teacher.told]
    assert ["success" in batch.signals for batch in teacher.told] == spoken


@pytest.mark.parametrize("mode", MODES)
def test_a_reset_gives_up_what_is_under_way(mode):
    teacher = Listener(HEIGHT)
    vec = TeacherVectorEnv(teacher, vectors("sync", mode))
    ahead = 3 if mode == AutoresetMode.SAME_STEP else 0
    vec.reset()
    for _ in range(3):
        vec.step(ACTIONS)
    vec.reset()
    assert len(teacher.outstanding) == 3 + ahead
    vec.reset(options={"reset_mask": np.array([True, False, False])})
    assert len(teacher.outstanding) == 3 + ahead
    for _ in range(5):
        vec.step(ACTIONS)
    assert sum(map(len, teacher.told)) == 3
    with pytest.raises(ValueError, match="expected no 'task', as the teacher chooses it"):
        vec.reset(options={"task": 1})


class Tilted(gym.Env):
    """Takes no options: its slope is an attribute that counts from the next reset on."""

    observation_space = gym.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)
    slope = 0.0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps, self.now = 0, self.slope
        return np.full(1, self.now, np.float32), {}

    def step(self, action):
        self.steps += 1
        return np.full(1, self.now, np.float32), self.now, False, self.steps == 4, {}


def tilt(env, task):
    env.unwrapped.slope = float(task[0])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_function_sets_the_task_of_environments_that_take_no_options(kind, mode):
    teacher = Listener(HEIGHT)
    if kind == "sync":
        vec = TeacherVectorEnv(teacher, SyncVectorEnv([Tilted] * 2, autoreset_mode=mode), apply=tilt)
    else:
        slots = AsyncVectorEnv([lambda: TaskReset(Tilted(), tilt)] * 2, autoreset_mode=mode)
        vec = TeacherVectorEnv(teacher, slots)
    seen = []
    play(vec, 15, seen)
    assert len(teacher.told) == 3
    for batch in teacher.told:
        np.testing.assert_allclose(batch.score, 4 * batch.tasks[:, 0], rtol=1e-6)
    for obs, _, _, info in seen:
        np.testing.assert_allclose(obs, info["task"], rtol=1e-6)
    vec.close()


class OnePiece(gym.vector.VectorEnv):
    """All slots in one object, as EnvPool has them: goals count from a slot's next start on."""

    num_envs = 3
    single_observation_space = gym.spaces.Box(-1, 1, (1,), np.float32)
    single_action_space = gym.spaces.Discrete(2)
    observation_space = gym.spaces.Box(-1, 1, (3, 1), np.float32)
    action_space = gym.spaces.MultiDiscrete([2] * 3)

    def __init__(self, mode):
        self.metadata = {"autoreset_mode": mode}
        self.goals = self.playing = np.zeros((3, 1))
        self.steps = np.zeros(3, int)

    def reset(self, *, seed=None, options=None):
        mask = (options or {}).get("reset_mask", np.ones(3, bool))
        self.start(mask)
        return self.playing.astype(np.float32), {}

    def start(self, mask):
        self.playing = np.where(mask[:, None], self.goals, self.playing)
        self.steps[mask] = 0

    def step(self, actions):
        begins = (self.steps == 5) & (self.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP)
        if begins.any():
            self.start(begins)
        self.steps[~begins] += 1
        rewards = np.where(begins, 0.0, self.playing[:, 0])
        done = self.steps == 5
        if self.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP:
            self.start(done)
        return self.playing.astype(np.float32), rewards, done, np.zeros(3, bool), {}


@pytest.mark.parametrize("mode", MODES)
def test_environments_in_one_piece_get_the_table(mode):
    teacher = Listener(HEIGHT)

    def apply(vec, tasks):
        vec.goals = tasks

    vec = TeacherVectorEnv(teacher, OnePiece(mode), apply=apply)
    seen = []
    play(vec, 24, seen)
    assert sum(map(len, teacher.told)) == 12
    for batch in teacher.told:
        np.testing.assert_allclose(batch.score, 5 * batch.tasks[:, 0], rtol=1e-6)
    for obs, _, _, info in seen:
        np.testing.assert_allclose(obs, info["task"], rtol=1e-6)


def test_slots_of_a_family_get_the_table_in_the_options():
    family = envs.make("cartpole-parameters")
    teacher = Listener(family.space)
    vec = TeacherVectorEnv(teacher, family.make_vec(4), mastered=family.mastered, budget=400)
    _, info = vec.reset(seed=3)
    for _ in range(100):
        _, _, terminated, truncated, info = vec.step(vec.action_space.sample())
        if (terminated | truncated).any():
            vec.reset(options={"reset_mask": terminated | truncated})
    assert sum(map(len, teacher.told)) > 4
    assert len(teacher.outstanding) == 4
    assert info["task"].shape == (4, 4)


def test_it_works_in_gymnasium_s_own_wrappers():
    teacher = Listener(HEIGHT)
    inner = gym.wrappers.vector.RecordEpisodeStatistics(vectors("sync", AutoresetMode.NEXT_STEP))
    vec = TeacherVectorEnv(teacher, inner)
    vec = gym.wrappers.vector.RecordEpisodeStatistics(vec, stats_key="outer")
    seen = []
    play(vec, 6, seen)
    for key in ("episode", "outer"):
        assert seen[4][3][key]["r"] == pytest.approx(teacher.told[0].score)


class Numbered(Heights):
    """Takes a number from 0 to 4, and looks it up."""

    def reset(self, *, seed=None, options=None):
        low = {0: 0.0, 1: 0.1, 2: 0.2, 3: 0.3, 4: 0.4}[options["task"]]
        return super().reset(seed=seed, options={"task": [low]})


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_tasks_may_be_numbers(kind):
    teacher = teachers.make("random", Discrete(5), seed=0)
    slots = {
        "sync": SyncVectorEnv([Numbered] * 3),
        "async": AsyncVectorEnv([lambda: TaskReset(Numbered())] * 3),
    }
    vec = TeacherVectorEnv(teacher, slots[kind])
    seen = []
    play(vec, 12, seen)
    for obs, _, _, info in seen:
        np.testing.assert_allclose(obs[:, 0], info["task"] / 10, rtol=1e-6)
    for one in slots.values():
        one.close()


def test_fixed_tasks_are_played_and_told_to_nobody():
    tasks = np.linspace(0.1, 0.6, 6)[:, None]
    for mode in MODES:
        vec = TeacherVectorEnv.evaluation(vectors("sync", mode), tasks)
        for _ in range(2):
            seen = []
            play(vec, 12, seen)
            ends = [
                (info["final_info"] if mode == AutoresetMode.SAME_STEP else info)["task_id"]
                for _, _, done, info in seen
                if done.all()
            ]
            assert sorted(np.concatenate(ends)) == [0, 1, 2, 3, 4, 5]
    with pytest.raises(ValueError, match="at least one task"):
        TeacherVectorEnv.evaluation(vectors("sync", mode), np.zeros((0, 1)))


@pytest.mark.parametrize("mode", MODES)
def test_a_teacher_is_saved_and_loaded(mode, tmp_path):
    def new():
        teacher = teachers.make("riac", HEIGHT, seed=0)
        return TeacherVectorEnv(teacher, vectors("sync", mode), budget=500)

    first, second = new(), new()
    play(first, 33, [])
    first.save(tmp_path / "teacher.npz")
    play(second, 3, [])
    under_way = 6 if mode == AutoresetMode.SAME_STEP else 3
    assert second.load(tmp_path / "teacher.npz") == under_way
    assert second.teacher.outstanding.size == 0
    assert second.teacher.metrics() == first.teacher.metrics()
    with pytest.raises(RuntimeError, match="expected a reset before the first step"):
        second.step(ACTIONS)
    play(second, 3, [])
    assert len(second.teacher.outstanding) == under_way


def test_a_pickled_one_is_a_client(tmp_path):
    teacher = Listener(HEIGHT)
    vec = TeacherVectorEnv(teacher, SyncVectorEnv([Heights] * 3))
    vec.reset()
    process = multiprocessing.get_context("spawn").Process(target=play, args=(vec, 12, []))
    process.start()
    process.join(60)
    assert process.exitcode == 0
    served = share(teacher)
    assert served.counts["told"] == 6
    twin = pickle.loads(pickle.dumps(vec))
    with pytest.raises(RuntimeError, match="expected a reset"):
        twin.step(ACTIONS)
    twin.reset()
    assert teacher.outstanding.tolist() == [0, 1, 2, *twin._episodes.ids]
    with pytest.raises(TypeError, match="in the process that made it"):
        twin.save(tmp_path / "t.npz")
    served.close()
    assert teacher.outstanding.tolist() == [0, 1, 2]


def test_bad_arguments_are_refused():
    teacher = Listener(HEIGHT)
    with pytest.raises(TypeError, match="expected a gymnasium vector environment"):
        TeacherVectorEnv(teacher, Heights())
    with pytest.raises(TypeError, match="expected a Teacher"):
        TeacherVectorEnv(3, vectors("sync", MODES[0]))
    unsaid = vectors("sync", MODES[0])
    unsaid.metadata = {}
    with pytest.raises(ValueError, match="expected metadata"):
        TeacherVectorEnv(teacher, unsaid)
    family = family_from_gymnasium(Heights, space=HEIGHT, max_episode_steps=9)
    with pytest.raises(ValueError, match="expected a teacher whose tasks lie"):
        TeacherVectorEnv(teachers.make("random", Discrete(3), seed=0), family.make_vec(2))
    with pytest.raises(ValueError, match="budget"):
        TeacherVectorEnv(teacher, vectors("sync", MODES[0]), budget=-1)


def test_nothing_is_warned_of_where_all_is_well():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        play(TeacherVectorEnv(Listener(HEIGHT), vectors("sync", MODES[0])), 20, [])
