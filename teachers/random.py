"""Uniform sampling of the task space: the baseline that every curriculum has to beat."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_names
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Box, Discrete, Levels
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Array, Assignment, IntArray, Outcomes, State


@TEACHERS.register("random")
class UniformTeacher(Teacher[gym.Space[Any]]):
    """Draws every task uniformly and ignores what happens on it (domain randomisation).

    Tobin et al. 2017, "Domain randomization for transferring deep neural networks from simulation to the real
    world", https://arxiv.org/abs/1703.06907; the baseline "Random" of Portelas et al. 2019,
    https://arxiv.org/abs/1910.07224. On a level space the space's own distribution is drawn from.

    Deviation: the authors of the second draw float32 tasks; here tasks have the space's dtype. There is one
    variant, because nothing else differs.

    Args:
        space: any box, discrete or level space.
        seed: an integer of at least 0 or a ``SeedSequence``.

    Raises:
        TypeError: if the space is of another kind, or the seed is no integer.
        ValueError: if the space is empty or unbounded.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Box, Discrete, Levels)
    acts = False

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        return Assignment(ids=ids, tasks=spaces.sample(self.space, self.rng, len(ids)))

    def _tell(self, outcomes: Outcomes) -> None:
        """Learn nothing: the next task does not depend on any outcome."""

    def _state(self) -> State:
        return {}

    def _load(self, state: State) -> None:
        check_names("random: state", (), state)

    def snapshot(self) -> dict[str, Array]:
        """Return the whole space as one box: ``low`` and ``high`` ``(1, d)``; empty for a level space."""
        ends = spaces.ends(self.space)
        if ends is None:
            return {}
        # Numbered tasks are a box of one coordinate.
        low, high = (numbers.astype(np.float64).reshape(1, -1) for numbers in ends)
        return {"low": low, "high": high}
