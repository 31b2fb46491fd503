"""Compiled walkers beside Box2D's on the same tracks."""

from __future__ import annotations

import numpy as np
from gymnasium.envs.box2d import bipedal_walker as original

from teacherstudent import spaces
from teacherstudent.envs.walkers.box2d.tracks import HexagonTracksEnv, StumpSequenceEnv, StumpTracksEnv
from teacherstudent.envs.walkers.embodiments import embodiment
from teacherstudent.envs.walkers.ground.tracks import GIVEN
from teacherstudent.envs.walkers.physics.rig import BODY_ROWS
from teacherstudent.envs.walkers.slots import WalkerSlots
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
