"""Goals in a maze, of which most are out of reach: where random tasks fail and a curriculum wins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import VectorEnv
from scipy.stats import qmc

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_flag, check_one_of, check_real, check_whole, is_one_of
from teacherstudent.contract.family import RLFamily
from teacherstudent.contract.registry import FAMILIES
from teacherstudent.contract.types import Array, BoolArray, FloatArray, IntArray
from teacherstudent.envs.goals.kernels import World
from teacherstudent.envs.goals.layouts import Layout, check_cells, distances, make_layout
from teacherstudent.envs.goals.slots import GoalMazeEnv, PointSlots
from teacherstudent.slots.processes.slots import SnapshotProcessSlots
from teacherstudent.slots.requests import check_slots
from teacherstudent.slots.tensor_envs import TensorEnvs

LEAST_STEPS: Final = 100
STEPS_PER_CELL: Final = 4
"""Twice what a straight way takes."""
LEAST_TOLERANCE: Final = 0.25
EASY_CELLS: Final = 2
"""As far from the start as an easy goal is."""
BORDER: Final = 0.25
"""How wide the border is drawn, in cells."""
_COUNTED: Final = 2**14


@FAMILIES.register("goal-maze")
class GoalMaze(RLFamily):
    """A point looks for a goal in a maze; the reward is at the goal alone, and most goals are out of reach.

    A task is a goal (x, y), in cells, y upwards, in a box that reaches ``margin`` cells beyond the maze on
    every side. The point moves by half a cell at most along x and along y. Goals outside the maze or in its
    walls are never reached: with the four rooms of 11 x 11 cells and a margin of 10 these are 89 of 100 tasks
    (`feasible_share`). A policy that is trained on uniform tasks meets a reward in few episodes; a teacher
    that finds the goals within reach, near ones first, makes the difference.

    Tests are the centres of all free cells, from the starts that the layout has.

    Attributes:
        test_actions: sampled; a greedy policy that still explores with a large deviation says little.

    Args:
        layout: ``"rooms"`` (four, joined by doors), ``"corridor"`` (rows joined alternately at the ends),
            ``"spiral"``; or lines of a text, the topmost first: ``#`` walls, ``.`` free, ``S`` free starts.
        size: cells along a side, or along x and y; a text has its own.
        margin: how far the box of goals reaches beyond the maze, in cells.
        start: ``"layout"`` for where the layout says (the lower left corner; a text's ``S``), ``"anywhere"``
            for any free cell, a list of cells (x, y), or ``"task"``: tasks have ``start_x`` and ``start_y``,
            anywhere in the maze. A start in a wall is never left, so that such a task cannot be solved.
            Points start up to 0.1 from the middle of their cell, along x and y; exactly where a task says.
        walls: ``"clean"``, or ``"touch"``: goals in walls and outside are reached from beside them, within
            the radius. Such goals are a trap for teachers that follow learning progress, since success there
            stays a matter of chance.
        tolerance: whether tasks have a ``tolerance``: how near counts.
        radius: how near counts, in cells, if the task does not say so.
        max_steps: cap that truncates an episode; None for 100, or for four steps for each cell of the
            longest way if that is more.

    Raises:
        ValueError: if an option is not one of these, or a number is out of range.
    """

    test_actions = "sampled"
    mastered = 0.5
    score_range = (0.0, 1.0)
    space: spaces.Parameters

    def __init__(
        self,
        *,
        layout: str | Sequence[str] = "rooms",
        size: int | tuple[int, int] = 11,
        margin: float = 10.0,
        start: str | Sequence[tuple[int, int]] = "layout",
        walls: Literal["clean", "touch"] = "clean",
        tolerance: bool = False,
        radius: float = 0.5,
        max_steps: int | None = None,
    ) -> None:
        check_one_of("walls", walls, ("clean", "touch"))
        self.layout: Layout = make_layout(layout, size)
        self.space = _space(
            self.layout, margin, check_flag("tolerance", tolerance), is_one_of(start, ["task"])
        )
        self._starts = _starts(self.layout, start)
        self.radius = check_real("radius", radius, 0.0, 1e3, above=True)
        steps = self._usual_steps() if max_steps is None else check_whole("max_steps", max_steps, most=2**31)
        height, width = self.layout.free.shape
        names = list(self.space.names)
        # In cells, centres are half a cell further than corners.
        centres = (self._starts + 0.5).astype(np.float32)
        self._world = World(
            free=self.layout.free.astype(np.uint8),
            starts=centres,
            scale=np.array([2 / width, 2 / height], np.float32),
            radius=np.float32(self.radius),
            tolerance_at=names.index("tolerance") if tolerance else -1,
            start_at=names.index("start_x") if "start_x" in names else -1,
            touch=walls == "touch",
            limit=steps,
        )
        self.max_steps = steps
        self.test_set = f"goal-maze/{self.layout.name}-{len(self.free_cells)}cells"

    @property
    def free_cells(self) -> IntArray:
        """The free cells, ``(k, 2)``: x and y."""
        return np.argwhere(self.layout.free)[:, ::-1].astype(np.int64)

    @property
    def feasible_share(self) -> float:
        """The share of the box of tasks that can be solved, given time; exact for clean walls.

        Else it is counted at 16 384 points of a Sobol sequence.
        """
        if self._world.touch:
            points = qmc.Sobol(len(self.space.names), scramble=False).random(_COUNTED)
            return float(self.feasible(spaces.from_unit(self.space, points)).mean())
        sides = (self.space.high - self.space.low)[:2]
        share = len(self.free_cells) / float(sides.prod())
        # The start has to be in a free cell of the maze as well.
        if self._world.start_at >= 0:
            share *= float(self.layout.free.mean())
        return share

    def feasible(self, tasks: Array) -> BoolArray:
        """Return ``(n,)`` bool: which of ``(n, *space.shape)`` tasks can be solved, given time."""
        # Kernels look at float32, so a place close to a wall is on the same side here.
        places = np.asarray(tasks).astype(np.float32)
        found = self._open(places[:, :2])
        if self._world.touch:
            near = np.full(len(places), self._world.radius)
            if self._world.tolerance_at >= 0:
                near = places[:, self._world.tolerance_at]
            found = found | (self._distance(places[:, :2]) < near)
        if self._world.start_at >= 0:
            found = found & self._open(places[:, self._world.start_at :][:, :2])
        return found

    def test_tasks(self) -> FloatArray:
        """Return the centres of all free cells, ``(m, *space.shape)``, from the layout's first start."""
        goals = self.free_cells + 0.5
        return self._tasks(goals, np.repeat(self.layout.starts[:1], len(goals), axis=0) + 0.5)

    def target(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Return ``(n, *space.shape)`` tasks: goals anywhere in the free cells, as the tests."""
        goals = _inside(rng, self.free_cells, n)
        return self._tasks(goals, np.repeat(self.layout.starts[:1], n, axis=0) + 0.5)

    def easy(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Return ``(n, *space.shape)`` tasks: goals in free cells, two cells from a start at most."""
        way = distances(self.layout.free, self._starts)
        near = np.argwhere((way >= 0) & (way <= EASY_CELLS))[:, ::-1]
        goals = _inside(rng, near, n)
        return self._tasks(goals, np.repeat(self.layout.starts[:1], n, axis=0) + 0.5)

    def outline(self) -> FloatArray:
        """Return the walls, ``(k, 4)``: x and y of the lower left corner, width and height.

        The last four are the border, as strips a quarter of a cell wide.
        """
        walls = np.argwhere(~self.layout.free)[:, ::-1]
        cells = np.hstack([walls, np.ones_like(walls)])
        height, width = self.layout.free.shape
        # The strips below and above are longer than the maze, so that they fill the corners.
        long = width + 2 * BORDER
        border = [
            (-BORDER, -BORDER, long, BORDER),
            (-BORDER, height, long, BORDER),
            (-BORDER, 0, BORDER, height),
            (width, 0, BORDER, height),
        ]
        return np.concatenate([cells, border], dtype=np.float64)

    def make_vec(self, n: int, *, processes: int = 1) -> VectorEnv[Any, Any, Any]:
        """Return ``n`` slots stepped as one batch, or as one batch in each of ``processes`` processes.

        Raises:
            ValueError: if there is no slot, or fewer slots than processes.
        """
        check_slots(n, processes)
        if processes == 1:
            return self._part(n)
        return SnapshotProcessSlots(self._part, n, processes=processes, space=self.space)

    def make_env(self, *, render_mode: str | None = None) -> gym.Env[Any, Any]:
        """Return one maze; its cap on steps is a part of it."""
        return GoalMazeEnv(render_mode=render_mode, space=self.space, world=self._world)

    def make_tensors(self, n: int, device: torch.device) -> TensorEnvs | None:
        """Return ``n`` slots on a GPU, stepped there; needs the package numba-cuda.

        Raises:
            ImportError: if the package is missing.
            ValueError: if there is no slot, or the device is of another type.
        """
        from teacherstudent.envs.goals.cuda import CudaPoints  # only where there is a GPU

        return CudaPoints(n, device=device, space=self.space, world=self._world)

    def _part(self, n: int, *, first_slot: int = 0) -> PointSlots:
        # Slots with seeds of their own need not know which number they have among all processes.
        del first_slot
        return PointSlots(n, space=self.space, world=self._world)

    def _usual_steps(self) -> int:
        longest = int(distances(self.layout.free, self.layout.starts).max())
        return max(LEAST_STEPS, STEPS_PER_CELL * longest)

    def _tasks(self, goals: Array, starts: Array) -> FloatArray:
        """Return tasks with these goals, and with these starts where tasks have starts, ``(n, 2)`` each."""
        parts = [goals]
        if self._world.tolerance_at >= 0:
            parts.append(np.full((len(goals), 1), max(self.radius, LEAST_TOLERANCE)))
        if self._world.start_at >= 0:
            parts.append(starts)
        return np.hstack(parts)

    def _open(self, places: Array) -> BoolArray:
        """Return which places ``(n, 2)`` are in free cells."""
        height, width = self.layout.free.shape
        inside = np.all((places >= 0) & (places < [width, height]), axis=1)
        # Places outside look at some cell, and do not count.
        cells = np.where(inside[:, None], places, 0).astype(np.int64)
        return np.asarray(inside & self.layout.free[cells[:, 1], cells[:, 0]])

    def _distance(self, places: Array) -> FloatArray:
        """Return how far ``(n, 2)`` places are from the nearest free cell, 0 within one."""
        # A cell reaches half a unit from its centre to all sides.
        aside = np.abs(places[:, None, :] - (self.free_cells + 0.5)) - 0.5
        return np.asarray(np.hypot(*np.maximum(aside, 0).transpose(2, 0, 1)).min(axis=1))


def _space(layout: Layout, margin: Any, tolerance: bool, start: bool) -> spaces.Parameters:
    height, width = layout.free.shape
    reach = check_real("margin", margin, 0.0, 1e6)
    ranges = {"x": (-reach, width + reach), "y": (-reach, height + reach)}
    if tolerance:
        ranges["tolerance"] = (LEAST_TOLERANCE, float(max(width, height)))
    if start:
        ranges |= {"start_x": (0.0, float(width)), "start_y": (0.0, float(height))}
    return spaces.Parameters(**ranges)


def _starts(layout: Layout, start: Any) -> IntArray:
    """Return the cells ``(k, 2)`` in which points start; of tasks with starts, where tests start."""
    if is_one_of(start, ["layout", "task"]):
        return layout.starts
    if is_one_of(start, ["anywhere"]):
        return np.argwhere(layout.free)[:, ::-1].astype(np.int64)
    if isinstance(start, str):
        raise ValueError(
            f"start: expected 'layout', 'anywhere', 'task' or a list of free cells, got {start!r}"
        )
    return check_cells("start", start, layout.free)


def _inside(rng: np.random.Generator, cells: IntArray, n: int) -> FloatArray:
    """Return ``(n, 2)`` places, uniform over cells ``(k, 2)``."""
    # Below 1, so that no place is in the next cell.
    return np.asarray(cells[rng.integers(len(cells), size=n)] + rng.random((n, 2)))
