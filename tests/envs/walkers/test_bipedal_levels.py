"""Bipedal levels: space and edits, a level's terrain in both simulators, gymnasium's terrains, tests."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from Box2D.b2 import rayCastCallback
from gymnasium.envs.box2d import bipedal_walker as original

from teacherstudent import spaces
from teacherstudent.contract.registry import FAMILIES
from teacherstudent.contract.types import generator
from teacherstudent.envs.walkers import bipedal_levels
from teacherstudent.envs.walkers.bipedal_levels import SUITES, TEST_SEEDS, TESTS, BipedalLevelsEnv, levels_of
from teacherstudent.envs.walkers.box2d.lidar import DIRECTIONS
from teacherstudent.envs.walkers.cpu import lay_some
from teacherstudent.envs.walkers.ground.tracks import LEVELS, PAPER_LEVELS, empty_tracks
from teacherstudent.envs.walkers.slots import WalkerSlots
from teacherstudent.envs.walkers.terrain import RANGES, SEEDS, TerrainLevels
from teacherstudent.simulation.draws import stream_of, uniform

STEP, GROUND, PAD = original.TERRAIN_STEP, original.TERRAIN_HEIGHT, 20 * original.TERRAIN_STEP
PLAIN = [0, 0, 0, 0, 0, 0, 0, 1]
LEVEL = np.array([1.0, 0.2, 0.3, 0.4, 0.8, 1.0, 1.1, 3.0, 77.0])


def levels(parameters, n=1, first=0):
    """Return levels with the same parameters and the seeds that follow ``first``."""
    return np.column_stack([np.tile(np.array(parameters, float), (n, 1)), first + np.arange(n)])


def lay(tasks, kind=LEVELS, seeds=None, episode=0):
    n = len(tasks)
    tracks = empty_tracks(n, kind)
    seeds = np.arange(n) if seeds is None else seeds
    lay_some(kind, tracks, np.arange(n), np.asarray(tasks, np.float32), seeds, np.full(n, episode, np.int64))
    return tracks


def boxes(tracks, slot):
    """Return left, right, bottom, top of each obstacle, in cells from the origin and the start pad."""
    solids = [tracks.corners[slot, i, : tracks.sides[slot, i], :2] for i in range(tracks.lengths[slot, 1])]
    found = [[s[:, 0].min(), s[:, 0].max(), s[:, 1].min(), s[:, 1].max()] for s in solids]
    return (np.array(found).reshape(-1, 4) - [0, 0, GROUND, GROUND]) / STEP


def ground(tracks, slot):
    n = tracks.lengths[slot, 0]
    return np.stack([tracks.x[slot, :n], tracks.y[slot, :n]], axis=1)


# --- the space ------------------------------------------------------------------------------------------


def test_full_levels_fill_the_whole_ranges():
    space = TerrainLevels()
    drawn = space.draw(generator(0), 20000)
    assert drawn.shape == (20000, 9)
    assert space.contains_each(drawn).all()
    assert drawn[:, 0].mean() == pytest.approx(5, abs=0.1)
    for low, high, top in ((1, 2, 10), (3, 4, 5), (5, 6, 5)):  # smaller and larger of two uniform numbers
        assert drawn[:, low].mean() == pytest.approx(top / 3, rel=0.02)
        assert drawn[:, high].mean() == pytest.approx(2 * top / 3, rel=0.02)
    steps, counts = np.unique(drawn[:, 7], return_counts=True)
    assert steps.tolist() == list(range(1, 10))
    assert counts / 20000 == pytest.approx([1 / 16, *[1 / 8] * 7, 1 / 16], abs=0.01)  # rounded
    assert drawn[:, 8].min() >= 0
    assert drawn[:, 8].mean() == pytest.approx(SEEDS / 2, rel=0.02)
    assert np.array_equal(drawn[:, 8].astype(np.float32), drawn[:, 8])


def test_easy_levels_have_every_obstacle_and_no_size():
    space = TerrainLevels("easy")
    drawn = space.draw(generator(1), 1000)
    assert space.contains_each(drawn).all()
    assert (drawn[:, 1:8] == [0, 0.8, 0, 0.4, 0, 0.4, 1]).all()
    assert 0 <= drawn[:, 0].min() < 0.01
    assert 0.59 < drawn[:, 0].max() <= 0.6
    assert all((space.features(drawn)[name] == 1).all() for name in ("pits", "stumps", "stairs"))


def test_five_parameters_leave_the_stairs_out():
    for start in ("full", "easy"):
        space = TerrainLevels(start, 5)
        drawn = space.draw(generator(2), 500)
        changed = space.mutate(generator(3), drawn, edits=20)
        for tasks in (drawn, changed):
            assert (tasks[:, 5:8] == [0, 0, 1]).all()
            assert space.contains_each(tasks).all()
        assert (drawn[:, :5] != changed[:, :5]).any(axis=0).all()


class Given:
    """A generator whose draws are given: parameters, directions, seeds; and the size of rough moves."""

    def __init__(self, *integers, random):
        self.given, self.sizes = list(integers), random

    def integers(self, *bounds, size=None):
        return np.array(self.given.pop(0))

    def random(self, shape):
        return np.full(shape, self.sizes)


def test_edits_move_parameters_by_their_steps():
    space = TerrainLevels()

    def edited(columns, directions):
        rng = Given([[c] for c in columns], [[d] for d in directions], [5], random=0.5)
        return space.mutate(rng, LEVEL[None], edits=len(columns))[0]

    # roughness: half of 0.6 up; low pit: 0.2 + 0.4 = 0.6 passes the high one, 0.3; steps: one less
    assert edited([0, 1, 7], [1, 1, -1]) == pytest.approx([1.3, 0.3, 0.6, 0.4, 0.8, 1.0, 1.1, 2.0, 5.0])
    # stumps' high 0.2 down twice; stairs' low 0.2 up passes the high one, 1.1
    assert edited([4, 4, 5], [-1, -1, 1]) == pytest.approx([1.0, 0.2, 0.3, 0.4, 0.4, 1.1, 1.2, 3.0, 5.0])
    # nothing moves, the seed is new; and what leaves the range is clipped
    assert edited([2], [0])[:8] == pytest.approx(LEVEL[:8])
    assert edited([7, 7, 7, 1], [-1, -1, -1, -1])[[1, 7]] == pytest.approx([0, 1])


def test_edits_are_drawn_evenly():
    space, n = TerrainLevels(), 24000
    middle = np.tile([5, 2, 8, 1, 4, 1, 4, 5, 3.0], (n, 1))
    moves = space.mutate(generator(0), middle)[:, :8] - middle[:, :8]
    counts = (moves != 0).sum(axis=0) / n
    assert counts == pytest.approx([2 / 3 / 8] * 8, abs=0.01)  # a third of the edits goes nowhere
    assert (moves > 0).sum() == pytest.approx((moves < 0).sum(), rel=0.05)
    rough = np.abs(moves[moves[:, 0] != 0, 0])
    assert rough.max() < 0.6
    assert rough.mean() == pytest.approx(0.3, abs=0.01)
    for column, step in enumerate([0.4, 0.4, 0.2, 0.2, 0.2, 0.2, 1.0], 1):
        sizes = np.abs(moves[moves[:, column] != 0, column])
        assert sizes == pytest.approx(step)


def test_edits_stay_in_the_space_and_draw_new_seeds():
    space = TerrainLevels("easy")
    tasks = space.draw(generator(4), 300)
    before = tasks.copy()
    for edits in (1, 3, 20):
        children = space.mutate(generator(edits), tasks, edits)
        assert space.contains_each(children).all()
        assert (children[:, 8] != tasks[:, 8]).all()
        assert (space.key(children) != space.key(tasks)).all()
        assert np.array_equal(children, space.mutate(generator(edits), tasks, edits))
    assert np.array_equal(tasks, before)
    assert space.contains_each(space.mutate(generator(0), levels_of("BipedalWalkerHardcore-v3"))).all()
    assert space.mutate(generator(0), tasks[:0]).shape == (0, 9)
    with pytest.raises(ValueError, match="edits: expected at least 1, got 0"):
        space.mutate(generator(0), tasks, 0)


def test_keys_are_those_of_equal_levels():
    space = TerrainLevels()
    drawn = space.draw(generator(5), 5000)
    keys = space.key(drawn)
    assert keys.dtype == np.int64
    assert len(set(keys.tolist())) == 5000
    assert np.array_equal(space.key(drawn[::-1]), keys[::-1])
    for column in range(9):
        other = drawn[:100].copy()
        other[:, column] = np.nextafter(other[:, column], -1)
        assert (space.key(other) != keys[:100]).all()
    minus = drawn[:1].copy()
    minus[0, 0] = 0.0
    zero = space.key(minus)
    minus[0, 0] = -0.0
    assert np.array_equal(space.key(minus), zero)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *((0, 10.1), (0, -0.1), (0, np.nan), (1, 0.31), (3, 0.9), (5, 1.2), (4, 5.5)),
        *((7, 3.5), (7, 0), (7, 10), (8, 0.5), (8, SEEDS), (8, -SEEDS), (8, np.inf)),
    ],
)
def test_what_is_no_level(column, value):
    space = TerrainLevels()
    bad = LEVEL.copy()
    bad[column] = value
    assert space.contains_each(np.stack([LEVEL, bad])).tolist() == [True, False]
    with pytest.raises(ValueError, match=r"row 1: expected a task in TerrainLevels\('full', param"):
        spaces.check_tasks(space, np.stack([LEVEL, bad]), "tasks")


def test_features_are_the_parameters_and_the_obstacles():
    rows = np.stack([LEVEL, LEVEL])
    rows[1, [2, 4, 6]] = 0.8, 0.4, 1.1
    rows[0, [3, 4, 5, 6]] = 0.1, 0.19, 0.1, 0.2
    found = TerrainLevels().features(rows)
    assert list(found) == [*RANGES, "pits", "stumps", "stairs"]
    for column, name in enumerate(RANGES):
        assert found[name].tolist() == rows[:, column].tolist()
    assert (found["pits"].tolist(), found["stumps"].tolist()) == ([0, 1], [0, 1])
    assert found["stairs"].tolist() == [1, 1]


# --- the terrain of a level -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [LEVELS, PAPER_LEVELS])
def test_the_level_alone_decides_the_terrain(kind):
    drawn = TerrainLevels().draw(generator(6), 20)
    tracks = lay(drawn, kind)
    again = lay(drawn[::-1], kind, seeds=np.arange(20) + 500, episode=3)
    for name in ("x", "y", "corners", "lengths", "reach", "sides"):
        assert np.array_equal(getattr(tracks, name), getattr(again, name)[::-1]), name
    other = lay(drawn + np.eye(9)[8], kind)
    assert (tracks.y != other.y).any(axis=1).all()


def test_slots_start_a_level_on_its_terrain_and_with_their_own_push():
    family = FAMILIES.make("bipedal-levels")
    vec, tasks = family.make_vec(3), np.stack([LEVEL, LEVEL, LEVEL + np.eye(9)[8]])
    seen = vec.reset(seed=[1, 2, 1], options={"task": tasks})[0]
    first = [vec.view(slot).ground for slot in range(3)]
    assert np.array_equal(first[0], first[1])
    assert not np.array_equal(first[0], first[2])
    assert not np.array_equal(seen[0], seen[1])
    vec.reset(options={"task": tasks})  # another episode of each slot's seed
    assert all(np.array_equal(first[slot], vec.view(slot).ground) for slot in range(3))


def test_without_a_task_slots_draw_levels_of_the_start():
    vec = FAMILIES.make("bipedal-levels", start="easy").make_vec(400)
    drawn = vec.reset(seed=0)[1]["task"]
    assert TerrainLevels().contains_each(drawn).all()
    assert (drawn[:, 1:8] == [0, 0.8, 0, 0.4, 0, 0.4, 1]).all()
    assert drawn[:, 0].mean() == pytest.approx(0.3, abs=0.03)
    assert len(set(drawn[:, 8].tolist())) > 390


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


# --- gymnasium's terrains -------------------------------------------------------------------------------


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


# --- Box2D ----------------------------------------------------------------------------------------------


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


# --- the family -----------------------------------------------------------------------------------------


def test_the_six_tests_have_ten_fixed_terrains_each():
    family = FAMILIES.make("bipedal-levels")
    tasks = family.test_tasks()
    assert family.mastered == 230
    assert family.test_set == "ACCEL/accel_fixed_seeds10"
    assert tasks.shape == (60, 9)
    assert len(family.test_names) == 60
    assert list(dict.fromkeys(family.test_names)) == list(SUITES["accel"])
    rows = dict(zip(family.test_names, tasks, strict=True))
    assert rows["BipedalWalker-v3"][:8].tolist() == [1, 0, 0, 0, 0, 0, 0, 1]
    assert rows["Med-Stairs"][:8].tolist() == [0, 0, 0, 0, 0, 2, 2, 5]
    assert rows["Med-PitGap"][:8].tolist() == [0, 5, 5, 0, 0, 0, 0, 1]
    assert rows["Med-StumpHeight"][:8].tolist() == [0, 0, 0, 2, 2, 0, 0, 1]
    assert rows["Med-Roughness"][:8].tolist() == [5, 0, 0, 0, 0, 0, 0, 1]
    for i in range(0, 60, TEST_SEEDS):
        assert len(set(tasks[i : i + TEST_SEEDS, 8].tolist())) == TEST_SEEDS
    assert (tasks[10:20, 8] < 0).all()  # the hardcore ones
    assert (np.delete(tasks, range(10, 20), 0)[:, 8] >= 0).all()


def test_suites_name_every_test():
    parts = [name for suite, names in SUITES.items() if suite != "all" for name in names]
    assert sorted(parts) == sorted(SUITES["all"])
    assert set(SUITES["all"]) == {*TESTS, "XChal"}
    family = FAMILIES.make("bipedal-levels", suite="all", parameters=5, variant="paper")
    assert family.test_set == "ACCEL/all_paper_seeds10"
    assert len(family.test_tasks()) == len(family.test_names) == 10 * len(SUITES["all"])
    extreme = levels_of("XChal")
    assert (extreme[:, [1, 3, 5, 6, 7]] == [0, 0, 0, 0, 1]).all()
    for column, low, high in ((0, 4.5, 8), (2, 6, 8), (4, 2.4, 3)):
        assert low <= extreme[:, column].min() < extreme[:, column].max() <= high
    assert np.array_equal(extreme, levels_of("XChal"))


@pytest.mark.parametrize(
    ("option", "value", "match"),
    [
        ("start", "hard", r"start: expected one of \['full', 'easy'\], got 'hard'"),
        ("parameters", 6, r"parameters: expected one of \(5, 8\), got 6"),
        ("suite", "ours", "suite: expected one of .*'poet'.*got 'ours'"),
        ("variant", "new", r"variant: expected one of \['fixed', 'paper'\], got 'new'"),
        ("embodiment", "horse", "embodiment: expected one of"),
        ("simulator", "none", "simulator: expected one of"),
        ("solver", "none", "solver: expected one of"),
    ],
)
def test_bad_options_are_named(option, value, match):
    with pytest.raises(ValueError, match=match):
        FAMILIES.make("bipedal-levels", **{option: value})
    if option in ("start", "parameters", "variant"):
        with pytest.raises(ValueError, match=match):
            bipedal_levels.BipedalLevelsEnv(**{option: value})


@pytest.mark.parametrize("option", ["start", "embodiment"])
def test_names_that_are_no_texts_are_refused_by_whoever_takes_them(option):
    match = rf"{option}: expected a name, got \['x'\]"
    with pytest.raises(TypeError, match=match):
        FAMILIES.make("bipedal-levels", **{option: ["x"]})
    with pytest.raises(TypeError, match=match):
        bipedal_levels.BipedalLevelsEnv(**{option: ["x"]})


def test_the_number_of_parameters_is_whole_and_solvers_have_names():
    with pytest.raises(ValueError, match=r"parameters: expected a whole number of at least 1, got 5.0"):
        TerrainLevels(parameters=5.0)
    with pytest.raises(TypeError, match=r"start: expected a name, got \['x'\]"):
        TerrainLevels(["x"])
    with pytest.raises(TypeError, match=r"solver: expected a name, got \['x'\]"):
        FAMILIES.make("bipedal-levels", solver=["x"])
    with pytest.raises(TypeError, match=r"solver: expected a name, got \['x'\]"):
        WalkerSlots(2, space=TerrainLevels(), kind=LEVELS, solver=["x"])
