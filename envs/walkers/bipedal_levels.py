"""Bipedal levels: a walker on rough ground with pits, stumps and stairs; a level is eight numbers and a seed.

The benchmark of Parker-Holder et al., "Evolving curricula with regret-based environment design" (ACCEL, ICML
2022, https://arxiv.org/abs/2203.01302): its ranges, tests, cap of 2000 steps and line of 230 for a solved
level. Space and edits are in `teacherstudent.envs.walkers.terrain`, the terrain in
`teacherstudent.envs.walkers.ground.levels`, physics and rewards in `teacherstudent.envs.walkers.slots`.

Deviations from the authors' code:
- Tests have ten fixed terrain seeds each; the authors take theirs from the clock.
- Stumps and stairs are at least 0.05 cells high, and a stump is never drawn again because Box2D refuses it;
  the authors leave out the steps of stairs up to 0.01 cells.
- With ``variant="fixed"`` stairs have the number of steps that the level names, and the grass begins behind a
  stump, as in POET's code. The authors' code (``variant="paper"``) draws 0 to ``stair_steps - 1`` steps, so
  that the easy levels have none, and lays 5 to 9 level cells from a stump on before the grass.
- Test levels of gymnasium's two walkers follow the distributions of its terrains, not its random numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from teacherstudent.contract.checks import is_one_of
from teacherstudent.contract.registry import FAMILIES
from teacherstudent.contract.types import Array, generator
from teacherstudent.envs.walkers.family import WalkerFamily
from teacherstudent.envs.walkers.ground.tracks import level_kind
from teacherstudent.envs.walkers.terrain import TerrainLevels

if TYPE_CHECKING:
    from teacherstudent.envs.walkers.box2d.levels import BipedalLevelsEnv

TEST_SEEDS: Final = 10
"""Terrain seeds of each test: 0 to 9, of the hardcore one -1 to -10."""

# A level without roughness and obstacles, and one step of stairs: named tests change single entries of it.
_PLAIN = (0.0,) * 7 + (1.0,)
_HARDCORE = "BipedalWalkerHardcore-v3"
_EXTREME = "XChal"

TESTS: Final[Mapping[str, tuple[float, ...]]] = {
    "BipedalWalker-v3": (1.0, *_PLAIN[1:]),
    _HARDCORE: (1.0, 2.0, 3.0, 1.0, 2.0, 1.0, 1.0, 4.0),
    "Med-Stairs": (*_PLAIN[:5], 2.0, 2.0, 5.0),
    "Med-PitGap": (0.0, 5.0, 5.0, *_PLAIN[3:]),
    "Med-StumpHeight": (*_PLAIN[:3], 2.0, 2.0, *_PLAIN[5:]),
    "Med-Roughness": (5.0, *_PLAIN[1:]),
    "High-Stairs": (*_PLAIN[:5], 5.0, 5.0, 9.0),
    "Wide-PitGap": (0.0, 10.0, 10.0, *_PLAIN[3:]),
    "High-StumpHeight": (*_PLAIN[:3], 5.0, 5.0, *_PLAIN[5:]),
    "High-Roughness": (9.0, *_PLAIN[1:]),
    "Insane": (9.0, 10.0, 10.0, 5.0, 5.0, 5.0, 5.0, 9.0),
    # POET's terrains have no stairs: heights of 0 switch them off, and
    # one step is the least that a level can name.
    "POET-Rose-1a": (5.6, 4.48, 6.4, 2.4, 2.82, 0.0, 0.0, 1.0),
    "POET-Rose-1b": (5.44, 4.48, 6.72, 1.8, 2.82, 0.0, 0.0, 1.0),
    "POET-Rose-2a": (7.2, 5.6, 7.2, 1.98, 2.82, 0.0, 0.0, 1.0),
    "POET-Rose-2b": (5.76, 1.6, 7.2, 2.16, 2.76, 0.0, 0.0, 1.0),
    "POET-Rose-3a": (5.28, 4.8, 7.2, 1.98, 2.76, 0.0, 0.0, 1.0),
    "POET-Rose-3b": (4.8, 4.48, 4.8, 2.4, 2.76, 0.0, 0.0, 1.0),
}
"""Parameters of the named tests, in the order of a level. The hardcore terrain has sizes of its own: pits of
3 or 4 cells from wall to wall, stumps of 1 x 1 or 2 x 2 cells, 3 or 4 steps of height 1."""

_NAMES = tuple(TESTS)
SUITES: Final[Mapping[str, tuple[str, ...]]] = {
    "accel": _NAMES[:6],
    "high": _NAMES[6:10],
    "insane": ("Insane",),
    "xchal": (_EXTREME,),
    "poet": _NAMES[11:],
    "all": (*_NAMES, _EXTREME),
}
"""Names of the tests of each suite. ``XChal`` draws roughness, largest pit and largest stump for each of its
terrains, from 4.5 to 8, 6 to 8 and 2.4 to 3."""


class BipedalLevels(WalkerFamily):
    """The family of `bipedal_levels`.

    Attributes:
        test_names: for each test task the name of its test.
    """

    def __init__(
        self,
        *,
        start: str,
        parameters: int,
        suite: str,
        variant: str,
        embodiment: str,
        simulator: str,
        solver: str,
        stuck: tuple[int, float] | None,
    ) -> None:
        if not is_one_of(suite, SUITES):
            raise ValueError(f"suite: expected one of {list(SUITES)}, got {suite!r}")
        super().__init__(
            _in_box2d,
            {"start": start, "parameters": parameters, "variant": variant, "embodiment": embodiment},
            kind=level_kind(variant),
            name="bipedal-levels",
            space=TerrainLevels(start, parameters),
            test_tasks=np.concatenate([levels_of(name) for name in SUITES[suite]]),
            test_set=f"ACCEL/{suite}_{variant}_seeds{TEST_SEEDS}",
            difficulty_step=None,
            simulator=simulator,
            solver=solver,
            stuck=stuck,
        )
        # One name for each terrain seed, in the order in which `levels_of` lists them.
        self.test_names = tuple(name for name in SUITES[suite] for _ in range(TEST_SEEDS))


@FAMILIES.register("bipedal-levels")
def bipedal_levels(
    *,
    start: str = "full",
    parameters: int = 8,
    suite: str = "accel",
    variant: str = "fixed",
    embodiment: str = "default",
    simulator: str = "compiled",
    solver: str = "default",
    stuck: tuple[int, float] | None = None,
) -> BipedalLevels:
    """A walker on rough ground with pits, stumps and stairs (Parker-Holder et al. 2022).

    Args:
        start: what levels are drawn from: "full", or "easy" for ACCEL's start from easy levels.
        parameters: 8, or 5 for POET's levels without stairs. Tests may have stairs all the same.
        suite: the tests, a name of `SUITES`: "accel" (the paper's six), "high", "insane", "xchal", "poet",
            "all".
        variant: "fixed", or "paper" for stumps and stairs of the authors' code, see above.
        embodiment: "default", "short" or "quadruped".
        simulator: "compiled", or "box2d", a tenth as fast.
        solver: "default", "exact" or "fast", see `teacherstudent.envs.walkers.slots.SOLVERS`.
        stuck: ``(steps, metres)``: cut an episode after so many steps in which the hull did not get so much
            farther, say (200, 0.5). Mean returns of tests are others then. None for never.

    Raises:
        ValueError: if an option has no such value.
    """
    return BipedalLevels(
        start=start,
        parameters=parameters,
        suite=suite,
        variant=variant,
        embodiment=embodiment,
        simulator=simulator,
        solver=solver,
        stuck=stuck,
    )


def levels_of(name: str) -> Array:
    """Return the levels of a test by its name, ``(10, 9)``: one for each terrain seed."""
    seeds = np.arange(TEST_SEEDS, dtype=np.float64)
    if name == _EXTREME:
        # This test has no parameters of its own: each of its terrains draws
        # roughness, largest pit and largest stump.
        levels = np.tile([*_PLAIN, 0.0], (TEST_SEEDS, 1))
        levels[:, [0, 2, 4]] = generator(0).uniform([4.5, 6.0, 2.4], [8.0, 8.0, 3.0], (TEST_SEEDS, 3))
    else:
        levels = np.tile([*TESTS[name], 0.0], (TEST_SEEDS, 1))
    # A negative seed stands for the hardcore terrain; it starts at -1, since -0 would be 0.
    if name == _HARDCORE:
        seeds = -1.0 - seeds
    levels[:, -1] = seeds
    return levels


def _in_box2d(**options: Any) -> BipedalLevelsEnv:
    # Imported only where it is asked for, as Box2D is an optional extra.
    from teacherstudent.envs.walkers.box2d.levels import BipedalLevelsEnv

    return BipedalLevelsEnv(**options)
