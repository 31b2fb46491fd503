"""Hexagon tracks: a walker, and hexagons whose corners are moved by the twelve numbers of the task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from teacherstudent.contract.registry import FAMILIES
from teacherstudent.envs.walkers.family import WalkerFamily, published_test_tasks
from teacherstudent.envs.walkers.ground.tasks import MAX_OFFSET, hexagon_space
from teacherstudent.envs.walkers.ground.tracks import HEXAGONS

if TYPE_CHECKING:
    from teacherstudent.envs.walkers.box2d.tracks import HexagonTracksEnv


@FAMILIES.register("hexagon-tracks")
def hexagon_tracks(
    *,
    embodiment: str = "default",
    simulator: str = "compiled",
    solver: str = "default",
    stuck: tuple[int, float] | None = None,
) -> WalkerFamily:
    """A walker climbs over hexagons whose corners vary in twelve dimensions (Portelas et al. 2019).

    Args:
        embodiment: "default", "short" or "quadruped".
        simulator: "compiled", or "box2d": the authors' own, a tenth as fast.
        solver: "default", "exact" or "fast", see `teacherstudent.envs.walkers.slots.SOLVERS`.
        stuck: ``(steps, metres)``: cut an episode after so many steps in which the hull did not get so much
            farther, say (200, 0.5). Mean returns of tests are others then. None for never.

    Raises:
        ValueError: if there is no such walker, simulator or solver, or ``stuck`` is no such pair.
    """
    space = hexagon_space()
    return WalkerFamily(
        _in_box2d,
        {"embodiment": embodiment},
        kind=HEXAGONS,
        name="hexagon-tracks",
        space=space,
        test_tasks=published_test_tasks([(0.0, MAX_OFFSET)] * 12),
        test_set=f"teachDeepRL/poly_shape0_{MAX_OFFSET}",
        difficulty_step=(0.1,) * 12,
        simulator=simulator,
        solver=solver,
        stuck=stuck,
    )


def _in_box2d(**options: Any) -> HexagonTracksEnv:
    # Imported only where it is asked for, as Box2D is an optional extra.
    from teacherstudent.envs.walkers.box2d.tracks import HexagonTracksEnv

    return HexagonTracksEnv(**options)
