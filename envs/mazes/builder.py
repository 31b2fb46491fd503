"""Mazes built cell by cell, by an adversary's actions."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

import numpy as np

from teacherstudent.contract.types import Array, IntArray
from teacherstudent.envs.mazes.codes import AGENT, FREE, GOAL, HEADINGS, OUTSIDE, WALL
from teacherstudent.envs.mazes.generators import pick

Order: TypeAlias = Literal["goal-last", "goal-first"]

_SEEN: Final = (WALL, GOAL, AGENT)


class MazeBuilder:
    """Places walls, goal and agent of mazes; an action is a cell, counted row by row.

    The adversary's environment of Dennis et al. 2020, https://arxiv.org/abs/2012.02096, and in the order
    ``"goal-last"`` that of Jiang et al. 2021, https://arxiv.org/abs/2110.02439. A wall on a cell that is
    occupied changes nothing, a goal or an agent takes the place of a wall, an agent sent to the goal's cell
    starts on a random free one. Its heading is random.

    Seen are three planes with the border of walls, 1 where there is a wall, the goal, the agent.

    Args:
        size: rows and columns of the maze.
        extent: rows and columns of a level's array.
        n_walls: actions that place walls.
        order: ``"goal-last"``: walls, goal, agent; ``"goal-first"``: goal, agent, walls.

    Raises:
        ValueError: if the order is unknown.
    """

    def __init__(self, *, size: int, extent: int, n_walls: int, order: Order) -> None:
        if order not in get_args(Order):
            raise ValueError(f"maze builder: order: expected one of {get_args(Order)}, got {order!r}")
        self.steps = n_walls + 2
        self.n_actions = size**2
        self.observation_shape: tuple[int, ...] = (len(_SEEN), size + 2, size + 2)
        self._size = size
        self._extent = extent
        # The goal's step tells the others: the agent follows at once, and all the rest are walls.
        self._goal = 0
        if order == "goal-last":
            self._goal = n_walls

    def empty(self, n: int) -> Array:
        """Return ``(n, size * size)`` free cells."""
        return np.full((n, self.n_actions), FREE, np.uint8)

    def apply(self, partial: Array, step: int, actions: IntArray, rng: np.random.Generator) -> Array:
        """Place a wall, the goal or the agent in each maze."""
        codes = partial.copy()
        rows = np.arange(len(partial))
        if step == self._goal:
            codes[rows, actions] = GOAL
        elif step == self._goal + 1:
            # Every row draws, whether it uses the number or not: a maze does not depend on its neighbours.
            taken = codes[rows, actions] == GOAL
            cells = np.where(taken, pick(codes == FREE, rng.random(len(codes))), actions)
            codes[rows, cells] = AGENT + rng.integers(len(HEADINGS), size=len(codes))
        else:
            # Only a free cell becomes a wall: a wall never covers the goal or the agent.
            free = codes[rows, actions] == FREE
            codes[rows[free], actions[free]] = WALL
        return codes

    def observe(self, partial: Array) -> Array:
        """Return float32 ``(n, 3, size + 2, size + 2)``."""
        seen = np.zeros((len(partial), *self.observation_shape), np.float32)
        # The border stays a wall: what follows writes inside of it only.
        seen[:, 0] = 1.0
        # Codes above AGENT are its other headings: all of them are the agent.
        cells = np.minimum(partial, AGENT).reshape(len(partial), self._size, self._size)
        for plane, code in enumerate(_SEEN):
            seen[:, plane, 1:-1, 1:-1] = cells == code
        return seen

    def finish(self, partial: Array) -> Array:
        """Return levels ``(n, extent, extent)``."""
        levels = np.full((len(partial), self._extent, self._extent), OUTSIDE, np.uint8)
        levels[:, : self._size, : self._size] = partial.reshape(len(partial), self._size, self._size)
        return levels
