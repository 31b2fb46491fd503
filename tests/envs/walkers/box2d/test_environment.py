"""The walker in Box2D as an environment: steps, rewards, ends, pictures."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from box2d_tracks import ENVS, polygons
from gymnasium.envs.box2d import bipedal_walker as original

from teacherstudent.envs.walkers.box2d.environment import FINISH, WalkerTrack
from teacherstudent.envs.walkers.box2d.tracks import HexagonTracksEnv, StumpTracksEnv


class Original(original.BipedalWalker):
    """gymnasium's own walker, put on the track of one of ours."""

    def __init__(self, ours, force):
        super().__init__()
        self._ours, self._force = ours, force

    def _generate_terrain(self, hardcore):
        self.terrain, self.terrain_poly = [], []
        for shape in [f.shape.vertices for f in self._ours.terrain[0].fixtures]:
            self.fd_polygon.shape.vertices = shape
            self._add(self.fd_polygon)
        for edge in sorted(f.shape.vertices for f in self._ours.terrain[1].fixtures):
            self.fd_edge.shape.vertices = edge
            self._add(self.fd_edge)

    def _add(self, fixture):
        self.terrain.append(self.world.CreateStaticBody(fixtures=fixture))

    def _generate_clouds(self):
        self._np_random = type("Fixed", (), {"uniform": lambda _, low, high: self._force})()


@pytest.mark.parametrize("seed", range(6))
def test_the_default_walker_is_gymnasiums_step_for_step(seed):
    ours, rng = StumpTracksEnv(), np.random.default_rng(seed)
    task = rng.uniform([0, 0], [1.5, 6])
    mine = ours.reset(seed=seed, options={"task": task})[0]
    force = np.random.Generator(np.random.PCG64(seed))
    for _ in polygons(ours):
        force.normal(task[0], 0.1)
    theirs = Original(ours, force.uniform(-5, 5))
    seen = theirs.reset()[0]
    assert mine == pytest.approx(seen, abs=1e-6)
    heuristic = original.BipedalWalkerHeuristics()
    for _ in range(250):
        action = np.array(heuristic.step_heuristic(seen)) if seed % 2 else rng.uniform(-1, 1, 4)
        mine, reward, terminated, truncated, _ = ours.step(action)
        seen, expected, over, _, _ = theirs.step(action)
        assert mine == pytest.approx(seen, abs=1e-6)
        assert reward == pytest.approx(expected, abs=1e-5)
        assert (terminated, truncated) == (over, False)
        if over:
            break


@pytest.mark.parametrize(
    ("name", "motors", "size"), [("default", 4, 24), ("short", 4, 24), ("quadruped", 8, 34)]
)
def test_reward_is_progress_minus_tilt_minus_torque(name, motors, size):
    for _ in range(2):  # a second walker pays no less: the cost is divided once
        env = StumpTracksEnv(embodiment=name)
        observation = env.reset(seed=1, options={"task": [0.5, 5.0]})[0]
        assert observation.shape == (size,)
        assert env.action_space.shape == (motors,)
        for action in (np.full(motors, 0.5), np.full(motors, -3.0), np.zeros(motors)):
            before = 130 * env.body.hull.position.x / 30 - 5 * abs(env.body.hull.angle)
            reward = env.step(action)[1]
            after = 130 * env.body.hull.position.x / 30 - 5 * abs(env.body.hull.angle)
            cost = {"quadruped": 0.013125}.get(name, 0.028) * np.minimum(np.abs(action), 1).sum()
            assert reward == pytest.approx(after - before - cost, abs=1e-6)


def move(env, x):
    """Carry the walker to ``x``."""
    shift = x - env.body.hull.position.x
    for body in [env.body.hull, *env.body.parts]:
        body.position = (body.position.x + shift, body.position.y)


def test_the_end_of_the_track_ends_the_episode_well():
    env = StumpTracksEnv()
    env.reset(seed=0, options={"task": [0.1, 6.0]})
    move(env, FINISH - 1)
    assert not env.step(np.zeros(4))[2]
    move(env, FINISH + 0.1)
    _, reward, terminated, truncated, _ = env.step(np.zeros(4))
    assert terminated
    assert not truncated
    assert reward > -1


def test_walking_off_the_start_costs_100():
    env = StumpTracksEnv()
    env.reset(seed=0)
    move(env, -0.1)
    assert env.step(np.zeros(4))[1:4] == (-100.0, True, False)


def test_falling_costs_100():
    env = StumpTracksEnv()
    env.reset(seed=0)
    env.body.hull.angle = math.pi  # upside down
    for _ in range(200):
        _, reward, terminated, _, _ = env.step(np.zeros(4))
        if terminated:
            break
    assert terminated
    assert env.body.contacts.fallen
    assert reward == -100.0


@pytest.mark.parametrize("name", ENVS)
def test_an_episode_depends_on_nothing_that_was_played_before(name):
    used = ENVS[name]()
    for seed in range(5):
        fresh, rng = ENVS[name](), np.random.default_rng(seed)
        assert np.array_equal(fresh.reset(seed=seed)[0], used.reset(seed=seed)[0])
        for _ in range(100):
            action = rng.uniform(-1, 1, 4)
            mine, theirs = fresh.step(action), used.step(action)
            assert np.array_equal(mine[0], theirs[0])
            assert mine[1:4] == theirs[1:4]
            if mine[2]:
                break


def test_a_reset_without_a_task_draws_one():
    env = HexagonTracksEnv()
    tasks = [env.reset(seed=seed)[1]["task"] for seed in (1, 2, 1)]
    assert all(env.task_space.contains(task) for task in tasks)
    assert np.array_equal(tasks[0], tasks[2])
    assert not np.array_equal(tasks[0], tasks[1])


@pytest.mark.parametrize("task", [[4.0, 1.0], [1.0], [np.nan, 1.0], "high"])
def test_a_bad_task_is_refused(task):
    with pytest.raises(ValueError, match="task"):
        StumpTracksEnv().reset(seed=0, options={"task": task})


def test_a_window_opens_and_closes(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    env = StumpTracksEnv(render_mode="human")
    env.reset(seed=0)
    env.step(np.zeros(4))
    env.close()


def test_drawing_changes_nothing():
    seen = []
    for mode in (None, "rgb_array"):
        env = StumpTracksEnv(render_mode=mode)
        env.reset(seed=3)
        for _ in range(20):
            observation = env.step(np.ones(4) * 0.3)[0]
            if mode:
                env.render()
        seen.append(observation)
    assert np.array_equal(*seen)


def test_environments_can_be_pickled():
    env = pickle.loads(pickle.dumps(StumpTracksEnv("quadruped", 5.0)))
    assert isinstance(env, WalkerTrack)
    assert env.action_space.shape == (8,)
    assert env.task_space.high.tolist() == [5.0, 6.0]
