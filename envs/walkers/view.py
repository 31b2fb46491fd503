"""What a picture of a walker shows: plain arrays, whatever draws them."""

from __future__ import annotations

from typing import NamedTuple

from teacherstudent.contract.types import Array
from teacherstudent.envs.walkers.physics.rig import Rig


class WalkerView(NamedTuple):
    """What a picture shows.

    Attributes:
        rig: the walker.
        poses: ``(bodies, 3)``: centres of mass (m) and angles (rad).
        ground: ``(m, 2)``: corners of the ground from left to right (m).
        obstacles: corners of each obstacle, ``(k, 2)`` (m).
        rays: ``(10,)``: the share of each ray that is free.
    """

    rig: Rig
    poses: Array
    ground: Array
    obstacles: list[Array]
    rays: Array
