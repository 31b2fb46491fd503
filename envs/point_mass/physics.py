"""A point that is pushed about a room, and the wall with a gate across it; on arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from teacherstudent.contract.types import BoolArray, FloatArray

START = (0.0, 0.0, 3.0, 0.0)
"""Where an episode begins: x, its velocity, y, its velocity; metres and metres a second."""
GOAL = (0.0, -3.0)  # m
ROOM = 4.0  # m: both coordinates lie within +-ROOM
SECONDS = 0.01  # of one substep
SUBSTEPS = 10  # in a step of the environment
FORCE = 10.0  # N: of an action of 1
GAIN = 1.5  # m/s^2 for a newton
REACHED = 0.25  # m: as near to the goal counts as success
DECAY = 0.6  # 1/m: of the reward with the distance

X, VX, Y, VY = range(4)


class Gates(NamedTuple):
    """The gates of the slots, ``(n,)`` each.

    Attributes:
        position: of the gate's centre along the wall, m.
        width: m.
        friction: 1/s: velocity lost a second, as a share of it.
    """

    position: FloatArray
    width: FloatArray
    friction: FloatArray


def advance(
    state: FloatArray, actions: FloatArray, gates: Gates, noise: FloatArray
) -> tuple[FloatArray, BoolArray]:
    """Return the states after one step of the environment, and which slots have hit the wall in it.

    A slot that hits the wall stays where it hit.

    Args:
        state: ``(n, 4)``: x, its velocity, y, its velocity.
        actions: ``(n, 2)`` in [-1, 1]: the force along x and y, as a share of `FORCE`.
        gates: of the slots.
        noise: ``(SUBSTEPS, n, 2)`` m/s^2, added to the acceleration.
    """
    now = state.copy()
    crashed = np.zeros(len(state), np.bool_)
    push = GAIN * FORCE * actions
    for disturbance in noise:
        after = now.copy()
        speed = now[:, [VX, VY]]
        # All rates are those before the substep: explicit Euler, as in the authors' code.
        after[:, [X, Y]] = np.clip(now[:, [X, Y]] + SECONDS * speed, -ROOM, ROOM)
        drag = gates.friction[:, None] * speed
        after[:, [VX, VY]] = speed + SECONDS * (push - drag + disturbance)
        hit, where = _hits(now, after, gates)
        after[hit] = 0.0
        after[hit, X] = where[hit]
        # A slot that has crashed in an earlier substep takes no further one.
        now = np.where(crashed[:, None], now, after)
        crashed |= hit
    return now, crashed


def _hits(before: FloatArray, after: FloatArray, gates: Gates) -> tuple[BoolArray, FloatArray]:
    """Return which slots meet the wall beside their gate, and at which x each crosses it."""
    down = (before[:, Y] >= 0) & (after[:, Y] < 0)
    up = (before[:, Y] <= 0) & (after[:, Y] > 0)
    crosses = down | up
    way = np.where(crosses, after[:, Y] - before[:, Y], 1.0)
    # The share of the substep's way that lies before the wall.
    share = -before[:, Y] / way
    where = share * after[:, X] + (1 - share) * before[:, X]
    beside = np.abs(where - gates.position) > 0.5 * gates.width
    return crosses & beside, where


def distance(state: FloatArray) -> FloatArray:
    """Return ``(n,)`` metres to the goal."""
    return np.hypot(state[:, X] - GOAL[0], state[:, Y] - GOAL[1])
