"""Hidden states of rsl_rl's networks, and the episodes of a rollout packed for recurrent ones."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

Hidden = tuple[Tensor, ...]
"""Parts ``(layers, n, size)``: one of a GRU, two of an LSTM; none stands for zeros, or for no memory."""


def hidden_of(network: Any) -> Hidden:
    """Return a network's hidden state; it is never written to, so nobody need copy it."""
    return parts_of(network.get_hidden_state())


def parts_of(hidden: Tensor | tuple[Tensor, ...] | None) -> Hidden:
    """Return a hidden state in parts, given as torch's recurrent modules give it."""
    if hidden is None:
        return ()
    if isinstance(hidden, tuple):
        return hidden
    return (hidden,)


def as_torch(hidden: Hidden) -> Hidden | Tensor | None:
    """Return a hidden state as torch's recurrent modules take it; cuDNN wants it contiguous."""
    parts = tuple(part.contiguous() for part in hidden)
    if not parts:
        return None
    # An LSTM takes a pair, a GRU its only part by itself.
    if len(parts) == 1:
        return parts[0]
    return parts


def recall(network: Any, hidden: Hidden) -> None:
    """Set a network's hidden state."""
    network.reset(hidden_state=as_torch(hidden))


def forget(hidden: Hidden, where: Tensor) -> Hidden:
    """Return the hidden state with zeros where the mask ``(n,)`` is set; does not wait for the device."""
    # The mask runs over the middle axis; it broadcasts over layers and units.
    return tuple(part.masked_fill(where[:, None], 0.0) for part in hidden)


class Ends:
    """A network's hidden states at the ends of a rollout's episodes, before they are forgotten.

    Kept where it costs nothing to see who has ended: not on a GPU, for which every look is a wait.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Start a rollout."""
        self._where: list[Tensor] = []
        self._hidden: list[Hidden] = []

    def add(self, time: int, slots: Tensor, hidden: Hidden) -> None:
        """Keep the states of the slots ``(k,)`` that end at this step, given those of all slots."""
        # Two rows, time and slot, so that `select` can look all ends up in a ``(steps, n)`` mask.
        self._where.append(torch.stack([torch.full_like(slots, time), slots]))
        self._hidden.append(tuple(part[:, slots] for part in hidden))

    def select(self, cut: Tensor) -> tuple[Tensor, Tensor, Hidden]:
        """Return time and slot of each end that is set in ``(steps, n)``, and the hidden states there."""
        times, slots = torch.cat(self._where, 1)
        chosen = cut[times, slots]
        kept = (torch.cat(parts, 1)[:, chosen] for parts in zip(*self._hidden, strict=True))
        return times[chosen], slots[chosen], tuple(kept)


class Packed(NamedTuple):
    """Pieces of episodes in the order of torch's ``PackedSequence``: no step of padding.

    A piece ends with its episode or with the rollout. A step's number is ``time * n + slot``.

    Attributes:
        steps: ``(k,)``: numbers of the steps: all first ones of a piece, then all second ones...; the
            longest piece comes first.
        sizes: on the host: how many pieces have a first step, a second one...
        slots: ``(pieces,)``: where each is played.
        late: ``(pieces,)`` bool: it began within the rollout, not before it or with it.
        last: ``(pieces,)``: the number of its last step.
    """

    steps: Tensor
    sizes: Tensor
    slots: Tensor
    late: Tensor
    last: Tensor

    def start(self, first: Hidden) -> Hidden:
        """Return each piece's hidden state at its start, given that of all slots at the rollout's start."""
        return forget(tuple(part[:, self.slots] for part in first), self.late)


def pack(done: Tensor, slots: Tensor) -> Packed:
    """Pack some slots of a rollout.

    Args:
        done: ``(steps, n)`` bool: the step ended an episode.
        slots: ``(k,)`` int64: which; at least one.
    """
    steps, n = done.shape
    done = done[:, slots]
    time = torch.arange(steps, device=done.device)[:, None]
    # A step begins a piece if the step before it ended one; step 0 begins one in every slot.
    begins = torch.zeros_like(done)
    begins[1:] = done[:-1]
    # `cummax` spreads the latest beginning forward: the step at which each step's piece began.
    start = torch.where(begins, time, 0).cummax(0).values
    offset = time - start
    # The end of the rollout ends every piece.
    ends = done.clone()
    ends[-1] = True
    last, column = ends.nonzero(as_tuple=True)
    # PackedSequence wants the longest piece first; a stable sort keeps the order repeatable.
    order = torch.argsort(offset[last, column], descending=True, stable=True)
    last = last[order]
    column = column[order]
    began = start[last, column]
    # A piece's rank is written where the piece begins; `gather` reads it at each of its steps.
    rank = torch.zeros_like(offset)
    rank[began, column] = torch.arange(len(order), device=done.device)
    # ``sizes[k]`` is the number of pieces that have a k-th step.
    sizes = torch.bincount(offset.flatten())
    # A step's place: where the block of its offset begins, plus the rank of its piece.
    place = (sizes.cumsum(0) - sizes)[offset] + rank.gather(0, start)
    packed = torch.empty(place.numel(), dtype=torch.int64, device=done.device)
    packed[place.flatten()] = (time * n + slots).flatten()
    chosen = slots[column]
    return Packed(packed, sizes.cpu(), chosen, began > 0, last * n + chosen)
