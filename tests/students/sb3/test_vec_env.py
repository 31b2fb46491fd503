import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete

from teacherstudent.students.rollouts.play import EpisodeError
from teacherstudent.students.sb3.vec_env import TaskVecEnv


class Countdown(gym.vector.VectorEnv):
    """An episode lasts as many steps as its task says, step t pays t, even tasks truncate."""

    metadata = {"autoreset_mode": gym.vector.AutoresetMode.DISABLED}

    def __init__(self, n, *, info=False):
        self.num_envs = n
        self.single_observation_space = Box(-100, 100, (1,), np.float32)
        self.single_action_space = Discrete(2)
        self.left = np.zeros(n)
        self.t = np.zeros(n)
        self.info = info
        self.seeds = []

    def reset(self, *, seed=None, options=None):
        mask = options["reset_mask"]
        assert seed.dtype == np.int64
        assert ((seed >= 0) == mask).all()
        self.seeds.append(seed[mask].tolist())
        self.task = np.where(mask, options["task"][:, 0], getattr(self, "task", 0))
        self.left[mask] = options["task"][mask, 0]
        self.t[mask] = 0
        return self.left[:, None].astype(np.float32), {}

    def step(self, actions):
        assert (self.left > 0).all(), "stepped a finished slot"
        self.left -= 1
        self.t += 1
        done = self.left == 0
        even = self.task % 2 == 0
        info = {"is_success": self.task > 2, "_is_success": done} if self.info else {}
        return self.left[:, None].astype(np.float32), self.t.copy(), done & ~even, done & even, info


def source():
    state = {"next": 0}

    def draw(n):
        ids = np.arange(state["next"], state["next"] + n)
        state["next"] += n
        return ids, 1.0 + ids[:, None] % 4

    return draw


def test_rows_ends_and_next_tasks():
    vec = TaskVecEnv(Countdown(2), source(), seed=0, mastered=2.5)
    obs = vec.reset()
    assert obs[:, 0].tolist() == [1, 2]
    obs, rewards, dones, infos = vec.step(np.zeros(2, int))
    assert rewards.tolist() == [1, 1]
    assert dones.tolist() == [True, False]
    assert infos[0]["terminal_observation"].tolist() == [0]
    assert infos[0]["TimeLimit.truncated"] is False
    assert infos[0]["episode"] == {"r": 1.0, "l": 1}
    assert infos[1] == {}
    assert obs[:, 0].tolist() == [3, 1]  # slot 0 goes on with task 3
    _, _, dones, infos = vec.step(np.zeros(2, int))
    assert dones.tolist() == [False, True]
    assert infos[1]["TimeLimit.truncated"] is True
    finished = vec.pop_finished()
    assert finished.ids.tolist() == [0, 1]
    assert finished.score.tolist() == [1, 3]
    assert finished.cost.tolist() == finished.signals["length"].tolist() == [1, 2]
    assert finished.signals["success"].tolist() == [False, True]
    assert vec.pop_finished() is None


def test_slots_that_go_on_share_one_empty_dict_a_step():
    vec = TaskVecEnv(Countdown(4), source(), seed=0)
    vec.reset()
    steps = [vec.step(np.zeros(4, int))[3] for _ in range(2)]
    first, second = steps
    assert first[1] is first[2] is first[3]
    assert first[0]["episode"] == {"r": 1.0, "l": 1}
    assert second[2] is second[3]
    assert second[2] == {}
    assert second[2] is not first[2]  # what a wrapper writes into it does not last
    assert second[1]["episode"]["l"] == 2


def test_a_terminal_observation_outlives_the_environments_buffer():
    class Reused(Countdown):
        def step(self, actions):
            observations, *rest = super().step(actions)
            self.buffer = getattr(self, "buffer", observations)
            self.buffer[:] = observations
            return self.buffer, *rest

    vec = TaskVecEnv(Reused(2), source(), seed=0)
    vec.reset()
    infos = vec.step(np.zeros(2, int))[3]
    vec.envs.buffer[:] = 9
    assert infos[0]["terminal_observation"].tolist() == [0]


def test_returns_add_up_in_double_precision():
    class Dust(Countdown):
        def step(self, actions):
            observations, rewards, *rest = super().step(actions)
            return observations, np.where(rewards == 1, 1.0, 1e-9), *rest

    vec = TaskVecEnv(Dust(1), lambda n: (np.zeros(n, int), np.full((n, 1), 3.0)), seed=0)
    vec.reset()
    for _ in range(3):
        _, rewards, _, _ = vec.step(np.zeros(1, int))
        assert rewards.dtype == np.float32
    assert vec.pop_finished().score[0] == 1.0 + 1e-9 + 1e-9


def test_the_environments_word_on_success_counts():
    vec = TaskVecEnv(Countdown(1, info=True), source(), seed=0, mastered=-1.0)
    vec.reset()
    for _ in range(10):
        vec.step(np.zeros(1, int))
    assert vec.pop_finished().signals["success"].tolist() == [False, False, True, True]


@pytest.mark.parametrize("info", [False, True])  # an environment may speak of success at some ends only
def test_without_a_threshold_there_is_no_success(info):
    vec = TaskVecEnv(Countdown(1, info=info), source(), seed=0)
    vec.reset()
    vec.step(np.zeros(1, int))
    assert set(vec.pop_finished().signals) == {"length"}


def test_tell_hears_of_an_episode_before_the_next_one_is_drawn():
    heard = []
    draw = source()

    def drawing(n):
        heard.append("draw")
        return draw(n)

    vec = TaskVecEnv(Countdown(1), drawing, seed=0, tell=lambda o: heard.append(o.ids.tolist()))
    vec.reset()
    vec.step(np.zeros(1, int))
    assert heard == ["draw", [0], "draw"]


def test_every_episode_has_its_own_seed_from_the_constructors():
    first, second, other = (TaskVecEnv(Countdown(2), source(), seed=s) for s in (3, 3, 4))
    for vec in (first, second, other):
        vec.reset()
        for _ in range(5):
            vec.step(np.zeros(2, int))
    flat = [seed for seeds in first.envs.seeds for seed in seeds]
    assert len(set(flat)) == len(flat) > 4
    assert first.envs.seeds == second.envs.seeds != other.envs.seeds


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_reward_that_is_no_number_names_slot_and_task(bad):
    envs = Countdown(3)
    vec = TaskVecEnv(envs, source(), seed=0)
    vec.reset()
    envs.t[1] = bad
    with pytest.raises(EpisodeError, match=r"slot 1, task \[2\.0\]: expected a finite reward"):
        vec.step(np.zeros(3, int))
