"""A picture of a point mass before its gate."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from teacherstudent.contract.types import Array, FloatArray
from teacherstudent.envs.point_mass.physics import GOAL, REACHED, ROOM, X, Y

SIZE = 320
"""Side of the picture, pixels."""

_BACKGROUND = (255, 255, 255)
_WALL = (60, 60, 60)
_GOAL = (40, 160, 70)
_POINT = (200, 60, 40)
_THICK = 0.08  # m: half of the wall
_RADIUS = 0.12  # m: of the point


def draw(state: FloatArray, task: Array) -> npt.NDArray[np.uint8]:
    """Return ``(SIZE, SIZE, 3)``: the room from above, y upwards.

    Args:
        state: ``(4,)``: x, its velocity, y, its velocity.
        task: ``(2,)`` or ``(3,)``: position and width of the gate first.
    """
    centres = (np.arange(SIZE) + 0.5) / SIZE * 2 * ROOM - ROOM
    across = centres[None, :]
    # Row 0 is the top of a picture, where y is largest.
    along = centres[::-1, None]
    picture = np.full((SIZE, SIZE, 3), _BACKGROUND, np.uint8)
    beside = np.abs(across - task[0]) > 0.5 * task[1]
    picture[(np.abs(along) < _THICK) & beside] = _WALL
    picture[np.hypot(across - GOAL[0], along - GOAL[1]) < REACHED] = _GOAL
    picture[np.hypot(across - state[X], along - state[Y]) < _RADIUS] = _POINT
    return picture
