"""Loss-proportional sampling: examples with a high loss come more often."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from teacherstudent.contract.checks import check_names, is_number
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Discrete
from teacherstudent.contract.stored.saved import saved_gaps
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Assignment, FloatArray, IntArray, Outcomes, Seed, State
from teacherstudent.teachers.examples.choosing import draw_without_replacement


@TEACHERS.register("loss-proportional")
class LossProportional(Teacher[Discrete]):
    """Draws examples in proportion to a power of their last known loss.

    A baseline, with proportional priorities as in Schaul et al. 2015, "Prioritized experience replay",
    https://arxiv.org/abs/1511.05952, and no importance weights: an example's probability is
    ``(1 - explore) l^power / sum(l^power) + explore / n``. The n tasks of an ask are drawn without
    replacement. An example without a loss counts as the greatest one known.

    Args:
        space: the examples.
        seed: an integer of at least 0 or a ``SeedSequence``.
        power: at least 0; 0 is uniform.
        explore: share of uniform draws, in [0, 1].

    Raises:
        TypeError: if the space is not discrete, or the seed is no integer.
        ValueError: if an option is out of range; from `tell`, if a ``loss`` is negative.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Discrete,)
    needs: frozenset[str] = frozenset({"loss"})

    def __init__(self, space: Discrete, *, seed: Seed, power: float = 1.0, explore: float = 0.1) -> None:
        super().__init__(space, seed=seed)
        if not (is_number(power) and 0 <= power < np.inf):
            raise ValueError(f"loss-proportional: power: expected a number of at least 0, got {power!r}")
        if not (is_number(explore) and 0 <= explore <= 1):
            raise ValueError(f"loss-proportional: explore: expected a share in [0, 1], got {explore!r}")
        self.power = power
        self.explore = explore
        self._losses = np.full(int(space.n), np.nan)

    def probabilities(self) -> FloatArray:
        """Return ``(n,)`` the probability of each example in a single draw."""
        n = len(self._losses)
        known = ~np.isnan(self._losses)
        # Without any loss all examples are equal, whatever this number is.
        greatest = 1.0
        if known.any():
            greatest = float(self._losses[known].max())
        if greatest == 0:
            return np.full(n, 1 / n)
        # The quotient comes first, so that no power overflows.
        weights = (np.where(known, self._losses, greatest) / greatest) ** self.power
        return np.asarray((1 - self.explore) * weights / weights.sum() + self.explore / n)

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        # The logarithm of 0 is minus infinity, which is never drawn.
        with np.errstate(divide="ignore"):
            weights = np.log(self.probabilities())
        most = int((weights > -np.inf).sum())
        left = len(ids)
        parts = []
        # One round, unless more is asked for than there are examples.
        while left > 0:
            parts.append(draw_without_replacement(self.rng, weights, min(left, most)))
            left -= most
        return Assignment(ids=ids, tasks=np.concatenate(parts) + self.space.start)

    def _tell(self, outcomes: Outcomes) -> None:
        losses = np.asarray(outcomes.signals["loss"], np.float64)
        if (losses < 0).any():
            raise ValueError(f"loss-proportional: expected losses of at least 0, one a row, got {losses}")
        self._losses[outcomes.tasks - self.space.start] = losses

    def metrics(self) -> dict[str, float]:
        """Return the share of examples whose loss is known, and the number that the draws amount to."""
        p = self.probabilities()
        return {"known": float((~np.isnan(self._losses)).mean()), "effective": float(1 / (p**2).sum())}

    def _state(self) -> State:
        return {"losses": self._losses.copy()}

    def _load(self, state: State) -> None:
        check_names("loss-proportional: state", ("losses",), state)
        expected = "finite losses, or NaN where none is known"
        shape = self._losses.shape
        self._losses = saved_gaps("loss-proportional: losses", state["losses"], shape, expected, low=0)
