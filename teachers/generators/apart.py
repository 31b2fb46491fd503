"""Points that keep a distance from each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy

from teacherstudent.contract.stored.saved import saved_array
from teacherstudent.contract.types import FloatArray

MOST = 10_000
"""Points that are kept at most, the newest ones."""


class Apart:
    """Takes in a point only if it is farther than ``distance`` from all that it holds.

    Args:
        scale: ``(d,)``: what a unit of each coordinate counts.
        distance: Euclidean, in these units.
    """

    def __init__(self, scale: FloatArray, distance: float) -> None:
        self._scale, self._distance = scale, distance
        self.points: FloatArray = np.empty((0, len(scale)))

    def __len__(self) -> int:
        return len(self.points)

    def add(self, points: FloatArray) -> None:
        """Take in points ``(n, d)``, one after the other."""
        # Most points of a student that has learnt are near others: these are dismissed together.
        points = points[self._far(points, self.points)]
        for i in range(len(points)):
            one = points[i : i + 1]
            # Of those that are left, each is compared with what came before it in this call.
            if self._far(one, self.points).all():
                self.points = np.concatenate([self.points, one])[-MOST:]

    def _far(self, points: FloatArray, others: FloatArray) -> Any:
        if not len(others):
            return np.ones(len(points), np.bool_)
        return (
            scipy.spatial.distance.cdist(points * self._scale, others * self._scale).min(axis=1)
            > self._distance
        )

    def load(self, what: str, points: Any) -> None:
        """Take over points; raise ValueError if they are damaged."""
        found = saved_array(what, points, np.float64, (None, len(self._scale)), low=0, high=1)
        if len(found) > MOST:
            raise ValueError(f"{what}: expected at most {MOST} points, got {len(found)}")
        self.points = found
