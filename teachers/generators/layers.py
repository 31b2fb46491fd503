"""Fully connected layers whose first weights come from a generator of their own."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from teacherstudent.contract.checks import check_whole


def linear(inputs: int, outputs: int, generator: torch.Generator, *, xavier: bool = True) -> nn.Linear:
    """Return a layer with a bias of 0.

    Args:
        inputs: numbers that go in.
        outputs: numbers that come out.
        generator: for the weights.
        xavier: uniform weights after Glorot and Bengio 2010; else normal ones of variance ``1 / inputs``, cut
            at two standard deviations, as Sonnet's.
    """
    # A layer on the meta device holds no numbers, so making it draws nothing from the global generator.
    layer = nn.Linear(inputs, outputs, device="meta").to_empty(device="cpu")
    if xavier:
        nn.init.xavier_uniform_(layer.weight, generator=generator)
    else:
        std = 1 / math.sqrt(max(inputs, 1))
        nn.init.trunc_normal_(layer.weight, std=std, a=-2 * std, b=2 * std, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


def layers(
    sizes: Sequence[int],
    activation: Callable[[], nn.Module],
    generator: torch.Generator,
    *,
    xavier: bool = True,
) -> nn.Sequential:
    """Return layers of these sizes, from the inputs on, with an activation between two of them."""
    found: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        found += [linear(before, after, generator, xavier=xavier), activation()]
    return nn.Sequential(*found[:-1])


def check_sizes(what: str, sizes: Any) -> tuple[int, ...]:
    """Return the units of hidden layers; raise ValueError unless they are whole numbers of at least 1."""
    if isinstance(sizes, str) or not isinstance(sizes, Sequence) or not sizes:
        raise ValueError(f"{what}: expected units of each layer, got {sizes!r}")
    return tuple(check_whole(what, units, 1, 10**5) for units in sizes)


class Stacked(nn.Module):
    """Several linear layers of the same sizes side by side: one multiplication for all.

    Args:
        k: how many.
        inputs: numbers that go into each.
        outputs: numbers that come out of each.
        generator: for the weights.
        xavier: as of `linear`.
    """

    def __init__(
        self, k: int, inputs: int, outputs: int, generator: torch.Generator, *, xavier: bool = True
    ) -> None:
        super().__init__()
        parts = [linear(inputs, outputs, generator, xavier=xavier) for _ in range(k)]
        # A linear layer keeps its weights as (outputs, inputs); the product below needs them turned.
        self.weight = nn.Parameter(torch.stack([part.weight.detach().T for part in parts]))
        self.bias = nn.Parameter(torch.zeros(k, 1, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(k, n, outputs)`` for ``(k, n, inputs)``."""
        return torch.baddbmm(self.bias, x, self.weight)
