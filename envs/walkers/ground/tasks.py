"""The spaces of the tracks' tasks: what a stump, a hexagon or a flight of stumps may look like."""

from __future__ import annotations

from typing import Final

from teacherstudent.contract import spaces

MAX_SPACING: Final = 6.0  # m between stumps
MAX_OFFSET: Final = 4.0  # terrain steps that a hexagon's corner moves
STUMPS: Final = 5
"""Stumps in a flight."""
MAX_SIZE: Final = 6.0  # of a flight's stumps: terrain steps high, metres wide


def stump_space(max_height: float, min_height: float = 0.0) -> spaces.Parameters:
    """Return the space of tracks of equal stumps: height (terrain steps of 0.47 m) and spacing (m)."""
    return spaces.Parameters(stump_height=(min_height, max_height), obstacle_spacing=(0.0, MAX_SPACING))


def hexagon_space() -> spaces.Parameters:
    """Return the space of hexagons: right0, up0, right1, ..., an offset (terrain steps) for each corner."""
    # In this order, since a task is reshaped to six pairs.
    ranges = {f"{axis}{corner}": (0.0, MAX_OFFSET) for corner in range(6) for axis in ("right", "up")}
    return spaces.Parameters(**ranges)


def sequence_space() -> spaces.Parameters:
    """Return the space of flights of stumps: height0 (terrain steps), width0 (m), height1, ..."""
    # In this order, since a task is reshaped to five pairs.
    names = [f"{what}{i}" for i in range(STUMPS) for what in ("height", "width")]
    return spaces.Parameters(**dict.fromkeys(names, (0.0, MAX_SIZE)))
