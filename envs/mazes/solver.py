"""Shortest ways through mazes: breadth-first search, compiled, over a batch of levels."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from teacherstudent.contract.types import Array, IntArray
from teacherstudent.envs.mazes.codes import AGENT, GOAL, OUTSIDE, blocks
from teacherstudent.simulation.kernels import jit, large_kernel

LEFT, RIGHT, FORWARD = range(3)
"""Actions that act: turn left, turn right, go forward."""
NO_WAY: Final = -1


@large_kernel
def _search(level: Any, turning: Any, before: Any, queue: Any) -> Any:
    """Search from the agent; return the state in which the goal is reached, or -1.

    A state is four times the cell plus the heading, or, where turns cost nothing, plus 0. ``before`` gets the
    state from which each one was reached first, -2 for the first and -1 for none.
    """
    rows, columns = level.shape[0], level.shape[1]
    first = 0
    for cell in range(rows * columns):
        code = level[cell // columns, cell % columns]
        if AGENT <= code < OUTSIDE:
            # Where turns cost nothing, headings do not matter: one state a cell is enough.
            first = 4 * cell + ((int(code) - AGENT) if turning else 0)
    before[: 4 * rows * columns] = NO_WAY
    before[first] = NO_WAY - 1
    queue[0] = first
    head = 0
    tail = 1
    # Breadth first: a state is reached by a shortest way when it is reached first.
    while head < tail:
        state = queue[head]
        head += 1
        cell = state >> 2
        heading = state & 3
        row = cell // columns
        column = cell % columns
        if level[row, column] == GOAL:
            return state
        # With turns: left, right, forward. Without: one step into each of four directions.
        for move in range(3 if turning else 4):
            if turning and move < FORWARD:
                # Three turns to the right are one to the left.
                following = 4 * cell + ((heading + (3 if move == LEFT else 1)) & 3)
            else:
                to = heading if turning else move
                down = row + (to == 1) - (to == 3)
                across = column + (to == 0) - (to == 2)
                if not (0 <= down < rows and 0 <= across < columns) or blocks(level[down, across]):
                    continue
                following = 4 * (down * columns + across) + (heading if turning else 0)
            if before[following] == NO_WAY:
                before[following] = state
                queue[tail] = following
                tail += 1
    return NO_WAY


@jit
def _lengths(levels: Any, turning: Any, before: Any, queue: Any, lengths: Any) -> None:
    for i in range(len(levels)):
        state = _search(levels[i], turning, before, queue)
        lengths[i] = NO_WAY
        # Back from the goal: the start has -2 before it. It is counted too, hence -1 at first.
        while state >= 0:
            lengths[i] += 1
            state = before[state]


def shortest_paths(levels: Array, *, turning: bool) -> IntArray:
    """Return ``(n,)``: the length of a shortest way from agent to goal; -1 where there is none.

    Args:
        levels: ``(n, rows, columns)``, valid.
        turning: True counts the agent's steps, of which a turn by 90 degrees is one; False counts cells.
    """
    levels = np.ascontiguousarray(levels, np.uint8)
    # Scratch for one level, used for all; without any level there must be an array all the same.
    before, queue = np.empty((2, 4 * levels[:1].size or 4), np.int32)
    lengths = np.empty(len(levels), np.int64)
    _lengths(levels, bool(turning), before, queue, lengths)
    return lengths


def plan(level: Array) -> IntArray:
    """Return the actions of a shortest way from agent to goal: turn left 0, turn right 1, go forward 2.

    Raises:
        ValueError: if there is no way.
    """
    level = np.ascontiguousarray(level, np.uint8)
    before, queue = np.empty((2, 4 * level.size), np.int32)
    state = int(_find(level, before, queue))
    if state == NO_WAY:
        raise ValueError("plan: expected a level with a way from agent to goal, got one without")
    actions = []
    # Two states in a row tell the action between them.
    while before[state] >= 0:
        earlier = int(before[state])
        if state >> 2 != earlier >> 2:
            actions.append(FORWARD)
        elif (state - earlier) % 4 == 1:
            actions.append(RIGHT)
        else:
            actions.append(LEFT)
        state = earlier
    return np.array(actions[::-1], np.int64)


@jit
def _find(level: Any, before: Any, queue: Any) -> Any:
    return _search(level, True, before, queue)
