"""All examples alike: the baseline of every teacher that chooses examples."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium as gym

from teacherstudent.contract.checks import check_names
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Discrete
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Assignment, IntArray, Outcomes, Seed, State
from teacherstudent.teachers.examples.choosing import Passes


@TEACHERS.register("uniform")
class UniformExamples(Teacher[Discrete]):
    """Hands out every example once a pass, in random order: ordinary training.

    The teacher ``random`` draws with replacement instead.

    Args:
        space: the examples.
        seed: an integer of at least 0 or a ``SeedSequence``.

    Raises:
        TypeError: if the space is not discrete, or the seed is no integer.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Discrete,)
    acts = False

    def __init__(self, space: Discrete, *, seed: Seed) -> None:
        super().__init__(space, seed=seed)
        self._passes = Passes(int(space.n))

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        return Assignment(ids=ids, tasks=self._passes.take(self.rng, len(ids)) + self.space.start)

    def _tell(self, outcomes: Outcomes) -> None:
        """Learn nothing: the order does not depend on any outcome."""

    def _state(self) -> State:
        return {"passes": self._passes.state()}

    def _load(self, state: State) -> None:
        check_names("uniform: state", ("passes",), state)
        self._passes.load(state["passes"])
