from __future__ import annotations

import math
import pickle
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
from Box2D.b2 import rayCastCallback
from gymnasium.envs.box2d import bipedal_walker as original
from gymnasium.utils.env_checker import check_env

import teacherstudent
from teacherstudent.contract.registry import FAMILIES
from teacherstudent.envs.walkers import hexagon_tracks, stump_sequence, stump_tracks
from teacherstudent.envs.walkers.box2d.environment import FINISH, WalkerTrack
from teacherstudent.envs.walkers.box2d.lidar import DIRECTIONS
from teacherstudent.envs.walkers.embodiments import EMBODIMENTS, embodiment
from teacherstudent.envs.walkers.hexagon_tracks import HexagonTracksEnv
from teacherstudent.envs.walkers.stump_sequence import StumpSequenceEnv
from teacherstudent.envs.walkers.stump_tracks import StumpTracksEnv

STEP, GROUND, PAD = original.TERRAIN_STEP, original.TERRAIN_HEIGHT, 20 * original.TERRAIN_STEP
ENVS = {
    "stump-tracks": StumpTracksEnv,
    "hexagon-tracks": HexagonTracksEnv,
    "stump-sequence": StumpSequenceEnv,
}


class Still:
    """A generator without noise: every draw is its mean."""

    def normal(self, mean, spread):
        return np.array(mean, float) if np.ndim(mean) else float(mean)

    def uniform(self, low, high):
        return (low + high) / 2


def still(env, task):
    """Reset on a task, without noise."""
    env._np_random = Still()
    return env.reset(options={"task": np.array(task, float)})


def polygons(env):
    """Return the obstacles' corners from left to right, each sorted."""
    return sorted(sorted(map(tuple, fixture.shape.vertices)) for fixture in env.terrain[0].fixtures)


def ground(env):
    """Return where the edges of the ground meet."""
    edges = sorted(fixture.shape.vertices for fixture in env.terrain[1].fixtures)
    assert all(y == pytest.approx(GROUND, abs=1e-6) for edge in edges for _, y in edge)
    return [edges[0][0][0], *(edge[1][0] for edge in edges)]


# --- test tasks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "first"), [(3.0, 0.312), (4.0, 0.416), (5.0, 0.520)])
def test_the_stump_test_sets_are_the_published_ones(height, first):
    family = stump_tracks.stump_tracks(max_height=5.0, test_height=height)
    tasks = family.test_tasks()
    assert tasks.shape == (50, 2)
    assert tasks[0] == pytest.approx([first, 3.861], abs=5e-4)
    unit = stump_tracks.stump_tracks().test_tasks() / [3, 6]
    assert tasks / [height, 6] == pytest.approx(unit, rel=1e-12)
    assert family.test_set == f"teachDeepRL/stump_height0_{height}obstacle_spacing0_6.0"


@pytest.mark.parametrize(
    ("make", "top", "size", "test_set"),
    [
        (hexagon_tracks.hexagon_tracks, 4.0, 12, "teachDeepRL/poly_shape0_4.0"),
        (stump_sequence.stump_sequence, 6.0, 10, "teachDeepRL/stump_seq0_6.0"),
    ],
)
def test_the_other_test_sets_are_drawn_as_published(make, top, size, test_set):
    legacy = np.random.RandomState(4222)
    drawn = [legacy.uniform(0, top, size) for _ in range(50)]  # task by task, as the authors' script
    assert np.array_equal(make().test_tasks(), drawn)
    assert make().test_set == test_set


@pytest.mark.parametrize(
    ("name", "step"),
    [("stump-tracks", (0.1, -0.2)), ("hexagon-tracks", (0.1,) * 12), ("stump-sequence", (0.1,) * 10)],
)
def test_scores_and_the_oracles_steps_are_the_papers(name, step):
    family = FAMILIES.make(name)
    assert (family.mastered, family.score_range) == (230.0, (-150.0, 350.0))
    assert family.difficulty_step == step


def test_the_test_set_stays_that_of_height_3_unless_asked_for():
    family = stump_tracks.stump_tracks(max_height=5.0)
    assert family.space.high.tolist() == [5.0, 6.0]
    assert np.array_equal(family.test_tasks(), stump_tracks.stump_tracks().test_tasks())
    with pytest.raises(ValueError, match="test_height"):
        stump_tracks.stump_tracks(max_height=3.0, test_height=4.0)


# --- terrain --------------------------------------------------------------------------------------------


def test_stumps_stand_where_the_paper_puts_them():
    env = StumpTracksEnv()
    still(env, [1.5, 2.0])
    period = STEP + 2.0
    shapes = polygons(env)
    assert len(shapes) == math.ceil((200 * STEP - PAD) / period)
    for i, shape in enumerate(shapes):
        left, right, top = PAD + i * period, PAD + i * period + STEP, GROUND + 1.5 * STEP
        expected = [(left, GROUND), (left, top), (right, GROUND), (right, top)]
        assert np.array(shape) == pytest.approx(np.array(expected), abs=1e-4)
    corners = ground(env)
    assert corners[:4] == pytest.approx([0, PAD, PAD + STEP, PAD + period], abs=1e-5)
    assert corners[-1] >= 200 * STEP - 1e-4  # past the finish, so that nobody falls off


def test_low_stumps_and_close_stumps_keep_the_paper_s_least_sizes():
    env = StumpTracksEnv()
    still(env, [0.0, 0.0])
    first, second = polygons(env)[:2]
    assert first[1][1] - GROUND == pytest.approx(0.05 * STEP, abs=1e-5)
    assert second[0][0] - first[2][0] == pytest.approx(0.01, abs=1e-5)


def test_heights_of_stumps_scatter_by_a_tenth():
    env, heights = StumpTracksEnv(), []
    for seed in range(20):
        env.reset(seed=seed, options={"task": [2.0, 0.5]})
        heights += [(shape[1][1] - GROUND) / STEP for shape in polygons(env)]
    assert np.mean(heights) == pytest.approx(2.0, abs=0.01)
    assert np.std(heights) == pytest.approx(0.1, abs=0.01)


def test_hexagons_deform_by_their_offsets():
    env = HexagonTracksEnv()
    still(env, [0.0] * 12)
    plain = [(-0.5, 0), (-0.5, 0.25), (-0.25, 0.5), (0.25, 0.5), (0.5, 0), (0.5, 0.25)]
    shapes = polygons(env)
    assert len(shapes) == math.ceil((200 * STEP - PAD) / 9)
    for i, shape in enumerate(shapes[:3]):
        expected = np.array([PAD + 9.0 * i, GROUND]) + np.array(plain) * STEP
        assert np.array(shape) == pytest.approx(expected, abs=1e-4)
    # the third corner goes 1 right and 2 up; up-offsets of first and last corner do nothing
    still(env, [0, 4, 0, 0, 1, 2, 0, 0, 0, 0, 0, 4])
    moved = (np.array(polygons(env)[0]) - [PAD, GROUND]) / STEP
    hull = [(-0.5, 0), (-0.5, 0.25), (0.5, 0), (0.75, 2.5)]  # the fourth and fifth lie inside
    assert moved == pytest.approx(np.array(hull), abs=1e-4)


def test_stump_sequences_stand_side_by_side():
    env = StumpSequenceEnv()
    still(env, [1, 0.5, 2, 1.0, 3, 0.25, 0, 2.0, 5, 0.0])
    left = PAD
    for shape, (height, width) in zip(
        polygons(env)[:5], [(1, 0.5), (2, 1.0), (3, 0.25), (0.05, 2.0), (5, 0.05)], strict=True
    ):
        (a, low), (_, high), (b, _), _ = shape
        assert (a, b, low) == pytest.approx((left, left + width, GROUND), abs=1e-4)
        assert high - GROUND == pytest.approx(height * STEP, abs=1e-4)
        left += width
    assert polygons(env)[5][0][0] == pytest.approx(left + 8, abs=1e-4)


# --- physics --------------------------------------------------------------------------------------------


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


class Nearest(rayCastCallback):
    """Box2D's own ray, for comparison."""

    def __init__(self):
        super().__init__()
        self.fraction = 1.0

    def ReportFixture(self, fixture, point, normal, fraction):  # noqa: N802
        if not fixture.filterData.categoryBits & 1:
            return -1
        self.fraction = fraction
        return fraction


@pytest.mark.parametrize("name", ENVS)
def test_rays_hit_what_box2d_s_hit(name):
    env, rng, hits = ENVS[name](), np.random.default_rng(0), 0
    for seed in range(10):
        env.reset(seed=seed)
        for x, y in rng.uniform([0, GROUND - 1], [95, GROUND + 5], (100, 2)).tolist():
            mine = env.rays.cast(x, y)
            for k, (dx, dy) in enumerate(DIRECTIONS.tolist()):
                ray = Nearest()
                env.world.RayCast(ray, (x, y), (x + dx, y + dy))
                assert mine[k] == pytest.approx(ray.fraction, abs=1e-4)
                hits += ray.fraction < 1
    assert hits > 1000


def test_measures_of_the_embodiments():
    default, short, quadruped = (EMBODIMENTS[name] for name in ("default", "short", "quadruped"))
    assert (default.leg_width, default.leg_height, default.torque, default.legs) == (8, 34, 80, 2)
    assert (short.leg_width, short.leg_height, short.torque, short.legs) == (8, 17, 80, 2)
    assert (quadruped.leg_width, quadruped.leg_height, quadruped.torque, quadruped.legs) == (10, 51, 300, 4)
    assert default.torque_cost == short.torque_cost == pytest.approx(0.028)
    assert quadruped.torque_cost == pytest.approx(0.00035 / 8 * 300)
    with pytest.raises(ValueError, match=r"one of .*quadruped.*got 'hexapod'"):
        embodiment("hexapod")
    with pytest.raises(ValueError, match="hexapod"):
        FAMILIES.make("hexagon-tracks", embodiment="hexapod")


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


def test_every_foot_of_the_quadruped_feels_the_ground():
    env = StumpTracksEnv(embodiment="quadruped")
    observation = env.reset(seed=0, options={"task": [0.5, 5.0]})[0]
    touched = np.zeros(4, bool)
    for _ in range(40):
        touched |= observation[8:24:5] == 1
        observation = env.step(np.zeros(8))[0]
    assert touched.all()


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


# --- as environments ------------------------------------------------------------------------------------


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


IDS = {
    "teacherstudent/StumpTracks-v0": StumpTracksEnv,
    "teacherstudent/HexagonTracks-v0": HexagonTracksEnv,
    "teacherstudent/StumpSequence-v0": StumpSequenceEnv,
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", IDS)
def test_gymnasium_finds_it_and_its_checker_accepts_it(name):
    teacherstudent.register_environments()
    env = gym.make(name, render_mode="rgb_array", embodiment="short")
    assert type(env.unwrapped) is IDS[name]
    assert env.spec.max_episode_steps == 2000
    check_env(env.unwrapped)
    env.reset(seed=0)
    frame = env.render()
    assert frame.shape == (400, 600, 3)
    assert len(np.unique(frame.reshape(-1, 3), axis=0)) > 5


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


def test_resets_leave_nothing_behind():
    code = (
        "import gc\n"
        "from teacherstudent.envs.walkers.hexagon_tracks import HexagonTracksEnv\n"
        "from teacherstudent.envs.walkers.box2d.body import Contacts\n"
        "def memory():\n"
        "    gc.collect()\n"
        "    return int(open('/proc/self/statm').read().split()[1]) * 4096 / 2**20\n"
        "env = HexagonTracksEnv()\n"
        "for _ in range(200): env.reset()\n"
        "before = memory()\n"
        "for _ in range(2000): env.reset()\n"
        "left = sum(type(thing) is Contacts for thing in gc.get_objects())\n"
        "print(left, memory() - before)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    left, grown = done.stdout.split()
    assert int(left) <= 2
    assert float(grown) < 2.0  # MB


def test_importing_the_package_does_not_import_box2d():
    code = (
        "import sys, teacherstudent, gymnasium\n"
        "assert 'teacherstudent/StumpTracks-v0' in gymnasium.registry\n"
        "assert 'Box2D' not in sys.modules and 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
