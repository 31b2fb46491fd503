"""Test suites of mazes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from teacherstudent.contract.checks import check_whole
from teacherstudent.contract.types import Array, IntArray, generator
from teacherstudent.envs.mazes.codes import MAX_STEPS, SIZE, padded
from teacherstudent.envs.mazes.layouts import MAZES
from teacherstudent.envs.mazes.space import MazeLevels

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
MOST_REPEATS = 10**4
"""Rows of one maze: each is drawn, held and tested."""
_RANDOM = re.compile(RANDOM + r"(?:-([1-9]\d*))?")
_RANDOM_LEVELS = 10_000
_RANDOM_WALLS = 60
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
    """Return the test mazes of a suite, or of a list of mazes and suites.

    Args:
        suite: a name of `SUITES`, "random-solvable" (10 000 solvable levels of 60 draws of walls; another
            number of them: "random-solvable-500"), a name of `MAZES`, or a list of such names.
        steps: cap on steps of all of them; None for each maze's own.
        repeats: how many rows each maze has, one after the other. Those that are drawn (SimpleCrossing,
            FourRooms, corridors, perfect mazes) are drawn anew for each; the others are the same.

    Raises:
        ValueError: if there is no such suite or maze, or a number is not whole or below 1.
    """
    check_whole("suite: repeats", repeats, 1, MOST_REPEATS)
    if steps is not None:
        check_whole("suite: steps", steps, 1, 2**31)
    parts = suite
    if isinstance(suite, str):
        parts = [suite]
    if not isinstance(parts, list | tuple) or not parts or not all(isinstance(x, str) for x in parts):
        raise ValueError(f"suite: expected one of {[*SUITES, RANDOM]} or a list of mazes, got {suite!r}")
    made = [row for part in parts for row in _mazes_of(part, repeats)]
    # Never smaller than training levels, with which the tests share a shape.
    extent = max(SIZE, *(max(level.shape) for _, level, _ in made))
    levels = np.stack([padded(level, extent) for _, level, _ in made])
    caps = np.array([cap for _, _, cap in made])
    # The name has all that changes the tests: runs are compared only if theirs agree.
    name = f"maze/{'+'.join(parts)}"
    if steps is not None:
        name += f"_steps{steps}"
        caps = np.full(len(caps), steps)
    if repeats > 1:
        name += f"_x{repeats}"
    names = tuple(name for name, _, _ in made)
    return Suite(name, names, levels, caps)


def _mazes_of(part: str, repeats: int) -> list[tuple[str, Array, int]]:
    """Return name, level and cap of every row that a maze or a suite stands for."""
    random = _RANDOM.fullmatch(part)
    if random is not None:
        space = MazeLevels(n_walls=_RANDOM_WALLS, solvable=True)
        # A fixed seed: these levels are the same in every process.
        levels = space.draw(generator(_SEED), int(random[1] or _RANDOM_LEVELS))
        return [(f"random{i}", level, MAX_STEPS) for i, level in enumerate(levels) for _ in range(repeats)]
    names = SUITES.get(part, (part,))
    if names[0] not in MAZES:
        raise ValueError(
            f"suite: expected one of {[*SUITES, RANDOM]} or names of {list(MAZES)}, got {part!r}"
        )
    return [
        (name, MAZES[name].make(_generator(name, i)), MAZES[name].steps)
        for name in names
        for i in range(repeats)
    ]


def _generator(name: str, number: int) -> np.random.Generator:
    """Return the generator of a maze's drawn parts."""
    # Name and number are the seed: a maze does not depend on the others of its suite.
    return generator(np.random.SeedSequence([_SEED, number, *name.encode()]))
