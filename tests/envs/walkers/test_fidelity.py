"""The compiled walker is Box2D's: same ground, same actions, same states, rewards, ends and pictures.

Box2D's own sensitivity is the measure: how far it ends up from itself with fewer solver iterations.
"""

from __future__ import annotations

import functools

import numpy as np
import pytest
from gymnasium.envs.box2d import bipedal_walker as original

from teacherstudent import spaces
from teacherstudent.contract.registry import FAMILIES
from teacherstudent.envs.walkers.box2d import environment as walker_track
from teacherstudent.envs.walkers.embodiments import EMBODIMENTS, embodiment
from teacherstudent.envs.walkers.ground.tracks import GIVEN
from teacherstudent.envs.walkers.hexagon_tracks import HexagonTracksEnv
from teacherstudent.envs.walkers.physics.rig import (
    BODY_ROWS,
    HALF_HEIGHT,
    HALF_WIDTH,
    INV_INERTIA,
    INV_MASS,
    rig_of,
)
from teacherstudent.envs.walkers.picture import WalkerPicture
from teacherstudent.envs.walkers.slots import SOLVERS, WalkerSlots
from teacherstudent.envs.walkers.stump_sequence import StumpSequenceEnv
from teacherstudent.envs.walkers.stump_tracks import StumpTracksEnv
from teacherstudent.simulation.lanes import WIDTH

FORCE = spaces.Parameters(force=(-5.0, 5.0))
TRACKS = {
    "flat": (StumpTracksEnv, lambda rng: [0.0, 6.0]),  # stumps of 2 cm, the first of them 4 m ahead
    "stumps": (StumpTracksEnv, lambda rng: rng.uniform([0, 0], [2, 3])),
    "hexagons": (HexagonTracksEnv, lambda rng: rng.uniform(0, 4, 12)),
    "sequence": (StumpSequenceEnv, lambda rng: rng.uniform(0, 6, 10)),
}


class Given:
    """A generator whose first force is given."""

    def __init__(self, seed, force):
        self.normal = np.random.default_rng(seed).normal
        self.uniform = lambda low, high: force


def track_of(env):
    """Return the corners of a Box2D walker's ground, and the obstacles."""
    edges = sorted(fixture.shape.vertices for fixture in env.terrain[1].fixtures)
    obstacles = [np.array(fixture.shape.vertices) for fixture in env.terrain[0].fixtures]
    return np.array([edges[0][0], *(edge[1] for edge in edges)]), obstacles


class Twins:
    """``n`` walkers in Box2D and compiled ones on the same tracks, under the same first forces."""

    def __init__(self, walker, track, n, *, solver="default", seed=5):
        rng = np.random.default_rng(seed)
        make, task = TRACKS[track]
        self.envs = [make(walker) for _ in range(n)]
        forces, self.seen = rng.uniform(-5, 5, n), []
        for i, env in enumerate(self.envs):
            env._np_random = Given(seed + i, forces[i])
            self.seen.append(env.reset(options={"task": np.array(task(rng), float)})[0])
        self.slots = WalkerSlots(n, space=FORCE, kind=GIVEN, walker=walker, solver=solver)
        for i, env in enumerate(self.envs):
            self.slots.set_track(i, *track_of(env))
        self.first = self.slots.reset(seed=0, options={"task": forces[:, None]})[0]
        self.motors = 2 * embodiment(walker).legs

    def step(self, actions):
        """Step the compiled walkers, over or not."""
        self.slots._now["done"][:] = False
        return self.slots.step(actions)

    def poses(self):
        """Return where the compiled hulls are: origins and angles, ``(n, 3)``."""
        poses = np.array([self.slots.view(i).poses[0] for i in range(len(self.envs))], float)
        (x, y), angle = self.slots._rig.origin.astype(float), poses[:, 2]
        poses[:, 0] -= np.cos(angle) * x - np.sin(angle) * y
        poses[:, 1] -= np.sin(angle) * x + np.cos(angle) * y
        return poses

    def copy(self, i):
        """Put a compiled walker where its twin in Box2D is."""
        copy(self.slots, i, self.envs[i])


def copy(slots, i, env):
    """Put a compiled walker where one in Box2D is."""
    floats = slots._now["floats"][i // WIDTH, :, i % WIDTH]
    for body, part in enumerate([env.hull, *env.legs]):
        velocity = *part.linearVelocity, part.angularVelocity
        floats[BODY_ROWS * body :][:BODY_ROWS] = *part.worldCenter, part.angle, *velocity
    rows = slots._layout[1]
    floats[rows.shaping] = 130 * env.hull.position.x / 30 - 5 * abs(env.hull.angle)


# --- states ---------------------------------------------------------------------------------------------

STEPS, WALKERS = 25, 32


def actions_of(motors, scale):
    return (scale * np.random.default_rng(1).uniform(-1, 1, (STEPS, WALKERS, motors))).astype(np.float32)


@functools.cache
def box2d_poses(walker, track, scale, iterations):
    """Return the hulls' poses in Box2D with so many iterations, ``(steps, n, 3)``."""
    twins = Twins(walker, track, WALKERS)
    poses = np.zeros((STEPS, WALKERS, 3))
    kept = walker_track._ITERATIONS
    walker_track._ITERATIONS = iterations
    try:
        for t, actions in enumerate(actions_of(twins.motors, scale)):
            for i, env in enumerate(twins.envs):
                env.step(actions[i])
                poses[t, i] = *env.hull.position, env.hull.angle
    finally:
        walker_track._ITERATIONS = kept
    return poses


def apart(walker, track, scale, poses):
    """Return how far hulls are from Box2D's after 10 and 25 steps: the median (m and rad)."""
    error = np.linalg.norm(poses - box2d_poses(walker, track, scale, (180, 60)), axis=2)
    return np.median(error[[9, STEPS - 1]], axis=1)


CASES = [("default", track) for track in TRACKS] + [("short", "stumps"), ("quadruped", "stumps")]


@pytest.mark.parametrize(("walker", "track"), CASES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_states_stay_as_close_to_box2d_s_as_the_solver_says(walker, track, solver):
    twins = Twins(walker, track, WALKERS, solver=solver)
    poses = []
    for actions in actions_of(twins.motors, 1.0):
        twins.step(actions)
        poses.append(twins.poses())
    mine = apart(walker, track, 1.0, np.array(poses))
    third = apart(walker, track, 1.0, box2d_poses(walker, track, 1.0, (60, 20)))
    ninth = apart(walker, track, 1.0, box2d_poses(walker, track, 1.0, (20, 5)))
    if solver == "fast":
        assert (third < mine).all()  # a speed that costs something
        assert mine == pytest.approx(ninth, rel=0.25)
    else:
        assert (mine < 0.2 * third).all()
        assert (mine < {"default": [0.003, 0.03], "exact": [0.001, 0.02]}[solver]).all()


@pytest.mark.parametrize("walker", EMBODIMENTS)
def test_a_drop_without_power_ends_where_box2d_s_does(walker):
    errors = {}
    for solver in SOLVERS:
        twins = Twins(walker, "flat", WALKERS, solver=solver)
        poses = []
        for actions in actions_of(twins.motors, 0.0):
            twins.step(actions)
            poses.append(twins.poses())
        errors[solver] = apart(walker, "flat", 0.0, np.array(poses))
    third = apart(walker, "flat", 0.0, box2d_poses(walker, "flat", 0.0, (60, 20)))
    ninth = apart(walker, "flat", 0.0, box2d_poses(walker, "flat", 0.0, (20, 5)))
    assert errors["exact"][0] < 1e-3
    assert (errors["exact"] < third).all()
    assert (errors["default"] < 0.5 * third).all()
    assert errors["fast"][0] == pytest.approx(ninth[0], rel=0.25)


# --- observations, rewards, ends ------------------------------------------------------------------------


@pytest.mark.parametrize("walker", EMBODIMENTS)
@pytest.mark.parametrize("solver", ["default", "exact"])
def test_observations_and_rewards_are_box2d_s(walker, solver):
    twins = Twins(walker, "stumps", 24, solver=solver)
    flags = 4 + 5 * np.arange(1, twins.motors // 2 + 1) - 1
    others = np.setdiff1d(np.arange(twins.first.shape[1]), flags)
    assert np.array_equal(twins.first[:, flags], np.array(twins.seen)[:, flags])
    bound = {"default": 1e-2, "exact": 2e-3}[solver]
    assert twins.first == pytest.approx(np.array(twins.seen), abs=bound)
    rng, errors, rewards, flagged = np.random.default_rng(2), [], [], []
    for _ in range(10):
        actions = rng.uniform(-1.2, 1.2, (24, twins.motors)).astype(np.float32)
        mine, paid, over, _, _ = twins.step(actions)
        theirs = [env.step(action) for env, action in zip(twins.envs, actions, strict=True)]
        seen = np.array([step[0] for step in theirs])
        assert not over.any()
        assert not any(step[2] for step in theirs)
        errors.append(np.abs(mine - seen)[:, others])
        rewards.append(np.abs(paid - [step[1] for step in theirs]))
        flagged.append(mine[:, flags] == seen[:, flags])
    assert np.median(errors, axis=(0, 1)).max() < 2 * bound  # of every column
    assert np.quantile(errors, 0.9) < 2e-2
    assert np.median(rewards) < bound
    assert np.mean(flagged) > 0.97


@pytest.mark.parametrize("walker", EMBODIMENTS)
@pytest.mark.parametrize("track", ["stumps", "hexagons"])
def test_one_step_from_box2d_s_state_is_box2d_s_step(walker, track):
    """Falls included: where the hull touches, both end the episode within a step of each other."""
    twins = Twins(walker, track, 32, solver="exact")
    over, late = np.zeros(32, bool), np.full(32, -1)
    rng, errors, rewards, flagged = np.random.default_rng(3), [], [], []
    flags = 4 + 5 * np.arange(1, twins.motors // 2 + 1) - 1
    for _ in range(130):
        actions = rng.uniform(-1, 1, (32, twins.motors)).astype(np.float32)
        for i in np.flatnonzero(~over):
            twins.copy(i)
        before = over.copy()
        mine, paid, ended, _, _ = twins.step(actions)
        late[over & (late < 0)] = np.where(ended, 1, 2)[over & (late < 0)]
        for i in np.flatnonzero(~before):
            seen, reward, over[i], _, _ = twins.envs[i].step(actions[i])
            assert over[i] or not ended[i]  # ours never falls first
            if over[i]:
                late[i] = 0 if ended[i] else -1
                continue
            flagged.append(mine[i, flags] == seen[flags])
            errors.append(np.abs(np.delete(mine[i] - seen, flags)))
            rewards.append(abs(paid[i] - reward))
    assert np.quantile(errors, 0.95) < 1e-3
    assert np.quantile(np.max(errors, axis=1), 0.85) < 2e-2
    assert np.quantile(rewards, 0.99) < 1e-3
    assert np.mean(flagged) > 0.995
    falls = over & (late >= 0)
    assert falls.sum() >= 5
    assert (late[falls] <= 1).all()


def shift(slots, slot, x):
    """Carry a walker until its hull's centre of mass is at ``x``."""
    floats = slots._now["floats"][slot // WIDTH, :, slot % WIDTH]
    bodies = floats[: BODY_ROWS * (1 + slots.single_action_space.shape[0])].reshape(-1, BODY_ROWS)
    bodies[:, 0] += x - bodies[0, 0]


def test_the_ends_of_the_track_end_the_episode():
    slots = FAMILIES.make("stump-tracks", solver="exact").make_vec(3)
    slots.reset(seed=0, options={"task": [[0.0, 6.0]] * 3})
    shift(slots, 1, -0.5)
    shift(slots, 2, walker_track.FINISH + 0.5)
    _, rewards, terminated, truncated, _ = slots.step(np.zeros((3, 4)))
    assert terminated.tolist() == [False, True, True]
    assert not truncated.any()
    assert rewards[1] == -100.0
    assert rewards[2] > 100  # all the way at once
    assert abs(rewards[0]) < 1


def test_an_episode_is_cut_at_its_cap_and_not_before():
    slots = WalkerSlots(2, space=FORCE, kind=GIVEN, max_steps=5)
    for slot in range(2):
        slots.set_track(slot, np.array([(0.0, 10 / 3), (95.0, 10 / 3)]), [])
    slots.reset(seed=0)
    for step in range(5):
        if step == 2:  # counts start again with the episode
            slots.reset(options={"reset_mask": np.array([False, True])})
        _, _, terminated, truncated, _ = slots.step(np.zeros((2, 4)))
        assert not terminated.any()
        assert truncated.tolist() == [step == 4, False]


# --- a gait ---------------------------------------------------------------------------------------------


class Rough(original.BipedalWalker):
    """gymnasium's own walker on its own rough ground, whose first force is given."""

    def __init__(self, seed, force):
        super().__init__()
        self._np_random, self._force = np.random.default_rng(seed), force

    def _generate_clouds(self):
        self._np_random = type("Fixed", (), {"uniform": lambda _, low, high: self._force})()


def rough(n, **options):
    """Return gymnasium's walkers on its rough ground, compiled ones, and first observations of both."""
    forces = np.random.default_rng(0).uniform(-5, 5, n)
    slots = WalkerSlots(n, space=FORCE, kind=GIVEN, **options)
    envs = [Rough(i, force) for i, force in enumerate(forces)]
    theirs = [env.reset()[0] for env in envs]
    for i, env in enumerate(envs):
        edges = sorted(body.fixtures[0].shape.vertices for body in env.terrain)
        slots.set_track(i, np.array([edges[0][0], *(edge[1] for edge in edges)]), [])
    return envs, slots, theirs, slots.reset(seed=0, options={"task": forces[:, None]})[0]


def gaits(n):
    return [original.BipedalWalkerHeuristics() for _ in range(n)]


def test_a_step_on_two_edges_at_once_is_box2d_s():
    """Feet start on two edges each: the order in which contacts are solved shows in the first step."""
    n = 16
    envs, slots, seen, _ = rough(n, solver="exact")
    heuristics, errors = gaits(n), []
    for _ in range(60):
        for i, env in enumerate(envs):
            copy(slots, i, env)
        actions = [gait.step_heuristic(row) for gait, row in zip(heuristics, seen, strict=True)]
        slots._now["done"][:] = False
        mine = slots.step(np.array(actions))[0]
        seen = [env.step(action)[0] for env, action in zip(envs, actions, strict=True)]
        errors.append(np.abs(mine - np.array(seen)).max(axis=1))
    assert np.median(errors[0]) < 1e-3
    assert np.quantile(errors, 0.97) < 5e-3


def test_gymnasiums_heuristic_walks_as_far_on_gymnasiums_ground():
    n, cap = 48, 800
    envs, slots, theirs, seen = rough(n, max_steps=cap)
    paid = np.zeros((2, n))
    for i, (env, gait) in enumerate(zip(envs, gaits(n), strict=True)):
        row, over, steps = theirs[i], False, 0
        while not over and steps < cap:
            row, reward, over, _, _ = env.step(gait.step_heuristic(row))
            paid[0, i] += reward
            steps += 1
    heuristics, live = gaits(n), np.ones(n, bool)
    while live.any():
        actions = np.array([gait.step_heuristic(row) for gait, row in zip(heuristics, seen, strict=True)])
        slots._now["done"][:] = False
        seen, rewards, terminated, truncated, _ = slots.step(actions)
        paid[1] += rewards * live
        live &= ~(terminated | truncated)
    error = np.hypot(*paid.std(axis=1)) / np.sqrt(n)
    assert error < 20
    assert abs(paid[0].mean() - paid[1].mean()) < 2 * error
    assert (paid > 100).mean(axis=1).min() > 0.2  # it walks: standing still gives about 0, falling -100


# --- bodies ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("walker", EMBODIMENTS)
def test_masses_and_measures_are_those_of_box2d_s_bodies(walker):
    env, rig = StumpTracksEnv(walker), rig_of(embodiment(walker))
    env._np_random = Given(0, 0.0)
    env.reset(options={"task": [1.0, 1.0]})
    bodies = [env.hull, *env.legs]
    assert len(rig.bodies) == len(bodies)
    for row, body in zip(rig.bodies, bodies, strict=True):
        about_centre = body.inertia - body.mass * body.localCenter.lengthSquared
        assert 1 / row[INV_MASS] == pytest.approx(body.mass, rel=1e-5)
        assert 1 / row[INV_INERTIA] == pytest.approx(about_centre, rel=1e-4)
    for row, body in zip(rig.bodies[1:], bodies[1:], strict=True):
        corner = np.abs(body.fixtures[0].shape.vertices).max(axis=0)
        assert (row[HALF_WIDTH], row[HALF_HEIGHT]) == pytest.approx(corner, abs=1e-6)
    assert rig.origin == pytest.approx(np.array(env.hull.localCenter), abs=1e-6)
    hull = np.array(sorted(env.hull.fixtures[0].shape.vertices)) - np.array(env.hull.localCenter)
    assert np.array(sorted(map(tuple, rig.hull))) == pytest.approx(hull, abs=1e-5)


# --- pictures -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("walker", "track"), [("default", "stumps"), ("quadruped", "hexagons")])
def test_a_picture_is_box2d_s(walker, track):
    twins = Twins(walker, track, 2)
    for _ in range(30):
        twins.step(np.full((2, twins.motors), 0.3))
        for env in twins.envs:
            env.step(np.full(twins.motors, 0.3))
    twins.copy(1)
    theirs = twins.envs[1]
    theirs.render_mode = "rgb_array"
    mine, frame = twins.slots.render_slot(1), theirs.render()
    assert mine.shape == frame.shape == (400, 600, 3)
    differ = (np.abs(mine.astype(int) - frame) > 40).any(axis=2).mean()
    assert differ < 1e-3
    still = WalkerPicture("rgb_array").draw(twins.slots.view(0))
    assert (np.abs(still.astype(int) - frame) > 40).any(axis=2).mean() > 5 * differ


def test_one_compiled_walker_is_an_environment_with_pictures():
    env = FAMILIES.make("stump-tracks").make_env(render_mode="rgb_array")
    env.reset(seed=0, options={"task": [1.0, 2.0]})
    first = env.render()
    for _ in range(20):
        env.step(np.ones(4))
    assert first.shape == (400, 600, 3)
    assert (env.render() != first).any()
    env.close()
