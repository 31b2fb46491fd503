"""Tasks on which an environment fails: a run does without them, up to a limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from teacherstudent.contract.types import UNASKED, Array, BoolArray, IntArray

LISTED = 10
"""How many of the failed tasks the error names that ends a run."""


class TooManyFailedTasksError(RuntimeError):
    """More tasks have failed than the run may do without; the message names the last ones."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FailedTask:
    """A task without an outcome.

    Attributes:
        id: as the teacher gave it; -1 if it did not ask for it.
        task: the task, of the space's shape.
        error: what happened: slot, task and cause.
        blamed: False if the task was only cut because it shared a process with one that failed, or stood
            opposite to one; such tasks do not count as failed.
    """

    id: int
    task: Array
    error: str
    blamed: bool


@dataclass
class _Record:
    """What several `Failures` may have in common."""

    limit: int = 0
    count: int = 0
    found: list[FailedTask] = field(default_factory=list)


class Failures:
    """Keeps the tasks that failed until whoever runs the student takes them.

    A new one allows none: the first environment that fails raises its own error.
    """

    def __init__(self) -> None:
        self._record = _Record()

    def join(self, other: Failures) -> None:
        """Count and keep together with another one from now on."""
        self._record = other._record

    @property
    def limit(self) -> int:
        """So many tasks may fail; one more raises."""
        return self._record.limit

    @limit.setter
    def limit(self, tasks: int) -> None:
        self._record.limit = tasks

    @property
    def count(self) -> int:
        """How many have failed, those of the run before a resume too."""
        return self._record.count

    @count.setter
    def count(self, tasks: int) -> None:
        self._record.count = tasks

    @property
    def allowed(self) -> bool:
        """Whether environments may fail at all."""
        return self.limit > 0

    @property
    def left(self) -> int:
        """How many more may fail."""
        return max(0, self.limit - self.count)

    def add(
        self, ids: IntArray, tasks: Array, errors: Sequence[str], blamed: BoolArray | bool = True
    ) -> None:
        """Note tasks that have no outcome.

        Args:
            ids: ``(n,)``; -1 for tasks that nobody waits for.
            tasks: ``(n, *space.shape)``.
            errors: ``(n,)``: what happened to each.
            blamed: ``(n,)``: see `FailedTask`.

        Raises:
            TooManyFailedTasksError: if more than `limit` have failed by now.
        """
        marks = np.broadcast_to(np.asarray(blamed, np.bool_), len(errors))
        columns = zip(ids.tolist(), tasks, errors, marks.tolist(), strict=True)
        # The task is a row of an array that the student will reuse: it is copied now.
        self._record.found += [
            FailedTask(id=number, task=task.copy(), error=error, blamed=mark)
            for number, task, error, mark in columns
        ]
        # Tasks that stood beside the failing one are lost, but count against nobody.
        self.count += int(marks.sum())
        if self.count > self.limit:
            # The last errors suffice to see the cause; the whole list is in the run folder.
            last = [failed.error for failed in self._record.found if failed.blamed][-LISTED:]
            raise TooManyFailedTasksError(
                f"max_failed_tasks: expected at most {self.limit} tasks whose environment fails, got "
                f"{self.count}; mend the environment, or resume with a higher limit in the plan. The last "
                "ones:\n" + "\n".join(last)
            )

    def take(self) -> list[FailedTask]:
        """Return what was noted since the last call."""
        found = self._record.found
        self._record.found = []
        return found


@runtime_checkable
class Survives(Protocol):
    """A student that goes on when the environment of a task fails, if it is allowed to.

    Attributes:
        failures: where it notes the tasks; they have no outcomes. The run sets how many are allowed.
    """

    failures: Failures


def asked_for(failed: Sequence[FailedTask]) -> IntArray:
    """Return the ids of the tasks that a teacher waits for."""
    return np.array([one.id for one in failed if one.id != UNASKED], np.int64)
