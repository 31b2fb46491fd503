"""Batches of a pass over all examples, or over a share of them drawn by scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Sampler

from teacherstudent.adapters.supervised.indexed import check_data
from teacherstudent.contract.checks import check_whole, is_number, is_whole
from teacherstudent.contract.types import State
from teacherstudent.networks.knobs.sampling import IndexSampler


class ShareBatchSampler(Sampler[list[int]]):
    """Gives a DataLoader batches whose size, and passes whose share of the data, may change between steps.

    For the knobs ``batch_size`` and ``data_fraction``: ``DataLoader(data, batch_sampler=sampler)``, in place
    of ``shuffle=True, drop_last=True``. No example comes twice in a pass; a changed share begins a new one.

    A state is exact with ``num_workers=0`` only: batches that worker processes have read ahead count as used,
    and do not come again after a load. In a run of several processes each draws for itself: give each rank a
    seed of its own, or all train on the same examples.

    Args:
        data: the data set, or the number of its examples.
        batch_size: rows of a batch.
        seed: of the order.

    Attributes:
        batch_size: rows of a batch; may be set.
        fraction: share of the examples in a pass, in (0, 1]; may be set.
        log_scores: returns ``(n,)`` numbers, by whose exponentials a pass over a share draws its examples, or
            None to draw evenly; called when a pass begins. May be set.

    Raises:
        ValueError: if there are fewer examples than a batch has.
        TypeError: if the data set gives none by their index.
    """

    def __init__(self, data: Any, *, batch_size: int, seed: int) -> None:
        self.examples = int(data) if is_whole(data) else check_data("ShareBatchSampler", data)
        self._sampler = IndexSampler(self.examples, seed=seed, device=torch.device("cpu"))
        self._batch_size = 0
        self.batch_size = batch_size
        self._fraction = 1.0
        self.log_scores: Callable[[], Tensor | None] = _none

    @property
    def batch_size(self) -> int:
        """Rows of a batch."""
        return self._batch_size

    @batch_size.setter
    def batch_size(self, rows: int) -> None:
        self._batch_size = check_whole("ShareBatchSampler: batch_size", rows, 1, self.examples)

    @property
    def fraction(self) -> float:
        """Share of the examples in a pass."""
        return self._fraction

    @fraction.setter
    def fraction(self, share: float) -> None:
        if not (is_number(share) and 0 < share <= 1):
            raise ValueError(f"ShareBatchSampler: fraction: expected a share in (0, 1], got {share!r}")
        self._fraction = float(share)

    def __len__(self) -> int:
        # The small number is for shares such as 0.29 of 100, which is 28.999... in binary.
        return int(self._fraction * self.examples + 1e-9) // self._batch_size

    def __iter__(self) -> Iterator[list[int]]:
        while True:
            scores = None
            if self._fraction < 1 and self._sampler.ends(self._batch_size, self._fraction):
                scores = self.log_scores()
            rows: list[int] = self._sampler.next(self._batch_size, self._fraction, scores).tolist()
            yield rows
            if self._sampler.ends(self._batch_size, self._fraction):
                return

    def state_dict(self) -> State:
        """Return the rest of the pass and the generator's state; a copy.

        Batches that workers have read ahead are not in it.
        """
        return {**self._sampler.state_dict(), "batch_size": self._batch_size, "share": self._fraction}

    def load_state_dict(self, state: State) -> None:
        """Go on from `state_dict`: the next iteration is the rest of the pass."""
        own = dict(state)
        self.batch_size = own.pop("batch_size")
        self.fraction = own.pop("share")
        self._sampler.load_state_dict(own)


def _none() -> None:
    """Draw evenly."""
    return None
