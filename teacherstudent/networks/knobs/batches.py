"""Batches of another size, and shorter sequences in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from teacherstudent.contract.checks import check_whole


def batches_of(loader: Any) -> Any:
    """Return what makes a loader's batches, whose attribute ``batch_size`` may be set.

    Args:
        loader: torch's DataLoader or one like it, or such a batch sampler itself.

    Raises:
        ValueError: if there is none.
    """
    made = getattr(loader, "batch_sampler", loader)
    if not hasattr(made, "batch_size"):
        raise ValueError(
            "batch_size: touches nothing: expected a loader with a batch sampler whose batch_size can be "
            f"set, got {type(loader).__name__} with {made!r}"
        )
    return made


def batch_size(loader: Any, rows: int) -> None:
    """Let a loader make batches of another size from now on.

    Batches that workers have begun keep their size. torch's own sampler takes the new size at once, or with
    ``drop_last`` at the next pass.

    Raises:
        ValueError: if the loader has no batch sampler whose size can be set, or ``rows`` is below 1.
        TypeError: if it is no whole number.
    """
    batches_of(loader).batch_size = check_whole("batch_size", rows)


def sequence_length(batch: Any, length: float) -> Any:
    """Return a batch whose sequences are cut to their first tokens or samples.

    Tensors of two or more axes are sequences along the second one if they are as long as the first such
    tensor of the batch; everything else stays as it is.

    Args:
        batch: a tensor ``(n, length, ...)``, or a tuple, list or dict of tensors.
        length: tokens that are kept, rounded; up to 1 a share of them; 0 keeps all.

    Raises:
        ValueError: if the length is negative, or the batch has no sequences.
    """
    if not (np.isfinite(length) and length >= 0):
        raise ValueError(f"sequence_length: expected tokens or a share of at least 0, got {length}")
    whole = _length(batch)
    if whole is None:
        raise ValueError(
            "sequence_length: touches nothing: expected tensors (n, length, ...), got none in "
            f"{type(batch).__name__}"
        )
    kept = whole
    if 0 < length <= 1:
        kept = max(1, round(length * whole))
    elif length > 1:
        kept = min(whole, round(length))
    if kept == whole:
        return batch
    return _cut(batch, whole, kept)


def _length(batch: Any) -> int | None:
    """Return the length of the first sequences in a batch, None where there are none."""
    if isinstance(batch, Tensor):
        if batch.ndim >= 2:
            return int(batch.shape[1])
        return None
    parts = batch
    if isinstance(batch, Mapping):
        parts = batch.values()
    elif not isinstance(batch, tuple | list):
        return None
    for part in parts:
        found = _length(part)
        if found is not None:
            return found
    return None


def _cut(batch: Any, whole: int, kept: int) -> Any:
    if isinstance(batch, Tensor):
        if batch.ndim >= 2 and batch.shape[1] == whole:
            return batch[:, :kept]
        return batch
    if isinstance(batch, Mapping):
        return {name: _cut(part, whole, kept) for name, part in batch.items()}
    if isinstance(batch, tuple | list):
        return type(batch)([_cut(part, whole, kept) for part in batch])
    return batch
