"""The terrain of a level: sizes, variants, and gymnasium's own from the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium.envs.box2d import bipedal_walker as original
from terrain_levels import ground, lay

from teacherstudent.contract.types import generator
from teacherstudent.envs.walkers.bipedal_levels import levels_of
from teacherstudent.envs.walkers.ground.tracks import LEVELS, PAPER_LEVELS
from teacherstudent.envs.walkers.terrain import TerrainLevels
from teacherstudent.simulation.draws import stream_of, uniform

STEP, GROUND, PAD = original.TERRAIN_STEP, original.TERRAIN_HEIGHT, 20 * original.TERRAIN_STEP
PLAIN = [0, 0, 0, 0, 0, 0, 0, 1]


def levels(parameters, n=1, first=0):
    """Return levels with the same parameters and the seeds that follow ``first``."""
    return np.column_stack([np.tile(np.array(parameters, float), (n, 1)), first + np.arange(n)])


def boxes(tracks, slot):
    """Return left, right, bottom, top of each obstacle, in cells from the origin and the start pad."""
    solids = [tracks.corners[slot, i, : tracks.sides[slot, i], :2] for i in range(tracks.lengths[slot, 1])]
    found = [[s[:, 0].min(), s[:, 0].max(), s[:, 1].min(), s[:, 1].max()] for s in solids]
    return (np.array(found).reshape(-1, 4) - [0, 0, GROUND, GROUND]) / STEP


@pytest.mark.parametrize("kind", [LEVELS, PAPER_LEVELS])
def test_the_level_alone_decides_the_terrain(kind):
    drawn = TerrainLevels().draw(generator(6), 20)
    tracks = lay(drawn, kind)
    again = lay(drawn[::-1], kind, seeds=np.arange(20) + 500, episode=3)
    for name in ("x", "y", "corners", "lengths", "reach", "sides"):
        assert np.array_equal(getattr(tracks, name), getattr(again, name)[::-1]), name
    other = lay(drawn + np.eye(9)[8], kind)
    assert (tracks.y != other.y).any(axis=1).all()


@pytest.mark.parametrize(("high", "least"), [(2, 0.8), (4, 0.2), (6, 0.2)])
def test_an_obstacle_is_there_if_its_largest_size_is_enough(high, least):
    for size, active in ((least - 0.01, False), (least, True)):
        parameters = list(PLAIN)
        parameters[high] = size
        tracks = lay(levels(parameters, 20))
        assert ((tracks.lengths[:, 1] > 0) == active).all()


@pytest.mark.parametrize("kind", [LEVELS, PAPER_LEVELS])
def test_sizes_are_within_the_level_s_ranges(kind):
    pits = lay(levels([0, 2, 6, 0, 0, 0, 0, 1], 40), kind)
    walls = np.concatenate([boxes(pits, slot).reshape(-1, 2, 4) for slot in range(40)])
    gaps = walls[:, 1, 0] - walls[:, 0, 1]  # between the walls, each a cell wide
    assert 2 - 1e-3 < gaps.min() < 2.1
    assert 5.9 < gaps.max() < 6 + 1e-3
    assert gaps.mean() == pytest.approx(4, abs=0.2)
    stumps = lay(levels([0, 0, 0, 1, 3, 0, 0, 1], 40), kind)
    sizes = np.concatenate([boxes(stumps, slot) for slot in range(40)])
    assert sizes[:, 1] - sizes[:, 0] == pytest.approx(1, abs=1e-3)
    assert 1 - 1e-3 < sizes[:, 3].min() < 1.05
    assert 2.95 < sizes[:, 3].max() < 3 + 1e-3
    stairs = lay(levels([0, 0, 0, 0, 0, 0.5, 1.5, 4], 40), kind)
    sizes = np.concatenate([boxes(stairs, slot) for slot in range(40)])
    assert sizes[:, 1] - sizes[:, 0] == pytest.approx(4, abs=1e-3)
    heights = sizes[:, 3] - sizes[:, 2]
    assert 0.5 - 1e-3 < heights.min() < 0.55
    assert 1.45 < heights.max() < 1.5 + 1e-3


def flights(tracks, slot):
    """Return the number of steps of each flight of stairs that the track does not cut off."""
    found = boxes(tracks, slot)
    found = found[: np.count_nonzero(found[:, 1] < 150)]
    starts = np.flatnonzero(np.append(True, np.diff(found[:, 0]) > 4.01))
    return np.diff(starts)


def test_variants_differ_in_stairs_and_behind_stumps():
    stairs, stumps = levels([0, 0, 0, 0, 0, 1, 1, 5], 60), levels([0, 0, 0, 1, 1, 0, 0, 1], 60)
    named, paper = (lay(stairs, kind) for kind in (LEVELS, PAPER_LEVELS))
    assert {int(steps) for slot in range(60) for steps in flights(named, slot)} == {5}
    steps = {int(steps) for slot in range(60) for steps in flights(paper, slot)}
    assert steps == {1, 2, 3, 4}  # and 0, which cannot be seen
    named, paper = (lay(stumps, kind) for kind in (LEVELS, PAPER_LEVELS))
    for tracks, expected in ((named, range(6, 11)), (paper, range(10, 19))):
        apart = {int(d) for slot in range(60) for d in np.diff(boxes(tracks, slot)[:, 0]).round()}
        assert apart <= set(expected)
        assert len(apart) >= len(expected) - 2
    easy = TerrainLevels("easy").draw(generator(0), 20)
    easy[:, [2, 4]] = 0
    assert (lay(easy).lengths[:, 1] > 0).all()
    assert (lay(easy, PAPER_LEVELS).lengths[:, 1] == 0).all()  # 0 to 1 - 1 steps


class Ours:
    """Answers what gymnasium's generator of terrains asks for by the draws of a level's stream."""

    def __init__(self, seed):
        self.stream, self.draw, self.stairs = np.uint64(stream_of(np.uint64(seed), 0)), 1, False

    def at(self, draw):
        return float(uniform(self.stream, draw))

    def uniform(self, low, high):
        self.draw += 1
        return low + (high - low) * self.at(self.draw - 1)

    def random(self):
        self.stairs = True
        return self.at(self.draw + 1)

    def integers(self, low, high):
        if (low, high) == (4, 5):  # cells of a step
            return 4
        if (low, high) == (1, 4):  # kind of the obstacle, asked for after the cells before it
            return 1 + int(3 * self.at(self.draw - 1))
        draw, self.draw = self.draw + (2 if self.stairs else 0), self.draw + (2 if high == 10 else 3)
        self.stairs = False
        return low + int((high - low) * self.at(draw))


@pytest.mark.parametrize("name", ["BipedalWalker-v3", "BipedalWalkerHardcore-v3"])
def test_gymnasium_s_generator_lays_the_same_ground_from_the_same_numbers(name):
    tasks = levels_of(name)
    env, tracks = original.BipedalWalker(), lay(tasks)
    kinds = set()
    for slot, task in enumerate(tasks):
        env._np_random = Ours(abs(task[8]))
        env._generate_terrain("Hardcore" in name)
        assert ground(tracks, slot) == pytest.approx(
            np.column_stack([env.terrain_x, env.terrain_y]), abs=2e-3
        )
        shapes = [body.fixtures[0].shape for body in env.terrain[::-1]]
        solids = [np.array(shape.vertices) for shape in shapes if len(shape.vertices) > 2]
        theirs = [[s[:, 0].min(), s[:, 0].max(), s[:, 1].min(), s[:, 1].max()] for s in solids]
        theirs = (np.array(theirs).reshape(-1, 4) - [0, 0, GROUND, GROUND]) / STEP
        assert boxes(tracks, slot) == pytest.approx(theirs, abs=5e-3)
        kinds |= {(int(width), int(height)) for width, height in (theirs[:, 1::2] - theirs[:, ::2]).round()}
    assert kinds == ({(1, 4), (1, 1), (2, 2), (4, 1)} if "Hardcore" in name else set())


def test_roughness_is_in_multiples_of_gymnasium_s_noise():
    env, jolts = original.BipedalWalker(), []
    for seed in range(60):
        env._np_random = np.random.default_rng(seed)
        env._generate_terrain(False)
        jolts.append(np.diff(env.terrain_y[21:24], 2))
    for roughness in (1, 3):
        mine = lay(levels([roughness, *PLAIN[1:]], 2000)).y[:, :200].astype(float)
        assert (mine[:, :21] == np.float32(GROUND)).all()
        first = mine[:, 21] - mine[:, 20]  # uniform in -1 to 1, over 30
        assert first.std() == pytest.approx(roughness / 30 / np.sqrt(3), rel=0.05)
        assert np.abs(first).max() <= roughness / 30 + 1e-4
        assert np.diff(mine[:, 21:24], 2).std() == pytest.approx(roughness * np.std(jolts), rel=0.25)
