import itertools

import numpy as np
import pytest

from teacherstudent import envs, teachers
from teacherstudent.contract.spaces import Parameters, contains_each
from teacherstudent.envs import toy_grid
from teacherstudent.envs.toy_grid import CompetenceGrid, ToyGrid


def at(*index, cells=10):
    """Return the centre of a cell as a batch of one task."""
    return (np.array([index]) + 0.5) / cells


def visit(grid, index, times):
    return [grid.visit(at(*index, cells=grid.cells))[0] for _ in range(times)]


def reference_visit(competence, index):
    """One episode as the paper's code has it, cell by cell."""
    unlocked = all(i == 0 for i in index)
    for back in itertools.product((0, 1), repeat=len(index)):
        other = tuple(max(0, i - b) for i, b in zip(index, back, strict=True))
        unlocked |= other != tuple(index) and competence[other] >= 75
    if unlocked:
        competence[tuple(index)] = min(100, competence[tuple(index)] + 1)
    return competence[tuple(index)] / 100


def test_competence_by_hand():
    grid = CompetenceGrid(2, 10)
    assert visit(grid, (1, 1), 3) == [0.0, 0.0, 0.0]  # locked
    assert visit(grid, (0, 0), 74)[-1] == 0.74
    assert visit(grid, (1, 1), 1) == [0.0]
    assert visit(grid, (0, 0), 1) == [0.75]  # opens (0, 1), (1, 0) and the diagonal (1, 1)
    assert [visit(grid, cell, 1)[0] for cell in ((0, 1), (1, 0), (1, 1), (2, 0), (2, 1))] == (
        [0.01, 0.01, 0.01, 0.0, 0.0]
    )
    assert grid.mastered() == 0.0  # 75 opens but does not count as mastered
    visit(grid, (0, 0), 1)
    assert grid.mastered() == 0.01
    assert visit(grid, (0, 0), 40)[-1] == 1.0  # 100 is the most
    assert grid.competence[0, 0] == 100


@pytest.mark.parametrize(("dims", "cells"), [(1, 4), (2, 4), (3, 3)])
def test_one_visit_at_a_time_is_the_papers_sequence(dims, cells):
    rng = np.random.default_rng(0)
    grid, competence = CompetenceGrid(dims, cells), np.zeros((cells,) * dims, int)
    for _ in range(2500 * dims):
        task = rng.random((1, dims)) ** 1.5
        expected = reference_visit(competence, tuple((task[0] * cells).astype(int)))
        assert grid.visit(task)[0] == expected
    assert np.array_equal(grid.competence, competence)
    assert (competence > 75).any()


def test_a_batch_counts_row_by_row_but_opens_cells_afterwards():
    grid = CompetenceGrid(1, 10)
    batch = np.array([[0.05]] * 80 + [[0.15]] * 3)
    scores = grid.visit(batch)
    assert scores[:80].tolist() == [i / 100 for i in range(1, 81)]
    assert scores[80:].tolist() == [0.0, 0.0, 0.0]
    mixed = np.array([[0.15], [0.05], [0.15], [0.25], [0.15]])
    assert grid.visit(mixed).tolist() == [0.01, 0.81, 0.02, 0.0, 0.03]
    assert grid.visit(np.array([[0.05]] * 30))[-3:].tolist() == [1.0, 1.0, 1.0]


def test_edges_of_the_space_belong_to_the_outer_cells():
    grid = CompetenceGrid(2, 10)
    assert grid.cell(np.array([[0.0, 0.0], [1.0, 1.0], [0.1, 0.999]])).tolist() == [0, 99, 19]


def test_irrelevant_dimensions_change_nothing():
    family = ToyGrid(dims=2, irrelevant=3)
    assert family.space.shape == (5,)
    rng = np.random.default_rng(0)
    tasks = rng.random((50, 5))
    tasks[:, :2] = 0.05
    assert family.grid().visit(tasks)[-1] == 0.5
    assert family.test_tasks().shape == (100, 5)
    assert family.difficulty_step == (0.1, 0.1, 0.0, 0.0, 0.0)
    assert family.test_set == "toy-grid-2d-plus3-10cells-all"


def test_measuring_does_not_teach():
    grid = CompetenceGrid(2, 10)
    visit(grid, (0, 0), 5)
    assert grid.measure(at(0, 0)).tolist() == [0.05]
    assert grid.measure(at(0, 0)).tolist() == [0.05]
    assert grid.competence.sum() == 5


def test_competence_can_be_put_back():
    grid, other = CompetenceGrid(2, 10), CompetenceGrid(2, 10)
    grid.visit(np.full((76, 2), 0.05))
    grid.visit(np.full((3, 2), 0.15))
    other.competence = grid.competence
    assert np.array_equal(other.open_cells(), grid.open_cells())
    assert other.open_cells().sum() == 4
    assert visit(other, (1, 1), 1) == [0.04]
    other.competence = np.zeros((10, 10), int)
    assert other.open_cells().sum() == 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((9, 10), int), r"expected integers of shape \(10, 10\), got int64 \(9, 10\)"),
        (np.zeros((10, 10)), "expected integers .* got float64"),
        (np.full((10, 10), 101), "expected 0 to 100, got 101 to 101"),
        (np.full((10, 10), -1), "expected 0 to 100, got -1 to -1"),
    ],
)
def test_bad_competence_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        CompetenceGrid(2, 10).competence = values


def test_the_family_is_registered_and_described():
    family = envs.make("toy-grid")
    assert isinstance(family, ToyGrid)
    assert family.space == Parameters(x0=(0, 1), x1=(0, 1))
    assert (family.score_range, family.mastered) == ((0.0, 1.0), 0.75)
    assert family.test_set == "toy-grid-2d-10cells-all"
    tests = family.test_tasks()
    assert tests.shape == (100, 2)
    assert tests[[0, 1, 10, 99]] == pytest.approx(np.array([[5, 5], [5, 15], [15, 5], [95, 95]]) / 100)


def test_large_grids_are_tested_on_a_fixed_draw_of_centres():
    family = ToyGrid(dims=3, cells=30)
    tests = family.test_tasks()
    assert tests.shape == (10_000, 3)
    assert len(np.unique(family.grid().cell(tests))) == 10_000
    assert contains_each(family.space, tests).all()
    assert np.array_equal(tests, ToyGrid(dims=3, cells=30).test_tasks())
    assert family.test_set == "toy-grid-3d-30cells-10000-seed4222"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dims": 0}, "dims: expected 1 to 10, got 0"),
        ({"dims": 11}, "dims: expected 1 to 10, got 11"),
        ({"cells": 1}, "cells: expected 2 to .*, got 1"),
        ({"irrelevant": -1}, "irrelevant: expected 0 to 1000, got -1"),
        ({"dims": 8, "cells": 10}, r"at most 10000000 cells, got 10\^8"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ToyGrid(**options)


def test_random_masters_about_four_per_cent_of_the_cells():
    space = ToyGrid().space
    shares = [toy_grid.run(teachers.make("random", space, seed=s)) for s in range(2)]
    assert 0.02 <= np.mean(shares) <= 0.06


def test_riac_masters_far_more_than_random_also_in_batches():
    shares = [toy_grid.run(teachers.make("riac", ToyGrid().space, seed=0), batch=b) for b in (1, 16)]
    assert min(shares) > 0.3


def test_the_whole_grid_can_be_mastered_in_7600_visits():
    grid = CompetenceGrid(2, 10)
    for index in itertools.product(range(10), repeat=2):
        visit(grid, index, 76)
    assert grid.mastered() == 1.0


def test_run_refuses_what_it_cannot_run():
    with pytest.raises(ValueError, match=r"expected a teacher on Parameters.*x1.* got one on Parameters.*x0"):
        toy_grid.run(teachers.make("random", ToyGrid(dims=3).space, seed=0))
    teacher = teachers.make("random", ToyGrid().space, seed=0)
    with pytest.raises(ValueError, match="expected episodes >= 1 and batch >= 1, got 0 and 1"):
        toy_grid.run(teacher, episodes=0)


def test_run_asks_for_exactly_the_episodes():
    teacher = teachers.make("random", ToyGrid(dims=3).space, seed=0)
    toy_grid.run(teacher, episodes=103, batch=10, family=ToyGrid(dims=3))
    assert teacher.state_dict()["ids"]["next"] == 103
    assert teacher.outstanding.size == 0
