"""The same stage from start to end: the plain run that a curriculum is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_mapping, check_names, is_whole
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Discrete, Parameters
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Array, Assignment, Granularity, IntArray, Outcomes, Seed, State
from teacherstudent.teachers.stages.paths import resting


@TEACHERS.register("constant")
class Constant(Teacher[gym.Space[Any]]):
    """Plays one task all the time: every knob neutral or at a given value, or one of listed stages.

    Args:
        space: named knobs, or listed stages.
        seed: an integer of at least 0 or a ``SeedSequence``; nothing is drawn from it.
        values: of knobs; those that are not named are neutral (see
            `teacherstudent.teachers.stages.paths.resting`).
        stage: number of the listed stage from 0; from the end if negative.

    Raises:
        TypeError: if the space is neither, or the seed is no integer.
        ValueError: if a value lies outside the space, a knob has no neutral value and none is given, or there
            is no such stage.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Parameters, Discrete)
    acts = False
    granularity: Granularity = "chunk"

    def __init__(
        self,
        space: gym.Space[Any],
        *,
        seed: Seed,
        values: Mapping[str, float] | None = None,
        stage: int = -1,
    ) -> None:
        super().__init__(space, seed=seed)
        self._task: Array
        listed = spaces.numbers(space)
        if listed is None:
            knobs = spaces.as_parameters(space, "constant")
            rest = resting("constant", knobs, check_mapping("constant: values", values), ())
            self._task = spaces.from_flat(knobs, np.array([[rest[name] for name in knobs.names]]))
            return
        # Listed stages have no knobs that values could be for.
        if check_mapping("constant: values", values):
            raise ValueError(f"constant: values: expected none for listed stages, got {values}")
        if not (is_whole(stage) and -len(listed) <= stage < len(listed)):
            raise ValueError(f"constant: stage: expected one of {len(listed)}, got {stage!r}")
        # A negative number is a place from the end, as in any list of Python.
        self._task = np.array([listed[int(stage)]], np.int64)

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        return Assignment(ids=ids, tasks=np.repeat(self._task, len(ids), axis=0))

    def _tell(self, outcomes: Outcomes) -> None:
        """Learn nothing: the task stays."""

    def _state(self) -> State:
        return {}

    def _load(self, state: State) -> None:
        check_names("constant: state", (), state)
