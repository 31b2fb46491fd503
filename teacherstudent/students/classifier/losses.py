"""How a batch's losses become the number that is minimised: the place for own losses."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TypeAlias

import torch.nn.functional as functional
from torch import Tensor, nn

from teacherstudent.contract.stored import trust
from teacherstudent.contract.types import State
from teacherstudent.networks.state import load_module, module_state

Reduction: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Turns the losses ``(n,)`` of examples, with their indices ``(n,)``, into a scalar.

It may learn: what ``state_dict`` returns, if it has one, is part of the checkpoints; of a ``torch.nn.Module``
parameters and buffers are, of anything else it must be plain data.
"""


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
    # A name from a file of a run may import nothing that the user has not allowed.
    trust.check_import(loss, "loss")
    module, colon, attribute = loss.partition(":")
    try:
        if not colon:
            # Raised here to share the message below.
            raise ValueError(f"no colon in {loss!r}")
        found: Reduction = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(
            f"loss: expected 'mean', an importable 'module:function' or a callable, got {loss!r}: {error}"
        ) from error
    return found


def loss_state(loss: Reduction) -> State | None:
    """Return a loss's state as plain data; None if it has none."""
    if isinstance(loss, nn.Module):
        return module_state(loss)
    if hasattr(loss, "state_dict"):
        return dict(loss.state_dict())
    return None


def load_loss(loss: Reduction, state: State | None) -> None:
    """Take over what `loss_state` returned (raises ValueError for a state of another loss)."""
    # A loss with a state cannot go on without it, nor can another loss take it.
    if (state is None) != (loss_state(loss) is None):
        raise ValueError(f"loss: expected the state of {loss!r}, got {'none' if state is None else state}")
    if isinstance(loss, nn.Module):
        load_module(loss, state or {}, "loss")
    elif state is not None:
        loss.load_state_dict(state)  # type: ignore[attr-defined]  # as it has the other half


def example_losses(logits: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return the cross-entropy of each example, ``(n,)`` float32; targets are labels or distributions."""
    # In float32, whatever precision the network ran in.
    return functional.cross_entropy(logits.float(), targets, reduction="none", label_smoothing=smoothing)
