"""Weights of examples in a user's own loss: SuperLoss, self-paced learning and other weighers."""

from __future__ import annotations

from torch import Tensor

from teacherstudent.contract.weigher import Batch, Weigher, is_differentiable
from teacherstudent.networks.knobs.weights import Weights


def weights(
    weigher: Weigher,
    losses: Tensor,
    indices: Tensor,
    *,
    labels: Tensor | None = None,
    logits: Tensor | None = None,
    progress: float = 0.0,
) -> Tensor:
    """Return a weigher's weight for each example of a batch; minimise ``(weights * losses).mean()``.

    On a GPU the host waits for the losses.

    Args:
        weigher: a teacher that weighs (``superloss``, ``self-paced`` with ``by="weights"``), or one of yours.
        losses: ``(n,)`` of the examples, without a mean; with their graph.
        indices: ``(n,)`` int64, the examples.
        labels: ``(n,)`` int64, for weighers that look at them.
        logits: ``(n, classes)``, for weighers that look at them.
        progress: share of the budget that is spent, 0 to 1.

    Returns:
        ``(n,)`` of the losses' type; a constant in the gradient unless the weigher is differentiable.

    Raises:
        TypeError: if ``weigher`` is none.
        ValueError: if the losses are not one an example, the weigher looks at what is not given, or a weight
            is negative, not finite or missing.
    """
    if not isinstance(weigher, Weigher):
        raise TypeError(
            f"weights: expected a teacher that weighs, such as superloss, got {type(weigher).__name__}"
        )
    if losses.ndim != 1 or losses.shape != indices.shape:
        raise ValueError(
            f"weights: expected one loss for each of {len(indices)} examples, got shape "
            f"{tuple(losses.shape)}; losses come without a mean from reduction='none'"
        )
    batch = Batch(
        losses=losses,
        indices=indices,
        labels=labels,
        logits=logits,
        progress=progress,
        differentiable=is_differentiable(weigher),
    )
    asked = Weights()
    found = asked.ask(weigher, batch, losses, 0)
    asked.check(before=1)
    return found
