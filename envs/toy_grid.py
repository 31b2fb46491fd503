"""A grid of cells that can be learnt once a neighbour is mastered: a test of teachers, without training."""

from __future__ import annotations

import itertools
from typing import Any

import gymnasium as gym
import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import is_whole
from teacherstudent.contract.family import Family
from teacherstudent.contract.registry import FAMILIES
from teacherstudent.contract.spaces import Parameters
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Array, BoolArray, FloatArray, IntArray, Outcomes

FULL = 100
MASTERED = 75
"""Highest competence of a cell, and the competence that opens its successors."""
MOST_CELLS = 10_000_000
MOST_TESTS = 10_000
TEST_SEED = 4222


@FAMILIES.register("toy-grid")
class ToyGrid(Family):
    """Grid of cells to be mastered one after the other, from one corner on; no environment, no network.

    The toy space of Portelas et al. 2019, https://arxiv.org/abs/1910.07224. Tasks are points of the unit
    cube, cut into ``cells`` cells in each of ``dims`` dimensions; `CompetenceGrid` says what an episode does.
    A task's score is its cell's competence after the episode, from 0 to 1; above 0.75 it counts as mastered.

    Test tasks are the centres of all cells (irrelevant dimensions at 0.5), or, where there are more than
    10 000 cells, those of 10 000 cells drawn once and for all with seed 4222.

    Args:
        dims: dimensions of the grid, 1 to 10.
        cells: cells in each dimension, at least 2.
        irrelevant: further dimensions of a task that change nothing.

    Raises:
        ValueError: if an option is out of range or the grid has more than 10 million cells.
    """

    def __init__(self, dims: int = 2, cells: int = 10, irrelevant: int = 0) -> None:
        for name, value, least, most in (
            ("dims", dims, 1, 10),
            ("cells", cells, 2, MOST_CELLS),
            ("irrelevant", irrelevant, 0, 1000),
        ):
            whole = is_whole(value)
            if not (whole and least <= value <= most):
                raise ValueError(f"toy-grid: {name}: expected {least} to {most}, got {value!r}")
        if cells**dims > MOST_CELLS:
            raise ValueError(f"toy-grid: expected at most {MOST_CELLS} cells, got {cells}^{dims}")
        self.dims = dims
        self.cells = cells
        self.irrelevant = irrelevant
        names = [f"x{i}" for i in range(dims)] + [f"irrelevant{i}" for i in range(irrelevant)]
        self.space: gym.Space[Any] = Parameters(**dict.fromkeys(names, (0.0, 1.0)))
        self.score_range = (0.0, 1.0)
        self.cost_unit = "episodes"
        self.usual_student = "competence"
        self.mastered: float = MASTERED / FULL
        # An irrelevant dimension makes no task harder.
        self.difficulty_step = (1 / cells,) * dims + (0.0,) * irrelevant
        tests = "all"
        if cells**dims > MOST_TESTS:
            tests = f"{MOST_TESTS}-seed{TEST_SEED}"
        extra = ""
        if irrelevant:
            extra = f"-plus{irrelevant}"
        self.test_set = f"toy-grid-{dims}d{extra}-{cells}cells-{tests}"

    def test_tasks(self) -> FloatArray:
        """Return the cells' centres, ``(m, dims + irrelevant)``."""
        total = self.cells**self.dims
        chosen = np.arange(total)
        if total > MOST_TESTS:
            # A generator of its own, so that the tests are the same in every process.
            chosen = np.random.Generator(np.random.PCG64(TEST_SEED)).choice(total, MOST_TESTS, replace=False)
        # One index for each dimension; a centre lies half a cell further.
        index = np.stack(np.unravel_index(chosen, (self.cells,) * self.dims), axis=1)
        return np.hstack([(index + 0.5) / self.cells, np.full((len(index), self.irrelevant), 0.5)])

    def grid(self) -> CompetenceGrid:
        """Return a grid on which nothing is learnt yet."""
        return CompetenceGrid(self.dims, self.cells)


class CompetenceGrid:
    """What a learner can do in each cell, 0 to 100, and how visits change it.

    A visit adds 1 to the competence of its cell, up to 100, if the cell is open: the cell at the origin, and
    any cell with another one whose indices are each equal or one lower (diagonals count) at 75 or more.

    A batch stands for episodes that run at the same time: cells that the batch opens are open from the next
    batch on; apart from that its rows count one after the other. A batch of one is the paper's sequence.

    Args:
        dims: dimensions of the grid; further coordinates of a task are ignored.
        cells: cells in each dimension.
    """

    def __init__(self, dims: int, cells: int) -> None:
        self.dims = dims
        self.cells = cells
        self._shape = (cells,) * dims
        self._competence = np.zeros(cells**dims, np.int64)
        self._open = np.zeros(cells**dims, np.bool_)
        self._open[0] = True
        # Every move by 0 or 1 in each dimension but the one that stays: diagonals count.
        self._ahead = np.array(list(itertools.product((0, 1), repeat=dims))[1:])

    @property
    def competence(self) -> IntArray:
        """The competence of every cell, shape ``(cells,) * dims``; a copy."""
        return self._competence.reshape(self._shape).copy()

    @competence.setter
    def competence(self, values: IntArray) -> None:
        values = np.asarray(values)
        if values.shape != self._shape or values.dtype.kind not in "iu":
            raise ValueError(
                f"competence: expected integers of shape {self._shape}, got {values.dtype} {values.shape}"
            )
        if values.min() < 0 or values.max() > FULL:
            raise ValueError(f"competence: expected 0 to {FULL}, got {values.min()} to {values.max()}")
        self._competence = values.astype(np.int64).ravel()
        # Which cells are open follows from the competence: start again from the origin.
        self._open[:] = False
        self._open[0] = True
        self._unlock(np.flatnonzero(self._competence >= MASTERED))

    def cell(self, tasks: Array) -> IntArray:
        """Return the flat cell index of each of ``(n, >= dims)`` tasks in the unit cube."""
        # A coordinate of exactly 1 belongs to the last cell.
        index = np.minimum((tasks[:, : self.dims] * self.cells).astype(np.int64), self.cells - 1)
        flat: IntArray = index[:, 0]
        # Row by row, as np.ravel_multi_index counts.
        for i in range(1, self.dims):
            flat = flat * self.cells + index[:, i]
        return flat

    def visit(self, tasks: Array) -> FloatArray:
        """Run an episode on each task, all at the same time, and return the scores ``(n,)``."""
        cell = self.cell(tasks)
        before = self._competence[cell]
        # Rows of one batch on the same cell count one after the other: the k-th one finds k visits before it.
        gain = np.where(self._open[cell], 1 + _earlier(cell), 0)
        after = np.minimum(before + gain, FULL)
        # Of several rows on a cell the last one has counted most, and stays.
        np.maximum.at(self._competence, cell, after)
        # Only a cell that crosses the line now opens others: cells above it have done so.
        crossed = cell[(before < MASTERED) & (after >= MASTERED)]
        if crossed.size:
            self._unlock(crossed)
        return np.asarray(after / FULL)

    def measure(self, tasks: Array) -> FloatArray:
        """Return the scores ``(n,)`` that the tasks would have, without learning."""
        return np.asarray(self._competence[self.cell(tasks)] / FULL)

    def mastered(self) -> float:
        """Return the share of cells with a competence above 75."""
        return float(np.mean(self._competence > MASTERED))

    def open_cells(self) -> BoolArray:
        """Return which cells can be learnt, shape ``(cells,) * dims``."""
        return self._open.reshape(self._shape).copy()

    def _unlock(self, cells: IntArray) -> None:
        """Open what lies one ahead of the given cells, in any of the dimensions."""
        if cells.size:
            index = np.stack(np.unravel_index(cells, self._shape), axis=1)
            ahead = (index[:, None] + self._ahead).reshape(-1, self.dims)
            # Moves beyond the border lead nowhere.
            ahead = ahead[(ahead < self.cells).all(axis=1)]
            self._open[np.ravel_multi_index(tuple(ahead.T), self._shape)] = True


def _earlier(cell: IntArray) -> IntArray:
    """Return how many earlier rows have the same value."""
    if len(cell) == 1:
        return np.zeros(1, np.int64)
    # A stable sort keeps rows of one cell in their order: within its run, a row's place is what is wanted.
    order = np.argsort(cell, kind="stable")
    ordered = cell[order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    run = np.diff(np.r_[first, len(cell)])
    count = np.empty_like(cell)
    count[order] = np.arange(len(cell)) - np.repeat(first, run)
    return count


def run(
    teacher: Teacher[Any], episodes: int = 20_000, batch: int = 1, *, family: ToyGrid | None = None
) -> float:
    """Let a teacher teach a fresh grid and return the share of cells mastered.

    Args:
        teacher: a teacher on the family's space.
        episodes: how many in all.
        batch: tasks asked for, visited and told at a time (see `CompetenceGrid`); 1 is the paper's sequence.
        family: the grid; None is 2-D with 10 cells in each dimension.

    Raises:
        ValueError: if a number is below 1, or the teacher's space is not the family's.
    """
    family = family or ToyGrid()
    if episodes < 1 or batch < 1:
        raise ValueError(f"run: expected episodes >= 1 and batch >= 1, got {episodes} and {batch}")
    if spaces.describe(teacher.space) != spaces.describe(family.space):
        raise ValueError(f"run: expected a teacher on {family.space}, got one on {teacher.space}")
    grid = family.grid()
    done = 0
    while done < episodes:
        # The last batch may be smaller: no episode more than asked for.
        assignment = teacher.ask(min(batch, episodes - done), progress=done / episodes)
        score = grid.visit(assignment.tasks)
        teacher.tell(
            Outcomes(ids=assignment.ids, tasks=assignment.tasks, score=score, cost=np.ones(len(score)))
        )
        done += len(score)
    return grid.mastered()
