"""The space of mazes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from teacherstudent.contract.checks import check_whole
from teacherstudent.contract.spaces import Levels
from teacherstudent.contract.types import Array, BoolArray, FloatArray, IntArray
from teacherstudent.envs.mazes.builder import MazeBuilder, Order
from teacherstudent.envs.mazes.codes import OPAQUE, SIZE, WALL, keys_of, padded, valid_each
from teacherstudent.envs.mazes.edits import EDITS
from teacherstudent.envs.mazes.generators import GENERATORS, build, numbers_for
from teacherstudent.envs.mazes.solver import shortest_paths
from teacherstudent.simulation.counters import uniform_array

_ATTEMPTS: Final = 1000


class MazeLevels(Levels):
    """Mazes of up to ``extent`` x ``extent`` cells, as uint8 codes; around them is a border of walls.

    0 is a free cell, 1 a wall, 2 the goal, 3 to 6 the agent that starts to the right, down, to the left or
    up, 7 a cell outside a smaller maze, 8 a wall that hides what is behind it (`mazes.codes`). A level has
    one goal and one agent, and need not be solvable.

    Args:
        extent: rows and columns of a level's array.
        size: rows and columns of drawn levels; what is beyond is outside.
        generator: how walls are drawn: "walls-with-replacement", "walls-without-replacement",
            "uniform-count" (0 to ``n_walls`` draws with replacement), "empty".
        n_walls: draws of walls.
        solvable: whether levels without a way to the goal are drawn again. Edits may still cut the way.
        edits: the rule by which levels are edited. "flip-or-move-goal" (minimax, and jaxued's examples):
            nothing, flip a wall, or move the goal, equally likely. "jaxued" (jaxued's other rule,
            ``make_level_mutator``): different cells are drawn, whatever they hold, and at each a wall is set,
            the cell cleared, or agent (with a new heading) or goal put there, equally likely; then a lost
            goal or agent is put on a free cell. "dcd": cells drawn with replacement become wall, free or
            goal, then a lost goal or agent is put on a free cell. "add-remove-move" (of this package): a free
            cell becomes a wall, a wall a free cell, agent (its heading stays) or goal goes to a free cell,
            equally likely.

    Raises:
        ValueError: if a number is not whole or out of range, or there is no such generator or rule.
    """

    def __init__(
        self,
        *,
        extent: int = SIZE,
        size: int = SIZE,
        generator: str = "walls-with-replacement",
        n_walls: int = 60,
        solvable: bool = False,
        edits: str = "flip-or-move-goal",
    ) -> None:
        for name, number in (("extent", extent), ("size", size), ("n_walls", n_walls)):
            # Numbers are checked one by one before they are compared with each other.
            check_whole(name, number, 0)
        if not 2 <= size <= extent:
            raise ValueError(f"size: expected 2 to extent = {extent}, got {size}")
        if not 0 <= n_walls <= size**2 - 2:
            raise ValueError(f"n_walls: expected 0 to {size**2 - 2}, all cells but two, got {n_walls}")
        for name, given, known in (("generator", generator, GENERATORS), ("edits", edits, EDITS)):
            if given not in known:
                raise ValueError(f"{name}: expected one of {list(known)}, got {given!r}")
        super().__init__((extent, extent), np.uint8)
        self.size = size
        self.generator = generator
        self.n_walls = n_walls
        self.solvable = bool(solvable)
        self.edits = edits

    def __repr__(self) -> str:
        return f"MazeLevels({', '.join(f'{name}={value!r}' for name, value in self.options().items())})"

    def options(self) -> dict[str, Any]:
        """Return the arguments that the space was made with."""
        return {
            "extent": self._extent,
            "size": int(self.size),
            "generator": self.generator,
            "n_walls": int(self.n_walls),
            "solvable": self.solvable,
            "edits": self.edits,
        }

    def draw(self, rng: np.random.Generator, n: int) -> Array:
        """Return ``(n, extent, extent)`` random levels.

        Raises:
            RuntimeError: if solvable levels are wanted and hardly any is.
        """
        # All rows share one generator, so a row's numbers depend on how many are drawn with it.
        return self._draw(lambda rows, draws: rng.random((len(rows), len(draws))), n)

    def draw_simple(self, rng: np.random.Generator, n: int) -> Array:
        """Return ``(n, extent, extent)`` mazes without walls."""
        empty = MazeLevels(extent=self._extent, size=self.size, generator="empty", n_walls=0)
        return empty.draw(rng, n)

    def draw_by_seeds(self, seeds: IntArray, episodes: IntArray) -> Array:
        """Return a random level for each seed and episode; equal ones, equal levels (raises as `draw`)."""
        # Numbers by seed, episode and draw: a level does not depend on the levels drawn with it.
        return self._draw(
            lambda rows, draws: uniform_array(
                seeds[rows, None].astype(np.uint64), episodes[rows, None], draws[None, :]
            ),
            len(seeds),
        )

    def builder(self, *, order: Order = "goal-last") -> MazeBuilder:
        """Return a builder of mazes with ``n_walls`` actions for walls (raises as `MazeBuilder`)."""
        return MazeBuilder(size=self.size, extent=self._extent, n_walls=self.n_walls, order=order)

    def mutate(self, rng: np.random.Generator, tasks: Array, edits: int = 1) -> Array:
        """Return one valid level for each of ``tasks``, edited ``edits`` times.

        Raises:
            ValueError: if ``edits`` is negative.
        """
        if edits < 0:
            raise ValueError(f"edits: expected at least 0, got {edits}")
        codes = np.array(tasks, np.uint8).reshape(len(tasks), self._extent**2)
        if len(codes):
            EDITS[self.edits](rng, codes, edits)
        return codes.reshape(np.shape(tasks))

    def key(self, tasks: Array) -> IntArray:
        """Return ``(n,)`` hashes of 63 bits, never negative."""
        return keys_of(tasks)

    def contains_each(self, tasks: Array) -> BoolArray:
        """Return ``(n,)`` bool: which levels are valid."""
        return valid_each(tasks)

    def features(self, tasks: Array) -> dict[str, FloatArray]:
        """Return numbers that describe each level.

        ``walls``; ``solvable`` (0 or 1); ``path``, cells from agent to goal on a shortest way; and ``steps``,
        actions on a shortest one, turns included. The last two are 0 for a level that cannot be solved.
        """
        tasks = np.asarray(tasks)
        # -1 says that there is no way; lengths are 0 then, and `solvable` tells the two apart.
        path, steps = (shortest_paths(tasks, turning=turning) for turning in (False, True))
        return {
            "walls": np.count_nonzero((tasks == WALL) | (tasks == OPAQUE), axis=(1, 2)).astype(np.float64),
            "solvable": (path >= 0).astype(np.float64),
            "path": np.maximum(path, 0).astype(np.float64),
            "steps": np.maximum(steps, 0).astype(np.float64),
        }

    def _draw(self, numbers: Callable[[IntArray, IntArray], FloatArray], n: int) -> Array:
        """Return ``n`` levels made of the uniform numbers that a function gives for rows and draws."""
        count = numbers_for(self.generator, self.n_walls, self.size**2)
        # Cells beyond `size` stay outside; only what is within is drawn.
        levels = np.tile(padded(np.zeros((self.size, self.size), np.uint8), self._extent), (n, 1, 1))
        rows = np.arange(n)
        # Levels without a way are drawn again all at once, from later numbers of their rows.
        for attempt in range(_ATTEMPTS):
            drawn = numbers(rows, attempt * count + np.arange(count))
            codes = build(self.generator, self.n_walls, self.size**2, drawn)
            levels[rows, : self.size, : self.size] = codes.reshape(-1, self.size, self.size)
            if self.solvable:
                rows = rows[shortest_paths(levels[rows], turning=False) < 0]
            if not self.solvable or not len(rows):
                return levels
        raise RuntimeError(
            f"draw: expected solvable levels, got none in {_ATTEMPTS} draws with n_walls {self.n_walls}"
        )

    @property
    def _extent(self) -> int:
        assert self.shape is not None
        return self.shape[0]
