"""What the samplers share: rows are asked for, measured, handed out, told of and saved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from teacherstudent.adapters.supervised.fitting import check_examples
from teacherstudent.adapters.supervised.indexed import check_indices, count
from teacherstudent.adapters.supervised.measuring import LossesOf, Measure, numbers
from teacherstudent.adapters.supervised.open_rows import OpenRows
from teacherstudent.adapters.supervised.ranks import check_size, ranks_here
from teacherstudent.adapters.supervised.weighing import weights
from teacherstudent.contract.checks import check_names, check_whole, is_number, is_whole
from teacherstudent.contract.purposes import Purpose, check_purposes
from teacherstudent.contract.stored.saved import saved_number
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Assignment, FloatArray, IntArray, Outcomes, State

MEASURED_COST = 1 / 3
"""What a measured example costs beside one that is trained on: a forward pass of three passes."""
PATIENCE = 8
"""A teacher that measures so many times all examples without training on one is stopped."""


class Taught:
    """A teacher behind a sampler of torch's DataLoader.

    `TeacherSampler` and `TeacherBatchSampler` say how it is used. In a run of several processes
    (`torch.distributed`) the teacher is on rank 0, and every rank makes a sampler, iterates and tells in step
    with the others.

    Args:
        teacher: of examples, over as many as there are; None on other ranks than 0.
        data: the data set, or the number of its examples.
        batch_size: rows of an ask, for each process.
        epochs: passes over which the teacher's ``progress`` goes from 0 to 1; None leaves it at 0.
        late: most rows whose losses are waited for; when there are more, the oldest are given up.

    Attributes:
        teacher: the teacher; None on other ranks than 0.
        examples: number of examples.

    Raises:
        TypeError: if ``teacher`` is no teacher of examples, or the data set gives none by their index.
        ValueError: if the teacher is for another number of examples, of several members, or an option is out
            of range.
    """

    def __init__(
        self,
        teacher: Teacher[Any] | None,
        data: Any,
        *,
        batch_size: int,
        epochs: float | None = None,
        late: int = 65_536,
    ) -> None:
        who = type(self).__name__
        self.examples = count(who, data)
        self._ranks = ranks_here()
        check_examples(who, teacher, self.examples, self._ranks.rank)
        if epochs is not None and not (is_number(epochs) and epochs > 0):
            raise ValueError(f"{who}: epochs: expected a number above 0, got {epochs!r}")
        self.teacher = teacher
        self._data = data
        self._batch_size = check_whole(f"{who}: batch_size", batch_size)
        self._epochs = epochs
        self._open = OpenRows(check_whole(f"{who}: late", late))
        self._measure: Callable[[IntArray], FloatArray] | None = None
        # Rows that were handed out and measured so far, on all ranks, and the first one of this pass.
        self._handed = 0
        self._measured = 0
        self._start = 0
        # Rows of this process that are still to be handed out in this pass.
        self._left = 0
        # After a load: places and examples of rows that are handed out once more, (2, n).
        self._again: IntArray | None = None
        # Whether a loader has had every row of this pass, one by one, and asked for more.
        self._ended = False

    @property
    def progress(self) -> float:
        """The share of the epochs that is handed out, 0 to 1; 0 where their number is not given."""
        if self._epochs is None:
            return 0.0
        return min(1.0, self._handed / (self._epochs * self._pass()))

    def _rows(self) -> int:
        """Return the rows of a pass, for each process; rounded up, as all have the same number."""
        return -(-self.examples // self._ranks.size)

    def _pass(self) -> int:
        """Return the rows that a pass hands out, on all ranks."""
        return self._rows() * self._ranks.size

    def spent(self) -> Mapping[str, float]:
        """Return how many rows were handed out for training and how many were measured; zeros off rank 0."""
        return {"train": float(self._handed), "measure": float(self._measured)}

    def measure(
        self,
        losses_of: LossesOf,
        *,
        model: nn.Module | None = None,
        batch_size: int = 256,
        collate: Callable[[list[Any]], Any] | None = None,
    ) -> None:
        """Say how examples are measured, for teachers that measure before they choose (JEST, RHO-loss).

        The sampler then loads them itself, in this process, whenever the teacher wants to measure some; with
        worker processes that is a few batches ahead of the training.

        Args:
            losses_of: from a batch, as the loader gives it, to losses ``(n,)``; called without gradients.
            model: is put into evaluation mode meanwhile.
            batch_size: most examples at a time.
            collate: the loader's ``collate_fn``, where it has one of its own.

        Raises:
            TypeError: if the sampler was made with a number instead of a data set.
        """
        if is_whole(self._data):
            raise TypeError(
                f"{type(self).__name__}.measure: expected a sampler that was made with the data set, got one "
                f"made with the number {self._data}"
            )
        whole = check_whole("measure: batch_size", batch_size)
        self._measure = Measure(self._data, losses_of, model=model, batch_size=whole, collate=collate)

    def tell(
        self,
        losses: Tensor | npt.ArrayLike,
        indices: Tensor | npt.ArrayLike,
        **signals: Tensor | npt.ArrayLike,
    ) -> None:
        """Tell the teacher the losses of examples that were trained on, before their step.

        Losses may come late, in any order and in any batches. With several processes each rank tells of its
        own examples, all in the same steps.

        Args:
            losses: ``(n,)``, without a mean; on a GPU the host waits for them.
            indices: ``(n,)`` the examples.
            signals: further columns ``(n,)`` that the teacher looks at, such as ``correct``.

        Raises:
            ValueError: if a column is not one finite number an example, or an example was not handed out.
        """
        where = f"{type(self).__name__}.tell"
        rows = check_indices(where, indices)
        columns = [rows.astype(np.float64), numbers(f"{where}: losses", losses, len(rows))]
        for name, values in signals.items():
            columns.append(numbers(f"{where}: {name}", values, len(rows)))
        # Indices travel as floats beside the losses; below 2**53 that is exact.
        together = self._ranks.collect(np.stack(columns, axis=1))
        if self.teacher is None:
            return
        told = together[:, 0].astype(np.int64)
        try:
            places = self._open.find(told)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
        named = dict(zip(("loss", *signals), together[:, 1:].T, strict=True))
        start = int(self.teacher.space.start)
        self.teacher.tell(
            Outcomes(
                ids=self._open.ids[places],
                tasks=told + start,
                score=-named["loss"],
                cost=np.ones(len(told)),
                signals=named,
            )
        )
        gone = np.zeros(len(self._open), np.bool_)
        gone[places] = True
        self._open.remove(gone)

    def weights(
        self, losses: Tensor, indices: Tensor, *, labels: Tensor | None = None, logits: Tensor | None = None
    ) -> Tensor:
        """Return the teacher's weight for each example; minimise ``(weights * losses).mean()``.

        Args:
            losses: ``(n,)``, without a mean, with their graph.
            indices: ``(n,)`` the examples.
            labels: ``(n,)``, for teachers that look at them.
            logits: ``(n, classes)``, for teachers that look at them.

        Raises:
            TypeError: if the teacher does not weigh.
            ValueError: as `teacherstudent.adapters.supervised.weighing.weights`, and in a run of several
                processes.
        """
        if self._ranks.size > 1:
            raise ValueError(
                "weights: expected a single process, as the teacher is on rank 0 alone; make a weigher on "
                "each rank and call supervised.weights(weigher, losses, indices)"
            )
        weigher: Any = self.teacher
        return weights(weigher, losses, indices, labels=labels, logits=logits, progress=self.progress)

    def _begin(self, rows: int, least: int) -> int:
        """Begin a pass of so many rows of this process, or go on with a loaded one that has ``least`` left.

        Returns:
            How many rows of the pass have been handed out before.
        """
        if self._again is None or self._remaining < least:
            # What is open from the pass before the last one will never be told of.
            self._give_up(self._open.places < self._start)
            self._start = self._handed
            self._left = rows
            self._again = None
            self._ended = False
            return 0
        return self._place() - int(self._again.shape[1])

    def _stop(self) -> None:
        """End the pass, with rows that were never asked for where a short batch is left out."""
        self._left = 0
        self._again = None

    def _place(self) -> int:
        """Return how many rows of this pass were handed out to this process."""
        return (self._handed - self._start) // self._ranks.size

    @property
    def _remaining(self) -> int:
        """How many rows of this process are still to come in this pass."""
        if self._again is None:
            return self._left
        return self._left + int(self._again.shape[1])

    def _next(self, rows: int) -> IntArray:
        """Return the next examples of this process, ``(rows,)`` or what is left of the pass."""
        again: IntArray = np.zeros(0, np.int64)
        if self._again is not None:
            again = self._again[1, :rows]
            self._again = self._again[:, rows:]
            if self._again.shape[1] == 0:
                self._again = None
        # The batch that was cut short when the state was saved is filled up.
        return np.concatenate([again, self._fresh(min(rows - len(again), self._left))])

    def _fresh(self, rows: int) -> IntArray:
        """Return examples that the teacher chooses now, ``(rows,)``."""
        if rows == 0:
            return np.zeros(0, np.int64)
        self._left -= rows
        total = rows * self._ranks.size
        if self.teacher is not None:
            found = self._draw(self.teacher, total)
            # A first number of 0 says that these are to be trained on.
            chosen = self._ranks.spread(np.concatenate([[0], found]))[1:]
        else:
            chosen = self._follow()
        self._handed += total
        return chosen[self._ranks.rank :: self._ranks.size]

    def _draw(self, teacher: Teacher[Any], rows: int) -> IntArray:
        """Ask until there are enough examples to train on, and measure what is to be measured."""
        parts: list[IntArray] = []
        missing = rows
        first = self._handed
        measured = 0
        while missing > 0:
            assignment = teacher.ask(missing, progress=self.progress)
            check_purposes(assignment, type(self).__name__, (Purpose.TRAIN, Purpose.MEASURE))
            measured += self._look(teacher, assignment.select(~assignment.learn))
            if measured > PATIENCE * self.examples + rows:
                raise ValueError(
                    f"{type(self).__name__}: expected examples to train on, got {measured} in a row to be "
                    f"measured from {type(teacher).__name__}"
                )
            trained = assignment.select(assignment.learn)
            indices = trained.tasks.astype(np.int64) - int(teacher.space.start)
            given_up = self._open.add(trained.ids, indices, first)
            if len(given_up):
                teacher.drop(given_up)
            first += len(trained)
            missing -= len(trained)
            parts.append(indices)
        return np.concatenate(parts)

    def _look(self, teacher: Teacher[Any], assignment: Assignment) -> int:
        """Measure rows and tell of them; return how many."""
        n = len(assignment)
        if n == 0:
            return 0
        if self._measure is None:
            raise ValueError(
                f"{type(self).__name__}: expected a way to measure examples, as {type(teacher).__name__} "
                "measures before it chooses: call measure(losses_of, model=model)"
            )
        indices = assignment.tasks.astype(np.int64) - int(teacher.space.start)
        # A first number of 1 says that these are to be measured.
        losses = self._measured_by_all(self._ranks.spread(np.concatenate([[1], indices]))[1:])
        self._measured += n
        cost = np.full(n, MEASURED_COST)
        teacher.tell(Outcomes.of(assignment, score=-losses, cost=cost, signals={"loss": losses}))
        return n

    def _follow(self) -> IntArray:
        """Do on another rank what rank 0 says, until it says which examples are to be trained on."""
        while True:
            told = self._ranks.spread(None)
            if told[0] == 0:
                return told[1:]
            self._measured_by_all(told[1:])

    def _measured_by_all(self, indices: IntArray) -> FloatArray:
        """Return losses on rank 0; every rank measures its share."""
        if self._measure is None:
            raise ValueError("measure: expected a call of it on every rank, as rank 0 has made one")
        mine = np.arange(len(indices))[self._ranks.rank :: self._ranks.size]
        losses = self._measure(indices[mine])
        together = self._ranks.collect(np.stack([mine.astype(np.float64), losses], axis=1))
        found = np.zeros(len(indices))
        found[together[:, 0].astype(np.int64)] = together[:, 1]
        return found

    def _give_up(self, rows: npt.NDArray[np.bool_]) -> None:
        gone = self._open.remove(rows)
        if self.teacher is not None and len(gone):
            self.teacher.drop(gone)

    def state_dict(self) -> State:
        """Return teacher, place in the pass and open rows, as plain data; empty off rank 0."""
        if self.teacher is None:
            return {}
        return {
            "teacher": self.teacher.state_dict(),
            "open": self._open.state(),
            "handed": self._handed,
            "measured": self._measured,
            "start": self._start,
            "left": self._left,
            "ended": int(self._ended),
            "ranks": self._ranks.size,
        }

    def load_state_dict(self, state: State) -> None:
        """Go on from `state_dict`, within the pass too: the next iteration is the rest of the pass.

        Rows that were handed out and not told of come again, first: those that a loader had read ahead.
        With several processes all ranks call it; other ranks than 0 give the empty state they have saved.

        Raises:
            ValueError: if the state is damaged, of another teacher or of another number of processes.
        """
        place = None
        if self.teacher is not None:
            self._load(self.teacher, state)
            place = np.concatenate(
                [[self._handed, self._start, self._left], self._open.places, self._open.indices]
            )
        place = self._ranks.spread(place)
        self._handed, self._start, self._left = place[:3].tolist()
        rows = place[3:].reshape(2, -1)
        # Each ask was dealt out to the ranks in turn, so the place says whose row it was.
        self._again = rows[:, rows[0] % self._ranks.size == self._ranks.rank]

    def _load(self, teacher: Teacher[Any], state: State) -> None:
        names = ("teacher", "open", "handed", "measured", "start", "left", "ended", "ranks")
        check_names("sampler: state", names, state)
        found = {name: int(saved_number(f"sampler: {name}", state[name], 0)) for name in names[2:]}
        check_size(self._ranks, found["ranks"])
        rows = OpenRows(self._open.most)
        rows.load(state["open"], self.examples)
        teacher.load_state_dict(state["teacher"])
        if not np.array_equal(np.sort(rows.ids), teacher.outstanding):
            raise ValueError("sampler: open: expected the ids that the teacher waits for, got others")
        self._open = rows
        self._handed = found["handed"]
        self._measured = found["measured"]
        self._start = found["start"]
        self._left = found["left"]
        self._ended = False
        # Of the pass before this one nothing is trained on any more.
        self._give_up(self._open.places < self._start)
        # A loader that was through has dropped what is no whole batch, and would only drop it again.
        if found["ended"] and len(self._open) < self._batch_size * self._ranks.size:
            self._give_up(self._open.places >= self._start)

    def _resume(self, yielded: int) -> None:
        """Go on after so many rows of the pass in this process, as a loader has counted them.

        Losses of earlier rows will not come: those were under way when the loader saved itself.
        """
        first = self._start + yielded * self._ranks.size
        self._give_up(self._open.places < first)
        if self._again is not None:
            self._again = self._again[:, self._again[0] >= first]
