"""Stump tracks: a walker, and upright stumps whose height and spacing are the task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from teacherstudent.contract.checks import check_real
from teacherstudent.contract.registry import FAMILIES
from teacherstudent.envs.walkers.family import WalkerFamily, published_test_tasks
from teacherstudent.envs.walkers.ground.tasks import MAX_SPACING, stump_space
from teacherstudent.envs.walkers.ground.tracks import STUMPS

if TYPE_CHECKING:
    from teacherstudent.envs.walkers.box2d.tracks import StumpTracksEnv


@FAMILIES.register("stump-tracks")
def stump_tracks(
    *,
    embodiment: str = "default",
    max_height: float = 3.0,
    test_height: float = 3.0,
    simulator: str = "compiled",
    solver: str = "default",
    stuck: tuple[int, float] | None = None,
) -> WalkerFamily:
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

    Raises:
        ValueError: if there is no such walker, simulator or solver, a height is not above 0, or tests exceed
            the space.
    """
    check_real("max_height", max_height, 0, above=True)
    check_real("test_height", test_height, 0, above=True)
    # Both are numbers above 0 here; what is left is their order.
    if not 0 < test_height <= max_height:
        raise ValueError(f"test_height: expected above 0, at most max_height {max_height}, got {test_height}")
    return WalkerFamily(
        _in_box2d,
        {"embodiment": embodiment, "max_height": float(max_height)},
        kind=STUMPS,
        name="stump-tracks",
        space=stump_space(max_height),
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
