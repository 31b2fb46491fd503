"""Named test mazes: drawn plans, and generators of those that are drawn anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final, NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree

from teacherstudent.contract.types import Array
from teacherstudent.envs.mazes.codes import AGENT, FREE, GOAL, OPAQUE, WALL

# `.` free, `#` wall, `G` goal, `>`, `v`, `<` and `^` the agent: mazes of dcd and jaxued, which agree on them
_PLANS: Final = (
    """
    SixteenRooms          SixteenRooms2         Labyrinth
    ...#..#..#...         ...#.....#...         .............
    .>.......#...         .>....#..#...         .###########.
    ...#..#......         ...#..#..#...         .#.........#.
    #.###.##.###.         ####.##.###.#         .#.#######.#.
    ...#.........         ...#..#......         .#.#.....#.#.
    ......#..#...         ......#..#...         .#.#.###.#.#.
    ##.#.##.###.#         #.#####.#####         .#.#.#G#.#.#.
    ...#.....#...         ...#..#..#...         .#.#.#.#.#.#.
    ...#..#......         ...#.........         .#...#...#.#.
    .####.##.#.##         ##.##.##.####         .#########.#.
    ...#..#..#...         ...#..#..#...         .....#.....#.
    ......#....G.         ......#....G.         ####.#.#####.
    ...#.....#...         ...#..#..#...         >....#.......
    """,
    """
    Labyrinth2            StandardMaze          StandardMaze2
    >#...........         .....#>...#..         ...#.#....#..
    .#.#########.         .###.####.##.         .#.#.####...#
    .#.#.......#.         .#...........         .#........#..
    .#.#.#####.#.         .########.###         .########.###
    .#.#.#...#.#.         ........#....         ...#..#.#.#.G
    ...#.#.#.#.#.         ######.#####.         ##.#.##.#.#..
    ####.#G#.#.#.         ....#..#.....         >#.#....#.##.
    ...#.###.#.#.         .##...##.####         .#.##.###..#.
    .#.#.....#.#.         ..#.#..#...#.         .#..#..###.#.
    .#.#######.#.         #.#.##.###.#.         .##.##.#.#.#.
    .#.........#.         #.#..#...#...         .#...#.#.#.#.
    .###########.         #.##.###.###.         .#.#.#.#.#.#.
    .............         ...#..G#.#...         ...#...#.....
    """,
    """
    StandardMaze3         NineRooms             NineRoomsFewerDoors
    ...>#.#......         ........#....         ....#...#....
    .####.#.####.         .>..#........         .>..#........
    .#....#.#....         ....#...#....         ....#...#....
    ...####.#.#.#         ....#...#....         ....#...#....
    ##.#....#.#..         #.###.######.         #.###.######.
    ...#.##.#.##.         ....#........         ....#...#....
    .#.#.#..#..#G         ........#....         ........#....
    .#.#.#.###.##         ....#...#....         ....#...#....
    .#...#.#.#...         ###.###.##.##         ###.##.###.##
    .###.#.#.###.         ....#...#....         ....#...#....
    .#...#.#...#.         ........#....         ........#....
    .#.###.#.#.#.         ....#......G.         ....#...#..G.
    .#...#...#...         ....#...#....         ....#...#....
    """,
)
_SYMBOLS: Final = {".": FREE, "#": WALL, "G": GOAL} | {s: AGENT + i for i, s in enumerate(">v<^")}
_FOUR_ROOMS_STEPS = 100
_CROSSING_STEPS = 4 * 11**2


class Maze(NamedTuple):
    """A named maze.

    Attributes:
        make: returns its level, ``(rows, columns)`` uint8; a maze that is drawn anew uses the generator.
        steps: cap on steps in dcd's tests.
    """

    make: Callable[[np.random.Generator], Array]
    steps: int


def _drawn(plan: Iterable[str]) -> Array:
    return np.array([list(map(_SYMBOLS.__getitem__, row)) for row in plan], np.uint8)


def _plan(level: Array, rng: np.random.Generator) -> Array:
    del rng
    return level.copy()


def _mirrored(level: Array) -> Array:
    """Return a level mirrored left to right, heading included."""
    mirrored = level[:, ::-1].copy()
    right = mirrored == AGENT
    left = mirrored == AGENT + 2
    mirrored[right] = AGENT + 2
    mirrored[left] = AGENT
    return mirrored


def _corridor(size: int, rng: np.random.Generator) -> Array:
    """Return two combs of dead ends, back to back, with free cells all around; one dead end has the goal."""
    level = np.zeros((size, size), np.uint8)
    middle = size // 2
    # Walls in every second column are the teeth of both combs, the middle row is their back.
    level[1:-1, 1:-1:2] = WALL
    level[middle, 1:-1] = WALL
    level[middle, 0] = AGENT
    # Between the teeth, in even columns, are the dead ends; the goal lies at the closed end of one.
    column = 2 * int(rng.integers(1, size // 2))
    row = middle - 1
    if rng.random() < 0.5:
        row = middle + 1
    level[row, column] = GOAL
    return level


def _four_rooms(rng: np.random.Generator) -> Array:
    """Return minigrid's FourRooms: each wall between two rooms has a door, start and goal are anywhere."""
    level = np.zeros((17, 17), np.uint8)
    level[8, :] = WALL
    level[:, 8] = WALL
    # A door for each of four walls; the second one of a line lies behind the crossing at 8.
    doors = rng.integers(0, 8, 4) + np.array([0, 9, 0, 9])
    level[8, doors[:2]] = FREE
    level[doors[2:], 8] = FREE
    # The first two cells of a random order are two different ones.
    cells = rng.permutation(np.flatnonzero(level == FREE))
    level.flat[cells[0]], level.flat[cells[1]] = GOAL, AGENT + rng.integers(4)
    return level


def _crossing(size: int, rivers: int, rng: np.random.Generator) -> Array:
    """Return minigrid's SimpleCrossing: straight walls from side to side, each with one opening.

    The openings lie on a random way that crosses every wall once, from the first corner to the last. The
    walls hide what is behind them.
    """
    level = np.zeros((size, size), np.uint8)
    places = np.arange(1, size - 1, 2)
    # Upright and level walls are drawn from one list: its first half stands for the upright ones.
    chosen = rng.permutation(2 * len(places))[:rivers]
    upright = np.sort(places[chosen[chosen < len(places)]])
    level_ones = np.sort(places[chosen[chosen >= len(places)] - len(places)])
    level[:, upright] = OPAQUE
    level[level_ones, :] = OPAQUE
    # Borders count as walls here: between two neighbours of a list lies a row or column of rooms.
    columns = np.r_[-1, upright, size]
    rows = np.r_[-1, level_ones, size]
    # A random order in which the walls are crossed: 1 goes down through a level one, 0 across an upright one.
    crossings = rng.permutation(np.r_[np.zeros(len(upright), int), np.ones(len(level_ones), int)])
    across = 0
    down = 0
    for falls in crossings.tolist():
        if falls:
            level[rows[down + 1], rng.integers(columns[across] + 1, columns[across + 1])] = FREE
            down += 1
        else:
            level[rng.integers(rows[down] + 1, rows[down + 1]), columns[across + 1]] = FREE
            across += 1
    level[0, 0] = AGENT
    level[-1, -1] = GOAL
    return level


def _perfect(size: int, rng: np.random.Generator) -> Array:
    """Return a maze without loops: a spanning tree of the cells in even rows and columns, by Kruskal.

    Start and goal are in two different corners.
    """
    side = size // 2 + 1
    cells = np.arange(side**2).reshape(side, side)
    # All pairs of neighbours: first those side by side, then those one below the other.
    first = np.r_[cells[:, :-1].ravel(), cells[:-1].ravel()]
    second = np.r_[cells[:, 1:].ravel(), cells[1:].ravel()]
    # Weights start at 1, since a sparse array takes 0 for no edge.
    weights = 1 + rng.permutation(len(first))
    tree = minimum_spanning_tree(coo_array((weights, (first, second)), shape=(side**2, side**2))).tocoo()
    level = np.full((size, size), WALL, np.uint8)
    level[::2, ::2] = FREE
    # The wall between two neighbours: the sum of their coordinates is twice their mean, in the maze's cells.
    level[tree.row // side + tree.col // side, tree.row % side + tree.col % side] = FREE
    start, goal = rng.permutation([(0, 0), (0, -1), (-1, 0), (-1, -1)])[:2]
    level[tuple(start)] = AGENT
    level[tuple(goal)] = GOAL
    return level


def _read() -> dict[str, Array]:
    """Return the levels of `_PLANS` by name."""
    levels: dict[str, Array] = {}
    for block in _PLANS:
        # Mazes stand side by side: the first line has their names, each line below a row of every one.
        names, *rows = (line.split() for line in block.strip().splitlines())
        levels |= {name: _drawn(rows) for name, *rows in zip(names, *rows, strict=True)}
    return levels


def _mazes() -> dict[str, Maze]:
    plans = _read()
    plans["LabyrinthFlipped"] = _mirrored(plans["Labyrinth"])
    named = {name: Maze(partial(_plan, level), _steps(13)) for name, level in plans.items()}
    named |= {
        "SmallCorridor": Maze(partial(_corridor, 13), _steps(13)),
        "LargeCorridor": Maze(partial(_corridor, 19), _steps(19)),
        "FourRooms": Maze(_four_rooms, _FOUR_ROOMS_STEPS),
        "SimpleCrossing": Maze(partial(_crossing, 9, 5), _CROSSING_STEPS),
    }
    for name, size in (("Small", 9), ("Medium", 19), ("Large", 49), ("XL", 99)):
        named[f"PerfectMaze{name}"] = Maze(partial(_perfect, size), _steps(size))
    return named


def _steps(size: int) -> int:
    """Return dcd's cap: twice the number of cells, border included."""
    return 2 * (size + 2) ** 2


MAZES: Mapping[str, Maze] = _mazes()
"""By name. dcd calls SixteenRooms2 SixteenRoomsFewerDoors, and StandardMaze Maze."""
