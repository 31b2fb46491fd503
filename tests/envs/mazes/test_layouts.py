"""Mazes with names: as published, or drawn as published."""

from __future__ import annotations

import numpy as np
import pytest
from maze_levels import rng

from teacherstudent.envs.mazes.codes import AGENT, FREE, GOAL, OPAQUE, WALL
from teacherstudent.envs.mazes.layouts import MAZES
from teacherstudent.envs.mazes.solver import shortest_paths

WALLS = {
    "SixteenRooms": 46, "SixteenRooms2": 53, "Labyrinth": 72, "LabyrinthFlipped": 72, "Labyrinth2": 72,
    "StandardMaze": 73, "StandardMaze2": 72, "StandardMaze3": 71, "SmallCorridor": 71, "LargeCorridor": 161,
    "NineRooms": 36, "NineRoomsFewerDoors": 39,
}  # fmt: skip


@pytest.mark.parametrize("name", WALLS)
def test_named_mazes_have_as_many_walls_as_published(name):
    assert np.count_nonzero(MAZES[name].make(rng()) == WALL) == WALLS[name]


def test_named_mazes_start_where_published():
    starts = {
        "SixteenRooms": (1, 1, 11, 11), "SixteenRooms2": (1, 1, 11, 11), "Labyrinth": (12, 0, 6, 6),
        "LabyrinthFlipped": (12, 12, 6, 6), "Labyrinth2": (0, 0, 6, 6), "StandardMaze": (0, 6, 12, 6),
        "StandardMaze2": (6, 0, 4, 12), "StandardMaze3": (0, 3, 6, 12), "NineRooms": (1, 1, 11, 11),
        "NineRoomsFewerDoors": (1, 1, 11, 11),
    }  # fmt: skip
    for name, (row, column, *goal) in starts.items():
        level = MAZES[name].make(rng())
        assert level[row, column] == AGENT + 2 * (name == "LabyrinthFlipped"), name
        assert level[tuple(goal)] == GOAL, name
        assert MAZES[name].steps == 450
    caps = {"LargeCorridor": 882, "FourRooms": 100, "SimpleCrossing": 484, "PerfectMazeMedium": 882}
    assert {name: MAZES[name].steps for name in caps} == caps


@pytest.mark.parametrize("size", [9, 19, 49])
def test_perfect_mazes_are_trees(size):
    name = {9: "Small", 19: "Medium", 49: "Large"}[size]
    level = MAZES[f"PerfectMaze{name}"].make(rng())
    assert level.shape == (size, size)
    cells = (size // 2 + 1) ** 2
    assert np.count_nonzero(level != WALL) == 2 * cells - 1  # cells and the edges of a spanning tree
    assert (level[1::2, 1::2] == WALL).all()
    corners = level[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert sorted(corners.tolist()) == [FREE, FREE, GOAL, AGENT]
    assert shortest_paths(level[None], turning=False) > 0


def test_mazes_that_are_drawn():
    goals, doors, lengths = set(), set(), set()
    for seed in range(60):
        generator = np.random.default_rng(seed)
        corridor = MAZES["SmallCorridor"].make(generator)
        goals.add(tuple(np.argwhere(corridor == GOAL)[0].tolist()))
        rooms = MAZES["FourRooms"].make(generator)
        assert np.count_nonzero(rooms == WALL) == 2 * 17 - 1 - 4
        doors.add(tuple(np.flatnonzero(rooms[8] != WALL)))
        crossing = MAZES["SimpleCrossing"].make(generator)
        rivers = sum((crossing == OPAQUE).sum(axis=a) >= 8 - 1 for a in (0, 1)).sum()
        assert rivers >= 4
        assert shortest_paths(crossing[None], turning=False) >= 16
        lengths.add(int(np.count_nonzero(crossing == OPAQUE)))
    assert goals <= {(row, column) for row in (5, 7) for column in range(2, 11, 2)}
    assert len(goals) > 5
    assert len(doors) > 10
    assert len(lengths) > 1
