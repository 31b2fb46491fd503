"""Sequences of bits with a question about the last N of them: how they are drawn, what the answers are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor

Kind: TypeAlias = Literal["parity", "dms"]
KINDS: tuple[Kind, ...] = get_args(Kind)


def length_range(largest: int) -> tuple[int, int]:
    """Return the shortest and the longest sequence in which the question is asked for ``largest`` bits."""
    return largest + 2, 4 * largest + 1


def draw(kind: Kind, length: int, n: int, generator: torch.Generator) -> Tensor:
    """Return ``n`` random sequences ``(length, n)`` of bits, float32, on the generator's device.

    For parity, a sequence's bits are 1 with a probability that is itself uniform, one for each sequence; for
    the delayed match they are fair.
    """
    device = generator.device
    numbers = torch.rand((length, n), generator=generator, device=device)
    share: Tensor | float = 0.5
    if kind == "parity":
        # A share for each sequence, drawn after the numbers: the order of draws is part of the task.
        share = torch.rand(n, generator=generator, device=device)
    return (numbers < share).float()


def latest(bits: Tensor, count: int, lengths: Tensor | None = None) -> Tensor:
    """Return the last ``count`` bits of each sequence, ``(count, n)``, the most recent first.

    Args:
        bits: ``(length, n)``.
        count: at most the length of the shortest sequence.
        lengths: ``(n,)`` where each sequence ends; None for the end of ``bits``.
    """
    if lengths is None:
        return bits[-count:].flip(0)
    # Counting back from the end, 1 is the last bit.
    back = torch.arange(1, count + 1, device=bits.device)
    return bits.gather(0, lengths - back[:, None])


def answers(kind: Kind, recent: Tensor, sizes: Sequence[int]) -> Tensor:
    """Return the answers, ``(len(sizes), n)`` of 0 and 1, int64.

    ``"parity"``: whether the number of ones among the last N bits is odd. ``"dms"`` (delayed match to
    sample): whether the N-th bit from the end equals the last one.

    Args:
        kind: the question.
        recent: ``(count, n)`` bits, the most recent first, as `latest` returns them.
        sizes: each N, at most ``count``.
    """
    # The last N bits end in row N - 1.
    rows = torch.tensor(sizes, device=recent.device) - 1
    if kind == "parity":
        # The running count of ones answers every N at once.
        return recent.long().cumsum(0)[rows] % 2
    return (recent[rows] == recent[0]).long()
