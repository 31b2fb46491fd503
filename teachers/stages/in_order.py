"""Listed stages one after the other: the schedule by hand that a bandit is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from teacherstudent.contract.checks import check_names, check_numbers
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Discrete
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Assignment, FloatArray, Granularity, IntArray, Outcomes, Seed, State
from teacherstudent.teachers.stages.paths import stage_at


@TEACHERS.register("in-order")
class InOrder(Teacher[Discrete]):
    """Plays listed tasks in their order, each for a share of the budget.

    With equal shares and stages of growing images this is the schedule of EfficientTrain++
    (https://arxiv.org/abs/2405.08768) over a list.

    Args:
        space: the tasks.
        seed: an integer of at least 0 or a ``SeedSequence``; nothing is drawn from it.
        shares: of the budget, one for each task; in proportion to these numbers. None for equal ones.

    Raises:
        TypeError: if the space is not discrete, or the seed is no integer.
        ValueError: if there are not as many shares as tasks, one is negative, or all are 0.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Discrete,)
    acts = False
    granularity: Granularity = "chunk"

    def __init__(self, space: Discrete, *, seed: Seed, shares: Sequence[float] | None = None) -> None:
        super().__init__(space, seed=seed)
        expected = f"{space.n} numbers of at least 0"
        given: FloatArray = np.ones(int(space.n))
        if shares is not None:
            given = check_numbers("in-order: shares", expected, shares)
        if given.shape != (space.n,) or not ((given >= 0).all() and given.any()):
            raise ValueError(f"in-order: shares: expected {expected}, got {shares}")
        self._ends = np.cumsum(given) / given.sum()

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        # Tasks of share 0 at the end are never begun: the last task that has a share goes on.
        task = min(stage_at(self._ends, progress), int(np.searchsorted(self._ends, 1.0)))
        return Assignment(ids=ids, tasks=np.full(len(ids), self.space.start + task, np.int64))

    def _tell(self, outcomes: Outcomes) -> None:
        """Learn nothing: the order is fixed."""

    def _state(self) -> State:
        return {}

    def _load(self, state: State) -> None:
        check_names("in-order: state", (), state)
