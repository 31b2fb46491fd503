"""Slots of stable-baselines3 that play one level each for a whole rollout."""

import numpy as np
import pytest
from adapted import HEIGHT, Heights, Listener
from rollout_tables import Rollouts
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv

from teacherstudent import Parameters, TaskReset, TeacherServer, family_from_gymnasium, teachers
from teacherstudent.adapters.levels.vec_env import LevelVecEnv

HILLS = family_from_gymnasium(Heights, space=HEIGHT, test_tasks=7, max_episode_steps=9)


def slots(kind):
    if kind == "family":
        return HILLS.make_vec(2)
    if kind == "processes":
        return SubprocVecEnv([lambda: TaskReset(Heights())] * 2)
    return DummyVecEnv([Heights] * 2)


@pytest.mark.parametrize("kind", ["family", "ordinary", "processes"])
def test_every_rollout_plays_its_levels_from_a_new_episode_on(kind):
    teacher = Rollouts(HEIGHT)
    vec = LevelVecEnv(teacher, slots(kind), mastered=2.5)
    vec.reset()  # as an algorithm's set-up does, of which no teacher knows
    assert not teacher.outstanding.size
    for _ in range(3):
        assignment = teacher.ask(2)
        levels = assignment.tasks[:, 0].astype(np.float32)
        vec.bind(assignment)
        obs = vec.reset()
        seen = []
        for _ in range(7):
            seen.append(obs[:, 0].copy())
            obs, _, dones, infos = vec.step(np.zeros(2, int))
            for slot in np.flatnonzero(dones):
                assert infos[slot]["task"].tolist() == assignment.tasks[slot].tolist()
        np.testing.assert_array_equal(seen, np.tile(levels, (7, 1)))
        played = vec.played(7)
        np.testing.assert_allclose(played.rewards, np.tile(levels, (7, 1)), rtol=1e-6)
        assert played.ends.sum(0).tolist() == [1, 1]
        assert played.ends[4].all()
        assert played.told[4].tolist() == (levels > 0.5).tolist()
        assert (played.told[:4] == -1).all()
    vec.close()


def test_a_function_sets_levels():
    heights = []
    teacher = Rollouts(HEIGHT)
    vec = LevelVecEnv(teacher, DummyVecEnv([_Own] * 2), apply=lambda env, task: heights.append(task[0]))
    assignment = teacher.ask(2)
    vec.bind(assignment)
    vec.reset()
    assert heights == assignment.tasks[:, 0].tolist()


class _Own(Heights):
    """It is not given its task by reset."""

    def reset(self, *, seed=None, options=None):
        return super().reset(seed=seed, options={"task": [0.5]})


def test_steps_outside_of_a_rollout_are_refused():
    teacher = Rollouts(HEIGHT)
    vec = LevelVecEnv(teacher, HILLS.make_vec(2))
    vec.reset()
    with pytest.raises(RuntimeError, match=r"callback=LevelCallback\(\).* got a step without one"):
        vec.step(np.zeros(2, int))
    vec.bind(teacher.ask(2))
    vec.reset()
    vec.step(np.zeros(2, int))
    vec.reset()  # somebody else begins anew
    vec.step(np.zeros(2, int))
    with pytest.raises(RuntimeError, match="expected 2 steps of the algorithm in a rollout, got 1"):
        vec.played(2)
    vec.release()
    with pytest.raises(RuntimeError, match="got a step without one"):
        vec.step(np.zeros(2, int))


def test_bad_arguments():
    envs = HILLS.make_vec(2)
    for make, error, words in (
        (lambda: LevelVecEnv(Listener(HEIGHT), envs), ValueError, "expected a teacher of levels"),
        (lambda: LevelVecEnv(None, envs), TypeError, "expected a Teacher"),
        (lambda: LevelVecEnv(Rollouts(HEIGHT), Heights()), TypeError, "LevelVecEnv: envs: expected a vector"),
        (lambda: LevelVecEnv(Rollouts(HEIGHT), envs, apply=print), TypeError, "apply: expected None"),
        (lambda: LevelVecEnv(Rollouts(HEIGHT), envs, mastered=np.nan), ValueError, "mastered: expected"),
        (
            lambda: LevelVecEnv(Rollouts(Parameters(height=(0, 9))), envs),
            ValueError,
            "in the environment's sp",
        ),
    ):
        with pytest.raises(error, match=words):
            make()
    teacher = teachers.make("plr", HEIGHT, seed=0)
    words = "LevelVecEnv: expected a teacher of this process"
    with TeacherServer(teacher) as server, server.client() as client, pytest.raises(TypeError, match=words):
        LevelVecEnv(client, envs)
