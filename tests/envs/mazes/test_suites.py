"""Which mazes are tested."""

from __future__ import annotations

import numpy as np
import pytest

from teacherstudent.envs.mazes.solver import shortest_paths
from teacherstudent.envs.mazes.space import MazeLevels
from teacherstudent.envs.mazes.suites import SUITES, make_suite


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
