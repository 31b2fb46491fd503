"""One process or many: who holds the teacher, and how indices and losses travel."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
import torch.distributed as distributed

from teacherstudent.contract.types import FloatArray, IntArray

_SPREAD = 0
_COLLECT = 1
_DOES = ("takes examples", "tells of losses")
"""What ranks do together, by number."""


class Ranks(Protocol):
    """The processes of a training run; rank 0 holds the teacher.

    Every method is called by all ranks, in the same order.

    Attributes:
        size: number of processes.
        rank: of this one.
    """

    size: int
    rank: int

    def spread(self, numbers: IntArray | None) -> IntArray:
        """Return what rank 0 gives, on every rank; the others give None."""

    def collect(self, rows: FloatArray) -> FloatArray:
        """Return the rows ``(n, k)`` of all ranks, one rank after the other, on rank 0; elsewhere none."""


class Alone:
    """A single process."""

    size = 1
    rank = 0

    def spread(self, numbers: IntArray | None) -> IntArray:
        """Return the numbers."""
        assert numbers is not None
        return numbers

    def collect(self, rows: FloatArray) -> FloatArray:
        """Return the rows."""
        return rows


class Processes:
    """The processes of `torch.distributed`.

    They talk through a gloo group of their own, so that indices and losses never wait for a GPU and never mix
    with gradients. It is made by all ranks together.
    """

    def __init__(self) -> None:
        self.size = distributed.get_world_size()
        self.rank = distributed.get_rank()
        self._group = distributed.new_group(backend="gloo")

    def spread(self, numbers: IntArray | None) -> IntArray:
        """Return what rank 0 gives, on every rank.

        Raises:
            RuntimeError: if another rank tells of losses meanwhile.
        """
        count = 0
        if numbers is not None:
            count = len(numbers)
        # The others must know how many numbers will come before they can receive them.
        given = torch.empty(self._meet(_SPREAD, count)[0], dtype=torch.int64)
        if numbers is not None:
            given = torch.from_numpy(np.ascontiguousarray(numbers, np.int64))
        distributed.broadcast(given, 0, group=self._group)
        return given.numpy()

    def collect(self, rows: FloatArray) -> FloatArray:
        """Return the rows of all ranks on rank 0, and none elsewhere.

        Raises:
            RuntimeError: if another rank waits for examples meanwhile.
        """
        lengths = self._meet(_COLLECT, len(rows))
        # Tensors of one shape only can be gathered, so short ones are padded and cut afterwards.
        padded = torch.zeros(max(lengths), rows.shape[1], dtype=torch.float64)
        padded[: len(rows)] = torch.from_numpy(rows)
        if self.rank != 0:
            distributed.gather(padded, None, 0, group=self._group)
            return np.zeros((0, rows.shape[1]))
        parts = [torch.empty_like(padded) for _ in range(self.size)]
        distributed.gather(padded, parts, 0, group=self._group)
        cut = [part.numpy()[:length] for part, length in zip(parts, lengths, strict=True)]
        return np.concatenate(cut)

    def _meet(self, kind: int, count: int) -> list[int]:
        """Return the counts of all ranks; each says first what it is about to do."""
        mine = torch.tensor([kind, count])
        pairs = [torch.empty_like(mine) for _ in range(self.size)]
        distributed.all_gather(pairs, mine, group=self._group)
        kinds = [int(pair[0]) for pair in pairs]
        # Ranks that do different things would wait for each other for ever.
        if set(kinds) != {kind}:
            raise RuntimeError(
                f"sampler: expected all ranks in step, got {[_DOES[each] for each in kinds]} on ranks 0 to "
                f"{self.size - 1}: give their loaders the same num_workers and prefetch_factor, and tell on "
                "every rank after the same steps"
            )
        return [int(pair[1]) for pair in pairs]


def ranks_here() -> Ranks:
    """Return the processes of `torch.distributed` where it runs with more than one, else a single one."""
    if distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1:
        return Processes()
    return Alone()


def check_size(ranks: Ranks, found: int) -> None:
    """Raise ValueError if a sampler's state is of another number of processes, which rows are dealt to."""
    if found != ranks.size:
        raise ValueError(
            f"sampler: ranks: expected the state of a run of {ranks.size} processes, got one of {found}: "
            "go on with as many processes as before"
        )
