"""How a batch's losses become the number that is minimised: the place for own losses."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TypeAlias

import torch.nn.functional as functional
from torch import Tensor

Reduction: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Turns the losses ``(n,)`` of examples, with their indices ``(n,)``, into a scalar; may have a state."""


def mean(losses: Tensor, indices: Tensor) -> Tensor:
    """Return the mean of the losses, whatever the examples."""
    return losses.mean()


def reduction(loss: str | Reduction) -> Reduction:
    """Return a reduction by name: ``"mean"``, or ``"module:function"`` of one's own; callables pass.

    Raises:
        ValueError: if there is none of that name.
    """
    if not isinstance(loss, str):
        return loss
    if loss == "mean":
        return mean
    module, colon, attribute = loss.partition(":")
    try:
        if not colon:
            raise ValueError(f"no colon in {loss!r}")
        found: Reduction = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(
            f"loss: expected 'mean', an importable 'module:function' or a callable, got {loss!r}: {error}"
        ) from error
    return found


def example_losses(logits: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return the cross-entropy of each example, ``(n,)`` float32; targets are labels or distributions."""
    return functional.cross_entropy(logits.float(), targets, reduction="none", label_smoothing=smoothing)
