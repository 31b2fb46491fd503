"""What the tasks of a teacher of stages mean: a value for every knob."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from teacherstudent.adapters.supervised.fitting import check_teacher
from teacherstudent.contract import spaces
from teacherstudent.contract.knobs import KNOBS, SIZES, Setting, check_value, complete
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Array

WHO = "StageController"


class Settings:
    """Reads a teacher's tasks as knobs.

    Args:
        teacher: over `Parameters` whose names are knobs, or over numbers of listed stages.
        knobs: the listed stages, each knob -> value; None for named knobs.

    Attributes:
        reach: knob -> (lowest, highest) value over all tasks, for knobs that are not neutral everywhere.

    Raises:
        TypeError: if the teacher is none, its tasks are neither, or a stage is no mapping.
        ValueError: if there are more or fewer stages than numbers, a knob is unknown or out of its bounds,
            every knob is neutral everywhere, or two knobs of size are used.
    """

    def __init__(self, teacher: Teacher[Any], knobs: Sequence[Mapping[str, float]] | None) -> None:
        check_teacher(WHO, teacher)
        self._space = teacher.space
        self._stages: list[dict[str, float]] | None = None
        numbers = spaces.numbers(teacher.space)
        if numbers is None:
            if knobs is not None:
                raise ValueError(f"{WHO}: knobs: expected none for a teacher over named knobs, got {knobs}")
            values = self._ranges()
        else:
            self._stages = _stages(knobs, len(numbers))
            self._first = numbers[0]
            values = {}
            for name in sorted({name for stage in self._stages for name in stage}):
                values[name] = [stage.get(name, KNOBS[name].neutral) for stage in self._stages]
        self.reach = {name: (min(v), max(v)) for name, v in values.items() if {*v} != {KNOBS[name].neutral}}
        if not self.reach:
            raise ValueError(f"{WHO}: expected a knob that is not neutral everywhere, got {list(values)}")
        if all(name in self.reach for name in SIZES):
            raise ValueError(f"{WHO}: expected bandwidth or resize, got both: an image has one size")

    def _ranges(self) -> dict[str, list[float]]:
        ranges = spaces.ranges(self._space)
        if not ranges:
            raise TypeError(
                f"{WHO}: expected a teacher over Parameters of knobs, or over numbers of stages, got one "
                f"over {self._space}"
            )
        found = {}
        for name, pair in ranges.items():
            found[name] = [check_value(f"{WHO}: knobs", name, value) for value in pair]
            # 0 stands for the whole side, length or batch: a range from 0 would jump there.
            if name in (*SIZES, "sequence_length", "batch_size") and found[name][0] == 0:
                raise ValueError(f"{WHO}: {name}: expected a smallest value above 0, got {pair}")
        return found

    def of(self, task: Array) -> Setting:
        """Return the value of every knob for a task."""
        if self._stages is not None:
            return complete(self._stages[int(task) - self._first])
        names = spaces.dimension_names(self._space)
        return complete(dict(zip(names, np.asarray(task, np.float64).tolist(), strict=True)))


def _stages(knobs: Any, n: int) -> list[dict[str, float]]:
    if not isinstance(knobs, Sequence) or not all(isinstance(stage, Mapping) for stage in knobs):
        raise TypeError(
            f"{WHO}: knobs: expected a list of {n} stages, each knob -> value, for a teacher over numbers, "
            f"got {knobs!r}"
        )
    if len(knobs) != n:
        raise ValueError(f"{WHO}: knobs: expected {n} stages, one for each number, got {len(knobs)}")
    checked = []
    for i, stage in enumerate(knobs):
        checked.append({k: check_value(f"{WHO}: stage {i}", k, v) for k, v in stage.items()})
    return checked
