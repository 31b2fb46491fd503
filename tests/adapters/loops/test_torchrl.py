"""A teacher as a transform of TorchRL."""

import multiprocessing
import pickle

import numpy as np
import pytest
import torch
from adapted import HEIGHT, Heights, Listener

from teacherstudent import TeacherEnv, TeacherServer, teachers
from teacherstudent.adapters.serving.client import TeacherClient

pytest.importorskip("torchrl", reason="needs TorchRL: pip install 'teacherstudent[torchrl]'")
from tensordict import TensorDict
from torchrl.collectors import Collector
from torchrl.data import Binary, Composite, OneHot, Unbounded
from torchrl.envs import Compose, EnvBase, GymWrapper, ParallelEnv, RewardSum, TransformedEnv, check_env_specs

from teacherstudent import TeacherTransform


class TensorHills(EnvBase):
    """Slot i is over after 2 + i steps; each step's reward is the task's height."""

    def __init__(self, n=3):
        super().__init__(batch_size=[n])
        self.observation_spec = Composite(seen=Unbounded((n, 1)), shape=(n,))
        self.action_spec = OneHot(2, shape=(n, 2))
        self.reward_spec = Unbounded((n, 1))
        self.done_spec = Composite(done=Binary(1, shape=(n, 1), dtype=torch.bool), shape=(n,))
        self.height, self.steps = torch.zeros(n, 1), torch.zeros(n, 1, dtype=torch.int64)
        self.resets = []

    def _reset(self, tensordict):
        mask = tensordict.get("_reset", torch.ones(*self.batch_size, 1, dtype=torch.bool))
        self.resets.append(mask.squeeze(-1).tolist())
        self.height = torch.where(mask, tensordict["task"].float(), self.height)
        self.steps = torch.where(mask, 0, self.steps)
        return TensorDict({"seen": self.height.clone()}, batch_size=self.batch_size)

    def _step(self, tensordict):
        self.steps += 1
        done = self.steps >= 2 + torch.arange(len(self.steps))[:, None]
        found = {"seen": self.height.clone(), "reward": self.height.clone(), "done": done}
        return TensorDict(found | {"terminated": done.clone()}, batch_size=self.batch_size)

    def _set_seed(self, seed):
        pass


def taught(**options):
    teacher = Listener(HEIGHT)
    return teacher, TransformedEnv(TensorHills(), TeacherTransform(teacher, **options))


def test_it_keeps_torchrl_s_own_rules():
    _, env = taught()
    check_env_specs(env)
    check_env_specs(TransformedEnv(TensorHills(), Compose(TeacherTransform(Listener(HEIGHT)), RewardSum())))


def test_every_episode_plays_its_own_task_and_is_told():
    teacher, env = taught(mastered=1.0)
    seen = env.rollout(12, break_when_any_done=False)
    told = {number: i for batch in teacher.told for i, number in enumerate(batch.ids.tolist())}
    # In 12 steps, episodes of 2, 3 and 4 steps end 6, 4 and 3 times.
    assert len(told) == sum(len(batch) for batch in teacher.told) == 13
    for batch in teacher.told:
        for i, number in enumerate(batch.ids.tolist()):
            np.testing.assert_array_equal(batch.tasks[i], teacher.asked[number])
            assert batch.score[i] == pytest.approx(batch.signals["length"][i] * batch.tasks[i, 0], rel=1e-5)
            assert batch.signals["success"][i] == (batch.score[i] > 1.0)
    lengths = np.concatenate([batch.signals["length"] for batch in teacher.told])
    assert sorted(lengths.tolist()) == [2.0] * 6 + [3.0] * 4 + [4.0] * 3
    # What is observed is what the environment plays, at the end of an episode too.
    np.testing.assert_allclose(seen["seen"], seen["task"])
    np.testing.assert_allclose(seen["next", "seen"], seen["next", "task"])
    assert [len(torch.unique(tasks)) for tasks in seen["task"]] == [6, 4, 3]
    # A reset of all in the midst gives up what is open.
    open_ones = set(teacher.outstanding.tolist())
    env.reset()
    assert not open_ones & set(teacher.outstanding.tolist())
    assert sum(len(batch) for batch in teacher.told) == 13


def test_a_collector_tells_the_teacher():
    teacher, env = taught(budget=60)
    for _ in Collector(
        env, None, frames_per_batch=30, total_frames=60, auto_register_policy_transforms=False
    ):
        pass
    # 20 steps of each: 10 episodes of 2 steps, 6 of 3, 5 of 4.
    assert sum(len(batch) for batch in teacher.told) == 21
    assert env.transform.slots._teachers.steps >= 60


def test_tests_are_not_told():
    teacher, env = taught()
    env.rollout(3)
    told = len(teacher.told)
    tasks = np.array([[0.1], [0.2], [0.3], [0.4]])
    tests = TransformedEnv(TensorHills(), TeacherTransform.evaluation(tasks))
    check_env_specs(tests)
    tests = TransformedEnv(TensorHills(), TeacherTransform.evaluation(tasks))
    tests.rollout(12, break_when_any_done=False)
    slots = tests.transform.slots
    assert slots.finished
    # Slot 0 plays task 0, slot 1 task 1, slot 2 tasks 2 and 3: in 2, 3 and 4 steps.
    np.testing.assert_allclose(slots.scores, [0.2, 0.6, 1.2, 1.6], rtol=1e-6)
    assert len(teacher.told) == told


def test_a_clone_has_slots_of_its_own_and_a_pickle_a_client():
    teacher, env = taught()
    env.reset()
    other = TransformedEnv(TensorHills(2), env.transform.clone())
    other.rollout(2)
    assert other.transform.slots is not env.transform.slots
    assert other.transform.teacher is teacher
    env.rollout(4, break_when_any_done=False)
    with TeacherServer(teacher):
        there = pickle.loads(pickle.dumps(TeacherTransform(teacher)))
        assert isinstance(there.teacher, TeacherClient)
        far = TransformedEnv(TensorHills(2), there)
        before = len(teacher.told)
        far.rollout(2)
        there.teacher.flush()
        assert len(teacher.told) == before + 1
        there.teacher.close()


def test_saved_and_loaded(tmp_path):
    env = TransformedEnv(TensorHills(), TeacherTransform(teachers.make("riac", HEIGHT, seed=0)))
    env.rollout(6, break_when_any_done=False)
    env.transform.save(tmp_path / "teacher.npz")
    other = TransformedEnv(TensorHills(), TeacherTransform(teachers.make("riac", HEIGHT, seed=1)))
    # Slots 0, 1 have just been asked for again, or will be at the next reset: what was open is dropped.
    opened = len(env.transform.teacher.outstanding)
    assert other.transform.load(tmp_path / "teacher.npz") == opened
    other.rollout(2)
    assert other.transform.teacher.metrics().keys() == env.transform.teacher.metrics().keys()


def test_wrong_arguments():
    with pytest.raises(TypeError, match="TeacherTransform: teacher"):
        TeacherTransform(3)
    with pytest.raises(ValueError, match="budget"):
        TeacherTransform(Listener(HEIGHT), budget=0)
    with pytest.raises(ValueError, match="at least one task"):
        TeacherTransform.evaluation([])


class Named(Heights):
    """Says only what a tensor can hold."""

    def step(self, action):
        obs, reward, terminated, truncated, _ = super().step(action)
        return obs, reward, terminated, truncated, {}


def make(teacher):
    return GymWrapper(TeacherEnv(Named(), teacher))


def test_workers_of_a_parallel_env_share_the_teacher():
    teacher = Listener(HEIGHT)
    with TeacherServer(teacher) as server:
        env = ParallelEnv(2, lambda: make(teacher), mp_start_method="fork")
        env.rollout(10, break_when_any_done=False)
        env.close()
        # Two episodes of five steps in each of two processes.
        assert server.counts["told"] == 4
        assert sum(len(batch) for batch in teacher.told) == 4
    assert multiprocessing.active_children() == []
