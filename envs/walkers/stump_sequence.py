"""Stump sequences: a walker, and flights of five stumps whose heights and widths are the task."""

from __future__ import annotations

from gymnasium.envs.box2d.bipedal_walker import TERRAIN_STEP
from gymnasium.utils import EzPickle

from teacherstudent.contract import spaces
from teacherstudent.contract.registry import FAMILIES
from teacherstudent.contract.types import Array
from teacherstudent.envs.walkers.box2d.environment import Polygon, WalkerTrack, box
from teacherstudent.envs.walkers.family import WalkerFamily, published_test_tasks
from teacherstudent.envs.walkers.ground.tracks import SEQUENCE

STUMPS = 5
MAX_SIZE = 6.0  # terrain steps high, metres wide


class StumpSequenceEnv(WalkerTrack):
    """A walker on a track of stump flights; the task is height and width of each of five stumps in turn.

    Heights are in terrain steps (0.47 m) and widths in metres, as in the authors' code; each is drawn from
    ``max(0.05, N(task, 0.1))``. The stumps of a flight stand side by side; behind it lie 8 m of flat ground.

    Args:
        embodiment: "default", "short" or "quadruped".
        render_mode: "human", "rgb_array" or None.

    Raises:
        ValueError: if there is no such walker.
    """

    def __init__(self, embodiment: str = "default", render_mode: str | None = None) -> None:
        super().__init__(_space(), embodiment, render_mode)
        EzPickle.__init__(self, embodiment, render_mode)

    def group(self, task: Array, x: float) -> tuple[list[Polygon], float]:
        """Return one flight of stumps."""
        stumps = []
        # Stumps stand side by side: one begins where the last one ended.
        for height, width in task.reshape(STUMPS, 2):
            up = max(0.05, self.np_random.normal(height, 0.1)) * TERRAIN_STEP
            right = x + max(0.05, self.np_random.normal(width, 0.1))
            stumps.append(box(x, right, up))
            x = right
        return stumps, x


@FAMILIES.register("stump-sequence")
def stump_sequence(
    *, embodiment: str = "default", simulator: str = "compiled", solver: str = "default"
) -> WalkerFamily:
    """A walker climbs flights of five stumps whose heights and widths vary (Portelas et al. 2019).

    Args:
        embodiment: "default", "short" or "quadruped".
        simulator: "compiled", or "box2d": the authors' own, a tenth as fast.
        solver: "default", "exact" or "fast", see `teacherstudent.envs.walkers.slots.SOLVERS`.

    Raises:
        ValueError: if there is no such walker, simulator or solver.
    """
    return WalkerFamily(
        StumpSequenceEnv,
        {"embodiment": embodiment},
        kind=SEQUENCE,
        name="stump-sequence",
        space=_space(),
        test_tasks=published_test_tasks([(0.0, MAX_SIZE)] * (2 * STUMPS)),
        test_set=f"teachDeepRL/stump_seq0_{MAX_SIZE}",
        difficulty_step=(0.1,) * (2 * STUMPS),
        simulator=simulator,
        solver=solver,
    )


def _space() -> spaces.Parameters:
    # height0, width0, height1, ...: `group` reshapes a task to five pairs.
    names = [f"{what}{i}" for i in range(STUMPS) for what in ("height", "width")]
    return spaces.Parameters(**dict.fromkeys(names, (0.0, MAX_SIZE)))
