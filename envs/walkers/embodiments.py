"""Walkers by name: the proportions of their legs and what they see, before any simulator builds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from gymnasium.spaces import Box

from teacherstudent.envs.walkers.physics.constants import HULL_POLY, RAYS


@dataclass(frozen=True, kw_only=True)
class Embodiment:
    """The measures of a walker, in pixels (30 to the metre of the simulation) where not said otherwise.

    Attributes:
        leg_width: of the upper leg; the lower one has 0.8 of it.
        leg_height: of each of the two parts.
        hull: corners of the hull.
        anchors: where along the hull, in metres from its centre, a pair of legs is hinged.
        torque: largest torque of a motor.
        torque_cost: reward lost a step for each motor at full torque.
    """

    leg_width: float = 8
    leg_height: float = 34
    hull: tuple[tuple[float, float], ...] = HULL_POLY
    anchors: tuple[float, ...] = (0.0,)
    torque: float = 80
    torque_cost: float = 0.00035 * 80

    @property
    def legs(self) -> int:
        """Number of legs, each with two motors."""
        return 2 * len(self.anchors)


EMBODIMENTS: Mapping[str, Embodiment] = {
    "default": Embodiment(),
    "short": Embodiment(leg_height=17),
    "quadruped": Embodiment(
        leg_width=10,
        leg_height=51,
        hull=((-46, 13), (6, 13), (50, 5), (50, -12), (-46, -12)),
        anchors=(-1.2, 0.85),
        torque=300,
        torque_cost=0.00035 / 8 * 300,
    ),
}


def embodiment(name: str) -> Embodiment:
    """Return a walker by name.

    Raises:
        TypeError: if it is no name.
        ValueError: if there is none of that name.
    """
    if not isinstance(name, str):
        raise TypeError(f"embodiment: expected a name, got {name!r}")
    if name not in EMBODIMENTS:
        raise ValueError(f"embodiment: expected one of {sorted(EMBODIMENTS)}, got {name!r}")
    return EMBODIMENTS[name]


def observation_space(legs: int) -> Box:
    """Return the observations of a walker with so many legs, of two parts each.

    Speeds and angles are unbounded, contact flags and rays lie in 0..1.
    """
    low = np.full(4 + 5 * legs + RAYS, -np.inf, np.float32)
    high = -low
    # The flag is the last of the five values of a leg.
    flags = 4 + 5 * np.arange(1, legs + 1) - 1
    low[flags], high[flags] = 0.0, 1.0
    low[-RAYS:], high[-RAYS:] = 0.0, 1.0
    return Box(low, high, dtype=np.float32)
