"""Stump tracks: a walker, and upright stumps whose height and spacing are the task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_real
from teacherstudent.contract.registry import FAMILIES
from teacherstudent.contract.types import Array
from teacherstudent.envs.walkers.family import WalkerFamily, published_test_tasks
from teacherstudent.envs.walkers.ground.tasks import MAX_SPACING, stump_space
from teacherstudent.envs.walkers.ground.tracks import STUMPS

if TYPE_CHECKING:
    from teacherstudent.envs.walkers.box2d.tracks import StumpTracksEnv


_EASY_HEIGHT = 0.3  # terrain steps: a tenth of the usual heights
_EASY_SPACING = 0.9 * MAX_SPACING  # m


class StumpTracks(WalkerFamily):
    """Stump tracks, as `stump_tracks` makes them, and which of them are easy."""

    def easy(self, rng: np.random.Generator, n: int) -> Array:
        """Return ``(n, 2)`` easy tasks: low stumps far apart, for teachers with an option ``easy``.

        Uniform over heights up to 0.3 and spacings above 5.4 m: a tenth of the usual range each. TeachMyAgent
        tells such tasks too (its initial distribution); these numbers are this package's own.
        """
        highest = min(_EASY_HEIGHT, float(spaces.as_box(self.space, self.name).high[0]))
        return rng.uniform((0.0, _EASY_SPACING), (highest, MAX_SPACING), (n, 2))


@FAMILIES.register("stump-tracks")
def stump_tracks(
    *,
    embodiment: str = "default",
    max_height: float = 3.0,
    test_height: float = 3.0,
    simulator: str = "compiled",
    solver: str = "default",
    stuck: tuple[int, float] | None = None,
    min_height: float = 0.0,
) -> StumpTracks:
    """A walker climbs over stumps whose height and spacing vary (Portelas et al. 2019).

    Args:
        embodiment: "default", "short" or "quadruped".
        max_height: upper end of the stump heights: 3, or 4 and 5 in the paper's spaces with more tasks that
            no walker can do.
        test_height: upper end of the heights in the test set. The authors test on the set of height 3
            whatever they train on; they published those of 4 and 5 too.
        simulator: "compiled", or "box2d": the authors' own, a tenth as fast.
        solver: "default", "exact" or "fast", see `teacherstudent.envs.walkers.slots.SOLVERS`.
        stuck: ``(steps, metres)``: cut an episode after so many steps in which the hull did not get so much
            farther, say (200, 0.5). Mean returns of tests are others then. None for never.
        min_height: lower end of the stump heights, at most 0: a stump is at least 0.05 terrain steps (2 cm)
            high, so tracks of heights below 0 are almost flat, as many trivial tasks as one wants. Tests stay
            at heights from 0.

    Raises:
        ValueError: if there is no such walker, simulator or solver, ``min_height`` is above 0, another height
            is not above 0, or tests exceed the space.
    """
    check_real("max_height", max_height, 0, above=True)
    check_real("test_height", test_height, 0, above=True)
    # Tests begin at height 0.
    check_real("min_height", min_height, high=0)
    # Both are numbers above 0 here; what is left is their order.
    if not 0 < test_height <= max_height:
        raise ValueError(f"test_height: expected above 0, at most max_height {max_height}, got {test_height}")
    return StumpTracks(
        _in_box2d,
        {"embodiment": embodiment, "max_height": float(max_height), "min_height": float(min_height)},
        kind=STUMPS,
        name="stump-tracks",
        space=stump_space(max_height, min_height),
        test_tasks=published_test_tasks([(0.0, test_height), (0.0, MAX_SPACING)]),
        test_set=f"teachDeepRL/stump_height0_{float(test_height)}obstacle_spacing0_{MAX_SPACING}",
        difficulty_step=(0.1, -0.2),
        simulator=simulator,
        solver=solver,
        stuck=stuck,
    )


def _in_box2d(**options: Any) -> StumpTracksEnv:
    # Imported only where it is asked for, as Box2D is an optional extra.
    from teacherstudent.envs.walkers.box2d.tracks import StumpTracksEnv

    return StumpTracksEnv(**options)
