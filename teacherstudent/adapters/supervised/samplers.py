"""Samplers for torch's DataLoader whose examples a teacher chooses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch.utils.data import Sampler

from teacherstudent.adapters.supervised.taught import Taught
from teacherstudent.contract.checks import check_flag, check_whole
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import State


class TeacherSampler(Taught, Sampler[int]):
    """Gives a DataLoader the indices that a teacher chooses: ``DataLoader(data, sampler=sampler)``.

    A pass has as many rows as there are examples, or a rank's share of them; which ones come, and how often,
    is the teacher's choice. After each batch the loop calls ``sampler.tell(losses, indices)``; `Indexed`
    makes a loader give indices beside its batches. The teacher is asked for ``batch_size`` rows whenever the
    loader wants more, so worker processes that read ahead let its choice lag by as many batches.

    A state that is saved when a loader has read the pass to its end begins the next pass, once less than
    a batch is not told of: whether the loader drops a short batch (``drop_last=True``) or has read it ahead
    cannot be seen from here. `TeacherBatchSampler` knows, and asks for exactly a batch each time.

    Args:
        teacher: of examples, over ``Discrete(n)``; None on other ranks than 0.
        data: the data set (needed where the teacher measures), or the number of its examples.
        batch_size: rows of an ask, best the loader's batch size.
        epochs: passes over which the teacher's ``progress`` goes from 0 to 1; None leaves it at 0.
        late: most rows whose losses are waited for; when there are more, the oldest are given up.

    Raises:
        TypeError, ValueError: as `Taught`.
    """

    def __init__(
        self,
        teacher: Teacher[Any] | None,
        data: Any,
        *,
        batch_size: int = 32,
        epochs: float | None = None,
        late: int = 65_536,
    ) -> None:
        super().__init__(teacher, data, batch_size=batch_size, epochs=epochs, late=late)

    def __len__(self) -> int:
        return self._rows()

    def __iter__(self) -> Iterator[int]:
        return _Rows(self)


class TeacherBatchSampler(Taught, Sampler[list[int]]):
    """Gives a DataLoader whole batches that a teacher chooses: ``DataLoader(data, batch_sampler=sampler)``.

    As `TeacherSampler`, with one ask for each batch. The attribute ``batch_size`` may be changed while it is
    used, by `StageController` say.

    Args:
        teacher: of examples, over ``Discrete(n)``; None on other ranks than 0.
        data: the data set (needed where the teacher measures), or the number of its examples.
        batch_size: rows of a batch, for each process.
        drop_last: whether a pass ends before a batch that would be shorter; its rows are then not asked for.
        epochs: passes over which the teacher's ``progress`` goes from 0 to 1; None leaves it at 0.
        late: most rows whose losses are waited for; when there are more, the oldest are given up.

    Raises:
        TypeError, ValueError: as `Taught`; if no batch is left.
    """

    def __init__(
        self,
        teacher: Teacher[Any] | None,
        data: Any,
        *,
        batch_size: int,
        drop_last: bool = False,
        epochs: float | None = None,
        late: int = 65_536,
    ) -> None:
        super().__init__(teacher, data, batch_size=batch_size, epochs=epochs, late=late)
        self.drop_last = check_flag("TeacherBatchSampler: drop_last", drop_last)
        if len(self) == 0:
            raise ValueError(
                f"TeacherBatchSampler: expected at least a batch of {batch_size} for each rank, got "
                f"{self.examples} examples for {self._ranks.size} ranks, and drop_last"
            )

    @property
    def batch_size(self) -> int:
        """Rows of a batch, for each process."""
        return self._batch_size

    @batch_size.setter
    def batch_size(self, rows: int) -> None:
        self._batch_size = check_whole("TeacherBatchSampler: batch_size", rows)

    def _rows(self) -> int:
        """Return the rows of a pass, for each process."""
        if self.drop_last:
            return self.examples // self._ranks.size
        return super()._rows()

    def _pass(self) -> int:
        """Return the rows that a pass hands out, on all ranks, without those of a batch that is left out."""
        if self.drop_last:
            # A batch size that was set may leave no batch at all.
            return max(1, len(self)) * self._batch_size * self._ranks.size
        return super()._pass()

    def __len__(self) -> int:
        if self.drop_last:
            return self._rows() // self._batch_size
        return -(-self._rows() // self._batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        return _Batches(self)


class _Pass:
    """One pass of a sampler. Loaders that save themselves save how many rows it has handed out.

    Nothing is asked before the first row is wanted.
    """

    def __init__(self, taught: Taught, rows: int) -> None:
        self._taught = taught
        self._rows = rows
        self._begun = False
        # Rows of the pass that this process has had.
        self._yielded = 0

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._yielded = self._taught._begin(self._rows, self._least())

    def _least(self) -> int:
        """Return how many rows a pass must have left to go on."""
        return 1

    def state_dict(self) -> State:
        """Return how many rows of this process the pass has handed out."""
        return {"yielded": self._yielded}

    def load_state_dict(self, state: State) -> None:
        """Go on after so many rows; the sampler's own state must have been loaded before."""
        self._yielded = check_whole("sampler: yielded", state["yielded"], 0)
        # Before its first row a pass has not begun: whatever was open belongs to the pass before.
        if self._yielded:
            self._taught._resume(self._yielded)
            self._begun = True


class _Rows(_Pass, Iterator[int]):
    """The rows of a pass, one by one."""

    def __init__(self, sampler: TeacherSampler) -> None:
        super().__init__(sampler, len(sampler))
        self._waiting: Iterator[int] = iter(())

    def __next__(self) -> int:
        self._begin()
        row = next(self._waiting, None)
        if row is None:
            self._waiting = iter(self._taught._next(self._taught._batch_size).tolist())
            row = next(self._waiting, None)
        if row is None:
            self._taught._ended = True
            raise StopIteration
        self._yielded += 1
        return row


class _Batches(_Pass, Iterator[list[int]]):
    """The batches of a pass."""

    def __init__(self, sampler: TeacherBatchSampler) -> None:
        super().__init__(sampler, sampler._rows())
        self._drop_last = sampler.drop_last

    def _least(self) -> int:
        if self._drop_last:
            return self._taught._batch_size
        return 1

    def __next__(self) -> list[int]:
        self._begin()
        if self._taught._remaining < self._least():
            self._taught._stop()
            raise StopIteration
        rows: list[int] = self._taught._next(self._taught._batch_size).tolist()
        self._yielded += len(rows)
        return rows
