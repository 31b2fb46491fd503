"""What is lost on each example, how a batch's losses become the number that is minimised, scores of tests."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, TypeAlias

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from teacherstudent.contract.stored import trust
from teacherstudent.contract.types import State
from teacherstudent.envs.datasets.answers import Answers
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


class Objective:
    """What is lost on examples, and how tests are scored.

    Args:
        answers: what the targets are.
        smoothing: of labels, in training alone.

    Raises:
        ValueError: if labels are to be smoothed where the loss is no cross-entropy.
    """

    def __init__(self, answers: Answers, smoothing: float = 0.0) -> None:
        if smoothing > 0 and answers.loss != "cross_entropy":
            raise ValueError(
                f"label_smoothing: touches nothing: expected the loss cross_entropy, got {answers.loss!r}"
            )
        self.answers = answers
        self._smoothing = smoothing

    def losses(self, outputs: Tensor, targets: Tensor, *, training: bool = False) -> Tensor:
        """Return the loss of each example, ``(n,)`` float32.

        Args:
            outputs: of the network.
            targets: as the data have them, or distributions over classes.
            training: whether labels are smoothed.

        Raises:
            TypeError, ValueError: if a loss of the user's does not return a number for each example.
        """
        given = self.answers.loss
        if given == "cross_entropy":
            return example_losses(outputs, targets, self._smoothing if training else 0.0)
        # In float32, whatever precision the network ran in.
        outputs = outputs.float()
        if callable(given):
            return _own_losses(given, outputs, targets)
        found, wanted = (values.reshape(len(values), -1) for values in (outputs, targets))
        losses = _by_name(given, found, wanted)
        return losses.mean(1)

    def hits(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return whether each example is classified as labelled, ``(n,)``; of labels the share that is.

        Of numbers nothing can be said, and all are NaN.
        """
        if self.answers.kind == "classes":
            return outputs.argmax(1) == targets
        if self.answers.kind == "labels":
            return self._labels(outputs, targets).float().mean(1)
        return torch.full((len(outputs),), torch.nan, device=outputs.device)

    def score(self, outputs: Tensor, targets: Tensor) -> float:
        """Return the metric on examples.

        Raises:
            TypeError: if a metric of the user's returns no number.
        """
        given = self.answers.metric
        outputs = outputs.float()
        if callable(given):
            found: Any = given(outputs, targets)
            try:
                return float(found)
            except (TypeError, ValueError, RuntimeError) as error:
                raise TypeError(f"metric: expected a number from {given!r}, got {found!r}") from error
        if given == "accuracy":
            return float(self.hits(outputs, targets).double().mean())
        if given == "label_accuracy":
            return float(self._labels(outputs, targets).double().mean())
        if given == "exact_match":
            return float(self._labels(outputs, targets).all(1).double().mean())
        found, wanted = (values.reshape(len(values), -1).double() for values in (outputs, targets))
        if given == "negative_mae":
            return -float((found - wanted).abs().mean())
        return _r2(found, wanted)

    @staticmethod
    def _labels(outputs: Tensor, targets: Tensor) -> Tensor:
        """Return whether each label is right, ``(n, k)``: outputs are logits, above 0 says yes."""
        return (outputs.reshape(len(outputs), -1) > 0) == (targets.reshape(len(targets), -1) > 0.5)


def _by_name(name: str | Callable[..., Any], found: Tensor, wanted: Tensor) -> Tensor:
    """Return the losses of single numbers, ``(n, k)``."""
    if name == "binary_cross_entropy":
        return functional.binary_cross_entropy_with_logits(found, wanted, reduction="none")
    if name == "l1":
        return functional.l1_loss(found, wanted, reduction="none")
    if name == "huber":
        return functional.huber_loss(found, wanted, reduction="none")
    return functional.mse_loss(found, wanted, reduction="none")


def _r2(found: Tensor, wanted: Tensor) -> float:
    """Return the share of the variance that is explained, the mean over columns; 0 of constant targets."""
    left = (found - wanted).square().sum(0)
    whole = (wanted - wanted.mean(0)).square().sum(0)
    # Of targets without a variance nothing can be explained.
    shares = torch.where(whole > 0, 1 - left / whole.clamp_min(1e-300), torch.zeros_like(left))
    return float(shares.mean())


def _own_losses(given: Callable[..., Any], outputs: Tensor, targets: Tensor) -> Tensor:
    found: Any = given(outputs, targets)
    if not isinstance(found, Tensor):
        raise TypeError(f"loss: expected a tensor of losses from {given!r}, got {type(found).__name__}")
    if found.shape != (len(outputs),):
        raise ValueError(
            f"loss: expected a loss for each of {len(outputs)} examples, got shape {tuple(found.shape)} from "
            f"{given!r}: losses of torch's take reduction='none', and several numbers of an example are to "
            "be averaged"
        )
    return found.float()
