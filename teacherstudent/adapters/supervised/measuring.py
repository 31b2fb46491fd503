"""Losses of examples that are only measured: of a user's own model, on a user's own data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import default_collate

from teacherstudent.contract.types import FloatArray, IntArray

LossesOf: TypeAlias = Callable[[Any], Tensor]
"""From a batch, as a loader gives it, to the losses of its examples ``(n,)``."""


class Measure:
    """Loads examples and measures their losses, without gradients.

    Args:
        data: gives an example by its index.
        losses_of: from a batch to losses ``(n,)``.
        model: is put into evaluation mode meanwhile; None leaves all models as they are.
        batch_size: most examples at a time.
        collate: from a list of examples to a batch.
    """

    def __init__(
        self,
        data: Any,
        losses_of: LossesOf,
        *,
        model: nn.Module | None,
        batch_size: int,
        collate: Callable[[list[Any]], Any] | None,
    ) -> None:
        self._data = data
        self._losses_of = losses_of
        self._model = model
        self._batch_size = batch_size
        self._collate = collate or default_collate

    def __call__(self, indices: IntArray) -> FloatArray:
        """Return the losses of examples, ``(n,)``.

        Raises:
            ValueError: if the function returns anything else than one number an example.
        """
        parts = [np.zeros(0)]
        with torch.no_grad(), evaluating(self._model):
            for start in range(0, len(indices), self._batch_size):
                chosen = indices[start : start + self._batch_size].tolist()
                losses = self._losses_of(self._collate(self._examples(chosen)))
                parts.append(numbers("measure: losses", losses, len(chosen)))
        return np.concatenate(parts)

    def _examples(self, indices: list[int]) -> list[Any]:
        # Data sets may read many examples at once, as loaders ask them to.
        many = getattr(self._data, "__getitems__", None)
        if many is not None:
            return list(many(indices))
        return [self._data[index] for index in indices]


@contextmanager
def evaluating(model: nn.Module | None) -> Iterator[None]:
    """Put a model into evaluation mode within a block; afterwards each module is as it was."""
    if model is None:
        yield
        return
    # Module by module, since parts of a model may be in evaluation mode while it trains.
    before = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in before:
            module.training = training


def numbers(what: str, values: Any, n: int) -> FloatArray:
    """Return a column as numbers on the host; on a GPU the host waits.

    Args:
        what: starts the message.
        values: a tensor or anything that NumPy takes.
        n: how many there must be.

    Raises:
        ValueError: if the shape is another or a number is not finite.
    """
    if isinstance(values, Tensor):
        values = values.detach().double().cpu().numpy()
    found = np.asarray(values, np.float64)
    if found.shape != (n,):
        raise ValueError(
            f"{what}: expected one number for each of {n} examples, shape ({n},), got shape {found.shape}; "
            "losses come without a mean from reduction='none'"
        )
    wrong = ~np.isfinite(found)
    if wrong.any():
        raise ValueError(f"{what}: expected finite numbers, got {found[wrong][0]} in row {wrong.argmax()}")
    return found
