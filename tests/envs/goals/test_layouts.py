"""Layouts of mazes: what they look like, and texts that are none."""

from __future__ import annotations

import re

import numpy as np
import pytest

from teacherstudent.envs.goals.layouts import LAYOUTS, check_cells, distances, make_layout

ROOMS = [
    ".....#.....",
    ".....#.....",
    "...........",
    ".....#.....",
    ".....#.....",
    "##.#####.##",
    ".....#.....",
    ".....#.....",
    "...........",
    ".....#.....",
    ".....#.....",
]
CORRIDOR = ["....", "###.", "....", ".###", "....", "###.", "...."]
SPIRAL = [
    ".......",
    ".#####.",
    ".#...#.",
    ".###.#.",
    ".....#.",
    "######.",
    ".......",
]


def text_of(layout):
    """Return a layout as it is given as a text."""
    return ["".join(".#"[int(not free)] for free in row) for row in layout.free[::-1]]


@pytest.mark.parametrize(
    ("name", "size", "text"), [("rooms", 11, ROOMS), ("corridor", (4, 7), CORRIDOR), ("spiral", 7, SPIRAL)]
)
def test_layouts_by_hand(name, size, text):
    layout = make_layout(name, size)
    assert text_of(layout) == text
    assert layout.starts.tolist() == [[0, 0]]
    assert layout.name == f"{name}-{len(text[0])}x{len(text)}"


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("size", [3, 5, 9, 11, (5, 9), (12, 7), (8, 11)])
def test_every_free_cell_is_reached(name, size):
    layout = make_layout(name, size)
    assert (distances(layout.free, layout.starts) >= 0).tolist() == layout.free.tolist()


def test_a_spiral_of_any_size_ends():
    for width in range(3, 14):
        for height in range(3, 14):
            assert make_layout("spiral", (width, height)).free.sum() > width + height - 2


def test_the_last_line_of_a_text_is_the_lowest():
    layout = make_layout(["..S", "#.#", "S.."], 11)
    assert layout.free.tolist() == [[True] * 3, [False, True, False], [True] * 3]
    assert layout.starts.tolist() == [[0, 0], [2, 2]]


def test_a_text_without_starts_starts_at_the_lower_left():
    assert make_layout(["...", "#..", "#.#"], 11).starts.tolist() == [[1, 0]]


def test_texts_have_names_of_their_own():
    one, other = make_layout(["..", "S."], 11), make_layout(["..", ".S"], 11)
    assert one.name != other.name
    assert one.name == make_layout(["..", "S."], 3).name


def test_distances_by_hand():
    layout = make_layout([".#.", ".#.", "..."], 11)
    assert distances(layout.free, np.array([[0, 0]])).tolist() == [[0, 1, 2], [1, -1, 3], [2, -1, 4]]
    both = np.array([[0, 0], [2, 2]])
    assert distances(layout.free, both).tolist() == [[0, 1, 2], [1, -1, 1], [2, -1, 0]]


@pytest.mark.parametrize(
    ("layout", "size", "message"),
    [
        ("maze", 11, "layout: expected one of ['rooms', 'corridor', 'spiral']"),
        (["...", ".."], 11, "layout: expected lines of one length"),
        (["###", "###"], 11, "with a free cell"),
        ([".x."], 11, "of '#', '.' and 'S'"),
        ([], 11, "layout: expected lines"),
        (["", ""], 11, "layout: expected lines"),
        ([".", 3], 11, "layout: expected lines"),
        (["." * 102], 11, "up to 101 cells"),
        ([".#.", "###", ".#."], 11, "all joined by their sides"),
        ("rooms", 2, "size: expected a whole number of at least 3"),
        ("rooms", 102, "size: expected a whole number of at most 101"),
        ("rooms", (11, 11, 11), "size: expected a number of cells, or two"),
        ("rooms", 7.5, "size: expected a whole number"),
        ("corridor", (5, 4), "size: expected an odd height"),
    ],
)
def test_what_is_no_layout_is_refused(layout, size, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make_layout(layout, size)


def test_cells_must_be_free_ones():
    free = make_layout(ROOMS, 11).free
    assert check_cells("start", [(0, 0), (10, 2)], free).tolist() == [[0, 0], [10, 2]]
    for wrong in ([(5, 0)], [(-1, 0)], [(0, 11)], [], [(0,)], [(0, 0), (1,)], [(0.0, 1.0)], None, 3):
        with pytest.raises(ValueError, match="start: expected a list of free cells"):
            check_cells("start", wrong, free)
