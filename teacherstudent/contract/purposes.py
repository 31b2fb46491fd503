"""What a row is for: to be trained on, to be measured, or to be measured as a changed level."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt


class Purpose(IntEnum):
    """What a row is for.

    A student refuses purposes that it does not know (`check_purposes`). The lower-case name is the name of
    the cost in `Student.spent` and in the ledger.

    Attributes:
        TRAIN: train on it.
        MEASURE: measure it with the student as it is, train nothing.
        EDIT: measure it, as a changed copy of another level.
    """

    TRAIN = 0
    MEASURE = 1
    EDIT = 2

    @property
    def cost(self) -> str:
        """The name of its cost: ``"train"``, ``"measure"``, ``"edit"``."""
        return self.name.lower()


def purposes(learn: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Return `Purpose.TRAIN` where ``learn`` is True and `Purpose.MEASURE` where it is False.

    Raises:
        TypeError: if ``learn`` holds anything but True and False.
    """
    given = np.asarray(learn)
    # 0 and 1 could be meant as purposes: only truth values are taken here.
    if given.dtype.kind != "b":
        raise TypeError(f"purposes: expected True and False, got {learn!r}")
    return np.where(given, Purpose.TRAIN, Purpose.MEASURE).astype(np.uint8)


def check_purposes(assignment: Any, where: str, known: tuple[Purpose, ...] = tuple(Purpose)) -> None:
    """Raise ValueError unless a student knows what each row is for.

    Args:
        assignment: what it was handed (`teacherstudent.contract.types.Assignment`).
        where: who takes it; starts the message.
        known: what it can do.
    """
    strange = ~np.isin(assignment.purpose, known)
    if strange.any():
        row = int(strange.argmax())
        names = ", ".join(f"{int(purpose)} ({purpose.name})" for purpose in known)
        raise ValueError(
            f"{where}: row {row} (id {assignment.ids[row]}): purpose: expected one of {names}, which this "
            f"student can do, got {assignment.purpose[row]}"
        )


def measured_costs(purpose: npt.NDArray[np.uint8], cost: npt.ArrayLike) -> dict[str, float]:
    """Return the cost of rows that were not trained on, by the names of their purposes.

    Args:
        purpose: ``(n,)`` what each row was for.
        cost: ``(n,)`` its cost, or one number for all.
    """
    # One price for all is spread over the rows, so that both forms are summed alike.
    each = np.broadcast_to(np.asarray(cost, np.float64), purpose.shape)
    found = {}
    for number in np.unique(purpose[purpose != Purpose.TRAIN]).tolist():
        found[Purpose(number).cost] = float(each[purpose == number].sum())
    return found


def add_costs(counts: dict[str, float], more: Mapping[str, float]) -> None:
    """Add costs by name to counts; a name that is not there yet starts at 0."""
    for name, cost in more.items():
        counts[name] = counts.get(name, 0.0) + cost
