"""Stump tracks: a walker, and upright stumps whose height and spacing are the task."""

from __future__ import annotations

from gymnasium.envs.box2d.bipedal_walker import TERRAIN_STEP
from gymnasium.utils import EzPickle

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_real
from teacherstudent.contract.registry import FAMILIES
from teacherstudent.contract.types import Array
from teacherstudent.envs.walkers.box2d.environment import Polygon, WalkerTrack, box
from teacherstudent.envs.walkers.family import WalkerFamily, published_test_tasks
from teacherstudent.envs.walkers.ground.tracks import STUMPS

MAX_SPACING = 6.0  # m
MIN_SPACING = 0.01  # m


class StumpTracksEnv(WalkerTrack):
    """A walker on a track of stumps; the task is ``(stump_height, obstacle_spacing)``.

    Each stump is one terrain step (0.47 m) wide and ``max(0.05, N(stump_height, 0.1))`` terrain steps high;
    behind it lie ``max(0.01, obstacle_spacing)`` metres of flat ground.

    Args:
        embodiment: "default", "short" or "quadruped".
        max_height: upper end of the stump heights, in terrain steps.
        render_mode: "human", "rgb_array" or None.

    Raises:
        ValueError: if there is no such walker, or ``max_height`` is not above 0.
    """

    def __init__(
        self, embodiment: str = "default", max_height: float = 3.0, render_mode: str | None = None
    ) -> None:
        super().__init__(_space(max_height), embodiment, render_mode)
        EzPickle.__init__(self, embodiment, max_height, render_mode)

    def group(self, task: Array, x: float) -> tuple[list[Polygon], float]:
        """Return one stump."""
        # Noise may go below 0, and a stump has at least some height.
        height = max(0.05, self.np_random.normal(task[0], 0.1)) * TERRAIN_STEP
        return [box(x, x + TERRAIN_STEP, height)], x + TERRAIN_STEP

    def gap(self, task: Array) -> float:
        """Return the metres of flat ground between stumps."""
        return max(MIN_SPACING, float(task[1]))


@FAMILIES.register("stump-tracks")
def stump_tracks(
    *,
    embodiment: str = "default",
    max_height: float = 3.0,
    test_height: float = 3.0,
    simulator: str = "compiled",
    solver: str = "default",
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
        StumpTracksEnv,
        {"embodiment": embodiment, "max_height": float(max_height)},
        kind=STUMPS,
        name="stump-tracks",
        space=_space(max_height),
        test_tasks=published_test_tasks([(0.0, test_height), (0.0, MAX_SPACING)]),
        test_set=f"teachDeepRL/stump_height0_{float(test_height)}obstacle_spacing0_{MAX_SPACING}",
        difficulty_step=(0.1, -0.2),
        simulator=simulator,
        solver=solver,
    )


def _space(max_height: float) -> spaces.Parameters:
    return spaces.Parameters(stump_height=(0.0, max_height), obstacle_spacing=(0.0, MAX_SPACING))
