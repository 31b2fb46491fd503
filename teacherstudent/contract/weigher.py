"""Weights of examples in the loss: what a teacher may offer beside its tasks.

The protocols need no torch: a teacher that computes with NumPy works without it.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from teacherstudent.contract.types import FloatArray, IntArray

if TYPE_CHECKING:
    from torch import Tensor


class Batch:
    """The examples of one gradient step, as a `Weigher` sees them.

    What is not read costs nothing. Losses, indices, labels and logits are tensors on the network's device; a
    weigher must leave them as they are. Their NumPy copies (`loss_numbers`, `index_numbers`, `label_numbers`)
    are made when first read; on a GPU the host waits for each.

    Args:
        losses: ``(n,)`` of the examples, with the graph of their gradient.
        indices: ``(n,)`` int64, rows of the training split.
        labels: ``(n,)`` int64, as the data have them; None where the loop gives none.
        logits: ``(n, classes)`` of any precision, with the graph of their gradient; None as with labels.
        progress: share of the budget that is spent, 0 to 1.
        differentiable: whether the weigher sees that graph.

    Attributes:
        indices: ``(n,)`` int64, rows of the training split.
        progress: share of the budget that is spent, 0 to 1.
    """

    def __init__(
        self,
        *,
        losses: Tensor,
        indices: Tensor,
        labels: Tensor | None,
        logits: Tensor | None,
        progress: float = 0.0,
        differentiable: bool = False,
    ) -> None:
        self.indices = indices
        self.progress = progress
        self._losses = losses
        self._labels = labels
        self._logits = logits
        self._differentiable = differentiable

    def __len__(self) -> int:
        return len(self.indices)

    @cached_property
    def losses(self) -> Tensor:
        """The examples' losses ``(n,)`` float32; a constant unless the weigher is differentiable."""
        return self._losses if self._differentiable else self._losses.detach()

    @property
    def labels(self) -> Tensor:
        """The labels ``(n,)`` int64, as the data have them: with label noise, if there is any."""
        return _given("labels", self._labels)

    @cached_property
    def logits(self) -> Tensor:
        """The network's output ``(n, classes)`` float32; a constant unless the weigher is differentiable."""
        logits = _given("logits", self._logits)
        return (logits if self._differentiable else logits.detach()).float()

    @cached_property
    def loss_numbers(self) -> FloatArray:
        """A copy of the losses ``(n,)`` for NumPy."""
        return self._losses.detach().double().cpu().numpy().copy()

    @cached_property
    def index_numbers(self) -> IntArray:
        """A copy of the indices ``(n,)`` for NumPy."""
        return self.indices.cpu().numpy().copy()

    @cached_property
    def label_numbers(self) -> IntArray:
        """A copy of the labels ``(n,)`` for NumPy."""
        return self.labels.cpu().numpy().copy()


def _given(name: str, values: Tensor | None) -> Tensor:
    """Return what a loop gives of its batches; raise ValueError if it does not give that."""
    if values is None:
        raise ValueError(f"batch: expected {name} from the loop, as the weigher looks at them, got none")
    return values


@runtime_checkable
class Weigher(Protocol):
    """Something that weighs the examples of a batch: self-paced learning, SuperLoss.

    A teacher may be one: it sees losses, labels and logits, no network. Weights are constants in the
    gradient, which for methods that minimise over the weights is exact; for others see `Differentiates`.
    """

    def weigh(self, batch: Batch) -> FloatArray | Tensor:
        """Return a finite weight of at least 0 for each example, ``(n,)``; the loss is mean(weight x loss).

        An array is checked at once. A tensor is checked later, together with the losses, so that the host
        need not wait for the device.
        """


@runtime_checkable
class Differentiates(Protocol):
    """A weigher that says whether its weights are functions of the losses or logits in the gradient too.

    Attributes:
        differentiable: if True, the losses and logits in a batch carry their graph, and the gradient flows
            through weights that are tensors. Only the network's parameters are trained by it.
    """

    differentiable: bool


def is_differentiable(weigher: Any) -> bool:
    """Return whether the gradient flows through a weigher's weights; not unless it says so.

    Raises:
        TypeError: if it says something else than True or False.
    """
    if not isinstance(weigher, Differentiates):
        return False
    if not isinstance(weigher.differentiable, bool):
        raise TypeError(
            f"{type(weigher).__name__}.differentiable: expected True or False, got {weigher.differentiable!r}"
        )
    return weigher.differentiable
