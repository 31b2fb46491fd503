"""A teacher beside an algorithm of RLlib: checkpoints, metrics, and evaluations that it hears nothing of."""

import copy
import os
import pickle
import sys

import numpy as np
import pytest
from adapted import HEIGHT
from looped import Made

from teacherstudent import TeacherServer, teachers

ray = pytest.importorskip("ray", reason="RLlib takes 100 MB of wheels: pip install 'teacherstudent[rllib]'")
pytest.importorskip("ray.rllib", reason="needs RLlib: pip install 'teacherstudent[rllib]'")
from teacherstudent import TeacherRLlibCallback  # noqa: E402  # it needs RLlib


@pytest.fixture(scope="module")
def cluster():
    with pytest.MonkeyPatch.context() as patch:
        # Ray would write a token into the home folder.
        patch.setenv("RAY_AUTH_MODE", "disabled")
        # Workers find the helpers of the tests where this process finds them.
        paths = {"env_vars": {"PYTHONPATH": os.pathsep.join(sys.path)}}
        # Not one that happens to run on this machine.
        options = {"address": "local", "include_dashboard": False, "object_store_memory": 10**8}
        ray.init(num_cpus=2, log_to_driver=False, runtime_env=paths, **options)
        yield
        ray.shutdown()


def built(teacher, *, wrapped=True, runners=0, **settings):
    from ray.rllib.algorithms.ppo import PPOConfig
    from ray.tune.registry import register_env

    register_env("heights", Made(teacher if wrapped else None))
    config = PPOConfig().environment("heights").env_runners(num_env_runners=runners)
    config = config.training(train_batch_size=42, minibatch_size=42, num_epochs=1)
    return config.callbacks(TeacherRLlibCallback(teacher)).evaluation(**settings).build_algo()


def riac():
    return teachers.make("riac", HEIGHT, seed=0)


def same(one, other):
    left, right = one.state_dict(), other.state_dict()
    for ids in (left, right):
        assert sorted(ids) == sorted(left)
    np.testing.assert_equal(left, right)


@pytest.mark.parametrize("runners", [0, 1])
def test_a_checkpoint_holds_the_teacher_and_training_goes_on_from_it(cluster, tmp_path, runners):
    teacher = riac()
    with TeacherServer(teacher) as server:
        algorithm = built(teacher, runners=runners)
        result = algorithm.train()
        # 42 steps are 8 episodes of 5 steps, and one that has begun.
        assert server.counts["told"] == 8
        assert result["teacher"] == teacher.metrics()
        algorithm.save_to_path(tmp_path / "kept")
        assert "teacher.npz" in os.listdir(tmp_path / "kept")
        saved = teacher.state_dict()
        algorithm.train()
        algorithm.train()
        later = server.counts["told"]
        algorithm.restore_from_path(tmp_path / "kept")
        callback = algorithm.callbacks[0]
        assert callback.teacher is teacher
        assert callback.dropped == 1
        expected = riac()
        expected.load_state_dict(saved)
        expected.drop(expected.outstanding)
        same(teacher, expected)
        # No worker goes on with a task of before: nothing is refused, late or told twice.
        algorithm.train()
        algorithm.train()
        assert server.counts["told"] >= later + 12
        assert server.counts["refused"] == server.counts["late"] == 0
        algorithm.stop()


def test_a_teacher_of_another_process_goes_on_from_the_checkpoint(cluster, tmp_path):
    teacher = riac()
    with TeacherServer(teacher):
        algorithm = built(teacher)
        algorithm.train()
        algorithm.save_to_path(str(tmp_path / "kept"))
        algorithm.stop()
    other = teachers.make("riac", HEIGHT, seed=9)
    with TeacherServer(other):
        algorithm = built(other)
        algorithm.restore_from_path(str(tmp_path / "kept"))
        teacher.drop(teacher.outstanding)
        other.drop(other.outstanding)
        same(teacher, other)
        os.remove(tmp_path / "kept" / "teacher.npz")
        with pytest.raises(FileNotFoundError, match=r"expected teacher\.npz in the checkpoint"):
            algorithm.restore_from_path(str(tmp_path / "kept"))
        algorithm.stop()


def test_an_evaluation_does_not_tell_the_teacher(cluster):
    teacher = riac()
    settings = {"evaluation_interval": 1, "evaluation_duration": 3}
    with TeacherServer(teacher) as server:
        with pytest.raises(ValueError, match="without a TeacherEnv in an evaluation"):
            built(teacher, **settings)
        algorithm = built(teacher, **settings, evaluation_config={"env_config": {"test": True}})
        told = server.counts["told"]
        evaluated = algorithm.evaluate()
        # Five steps of 0.25.
        assert evaluated["env_runners"]["episode_return_mean"] == pytest.approx(1.25)
        assert server.counts["told"] == told
        algorithm.stop()


def test_environments_without_the_teacher_are_refused_in_training(cluster):
    teacher = riac()
    with TeacherServer(teacher), pytest.raises(ValueError, match="expected environments with a TeacherEnv"):
        built(teacher, wrapped=False)


def test_neither_a_copy_nor_a_pickle_holds_another_teacher():
    teacher = riac()
    callback = TeacherRLlibCallback(teacher)
    assert copy.deepcopy(callback).teacher is teacher
    assert callback() is callback
    there = pickle.loads(pickle.dumps(callback))
    assert there.teacher is None
    with pytest.raises(RuntimeError, match=r"expected the process that made the teacher.*restore_from_path"):
        there.on_algorithm_init(algorithm=None)
    with pytest.raises(TypeError, match="expected a Teacher, got 3"):
        TeacherRLlibCallback(3)
    with TeacherServer(teacher) as server, pytest.raises(TypeError, match="got a client of"):
        TeacherRLlibCallback(server.client())
