"""Small random edits of mazes, by the rules of the reference implementations and one of this package."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from teacherstudent.contract.types import Array, BoolArray, IntArray
from teacherstudent.envs.mazes.codes import AGENT, FREE, GOAL, OPAQUE, OUTSIDE, WALL
from teacherstudent.envs.mazes.generators import pick

Rule = Callable[[np.random.Generator, Array, int], None]
"""Edits ``(n, cells)`` codes in place, so many times each."""


def _is_agent(codes: Array) -> BoolArray:
    return np.asarray((codes >= AGENT) & (codes < OUTSIDE))


def _is_wall(codes: Array) -> BoolArray:
    return np.asarray((codes == WALL) | (codes == OPAQUE))


def _choose(rng: np.random.Generator, which: BoolArray, rows: IntArray) -> tuple[IntArray, IntArray]:
    """Return rows and a random True column of each, without the rows that have none."""
    # Rows without a candidate draw as well: the numbers of the others do not depend on them.
    columns = pick(which, rng.random(len(rows)))
    found = columns >= 0
    return rows[found], columns[found]


def _move(codes: Array, rows: IntArray, columns: IntArray, moved: BoolArray) -> None:
    """Move what ``moved`` marks in each row to a column, and leave a free cell."""
    # argmax finds the first True: there is one agent, and one goal.
    before = np.argmax(moved, axis=1)
    what = codes[rows, before]
    codes[rows, before] = FREE
    codes[rows, columns] = what


def _move_to_free(rng: np.random.Generator, codes: Array, rows: IntArray, agent: bool) -> None:
    # Rows without a free cell drop out here: nothing of theirs moves.
    rows, columns = _choose(rng, codes[rows] == FREE, rows)
    now = codes[rows]
    _move(codes, rows, columns, _is_agent(now) if agent else now == GOAL)


def _flip_or_move_goal(rng: np.random.Generator, codes: Array, edits: int) -> None:
    """Rule of minimax and jaxued: nothing, a flipped wall, or a goal elsewhere, a third of the edits each."""
    for _ in range(edits):
        # 0 stands for no edit.
        kind = rng.integers(0, 3, len(codes))
        rows = np.flatnonzero(kind == 1)
        rows, columns = _choose(rng, _is_wall(codes[rows]) | (codes[rows] == FREE), rows)
        codes[rows, columns] = np.where(codes[rows, columns] == FREE, WALL, FREE)
        _move_to_free(rng, codes, np.flatnonzero(kind == 2), agent=False)


def _add_remove_move(rng: np.random.Generator, codes: Array, edits: int) -> None:
    """Rule of this package: a wall more, a wall less, the agent or the goal elsewhere, a quarter each.

    Every edit changes the level if it can; the agent keeps its heading.
    """
    for _ in range(edits):
        kind = rng.integers(0, 4, len(codes))
        # Kind 0 makes a wall of a free cell, kind 1 a free cell of a wall.
        for number, here, there in ((0, FREE, WALL), (1, WALL, FREE)):
            rows = np.flatnonzero(kind == number)
            which = codes[rows] == FREE if here == FREE else _is_wall(codes[rows])
            rows, columns = _choose(rng, which, rows)
            codes[rows, columns] = there
        _move_to_free(rng, codes, np.flatnonzero(kind == 2), agent=True)
        _move_to_free(rng, codes, np.flatnonzero(kind == 3), agent=False)


def _jaxued(rng: np.random.Generator, codes: Array, edits: int) -> None:
    """Rule of jaxued's ``make_level_mutator``: cells are drawn, all different, and for each an action.

    Set a wall, clear the cell, put the agent there with a new heading, or the goal, a quarter each, whatever
    the cell holds: an edit may have no effect, and needs no free cell. An agent or goal whose cell was drawn
    and that was not put anywhere since goes to a free cell in the end, the goal first, the agent with a new
    heading.
    """
    n, cells = codes.shape
    inside = codes != OUTSIDE
    edits = min(edits, cells)
    # Random numbers order the cells: the first ones are different and
    # equally likely; cells outside come last.
    order = np.argsort(np.where(inside, rng.random((n, cells)), np.inf), axis=1)[:, :edits]
    # A small level may have fewer cells than there are edits.
    counts = np.minimum(edits, inside.sum(axis=1))
    actions = rng.integers(0, 4, (n, edits))
    # One heading for each edit, and one for an agent that is put back in the end.
    headings = rng.integers(0, 4, (n, edits + 1))
    for j in range(edits):
        rows = np.flatnonzero(j < counts)
        columns = order[rows, j]
        action = actions[rows, j]
        # An agent or a goal that is put somewhere leaves its old cell first: a level has one of each.
        for number, was in ((2, _is_agent(codes)), (3, codes == GOAL)):
            moved = rows[action == number]
            before = np.argmax(was[moved], axis=1)
            # lost ones stand nowhere, and argmax is 0 for them
            there = was[moved, before]
            codes[moved[there], before[there]] = FREE
        codes[rows, columns] = np.choose(action, (WALL, FREE, AGENT + headings[rows, j], GOAL))
    _put_back(rng, codes, np.full(n, GOAL), codes == GOAL)
    _put_back(rng, codes, AGENT + headings[:, edits], _is_agent(codes))


def _put_back(rng: np.random.Generator, codes: Array, what: Array, there: BoolArray) -> None:
    """Put what a level has lost on a free cell, or on a wall where there is none.

    Args:
        rng: draws the cells.
        codes: ``(n, cells)``; changed.
        what: ``(n,)`` codes.
        there: ``(n, cells)`` where they stand; a row without any has lost it.
    """
    # A level in which nothing is marked has lost it.
    gone = np.flatnonzero(~there.any(axis=1))
    # Without a free cell a wall gives way, so that a place is always found.
    full = ~(codes[gone] == FREE).any(axis=1)
    where = np.where(full[:, None], _is_wall(codes[gone]), codes[gone] == FREE)
    _, columns = _choose(rng, where, gone)
    codes[gone, columns] = what[gone]


def _dcd(rng: np.random.Generator, codes: Array, edits: int) -> None:
    """Rule of dcd: cells drawn with replacement become wall, free or goal; a lost one goes to a free cell."""
    n = len(codes)
    rows = np.arange(len(codes))
    agent = np.argmax(_is_agent(codes), axis=1)
    # An agent that is lost comes back with the heading that it had before the edits.
    heading = codes[rows, agent]
    for _ in range(edits):
        columns = pick(codes != OUTSIDE, rng.random(n))
        content = rng.integers(0, 3, n)  # FREE, WALL, GOAL
        # A level has one goal: a new one clears the old one.
        new = np.flatnonzero(content == GOAL)
        codes[new] = np.where(codes[new] == GOAL, FREE, codes[new])
        codes[rows, columns] = content
    _put_back(rng, codes, np.full(n, GOAL), codes == GOAL)
    _put_back(rng, codes, heading, _is_agent(codes))


EDITS: Mapping[str, Rule] = {
    "flip-or-move-goal": _flip_or_move_goal,
    "add-remove-move": _add_remove_move,
    "jaxued": _jaxued,
    "dcd": _dcd,
}
"""By name."""
