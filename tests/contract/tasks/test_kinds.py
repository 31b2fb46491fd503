import gymnasium as gym
import numpy as np
import pytest
from even_levels import Even
from gymnasium.spaces import Dict, MultiBinary

from teacherstudent import spaces
from teacherstudent.contract.spaces import Box, Discrete, Parameters
from teacherstudent.envs.mazes.space import MazeLevels
from teacherstudent.envs.walkers.terrain import TerrainLevels
from teacherstudent.recording.disk import plain
from teacherstudent.teachers.random import UniformTeacher
from teacherstudent.testing import check_teacher

NAMED = Parameters(height=(0, 3), spacing=(-2, 6))


def test_check_space_names_the_dimension():
    for space in (NAMED, Box(-1, 1, (2, 2)), Discrete(1), Even()):
        spaces.check_space(space)
    with pytest.raises(ValueError, match=r"x1: expected finite low < high, got \(2.0, 2.0\)"):
        spaces.check_space(Box(np.array([0.0, 2.0]), np.array([1.0, 2.0]), dtype=np.float64))
    with pytest.raises(ValueError, match=r"x0: expected finite low < high, got \(-inf, inf\)"):
        spaces.check_space(Box(-np.inf, np.inf, (1,)))
    with pytest.raises(ValueError, match="expected at least one dimension, got Box"):
        spaces.check_space(Box(0, 1, (0,)))
    with pytest.raises(TypeError, match="expected Box, Parameters, Discrete or Levels, got Dict"):
        spaces.check_space(Dict({"x": Discrete(2)}))


def test_dimension_names():
    assert spaces.dimension_names(NAMED) == ("height", "spacing")
    assert spaces.dimension_names(Box(0, 1, (2, 2))) == ("x0", "x1", "x2", "x3")
    assert spaces.dimension_names(Discrete(4)) == ("task",)


@pytest.mark.parametrize(
    "space", [NAMED, Box(-1, 1, (2, 3), np.float32), Box(-3, 3, (2,), np.int64), Discrete(4, start=2), Even()]
)
def test_samples_lie_in_the_space(space):
    rng = np.random.default_rng(0)
    tasks = spaces.sample(space, rng, 500)
    assert tasks.shape == (500, *space.shape)
    assert tasks.dtype == space.dtype
    assert spaces.contains_each(space, tasks).all()
    assert space.contains(tasks[0])
    assert np.array_equal(tasks, spaces.sample(space, np.random.default_rng(0), 500))
    assert len(np.unique(tasks, axis=0)) > 3
    assert spaces.check_tasks(space, tasks, "here") is tasks


def test_whole_numbers_are_drawn_equally_often():
    space = Box(np.array([0, -1]), np.array([2, 1]), dtype=np.int64)
    drawn = spaces.sample(space, np.random.default_rng(0), 30_000)
    for column, first in ((0, 0), (1, -1)):
        counts = np.bincount(drawn[:, column] - first, minlength=3)
        assert counts.shape == (3,)
        assert np.abs(counts - 10_000).max() < 500


WHOLE = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")


@pytest.mark.parametrize("name", WHOLE)
def test_the_ends_of_every_whole_type_hold(name):
    info = np.iinfo(name)
    low, high = (np.array([end], name) for end in (info.min, info.max))
    space = Box(low, high, dtype=np.dtype(name))
    beyond = np.array([[-np.inf], [-1e300], [-0.05], [0.0], [1.0], [1.05], [1e300], [np.inf]])
    with np.errstate(all="raise"):
        tasks = spaces.from_unit(space, beyond)
        assert tasks.ravel().tolist() == [info.min] * 4 + [info.max] * 4
        assert spaces.from_flat(space, beyond[[0, -1]]).ravel().tolist() == [info.min, info.max]
    assert tasks.dtype == space.dtype
    assert spaces.check_tasks(space, tasks, "here") is tasks
    assert spaces.from_unit(space, spaces.to_unit(space, tasks)).tolist() == tasks.tolist()
    drawn = spaces.sample(space, np.random.default_rng(0), 100)
    assert drawn.dtype == space.dtype
    assert len(np.unique(drawn)) > 50
    for outside in (
        np.nextafter(float(info.max), np.inf),
        float(info.max) + 1,
        np.nextafter(float(info.min), -1e300),
    ):
        if not info.min <= int(outside) <= info.max:
            with pytest.raises(ValueError, match=r"row 1: expected a task in|expected whole numbers"):
                spaces.check_tasks(space, np.array([[0.0], [outside]]), "here")


def test_truth_values_are_whole_numbers():
    space = Box(np.zeros(2, bool), np.ones(2, bool), dtype=bool)
    grid = np.repeat((np.arange(100)[:, None] + 0.5) / 100, 2, axis=1)
    assert spaces.from_unit(space, grid).sum(axis=0).tolist() == [50, 50]
    drawn = spaces.sample(space, np.random.default_rng(0), 4000)
    assert drawn.dtype == bool
    assert np.abs(drawn.mean(axis=0) - 0.5).max() < 0.05
    np.testing.assert_array_equal(spaces.to_unit(space, [[False, True]]), [[0.25, 0.75]])
    with pytest.raises(ValueError, match="expected whole numbers"):
        spaces.check_tasks(space, [[0.5, 0.0]], "here")


def test_discrete_tasks_at_the_end_of_their_type():
    space = Discrete(5, start=2**63 - 5)
    drawn = spaces.sample(space, np.random.default_rng(0), 200)
    assert set(drawn.tolist()) == set(range(2**63 - 5, 2**63))
    assert spaces.contains_each(space, drawn).all()
    for bad in (np.array([2**63], np.uint64), [float(2**63)], [2**63 - 6]):
        with pytest.raises(ValueError, match="row 0: expected a task"):
            spaces.check_tasks(space, bad, "here")


def test_ranges_beyond_float64_are_refused():
    with pytest.raises(
        ValueError, match=r"task space: x1: expected high - low within float64 .*, got \(-1.5e\+308"
    ):
        spaces.check_space(Box(np.array([0, -1.5e308]), np.array([1, 1.5e308]), dtype=np.float64))
    with pytest.raises(ValueError, match=r"Parameters: wide: expected high - low within float64"):
        Parameters(narrow=(0, 1), wide=(-1.7e308, 1.7e308))
    widest = Parameters(x=(-8e307, 8e307))
    tasks = spaces.sample(widest, np.random.default_rng(0), 100)
    assert np.isfinite(spaces.to_unit(widest, tasks)).all()
    assert np.abs(tasks).max() > 4e307
    assert spaces.from_unit(widest, np.array([[-9.0], [9.0]])).ravel().tolist() == [-8e307, 8e307]


def test_samples_of_an_unknown_space_are_refused():
    for function in (lambda: spaces.sample(MultiBinary(3), np.random.default_rng(0), 1),):
        with pytest.raises(TypeError, match="expected Box, Parameters, Discrete or Levels, got MultiBinary"):
            function()
    with pytest.raises(TypeError, match="got MultiBinary"):
        spaces.contains_each(MultiBinary(3), np.zeros((1, 3)))


@pytest.mark.parametrize(
    ("space", "tasks", "message"),
    [
        (NAMED, np.zeros((3, 3)), r"here: expected tasks of shape \(n, 2\), got \(3, 3\)"),
        (NAMED, np.zeros(2), r"expected tasks of shape \(n, 2\), got \(2,\)"),
        (NAMED, 1.0, r"got \(\)"),
        (Discrete(3), np.zeros((2, 1)), r"expected tasks of shape \(n, \), got \(2, 1\)"),
        (NAMED, [[0.0, 0.0], [0.0, 7.0]], r"row 1: expected a task in Parameters.*, got \[0.0, 7.0\]"),
        (NAMED, [[np.nan, 0.0]], r"row 0: expected a task in .*, got \[nan, 0.0\]"),
        (NAMED, [[0.0, -np.inf]], r"row 0: expected a task in .*, got \[0.0, -inf\]"),
        (NAMED, [["a", "b"]], "expected numeric tasks, got dtype"),
        (Discrete(3), [0, 3], r"row 1: expected a task in Discrete\(3\), got 3"),
        (Discrete(3, start=1), [0], "row 0: expected a task"),
        (Discrete(3), [0.5], "expected whole numbers as tasks of Discrete"),
        (Discrete(3), [np.nan], "expected whole numbers as tasks of Discrete"),
        (Box(0, 5, (1,), np.int64), [[1.5]], "expected whole numbers as tasks of Box"),
        (Even(), [[1, 2, 4]], "row 0: expected a task in .*Even"),
        (Even(), [[1.0, 2.5, 1.0]], "expected whole numbers"),
    ],
)
def test_bad_tasks_are_refused(space, tasks, message):
    with pytest.raises(ValueError, match=message):
        spaces.check_tasks(space, tasks, "here")


def test_good_tasks_take_the_dtype_of_the_space():
    assert spaces.check_tasks(NAMED, [[1, 2]], "here").dtype == np.float64
    assert spaces.check_tasks(Discrete(3), [1.0, 2.0], "here").dtype == np.int64
    assert spaces.check_tasks(NAMED, np.zeros((0, 2)), "here").shape == (0, 2)


def test_descriptions_tell_spaces_apart():
    described = [
        spaces.describe(space)
        for space in (
            NAMED,
            Parameters(height=(0, 3), gap=(-2, 6)),
            Box(NAMED.low, NAMED.high, dtype=np.float64),
            Box(NAMED.low.astype(np.float32), NAMED.high.astype(np.float32)),
            Box(0, 1, (4,)),
            Box(0, 1, (2, 2)),
            Discrete(3),
            Discrete(3, start=1),
            Even(),
            Even(top=5),
            MazeLevels(),
            MazeLevels(size=9),
            MazeLevels(n_walls=25),
            MazeLevels(generator="uniform-count"),
            MazeLevels(solvable=True),
            MazeLevels(edits="dcd"),
            TerrainLevels(),
            TerrainLevels(start="easy"),
            TerrainLevels(parameters=5),
        )
    ]
    assert all(a != b for i, a in enumerate(described) for b in described[:i])
    assert [each["options"] for each in described[8:10]] == [{"top": 9}, {"top": 5}]
    assert plain.to_plain(described) == described
    assert spaces.describe(MazeLevels()) == spaces.describe(MazeLevels(n_walls=60))
    assert spaces.describe(NAMED) == spaces.describe(Parameters(height=(0, 3), spacing=(-2, 6)))


def test_no_row_at_all_and_rows_of_different_lengths():
    """A round in which nothing finished is told too, and its floats may be of any space."""
    for space in (spaces.Box(0, 3, (2,), np.int8), spaces.Discrete(3)):
        none = spaces.check_tasks(space, np.zeros((0, *space.shape)), "here")
        assert none.shape == (0, *space.shape)
        assert none.dtype == space.dtype
    with pytest.raises(ValueError, match=r"here: expected tasks of shape \(n, 2\), got \[\[1\], \[2, 3\]\]"):
        spaces.check_tasks(spaces.Box(0, 3, (2,), np.int8), [[1], [2, 3]], "here")


class Words(gym.Space):
    """Words of two letters: neither a box, nor discrete, nor levels."""

    def __init__(self):
        super().__init__((2,), np.int8)

    def draw(self, rng, n):
        return rng.integers(0, 26, (n, 2), dtype=np.int8)

    def contains_each(self, tasks):
        return ((tasks >= 0) & (tasks < 26)).all(axis=1)

    def key(self, tasks):
        return tasks.astype(np.int64) @ np.array([1, 26])

    def describe(self):
        return {"letters": 26}


def test_a_space_may_know_its_tasks_itself():
    space = Words()
    spaces.check_space(space)
    assert spaces.describe(space) == {"kind": "Words", "letters": 26}
    tasks = spaces.sample(space, np.random.default_rng(0), 50)
    assert spaces.check_tasks(space, tasks, "here") is tasks
    assert spaces.keys(space, np.array([[1, 2]], np.int8)).tolist() == [53]
    assert np.array_equal(tasks, spaces.sample_simple(space, np.random.default_rng(0), 50))
    with pytest.raises(ValueError, match=r"row 1: expected a task in .*, got \[0, 26\]"):
        spaces.check_tasks(space, [[0, 0], [0, 26]], "here")

    class Reads(UniformTeacher):
        accepts = (spaces.OwnTasks,)

    check_teacher(lambda seed: Reads(space, seed=seed), episodes=40)
    with pytest.raises(TypeError, match="expected a space of type OwnTasks, got Discrete"):
        Reads(Discrete(3), seed=0)


def test_numbers_are_those_of_a_list():
    assert spaces.numbers(Discrete(3, start=-2)) == range(-2, 1)
    assert list(spaces.numbers(spaces.Listed(["a", "b"]))) == [0, 1]
    for space in (NAMED, Even()):
        assert spaces.numbers(space) is None


def test_ends_are_tasks_of_the_space():
    for space, expected in (
        (NAMED, [[0, -2], [3, 6]]),
        (Box(-3, 3, (2,), np.int64), [[-3, -3], [3, 3]]),
        (Discrete(4, start=2), [2, 5]),
    ):
        low, high = spaces.ends(space)
        assert [low.tolist(), high.tolist()] == expected
        assert low.dtype == high.dtype == space.dtype
        assert spaces.contains_each(space, np.stack([low, high])).all()
    assert spaces.ends(Even()) is None


def test_ranges_are_of_named_parameters():
    assert spaces.ranges(NAMED) == {"height": (0.0, 3.0), "spacing": (-2.0, 6.0)}
    for space in (Box(0, 1, (2,)), Discrete(2), Even()):
        assert spaces.ranges(space) == {}


def test_a_box_is_asked_for_by_what_it_is():
    plain_box = Box(0, 1, (2,))
    assert spaces.box_of(NAMED) is spaces.as_box(NAMED, "x") is spaces.as_parameters(NAMED, "x") is NAMED
    assert spaces.box_of(plain_box) is spaces.as_box(plain_box, "x") is plain_box
    assert spaces.box_of(Discrete(2)) is None
    with pytest.raises(TypeError, match=r"here: expected a space of type Box, got Discrete\(2\)"):
        spaces.as_box(Discrete(2), "here")
    with pytest.raises(TypeError, match=r"here: expected a space of type Parameters, got Box"):
        spaces.as_parameters(plain_box, "here")


def test_the_simplest_levels_are_the_space_s_own():
    rng = np.random.default_rng(0)
    maze = MazeLevels()
    # Of a maze the simplest levels have no walls.
    assert np.array_equal(spaces.sample_simple(maze, rng, 3), maze.draw_simple(np.random.default_rng(0), 3))
    assert spaces.sample_simple(NAMED, rng, 3).shape == (3, 2)


@pytest.mark.parametrize(
    "space",
    [
        NAMED,
        Parameters(
            friction=spaces.log(0.1, 10),
            legs=spaces.whole(2, 6),
            ground=spaces.choice("grass", "ice"),
            x=(0, 1),
        ),
        Box(-1, 1, (2, 3), np.float32),
        Box(0, 7, (2,), np.uint8),
        Discrete(4, start=2),
        spaces.Listed(["a", "b"]),
    ],
)
def test_a_description_leads_back_to_the_space(space):
    assert spaces.rebuilt(spaces.describe(space)) == space


@pytest.mark.parametrize(
    "description",
    [
        {},
        {"kind": "Even"},
        {"kind": "Discrete", "n": -1, "start": 0},
        {"kind": "Discrete", "n": 3, "start": 0, "more": 1},
        {"kind": "Box", "names": ["x0"], "low": [0], "high": [1], "shape": [2], "dtype": "float32"},
        {"kind": "Box", "names": ["x0"], "low": [0], "high": [1], "shape": [1], "dtype": "no such"},
        {"kind": "Parameters", "names": ["self"], "low": [0], "high": [1], "shape": [1], "dtype": "float64"},
        {
            "kind": "Parameters",
            "names": ["a", "b"],
            "low": [0],
            "high": [1],
            "shape": [1],
            "dtype": "float64",
        },
    ],
)
def test_what_describes_no_space_leads_to_none(description):
    assert spaces.rebuilt(description) is None
    assert spaces.rebuilt(spaces.describe(Even())) is None
    assert spaces.rebuilt(spaces.describe(spaces.Examples(3, {"x": np.arange(3)}))) is None
