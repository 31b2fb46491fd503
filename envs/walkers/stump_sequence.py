"""Stump sequences: a walker, and flights of five stumps whose heights and widths are the task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from teacherstudent.contract.registry import FAMILIES
from teacherstudent.envs.walkers.family import WalkerFamily, published_test_tasks
from teacherstudent.envs.walkers.ground.tasks import MAX_SIZE, STUMPS, sequence_space
from teacherstudent.envs.walkers.ground.tracks import SEQUENCE

if TYPE_CHECKING:
    from teacherstudent.envs.walkers.box2d.tracks import StumpSequenceEnv


@FAMILIES.register("stump-sequence")
def stump_sequence(
    *,
    embodiment: str = "default",
    simulator: str = "compiled",
    solver: str = "default",
    stuck: tuple[int, float] | None = None,
) -> WalkerFamily:
    """A walker climbs flights of five stumps whose heights and widths vary (Portelas et al. 2019).

    Args:
        embodiment: "default", "short" or "quadruped".
        simulator: "compiled", or "box2d": the authors' own, a tenth as fast.
        solver: "default", "exact" or "fast", see `teacherstudent.envs.walkers.slots.SOLVERS`.
        stuck: ``(steps, metres)``: cut an episode after so many steps in which the hull did not get so much
            farther, say (200, 0.5). Mean returns of tests are others then. None for never.

    Raises:
        ValueError: if there is no such walker, simulator or solver, or ``stuck`` is no such pair.
    """
    return WalkerFamily(
        _in_box2d,
        {"embodiment": embodiment},
        kind=SEQUENCE,
        name="stump-sequence",
        space=sequence_space(),
        test_tasks=published_test_tasks([(0.0, MAX_SIZE)] * (2 * STUMPS)),
        test_set=f"teachDeepRL/stump_seq0_{MAX_SIZE}",
        difficulty_step=(0.1,) * (2 * STUMPS),
        simulator=simulator,
        solver=solver,
        stuck=stuck,
    )


def _in_box2d(**options: Any) -> StumpSequenceEnv:
    # Imported only where it is asked for, as Box2D is an optional extra.
    from teacherstudent.envs.walkers.box2d.tracks import StumpSequenceEnv

    return StumpSequenceEnv(**options)
