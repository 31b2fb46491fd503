"""Mazes as levels: how they are drawn, edited, compared, solved, and which are tested."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from teacherstudent import spaces
from teacherstudent.envs.mazes.codes import AGENT, FREE, GOAL, OPAQUE, OUTSIDE, WALL, padded
from teacherstudent.envs.mazes.edits import EDITS
from teacherstudent.envs.mazes.generators import GENERATORS, build, pick
from teacherstudent.envs.mazes.layouts import MAZES
from teacherstudent.envs.mazes.solver import plan, shortest_paths
from teacherstudent.envs.mazes.space import MazeLevels
from teacherstudent.envs.mazes.suites import SUITES, make_suite

AHEAD = [(0, 1), (1, 0), (0, -1), (-1, 0)]
WALLS = {
    "SixteenRooms": 46, "SixteenRooms2": 53, "Labyrinth": 72, "LabyrinthFlipped": 72, "Labyrinth2": 72,
    "StandardMaze": 73, "StandardMaze2": 72, "StandardMaze3": 71, "SmallCorridor": 71, "LargeCorridor": 161,
    "NineRooms": 36, "NineRoomsFewerDoors": 39,
}  # fmt: skip


def level_of(*rows):
    symbols = ".#G>v<^o@"
    return np.array([[symbols.index(symbol) for symbol in row] for row in rows], np.uint8)


def rng():
    return np.random.default_rng(7)


def search(level, turning):
    """Return the least number of steps or cells, by a search over tuples; None if there is no way."""
    (row, column), (goal,) = np.argwhere((level >= AGENT) & (level < OUTSIDE))[0], np.argwhere(level == GOAL)
    open_cells = {(r, c) for r, c in np.argwhere(~np.isin(level, (WALL, OUTSIDE, OPAQUE))).tolist()}
    waiting = deque([((int(row), int(column), int(level[row, column]) - AGENT), 0)])
    seen = {waiting[0][0]}
    while waiting:
        (row, column, heading), steps = waiting.popleft()
        if (row, column) == tuple(goal):
            return steps
        headings = [heading] if turning else range(4)
        following = [(row + AHEAD[h][0], column + AHEAD[h][1], h) for h in headings]
        if turning:
            following += [(row, column, (heading + turn) % 4) for turn in (1, -1)]
        for state in following:
            r, c, _ = state
            state = state if turning else (r, c, 0)
            if (r, c) in open_cells and state not in seen:
                seen.add(state)
                waiting.append((state, steps + 1))
    return None


def assert_solved(levels):
    for turning in (True, False):
        found = shortest_paths(levels, turning=turning)
        expected = [search(level, turning) for level in levels]
        assert found.tolist() == [-1 if steps is None else steps for steps in expected]


@pytest.mark.parametrize("name", MAZES)
def test_shortest_ways_through_named_mazes(name):
    assert_solved(np.stack([MAZES[name].make(rng())]))


@pytest.mark.parametrize("generator", GENERATORS)
def test_shortest_ways_through_random_mazes(generator):
    levels = MazeLevels(generator=generator, n_walls=90, extent=14).draw(rng(), 100)
    assert_solved(levels)
    if generator == "walls-without-replacement":
        assert 20 < np.count_nonzero(shortest_paths(levels, turning=True) == -1) < 98


def test_a_way_by_hand():
    level = level_of(".>#", ".G.", "...")
    assert shortest_paths(level[None], turning=False) == [1]
    assert plan(level).tolist() == [1, 2]  # turn right, forward
    back = level_of("...", "G.>", "...")
    assert shortest_paths(back[None], turning=True) == [4]
    assert plan(back).tolist() in ([0, 0, 2, 2], [1, 1, 2, 2])
    closed = level_of(">#G", "##.", "...")
    assert shortest_paths(np.stack([closed]), turning=True) == [-1]
    with pytest.raises(ValueError, match="a way from agent to goal"):
        plan(closed)
    assert shortest_paths(np.empty((0, 3, 3), np.uint8), turning=True).shape == (0,)


def test_uniform_levels_have_the_published_statistics():
    """25 draws with replacement: 23.30 walls, .9955 solvable, shortest path 9.13, deviation 4.42, most 24."""
    found = MazeLevels(n_walls=25).features(MazeLevels(n_walls=25).draw(rng(), 12_000))
    solvable = found["solvable"] == 1
    assert found["walls"].mean() == pytest.approx(23.30, abs=0.03)
    assert solvable.mean() == pytest.approx(0.9955, abs=0.002)
    assert found["path"][solvable].mean() == pytest.approx(9.13, abs=0.1)
    assert found["path"][solvable].std() == pytest.approx(4.42, abs=0.1)
    assert found["path"].max() <= 26
    assert (found["path"][~solvable] == 0).all()
    assert (found["steps"] >= found["path"]).all()
    assert found["steps"][solvable].mean() > 11


def test_generators():
    draw = lambda generator, n=4000: MazeLevels(generator=generator, n_walls=25, size=9).draw(rng(), n)  # noqa: E731
    counts = {name: np.count_nonzero(draw(name) == WALL, axis=(1, 2)) for name in GENERATORS}
    assert (counts["empty"] == 0).all()
    assert (counts["walls-without-replacement"] == 25).all()
    assert counts["walls-with-replacement"].mean() == pytest.approx(81 * (1 - (80 / 81) ** 25), abs=0.05)
    drawn = np.arange(26)
    assert counts["uniform-count"].mean() == pytest.approx((81 * (1 - (80 / 81) ** drawn)).mean(), abs=0.3)
    assert counts["uniform-count"].min() == 0
    levels = draw("walls-with-replacement")
    assert (levels[:, 9:] == OUTSIDE).all()
    assert (levels[:, :, 9:] == OUTSIDE).all()
    assert (levels[:, :9, :9] != OUTSIDE).all()
    for code in (WALL, GOAL, AGENT, AGENT + 1, AGENT + 2, AGENT + 3):  # everywhere, equally often
        share = (levels[:, :9, :9] == code).mean(axis=0)
        assert share.max() < 2 * share.mean() + 0.01
    headings = np.bincount(levels[(levels >= AGENT) & (levels < OUTSIDE)])[AGENT:]
    assert headings == pytest.approx(np.full(4, 1000), abs=120)


def test_a_level_by_hand():
    numbers = np.array([[0.1, 0.1, 0.99, 0.0, 0.99, 0.6]])  # walls in cells 0, 0 and 8; goal; agent; heading
    codes = build("walls-with-replacement", 3, 9, numbers)
    assert codes.tolist() == [[WALL, GOAL, 0, 0, 0, 0, 0, AGENT + 2, WALL]]
    without = build("walls-without-replacement", 2, 4, np.array([[0.3, 0.9, 0.1, 0.5, 0.0, 0.0, 0.0]]))
    assert without.tolist() == [[WALL, GOAL, WALL, AGENT]]
    assert pick(
        np.array([[0, 1, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1]], bool), np.array([0.5, 0.2, 0.0])
    ).tolist() == ([2, -1, 0])


def test_as_many_walls_as_fit():
    space = MazeLevels(size=3, extent=3, n_walls=7, generator="walls-without-replacement")
    levels = space.draw(rng(), 50)
    assert space.contains_each(levels).all()
    assert (np.count_nonzero(levels == WALL, axis=(1, 2)) == 7).all()


def test_only_solvable_levels_if_asked(monkeypatch):
    space = MazeLevels(n_walls=100, solvable=True)
    levels = space.draw(rng(), 300)
    assert (space.features(levels)["solvable"] == 1).all()
    assert (MazeLevels(n_walls=100).features(MazeLevels(n_walls=100).draw(rng(), 300))["solvable"] == 0).any()
    hopeless = MazeLevels(size=13, n_walls=167, generator="walls-without-replacement", solvable=True)
    monkeypatch.setattr("teacherstudent.envs.mazes.space._ATTEMPTS", 3)
    with pytest.raises(RuntimeError, match="draw: expected solvable levels, got none in 3 draws"):
        hopeless.draw(rng(), 50)


def test_draws_by_seed_do_not_depend_on_the_batch():
    space = MazeLevels(n_walls=80, solvable=True)
    seeds, episodes = np.array([5, 5, 6, 2**62]), np.array([0, 1, 0, 3])
    levels = space.draw_by_seeds(seeds, episodes)
    assert len(np.unique(space.key(levels))) == 4
    for i in range(4):
        assert np.array_equal(space.draw_by_seeds(seeds[i : i + 1], episodes[i : i + 1])[0], levels[i])


@pytest.mark.parametrize("rule", EDITS)
def test_edits_keep_levels_valid(rule):
    space = MazeLevels(edits=rule, extent=15)
    levels = np.concatenate([space.draw(rng(), 300), [padded(MAZES["SimpleCrossing"].make(rng()), 15)] * 100])
    before = levels.copy()
    for edits in (0, 1, 30):
        edited = space.mutate(rng(), levels, edits)
        assert space.contains_each(edited).all()
        assert np.array_equal(levels, before)
        assert edited.dtype == np.uint8
        assert np.array_equal(edited == OUTSIDE, levels == OUTSIDE)
        changed = (edited != levels).any(axis=(1, 2)).mean()
        assert changed == 0 if edits == 0 else changed > 0.5
    tiny = MazeLevels(size=2, extent=2, n_walls=2, generator="walls-without-replacement", edits=rule)
    assert tiny.contains_each(tiny.mutate(rng(), tiny.draw(rng(), 500), 9)).all()
    assert space.mutate(rng(), levels[:0], 3).shape == (0, 15, 15)


def changes(rule, n=9000):
    """Edit one level once, many times; return the level and how often each kind of change came about."""
    level = level_of("..#..", ".>#..", "..#G.", "....#", "#....")
    edited = MazeLevels(extent=5, size=5, n_walls=3, edits=rule).mutate(rng(), np.stack([level] * n))
    walls = np.count_nonzero(edited == WALL, axis=(1, 2)) - 5
    goal, agent = ((edited[:, r, c] != code) for r, c, code in ((2, 3, GOAL), (1, 1, AGENT)))
    return {
        "same": (edited == level).all(axis=(1, 2)).mean(),
        "more": (walls == 1).mean(),
        "less": (walls == -1).mean(),
        "goal": goal.mean(),
        "agent": agent.mean(),
    }


def test_one_edit_by_minimax():
    found = changes("flip-or-move-goal")  # 18 free cells and 5 walls can flip
    expected = {"same": 1 / 3, "more": 18 / 23 / 3, "less": 5 / 23 / 3, "goal": 1 / 3, "agent": 0}
    assert found == pytest.approx(expected, abs=0.02)


def test_one_edit_that_adds_removes_or_moves():
    expected = {"same": 0, "more": 1 / 4, "less": 1 / 4, "goal": 1 / 4, "agent": 1 / 4}
    assert changes("add-remove-move") == pytest.approx(expected, abs=0.02)


def test_one_edit_by_jaxued():
    """At a cell of 25, 18 of them free and 5 walls: set a wall, clear, put the agent or the goal there.

    A goal or agent whose cell was cleared goes to one of 19 free cells, its own among them; a new heading is
    the old one in 1 of 4.
    """
    sets, clears = {"same": 5, "more": 20, "goal": 1, "agent": 1}, {"same": 18 + 1 / 19 + 1 / 76, "less": 5}
    clears |= {"goal": 18 / 19, "agent": 75 / 76}
    agents = {"same": 1 / 4, "less": 5, "goal": 1, "agent": 24 + 3 / 4}
    goals = {"same": 1, "less": 5, "goal": 24, "agent": 1}
    actions = (sets, clears, agents, goals)
    expected = {name: sum(a.get(name, 0) for a in actions) / 100 for name in (*sets, "less")}
    assert changes("jaxued", n=40_000) == pytest.approx(expected, abs=0.01)


def test_jaxued_moves_the_agent_anywhere_with_a_new_heading():
    space = MazeLevels(edits="jaxued", n_walls=60)
    level = space.draw(rng(), 1)
    children = space.mutate(rng(), np.repeat(level, 20_000, axis=0)).reshape(20_000, -1)
    where = np.argmax((children >= AGENT) & (children < OUTSIDE), axis=1)
    before = int(np.argmax((level >= AGENT) & (level < OUTSIDE)))
    moved = where != before
    assert moved.mean() == pytest.approx(1 / 4, abs=0.02)
    headings = children[moved, where[moved]] - AGENT
    np.testing.assert_allclose(np.bincount(headings) / moved.sum(), 1 / 4, atol=0.03)
    onto = level.ravel()[where[moved]] == WALL
    assert onto.mean() == pytest.approx((level == WALL).mean(), abs=0.03)


def test_jaxued_draws_different_cells():
    walls = np.full((1, 5, 5), WALL, np.uint8)
    walls[0, 0, :2] = GOAL, AGENT
    space = MazeLevels(extent=5, size=5, n_walls=3, edits="jaxued")
    # of 25 different cells each keeps or becomes a wall with probability 1 / 4; 0.52 if some came twice
    for edits in (25, 99):
        edited = space.mutate(rng(), np.repeat(walls, 4000, axis=0), edits)
        assert (edited == WALL).mean() == pytest.approx(1 / 4, abs=0.01)


def test_one_edit_by_dcd():
    """A cell of 25 becomes free, wall or goal; an old goal becomes free, a lost one goes to a free cell."""
    found = changes("dcd")
    free, walls, goal, agent = 18 / 25, 5 / 25, 1 / 25, 1 / 25
    stays = free / 3 + walls / 3 + goal / 3
    assert found["goal"] > (1 - goal) / 3  # the goal went to the cell
    # a free goal cell may get its goal back: 1 of 19 free cells; a free agent cell its agent
    same = stays + goal / 3 / 19 + agent / 3 / 19
    assert found["same"] == pytest.approx(same, abs=0.02)
    assert found["less"] == pytest.approx(walls * 2 / 3, abs=0.02)
    assert found["more"] == pytest.approx((free + goal + agent) / 3, abs=0.02)


def test_keys_tell_levels_apart():
    space = MazeLevels(n_walls=5)
    levels = space.draw(rng(), 20_000)
    keys = space.key(levels)
    assert keys.dtype == np.int64
    assert (keys >= 0).all()
    assert np.array_equal(keys, space.key(levels.copy()))
    assert len(np.unique(keys)) == len({level.tobytes() for level in levels})
    one = levels[:1].repeat(169 * 2, axis=0)
    for i in range(169):
        one[2 * i].flat[i], one[2 * i + 1].flat[i] = 7, 8
    assert len(np.unique(space.key(one))) == 338
    bits = (keys[:, None] >> np.arange(63)) & 1
    assert bits.mean(axis=0) == pytest.approx(np.full(63, 0.5), abs=0.02)


def test_which_levels_are_valid():
    space = MazeLevels(extent=4, size=3, n_walls=2)
    good = padded(level_of("..#", ".>G", "@.."), 4)
    bad = [good.copy() for _ in range(7)]
    bad[0][0, 0] = GOAL  # two goals
    bad[1][1, 2] = FREE  # none
    bad[2][0, 0] = AGENT + 3  # two agents
    bad[3][1, 1] = WALL  # none
    bad[4][0, 0] = 9  # no such code
    bad[5][0, 0] = OUTSIDE  # no rectangle
    bad[6][3, 3] = FREE  # likewise
    assert space.contains_each(np.stack([good, *bad])).tolist() == [True] + [False] * 7
    assert space.contains_each(np.stack([good]).astype(float)).all()
    assert not space.contains_each(np.stack([good.astype(int) - 256])).any()
    assert space.contains(good)
    assert not space.contains(good.astype(int))
    assert space.contains(space.sample())
    with pytest.raises(ValueError, match="row 1: expected a task in MazeLevels"):
        spaces.check_tasks(space, np.stack([good, bad[0]]), "test")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 14}, "size: expected 2 to extent = 13, got 14"),
        ({"size": 1}, "size: expected 2"),
        ({"n_walls": 168}, "n_walls: expected 0 to 167, all cells but two, got 168"),
        ({"n_walls": -1}, "n_walls"),
        ({"n_walls": 25.5}, "n_walls: expected a whole number of at least 0, got 25.5"),
        ({"size": 9.0}, "size: expected a whole number of at least 0, got 9.0"),
        ({"extent": 15.0}, "extent: expected a whole number of at least 0, got 15.0"),
        ({"generator": "holes"}, "generator: expected one of .*'empty'.* got 'holes'"),
        ({"edits": "none"}, "edits: expected one of .*'dcd'.* got 'none'"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        MazeLevels(**options)


def test_bad_edits():
    with pytest.raises(ValueError, match="edits: expected at least 0, got -1"):
        MazeLevels().mutate(rng(), MazeLevels().draw(rng(), 2), -1)
    with pytest.raises(ValueError, match="at most 3 x 3 cells, got 1 x 4"):
        padded(np.zeros((1, 4), np.uint8), 3)


@pytest.mark.parametrize("name", WALLS)
def test_named_mazes_have_as_many_walls_as_published(name):
    assert np.count_nonzero(MAZES[name].make(rng()) == WALL) == WALLS[name]


def test_named_mazes_start_where_published():
    starts = {
        "SixteenRooms": (1, 1, 11, 11), "SixteenRooms2": (1, 1, 11, 11), "Labyrinth": (12, 0, 6, 6),
        "LabyrinthFlipped": (12, 12, 6, 6), "Labyrinth2": (0, 0, 6, 6), "StandardMaze": (0, 6, 12, 6),
        "StandardMaze2": (6, 0, 4, 12), "StandardMaze3": (0, 3, 6, 12), "NineRooms": (1, 1, 11, 11),
        "NineRoomsFewerDoors": (1, 1, 11, 11),
    }  # fmt: skip
    for name, (row, column, *goal) in starts.items():
        level = MAZES[name].make(rng())
        assert level[row, column] == AGENT + 2 * (name == "LabyrinthFlipped"), name
        assert level[tuple(goal)] == GOAL, name
        assert MAZES[name].steps == 450
    caps = {"LargeCorridor": 882, "FourRooms": 100, "SimpleCrossing": 484, "PerfectMazeMedium": 882}
    assert {name: MAZES[name].steps for name in caps} == caps


@pytest.mark.parametrize("size", [9, 19, 49])
def test_perfect_mazes_are_trees(size):
    name = {9: "Small", 19: "Medium", 49: "Large"}[size]
    level = MAZES[f"PerfectMaze{name}"].make(rng())
    assert level.shape == (size, size)
    cells = (size // 2 + 1) ** 2
    assert np.count_nonzero(level != WALL) == 2 * cells - 1  # cells and the edges of a spanning tree
    assert (level[1::2, 1::2] == WALL).all()
    corners = level[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert sorted(corners.tolist()) == [FREE, FREE, GOAL, AGENT]
    assert shortest_paths(level[None], turning=False) > 0


def test_mazes_that_are_drawn():
    goals, doors, lengths = set(), set(), set()
    for seed in range(60):
        generator = np.random.default_rng(seed)
        corridor = MAZES["SmallCorridor"].make(generator)
        goals.add(tuple(np.argwhere(corridor == GOAL)[0].tolist()))
        rooms = MAZES["FourRooms"].make(generator)
        assert np.count_nonzero(rooms == WALL) == 2 * 17 - 1 - 4
        doors.add(tuple(np.flatnonzero(rooms[8] != WALL)))
        crossing = MAZES["SimpleCrossing"].make(generator)
        rivers = sum((crossing == OPAQUE).sum(axis=a) >= 8 - 1 for a in (0, 1)).sum()
        assert rivers >= 4
        assert shortest_paths(crossing[None], turning=False) >= 16
        lengths.add(int(np.count_nonzero(crossing == OPAQUE)))
    assert goals <= {(row, column) for row in (5, 7) for column in range(2, 11, 2)}
    assert len(goals) > 5
    assert len(doors) > 10
    assert len(lengths) > 1


@pytest.mark.parametrize(("suite", "size"), [("dcd-7", 13), ("jaxued-8", 13), ("accel-12", 19)])
def test_suites(suite, size):
    made = make_suite(suite)
    assert made.names == SUITES[suite]
    assert len(made.names) == int(suite.split("-")[1])
    assert made.levels.shape == (len(made.names), size, size)
    assert MazeLevels(extent=size).contains_each(made.levels).all()
    assert (shortest_paths(made.levels, turning=True) > 0).all()
    assert (shortest_paths(made.levels, turning=True) < made.steps).all()
    assert np.array_equal(made.levels, make_suite(suite).levels)
    assert made.name == f"maze/{suite}"
    assert (make_suite(suite, steps=250).steps == 250).all()


def test_repeats_draw_anew_what_is_drawn():
    once, thrice = make_suite("accel-12"), make_suite("accel-12", repeats=3, steps=99)
    assert thrice.name == "maze/accel-12_steps99_x3"
    assert thrice.names == tuple(name for name in once.names for _ in range(3))
    assert np.array_equal(thrice.levels[::3], once.levels)
    drawn = {
        name for name, group in zip(once.names, thrice.levels.reshape(12, 3, -1), strict=True)
        if (group[0] != group[1]).any() or (group[0] != group[2]).any()
    }  # fmt: skip
    assert drawn == {"SimpleCrossing", "FourRooms", "SmallCorridor", "LargeCorridor", "PerfectMazeMedium"}


def test_random_solvable_levels():
    suite = make_suite("random-solvable-200")
    found = MazeLevels().features(suite.levels)
    assert (found["solvable"] == 1).all()
    assert found["walls"].mean() == pytest.approx(169 * (1 - (168 / 169) ** 60), abs=1.5)
    assert (suite.steps == 250).all()
    assert suite.names[199] == "random199"
    assert len(make_suite("random-solvable").levels) == 10_000


def test_bad_suites():
    for suite in ("jaxued-9", "random-solvable-0", ["Maze0"], []):
        with pytest.raises(ValueError, match="suite: expected"):
            make_suite(suite)
    for options in ({"repeats": 0}, {"repeats": 2.5}, {"steps": 99.5}):
        ((name, value),) = options.items()
        with pytest.raises(ValueError, match=f"{name}: expected a whole number of at least 1, got {value}"):
            make_suite("jaxued-8", **options)


def test_simple_levels_have_no_walls():
    space = MazeLevels(extent=19, size=13, n_walls=60)
    levels = space.draw_simple(np.random.default_rng(0), 50)
    assert levels.shape == (50, 19, 19)
    assert space.contains_each(levels).all()
    assert (space.features(levels)["walls"] == 0).all()
    assert len(np.unique(space.key(levels))) > 40


def test_a_list_may_hold_suites_mazes_and_random_levels():
    made = make_suite(["dcd-7", "random-solvable-3", "LargeCorridor"], repeats=2)
    assert made.names == tuple(
        name
        for name in (*SUITES["dcd-7"], "random0", "random1", "random2", "LargeCorridor")
        for _ in range(2)
    )
    assert made.name == "maze/dcd-7+random-solvable-3+LargeCorridor_x2"
    assert made.levels.shape == (22, 19, 19)
    random = make_suite("random-solvable-3")
    assert np.array_equal(made.levels[14:20:2, :13, :13], random.levels)
    assert np.array_equal(made.levels[14:20:2], made.levels[15:20:2])
