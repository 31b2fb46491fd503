"""Test suites of mazes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from teacherstudent.envs.maze_codes import MAX_STEPS, SIZE, padded
from teacherstudent.envs.maze_layouts import MAZES
from teacherstudent.envs.maze_levels import MazeLevels
from teacherstudent.types import Array, IntArray, generator

SUITES: Mapping[str, tuple[str, ...]] = {
    "dcd-7": (
        "SixteenRooms", "Labyrinth", "Labyrinth2", "StandardMaze", "StandardMaze2", "SimpleCrossing",
        "SmallCorridor",
    ),
    "jaxued-8": (
        "SixteenRooms", "SixteenRooms2", "Labyrinth", "LabyrinthFlipped", "Labyrinth2", "StandardMaze",
        "StandardMaze2", "StandardMaze3",
    ),
    "accel-12": (
        "SixteenRooms", "SixteenRooms2", "Labyrinth", "Labyrinth2", "StandardMaze", "StandardMaze2",
        "StandardMaze3", "SimpleCrossing", "FourRooms", "SmallCorridor", "LargeCorridor", "PerfectMazeMedium",
    ),
}  # fmt: skip
"""The mazes of "Replay-guided adversarial environment design" (2021) with 25 walls, of jaxued and SFL, and of
ACCEL (2022)."""
RANDOM: Final = "random-solvable"
_RANDOM = re.compile(RANDOM + r"(?:-([1-9]\d*))?")
_RANDOM_LEVELS, _RANDOM_WALLS = 10_000, 60
_SEED: Final = 4222


class Suite(NamedTuple):
    """Test mazes.

    Attributes:
        name: of the whole set.
        names: of each level.
        levels: ``(m, extent, extent)`` uint8.
        steps: ``(m,)``: caps on steps.
    """

    name: str
    names: tuple[str, ...]
    levels: Array
    steps: IntArray


def make_suite(suite: str | Sequence[str], *, steps: int | None = None, repeats: int = 1) -> Suite:
    """Return the test mazes of a suite, or of a list of mazes.

    Args:
        suite: a name of `SUITES`, "random-solvable" (10 000 solvable levels of 60 draws of walls; another
            number of them: "random-solvable-500"), or names of `MAZES`.
        steps: cap on steps of all of them; None for each maze's own.
        repeats: how many rows each maze has. Those that are drawn (SimpleCrossing, FourRooms, corridors,
            perfect mazes, random ones) are drawn anew for each; the others are the same.

    Raises:
        ValueError: if there is no such suite or maze, or a number is below 1.
    """
    if repeats < 1 or (steps is not None and steps < 1):
        raise ValueError(f"suite: expected repeats and steps of at least 1, got {repeats} and {steps}")
    random = _RANDOM.fullmatch(suite) if isinstance(suite, str) else None
    if random is not None:
        count = int(random[1] or _RANDOM_LEVELS) * repeats
        space = MazeLevels(n_walls=_RANDOM_WALLS, solvable=True)
        names = tuple(f"random{i}" for i in range(count))
        levels, own = space.draw(generator(_SEED), count), np.full(count, MAX_STEPS)
    else:
        names = tuple(name for name in _mazes_of(suite) for _ in range(repeats))
        made = [MAZES[name].make(_generator(name, i % repeats)) for i, name in enumerate(names)]
        extent = max(SIZE, *(max(level.shape) for level in made))
        levels = np.stack([padded(level, extent) for level in made])
        own = np.array([MAZES[name].steps for name in names])
    what = suite if isinstance(suite, str) else "+".join(suite)
    name = f"maze/{what}" + (f"_steps{steps}" if steps else "") + (f"_x{repeats}" if repeats > 1 else "")
    return Suite(name, names, levels, own if steps is None else np.full(len(own), steps))


def _mazes_of(suite: str | Sequence[str]) -> Sequence[str]:
    if isinstance(suite, str) and suite not in SUITES:
        raise ValueError(f"suite: expected one of {[*SUITES, RANDOM]} or a list of mazes, got {suite!r}")
    mazes = SUITES[suite] if isinstance(suite, str) else list(suite)
    unknown = [name for name in mazes if name not in MAZES]
    if unknown or not mazes:
        raise ValueError(f"suite: expected names among {list(MAZES)}, got {unknown}")
    return mazes


def _generator(name: str, number: int) -> np.random.Generator:
    """Return the generator of a maze's drawn parts."""
    return generator(np.random.SeedSequence([_SEED, number, *name.encode()]))
