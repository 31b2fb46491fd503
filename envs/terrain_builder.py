"""Terrains built parameter by parameter, by an adversary's actions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from teacherstudent.types import Array, FloatArray


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
