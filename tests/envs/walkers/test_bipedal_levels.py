"""Bipedal levels as a family: slots on a level's terrain, both simulators, tests, options."""

from __future__ import annotations

import numpy as np
import pytest
from terrain_levels import LEVEL

from teacherstudent.contract.registry import FAMILIES
from teacherstudent.envs.walkers.bipedal_levels import SUITES, TEST_SEEDS, TESTS, levels_of
from teacherstudent.envs.walkers.ground.tracks import LEVELS
from teacherstudent.envs.walkers.slots import WalkerSlots
from teacherstudent.envs.walkers.terrain import TerrainLevels


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


@pytest.mark.parametrize("option", ["start", "embodiment"])
def test_names_that_are_no_texts_are_refused_by_whoever_takes_them(option):
    match = rf"{option}: expected a name, got \['x'\]"
    with pytest.raises(TypeError, match=match):
        FAMILIES.make("bipedal-levels", **{option: ["x"]})


def test_the_number_of_parameters_is_whole_and_solvers_have_names():
    with pytest.raises(ValueError, match=r"parameters: expected a whole number of at least 1, got 5.0"):
        TerrainLevels(parameters=5.0)
    with pytest.raises(TypeError, match=r"start: expected a name, got \['x'\]"):
        TerrainLevels(["x"])
    with pytest.raises(TypeError, match=r"solver: expected a name, got \['x'\]"):
        FAMILIES.make("bipedal-levels", solver=["x"])
    with pytest.raises(TypeError, match=r"solver: expected a name, got \['x'\]"):
        WalkerSlots(2, space=TerrainLevels(), kind=LEVELS, solver=["x"])
