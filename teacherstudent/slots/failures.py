"""How a vector environment says that the environment of a slot has failed, and that the others go on."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from teacherstudent.contract.accounts.failures import Failures
from teacherstudent.contract.types import Array, BoolArray, IntArray

FAILURE = "task_failure"
"""Name in the infos of `reset` and `step`: what happened, ``(n,)`` of strings and None; with a mask."""
CUT = "task_cut"
"""Name in the infos: ``(n,)`` bool, True where the slot itself did not fail, but its process ended."""


@runtime_checkable
class Tolerant(Protocol):
    """A vector environment that can go on when the environment of a slot fails.

    If it is tolerant, a failure raises nothing. `FAILURE` in the infos names the slots that have failed. In
    the step where it fails, a slot has the reward 0, its last valid observation, and is truncated. From then
    on it is parked: steps leave it out, with reward 0 and no flag, until it is reset.

    Attributes:
        tolerant: whether it is; False for a new one, which raises.
    """

    tolerant: bool


class Fault(NamedTuple):
    """Why a task has no outcome.

    Attributes:
        error: what happened: slot, task and cause.
        blamed: False where only the process ended, for which another slot's task is to blame.
    """

    error: str
    blamed: bool


class Failed(NamedTuple):
    """Slots whose environment has failed.

    Attributes:
        slots: ``(k,)``.
        errors: ``(k,)``: what happened.
        blamed: ``(k,)``: False where only the process ended.
    """

    slots: IntArray
    errors: list[str]
    blamed: BoolArray

    def faults(self) -> list[tuple[int, Fault]]:
        """Return the slots, each with what happened there."""
        told = zip(self.slots.tolist(), self.errors, self.blamed.tolist(), strict=True)
        return [(slot, Fault(error, blamed)) for slot, error, blamed in told]

    def fresh(self, known: BoolArray) -> Failed:
        """Return those of the slots that are not ``known`` ``(slots,)`` to have failed.

        A parked slot may be named again when its process ends.
        """
        new = ~known[self.slots]
        errors = [self.errors[i] for i in np.flatnonzero(new)]
        return Failed(self.slots[new], errors, self.blamed[new])

    def note(self, failures: Failures, ids: IntArray, tasks: Array) -> None:
        """Note the slots' tasks as failed; ``ids`` and ``tasks`` are those of all slots.

        Raises:
            TooManyFailedTasksError: if these are too many.
        """
        failures.add(ids[self.slots], tasks[self.slots], self.errors, self.blamed)


def tolerate(envs: Any, yes: bool) -> None:
    """Make a vector environment tolerant or not, if it can be."""
    # Setting it may cost a message to every process, so only do it for a change.
    if isinstance(envs, Tolerant) and envs.tolerant != yes:
        envs.tolerant = yes


def failed_slots(infos: dict[str, Any]) -> Failed | None:
    """Return which slots have failed by the infos of a reset or step; None if all went well."""
    if FAILURE not in infos:
        return None
    slots = np.flatnonzero(infos[f"_{FAILURE}"])
    blamed = np.ones(len(slots), np.bool_)
    if CUT in infos:
        blamed = ~np.asarray(infos[CUT], np.bool_)[slots]
    return Failed(slots, [str(infos[FAILURE][slot]) for slot in slots], blamed)


def add_failures(
    infos: dict[str, Any], errors: dict[int, str], n: int, *, cut: BoolArray | None = None
) -> None:
    """Write errors by slot into the infos of ``n`` slots."""
    if not errors:
        return
    # The groups' own infos may name failures already.
    told = infos.setdefault(FAILURE, np.full(n, None, object))
    mask = infos.setdefault(f"_{FAILURE}", np.zeros(n, np.bool_))
    for slot, error in errors.items():
        told[slot] = error
        mask[slot] = True
    if cut is not None and cut.any():
        infos[CUT] = infos.get(CUT, np.zeros(n, np.bool_)) | cut
        # gymnasium wants a mask beside every column, and this column is its own.
        infos[f"_{CUT}"] = infos[CUT].copy()
