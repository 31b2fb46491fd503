"""Which teachers a loop over examples, or over stages, can work with."""

from __future__ import annotations

from typing import Any

from teacherstudent.contract import spaces
from teacherstudent.contract.teacher import Teacher


def check_examples(where: str, teacher: Any, examples: int, rank: int) -> None:
    """Raise unless the teacher chooses among so many examples, and rank 0 alone has one.

    Raises:
        TypeError: if it is no teacher, or its tasks are no numbers.
        ValueError: if a rank has none or one too many, or the numbers, members or granularity do not fit.
    """
    if rank != 0:
        if teacher is not None:
            raise ValueError(
                f"{where}: teacher: expected None on rank {rank}, as one teacher on rank 0 serves all ranks, "
                f"got {type(teacher).__name__}"
            )
        return
    check_teacher(where, teacher)
    numbers = spaces.numbers(teacher.space)
    if numbers is None:
        raise TypeError(
            f"{where}: expected a teacher over Discrete({examples}), whose tasks are examples, got one over "
            f"{teacher.space}; stages of training are for StageController"
        )
    if len(numbers) != examples:
        raise ValueError(
            f"{where}: expected a teacher over Discrete({examples}), a task for each example, got one over "
            f"{teacher.space}"
        )
    if teacher.granularity not in ("episode", "step"):
        raise ValueError(
            f"{where}: expected a teacher of examples, got {type(teacher).__name__}, whose tasks last for a "
            f"{teacher.granularity}; stages of training are for StageController"
        )


def check_teacher(where: str, teacher: Any) -> None:
    """Raise unless it is a teacher of one model.

    Raises:
        TypeError: if it is no teacher.
        ValueError: if it has several members.
    """
    if not isinstance(teacher, Teacher):
        raise TypeError(f"{where}: teacher: expected a Teacher, got {teacher!r}")
    if teacher.members != 1:
        raise ValueError(
            f"{where}: expected a teacher of one model, got {type(teacher).__name__}, whose rows are for "
            f"{teacher.members} members"
        )
