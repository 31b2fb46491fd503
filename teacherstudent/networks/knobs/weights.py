"""Weights of a batch's examples, asked of a weigher and checked."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from teacherstudent.contract.weigher import Batch, Weigher, is_differentiable


class _Span(NamedTuple):
    """The weights of one step that are still to be checked."""

    step: int
    weigher: str
    n: int
    ends: Tensor
    """The least and the largest, ``(2,)``; NaN if any is."""


class Weights:
    """Asks a weigher, and checks its weights where nothing has to wait for the device.

    Arrays are checked at once. To look at a tensor the host would wait for the device in every step: the
    least and the largest weight stay there instead, until `check` looks at those of all steps since.
    """

    def __init__(self) -> None:
        self._unchecked: list[_Span] = []

    def ask(self, weigher: Weigher, batch: Batch, losses: Tensor, step: int) -> Tensor:
        """Return the weights of a batch, ``(n,)``, of the losses' type and on their device.

        Raises:
            ValueError: if they are of another shape or no numbers, or, in an array, negative or not finite.
        """
        given = weigher.weigh(batch)
        who = type(weigher).__name__
        if isinstance(given, np.ndarray):
            _check_form(who, given.shape, given.dtype.kind in "biuf", len(losses), step)
            _check_ends(who, float(given.min()), float(given.max()), len(losses), step)
            return torch.as_tensor(given, dtype=losses.dtype, device=losses.device)
        if not isinstance(given, Tensor):
            raise _wrong(who, len(losses), f"neither an array nor a tensor but {given!r:.60}", step)
        _check_form(who, given.shape, not given.is_complex(), len(losses), step)
        weights = given.to(losses) if is_differentiable(weigher) else given.detach().to(losses)
        ends = torch.stack(torch.aminmax(weights.detach()))
        self._unchecked.append(_Span(step, who, len(losses), ends))
        return weights

    def check(self, before: float) -> None:
        """Check what is not checked yet; on a GPU the host waits once.

        Args:
            before: the step from which on nothing is a weigher's fault: a loss there was not finite.

        Raises:
            ValueError: if a weight is negative or not finite; the message names weigher and step.
        """
        spans = self._unchecked
        self._unchecked = []
        if not spans:
            return
        ends = torch.stack([span.ends for span in spans]).cpu().tolist()
        for span, (least, largest) in zip(spans, ends, strict=True):
            if span.step < before:
                _check_ends(span.weigher, least, largest, span.n, span.step)


def _check_form(who: str, shape: tuple[int, ...], numbers: bool, n: int, step: int) -> None:
    if tuple(shape) != (n,):
        raise _wrong(who, n, f"shape {tuple(shape)}", step)
    if not numbers:
        raise _wrong(who, n, "no real numbers", step)


def _check_ends(who: str, least: float, largest: float, n: int, step: int) -> None:
    """Check the least and the largest weight of a step; both are NaN if any weight is."""
    if not least >= 0:
        raise _wrong(who, n, f"{least:g}", step)
    if not largest < np.inf:
        raise _wrong(who, n, f"{largest:g}", step)


def _wrong(who: str, n: int, got: str, step: int) -> ValueError:
    return ValueError(
        f"{who}.weigh: expected finite weights of at least 0, shape ({n},), got {got} in step {step}"
    )
