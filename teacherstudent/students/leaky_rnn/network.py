"""A recurrent network of leaky neurons whose time constants are learnt, with a readout for each task."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

SLOPE = 0.01
"""Of the rectifier below 0."""
START = 0.1
"""States start uniformly between 0 and this."""


class LeakyNetwork(nn.Module):
    """Neurons that leak with time constants tau >= 1 and are read at the end of a sequence.

    ``h <- LeakyReLU((1 - 1 / tau) h + (W h + w x + b) / tau)``, where ``W`` has a diagonal of 0. Each readout
    gives two logits.

    Weights start as those of ``torch.nn.Linear``; tau starts uniformly in [1, 2].

    Args:
        units: neurons.
        readouts: how many.

    Attributes:
        recurrent: ``(units, units)``, W; its diagonal is 0 and stays so.
        tau: ``(units,)`` in steps.
    """

    def __init__(self, units: int, readouts: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(units)
        # No neuron drives itself: its memory of itself is tau alone.
        self.recurrent = nn.Parameter(torch.empty(units, units).uniform_(-bound, bound).fill_diagonal_(0.0))
        self.input = nn.Parameter(torch.empty(units).uniform_(-1.0, 1.0))
        self.bias = nn.Parameter(torch.empty(units).uniform_(-bound, bound))
        self.tau = nn.Parameter(1.0 + torch.rand(units))
        self.readouts = nn.ModuleList(nn.Linear(units, 2) for _ in range(readouts))
        # Not saved, as it follows from the number of units.
        self.register_buffer("_others", 1.0 - torch.eye(units), persistent=False)
        self._others: Tensor

    @property
    def units(self) -> int:
        """How many neurons."""
        return len(self.tau)

    @torch.no_grad()
    def constrain(self) -> None:
        """Raise every tau below 1 to 1; to be called after each step of an optimiser."""
        self.tau.clamp_(min=1.0)

    def start(self, n: int, generator: torch.Generator) -> Tensor:
        """Return random first states ``(n, units)``."""
        return START * torch.rand((n, self.units), generator=generator, device=generator.device)

    def forward(self, bits: Tensor, start: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the states ``(n, units)`` at the end of each sequence.

        Args:
            bits: ``(length, n)``.
            start: ``(n, units)`` states before the first bit.
            lengths: ``(n,)`` int64, where each sequence ends; None for the end of ``bits``.
        """
        # Leak and weights form one matrix, so that a step is a single product.
        keep = torch.diag(1 - 1 / self.tau)
        # The mask keeps the diagonal at 0, and gradients off it.
        transition = keep + self.recurrent * self._others / self.tau[:, None]
        # All inputs are projected before the loop over time.
        drive = torch.addmm(self.bias / self.tau, bits.reshape(-1, 1), (self.input / self.tau)[None])
        drive = drive.reshape(*bits.shape, -1)
        states: Tensor = _Scan.apply(drive, start, transition)  # type: ignore[no-untyped-call]
        if lengths is None:
            return states[-1]
        # Each sequence is read at its own end.
        return states[lengths - 1, torch.arange(len(lengths), device=bits.device)]

    def logits(self, states: Tensor, rows: Sequence[int]) -> Tensor:
        """Return the logits ``(len(rows), n, 2)`` of the given readouts."""
        return torch.stack([self.readouts[row](states) for row in rows])

    def operations(self, length: int, readouts: int) -> int:
        """Return the floating-point operations of matrix products in one sequence's forward pass."""
        return 2 * self.units * (self.units * length + 2 * readouts)


class _Scan(torch.autograd.Function):
    """States over time: ``h[t + 1] = LeakyReLU(drive[t] + A h[t])``; the gradient of A is one product."""

    @staticmethod
    def forward(ctx: Any, drive: Tensor, start: Tensor, transition: Tensor) -> Tensor:
        states = torch.empty_like(drive)
        across = transition.T
        state = start
        # Each step is written into the table itself: no step allocates anything.
        for now, into in zip(drive.unbind(), states.unbind(), strict=True):
            state = functional.leaky_relu_(torch.addmm(now, state, across, out=into), SLOPE)
        ctx.save_for_backward(states, start, transition)
        return states

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        states, start, transition = ctx.saved_tensors
        # Gradients are added up in place, and autograd's own tensor must not change.
        drive = gradients[0].clone()
        # The rectifier keeps signs, so its slope can be read off the output.
        slopes = torch.full_like(states, SLOPE).masked_fill_(states > 0, 1.0).unbind()
        steps = drive.unbind()
        # Backwards in time: through the slope, then through the matrix to the step before.
        for t in range(len(steps) - 1, 0, -1):
            steps[t - 1].addmm_(steps[t].mul_(slopes[t]), transition)
        first = steps[0].mul_(slopes[0]) @ transition
        # The gradient of A sums the outer products of all steps: one large product does it.
        before = torch.cat([start[None], states[:-1]])
        units = start.shape[-1]
        return drive, first, drive.reshape(-1, units).T @ before.reshape(-1, units)
