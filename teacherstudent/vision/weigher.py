"""Weights of examples by their losses, as numbers: what a teacher may offer beside its tasks."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from teacherstudent.types import FloatArray, IntArray


@runtime_checkable
class Weigher(Protocol):
    """Something that weighs the examples of a batch by their losses: self-paced learning, SuperLoss.

    A teacher may be one: it sees numbers, no network. Weights are taken as constants in the gradient, which
    for methods that minimise over the weights is the exact gradient.
    """

    def weigh(self, losses: FloatArray, indices: IntArray, *, progress: float) -> FloatArray:
        """Return a weight of at least 0 for each example, ``(n,)``; the loss is mean(weight x loss)."""
