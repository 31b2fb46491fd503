"""The space of levels of the bipedal benchmark: parameters of a terrain and the seed that fixes its draw.

After Parker-Holder et al., "Evolving curricula with regret-based environment design" (ACCEL, ICML 2022,
https://arxiv.org/abs/2203.01302): ranges, generator and edits are those of the authors' code; with five
parameters, without stairs, those of POET (Wang et al. 2019, https://arxiv.org/abs/1901.01753).

Deviations from the authors' code: terrain seeds are whole numbers below 2**24, which single precision has
exactly, not below 2**32; low and high of a pair are put in order in the level itself, not only when it is
built (edits draw among both, so that the distribution is the same).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_whole
from teacherstudent.contract.stored.hashes import terrain_keys
from teacherstudent.contract.types import Array, BoolArray, FloatArray, IntArray
from teacherstudent.envs.walkers.ground.levels import (
    ACTIVE_PIT,
    ACTIVE_STAIR,
    ACTIVE_STUMP,
    PIT_HIGH,
    PIT_LOW,
    ROUGHNESS,
    SEED,
    STAIR_HIGH,
    STAIR_LOW,
    STAIR_STEPS,
    STUMP_HIGH,
    STUMP_LOW,
)

SEEDS: Final = 2**24
"""Number of terrain seeds, from 0; all of them are whole numbers in single precision."""

RANGES: Final = {
    "roughness": (0.0, 10.0),
    "pit_gap_low": (0.0, 10.0),
    "pit_gap_high": (0.0, 10.0),
    "stump_height_low": (0.0, 5.0),
    "stump_height_high": (0.0, 5.0),
    "stair_height_low": (0.0, 5.0),
    "stair_height_high": (0.0, 5.0),
    "stair_steps": (1.0, 9.0),
}
"""The whole range of each parameter, in the order of a level: sizes in cells of 14/30 m, roughness in
multiples of gymnasium's noise."""

STARTS: Final = {
    "full": tuple(RANGES.values()),
    "easy": ((0.0, 0.6), (0, 0), (0.8, 0.8), (0, 0), (0.4, 0.4), (0, 0), (0.4, 0.4), (1, 1)),
}
"""Ranges from which levels are drawn: the whole ones, or ACCEL's easy ones."""

PARAMETERS: Final = (5, 8)
_STEPS: Final = np.array([0.6, 0.4, 0.4, 0.2, 0.2, 0.2, 0.2, 1.0])
"""How far an edit moves each parameter; of the roughness the most."""
_PAIRS: Final = ((PIT_LOW, PIT_HIGH), (STUMP_LOW, STUMP_HIGH), (STAIR_LOW, STAIR_HIGH))


class TerrainLevels(spaces.Levels):
    """Levels ``(9,)`` float64: eight parameters, named in `RANGES`, and the terrain's seed.

    The space holds every level within `RANGES` whatever levels are drawn from: edits leave the easy ones. A
    negative seed stands for the obstacles of gymnasium's hardcore terrain, see
    `teacherstudent.envs.walkers.ground.levels.lay_level`; such levels are tests, none is drawn.

    Attributes:
        names: of a level's entries.
        low, high: ``(9,)``: their least and largest values.

    Args:
        start: what levels are drawn from, a name of `STARTS`.
        parameters: how many are drawn and edited: 8, or the first 5; there are no stairs then.

    Raises:
        TypeError: if the start is no name.
        ValueError: if there is no such start or number of parameters.
    """

    def __init__(self, start: str = "full", parameters: int = 8) -> None:
        if not isinstance(start, str):
            raise TypeError(f"start: expected a name, got {start!r}")
        if start not in STARTS:
            raise ValueError(f"start: expected one of {list(STARTS)}, got {start!r}")
        if check_whole("parameters", parameters) not in PARAMETERS:
            raise ValueError(f"parameters: expected one of {PARAMETERS}, got {parameters!r}")
        super().__init__((len(RANGES) + 1,), np.float64)
        self.start = start
        self.parameters = parameters
        self.names: tuple[str, ...] = (*RANGES, "seed")
        # Negative seeds are for the hardcore tests; none of them is drawn.
        bounds = np.array([*RANGES.values(), (1.0 - SEEDS, SEEDS - 1.0)])
        self.low, self.high = bounds.T.copy()

    def __repr__(self) -> str:
        return f"TerrainLevels({self.start!r}, parameters={self.parameters})"

    def options(self) -> dict[str, Any]:
        """Return the arguments that the space was made with."""
        return {"start": self.start, "parameters": int(self.parameters)}

    def draw(self, rng: np.random.Generator, n: int) -> Array:
        """Return ``(n, 9)`` levels, parameters uniform in the ranges of the start.

        The number of steps is a rounded real number: least and most are half as likely as the others.
        """
        return self.from_unit(rng.random((n, len(self.names))))

    def draw_simple(self, rng: np.random.Generator, n: int) -> Array:
        """Return ``(n, 9)`` levels in ACCEL's easy ranges."""
        return TerrainLevels("easy", self.parameters).draw(rng, n)

    def from_unit(self, unit: FloatArray) -> Array:
        """Return the levels that `draw` makes of uniform numbers, ``(n, 9)`` in [0, 1)."""
        low, high = np.array(STARTS[self.start]).T
        levels = np.empty(unit.shape)
        # Parameters fill the ranges of the start, the seed becomes a whole number.
        levels[:, :SEED] = low + unit[:, :SEED] * (high - low)
        levels[:, SEED] = np.floor(unit[:, SEED] * SEEDS)
        # Parameters that are not drawn have their lowest value: there are no stairs then.
        levels[:, self.parameters : SEED] = self.low[self.parameters : SEED]
        levels[:, STAIR_STEPS] = np.rint(levels[:, STAIR_STEPS])
        return _in_order(levels)

    def builder(self) -> TerrainBuilder:
        """Return a builder of levels in the whole ranges, whatever levels are drawn from."""
        return TerrainBuilder(TerrainLevels("full", self.parameters).from_unit, self.parameters)

    def mutate(self, rng: np.random.Generator, tasks: Array, edits: int = 1) -> Array:
        """Return levels with so many edits, and with new seeds.

        An edit draws a parameter, and a direction in -1, 0, 1, and moves the parameter by its step: 0.4 for
        pits, 0.2 for heights, 1 for the number of steps, uniform in [0, 0.6) for the roughness; what leaves
        the whole range is clipped.

        Raises:
            ValueError: if there is no edit.
        """
        if edits < 1:
            raise ValueError(f"edits: expected at least 1, got {edits}")
        levels = np.array(tasks, np.float64)
        n = len(levels)
        # All edits at once: a parameter, and a direction, for each edit of each level.
        rows, columns = np.arange(n), rng.integers(self.parameters, size=(edits, n))
        moves = rng.integers(-1, 2, (edits, n)) * _STEPS[columns]
        # The roughness moves by a random part of its step.
        moves *= np.where(columns == ROUGHNESS, rng.random((edits, n)), 1.0)
        # One edit after the other: a parameter that is drawn twice is clipped in between.
        for column, move in zip(columns, moves, strict=True):
            levels[rows, column] = np.clip(levels[rows, column] + move, self.low[column], self.high[column])
        levels[:, SEED] = rng.integers(SEEDS, size=n)
        return _in_order(levels)

    def key(self, tasks: Array) -> IntArray:
        """Return ``(n,)`` int64 hashes of parameters and seed."""
        return terrain_keys(tasks)

    def contains_each(self, tasks: Array) -> BoolArray:
        """Return ``(n,)`` bool: which levels are in range, in order, and have whole steps and seeds."""
        inside = ((tasks >= self.low) & (tasks <= self.high)).all(axis=1)
        for low, high in _PAIRS:
            inside &= tasks[:, low] <= tasks[:, high]
        whole = tasks[:, [STAIR_STEPS, SEED]]
        return np.asarray(inside & (whole == np.rint(whole)).all(axis=1))

    def features(self, tasks: Array) -> dict[str, FloatArray]:
        """Return the parameters by name, and whether there are ``pits``, ``stumps``, ``stairs`` (1 or 0)."""
        # A copy, so that features do not change with the levels.
        values = dict(zip(RANGES, np.asarray(tasks, np.float64).T[:SEED].copy(), strict=True))
        for name, column, least in (
            ("pits", PIT_HIGH, ACTIVE_PIT),
            ("stumps", STUMP_HIGH, ACTIVE_STUMP),
            ("stairs", STAIR_HIGH, ACTIVE_STAIR),
        ):
            # In single precision, as kernels compare them.
            values[name] = (tasks[:, column].astype(np.float32) >= least).astype(np.float64)
        return values


TaskSpace: TypeAlias = spaces.Parameters | TerrainLevels
"""What a walker's task can be."""


def _in_order(levels: Array) -> Array:
    """Put low before high, in place."""
    for low, high in _PAIRS:
        # Indexing by a list makes a copy, so sorting it in place would change nothing.
        levels[:, [low, high]] = np.sort(levels[:, [low, high]], axis=1)
    return levels


class TerrainBuilder:
    """Sets one parameter of a terrain with each action; its seed is random.

    The adversary's environment of Parker-Holder et al. 2022, https://arxiv.org/abs/2203.01302: an action of
    -1 is the lowest value of the parameter's whole range and 1 the highest; lows and highs of a pair are put
    in order at the end. Seen are the parameters in [-1, 1], with 0 for those that are not set yet.

    Args:
        levels: makes levels ``(n, 9)`` of numbers in [0, 1), one for each of the eight parameters and the
            seed.
        parameters: how many are set, in order.
    """

    n_actions = 0

    def __init__(self, levels: Callable[[FloatArray], Array], parameters: int) -> None:
        self.steps = parameters
        self.observation_shape: tuple[int, ...] = (parameters,)
        self._levels = levels

    def empty(self, n: int) -> FloatArray:
        """Return ``(n, 9)``: parameters in the middle of their ranges, no seed yet."""
        return np.zeros((n, 9))

    def apply(self, partial: Array, step: int, actions: Array, rng: np.random.Generator) -> FloatArray:
        """Set parameter ``step``, and with the first one draw the seed."""
        after = np.array(partial, np.float64)
        after[:, step] = actions
        # A terrain has one seed, so it is drawn with the first action only.
        if step == 0:
            after[:, -1] = rng.random(len(after))
        return after

    def observe(self, partial: Array) -> Array:
        """Return the parameters in [-1, 1] as float32."""
        return partial[:, : self.steps].astype(np.float32)

    def finish(self, partial: Array) -> Array:
        """Return levels ``(n, 9)``."""
        # Actions from -1 to 1 become numbers from 0 to 1; the seed is such a number already.
        unit = (partial + 1) / 2
        unit[:, -1] = partial[:, -1]
        return self._levels(unit)
