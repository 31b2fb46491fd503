"""Levels in Box2D: the compiled walkers' ground and rays."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from Box2D.b2 import rayCastCallback
from terrain_levels import LEVEL, ground, lay

from teacherstudent.envs.walkers.bipedal_levels import levels_of
from teacherstudent.envs.walkers.box2d.levels import BipedalLevelsEnv
from teacherstudent.envs.walkers.box2d.lidar import DIRECTIONS
from teacherstudent.envs.walkers.ground.tracks import LEVELS, PAPER_LEVELS


@pytest.mark.parametrize("variant", ["fixed", "paper"])
def test_box2d_walks_on_the_compiled_ground(variant):
    env = BipedalLevelsEnv(variant=variant)
    hard = np.array([3, 1, 3, 1, 2, 0.5, 1, 3, 9.0])
    for task in (LEVEL, hard, levels_of("BipedalWalkerHardcore-v3")[0]):
        env.reset(seed=3, options={"task": task})
        tracks = lay(task[None], {"fixed": LEVELS, "paper": PAPER_LEVELS}[variant])
        edges = sorted(fixture.shape.vertices for fixture in env.terrain[1].fixtures)
        corners = np.array([edges[0][0], *(edge[1] for edge in edges)])
        assert corners == pytest.approx(ground(tracks, 0), abs=1e-5)
        solids = [np.array(fixture.shape.vertices) for fixture in env.terrain[0].fixtures]
        mine = [tracks.corners[0, i, : tracks.sides[0, i], :2] for i in range(tracks.lengths[0, 1])]
        assert len(solids) == len(mine)
        tops = [np.array(sorted((s[:, 0].min(), s[:, 1].max()) for s in some)) for some in (solids, mine)]
        assert tops[0] == pytest.approx(tops[1], abs=1e-4)


class Closest(rayCastCallback):
    """The closest hit of a ray."""

    def ReportFixture(self, fixture, point, normal, fraction):  # noqa: N802  # Box2D's name
        self.fraction = fraction
        return fraction


def test_rays_hit_what_box2d_s_hit():
    env = BipedalLevelsEnv()
    env.reset(seed=0, options={"task": np.array([4, 1, 3, 1, 2, 0.5, 1, 3, 9.0])})
    for body in (env.hull, *env.legs):
        env.world.DestroyBody(body)
    tracks, rng = lay(np.array([[4, 1, 3, 1, 2, 0.5, 1, 3, 9.0]])), np.random.default_rng(0)
    line, near = ground(tracks, 0), []
    for x in rng.uniform(1, 85, 300):
        y = np.interp(x, line[:, 0], line[:, 1]) + rng.uniform(2.0, 4.0)
        for free, (dx, dy) in zip(env.rays.cast(x, y), DIRECTIONS, strict=True):
            callback = Closest()
            callback.fraction = 1.0
            env.world.RayCast(callback, (x, y), (x + dx, y + dy))
            near.append(abs(callback.fraction - free) < 2e-3)
    assert np.mean(near) > 0.995  # the rest graze a corner


def test_an_environment_in_box2d_survives_pickling():
    env = BipedalLevelsEnv("easy", 5, "paper", "short", render_mode="rgb_array")
    other = pickle.loads(pickle.dumps(env))
    first, second = (one.reset(seed=4)[0] for one in (env, other))
    assert np.array_equal(first, second)
    assert (other.task[1:8] == [0, 0.8, 0, 0.4, 0, 0, 1]).all()
    assert other.render().shape == (400, 600, 3)


@pytest.mark.parametrize(
    ("option", "value", "error", "match"),
    [
        ("start", "hard", ValueError, r"start: expected one of \['full', 'easy'\], got 'hard'"),
        ("parameters", 6, ValueError, r"parameters: expected one of \(5, 8\), got 6"),
        ("variant", "new", ValueError, r"variant: expected one of \['fixed', 'paper'\], got 'new'"),
        ("start", ["x"], TypeError, r"start: expected a name, got \['x'\]"),
        ("embodiment", ["x"], TypeError, r"embodiment: expected a name, got \['x'\]"),
    ],
)
def test_bad_options_are_named(option, value, error, match):
    with pytest.raises(error, match=match):
        BipedalLevelsEnv(**{option: value})
