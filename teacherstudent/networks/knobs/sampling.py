"""Batches as index tensors: passes over the whole data, or over a share drawn by scores."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from teacherstudent.contract.checks import check_names
from teacherstudent.contract.types import Array, State
from teacherstudent.networks.state import array_of


def draw_by_score(log_scores: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Return ``count`` different indices, drawn one after the other with probability proportional to score.

    The highest ``count`` of log-score + Gumbel noise: the same distribution as sequential draws without
    replacement (Kool et al. 2019, https://arxiv.org/abs/1903.06059), without a loop.
    `teacherstudent.teachers.examples.choosing.draw_without_replacement` is the same from numpy's generator,
    for teachers, which work without torch.

    Args:
        log_scores: ``(n,)`` on the CPU.
        count: from 1 to n.
        generator: of the CPU.

    Raises:
        ValueError: if the count is out of range.
    """
    if not 1 <= count <= len(log_scores):
        raise ValueError(f"draw_by_score: expected a count from 1 to {len(log_scores)}, got {count}")
    # In double precision and clamped, since the logarithm of 0 would always win.
    noise = torch.rand(len(log_scores), generator=generator, dtype=torch.float64)
    gumbel = -torch.log(-torch.log(noise.clamp(1e-300, 1 - 1e-16)))
    return torch.topk(log_scores.double() + gumbel, count).indices


class IndexSampler:
    """Draws batches of indices; no example comes twice in a pass.

    A pass over a share f of the n examples is ``floor(f n)`` different ones. What is left of a pass when it
    is shorter than a batch is left out, so that every batch is whole; which ones differs from pass to pass.

    Args:
        n: number of examples.
        seed: of the private generator, on the CPU whatever the device.
        device: where batches are wanted.

    Attributes:
        passes: passes that were begun.
    """

    def __init__(self, n: int, *, seed: int, device: torch.device) -> None:
        self._n = n
        self._device = device
        self._generator = torch.Generator().manual_seed(seed)
        self._order = torch.empty(0, dtype=torch.int64, device=device)
        self._position = 0
        self._fraction = 1.0
        self.passes = 0

    def ends(self, batch: int, fraction: float) -> bool:
        """Return whether the next batch begins a new pass."""
        return fraction != self._fraction or self._position + batch > len(self._order)

    def next(self, batch: int, fraction: float = 1.0, log_scores: Tensor | None = None) -> Tensor:
        """Return the next ``(batch,)`` indices.

        Args:
            batch: at least 1.
            fraction: share of the examples in a pass; a change begins a new one.
            log_scores: ``(n,)``, by which a new pass over a share draws its examples; None draws uniformly.

        Raises:
            ValueError: if a pass is shorter than a batch.
        """
        if self.ends(batch, fraction):
            self._begin(batch, fraction, log_scores)
        self._position += batch
        return self._order[self._position - batch : self._position]

    def _begin(self, batch: int, fraction: float, log_scores: Tensor | None) -> None:
        # The small number is for shares such as 0.29 of 100, which is 28.999... in binary.
        count = int(np.floor(fraction * self._n + 1e-9))
        if count < batch:
            raise ValueError(
                f"data_fraction {fraction:g} of {self._n} examples leaves {count}: expected at least a batch "
                f"of {batch}"
            )
        # Drawn in either case, so that the generator moves by the same amount.
        order = torch.randperm(self._n, generator=self._generator)
        if count < self._n:
            scores = torch.zeros(self._n)
            if log_scores is not None:
                scores = log_scores.detach().cpu()
            drawn = draw_by_score(scores, count, self._generator)
            # `topk` sorts by score: without a shuffle high scores would always come first.
            order = drawn[torch.randperm(count, generator=self._generator)]
        self._order = order.to(self._device)
        self._position = 0
        self._fraction = fraction
        self.passes += 1

    def state_dict(self) -> State:
        """Return the rest of the pass and the generator's state; a copy."""
        return {
            # The used part of the pass is never read again.
            "order": self._order[self._position :].cpu().numpy().copy(),
            "fraction": self._fraction,
            "passes": self.passes,
            "generator": self._generator.get_state().numpy().copy(),
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict`."""
        check_names("sampler", ("order", "fraction", "passes", "generator"), state)
        order: Array = np.array(state["order"], np.int64)
        self._order = torch.from_numpy(order).to(self._device)
        self._position = 0
        self._fraction = float(state["fraction"])
        self.passes = int(state["passes"])
        self._generator.set_state(torch.from_numpy(np.array(state["generator"])))


def distil(labels: Tensor, previous: Tensor, weight: float) -> Tensor:
    """Return PS-KD's targets, ``(n, classes)``, for a cross-entropy.

    Progressive self-knowledge distillation: Kim et al. 2021, https://arxiv.org/abs/2006.12000, eq. 5:
    ``(1 - weight) one-hot + weight P``, where P is the network's prediction for the example in the pass
    before this one. An example without one has the plain one-hot target.

    Args:
        labels: ``(n,)`` int64.
        previous: ``(n, classes)`` probabilities; all zero for an example without a prediction.
        weight: of the prediction, 0 to 1.
    """
    # Predictions sum to 1, so a sum of 0 marks an example that was not seen.
    known = previous.sum(1, keepdim=True) > 0
    plain = torch.nn.functional.one_hot(labels, previous.shape[1]).to(previous.dtype)
    return torch.where(known, (1 - weight) * plain + weight * previous, plain)


class ExampleTable:
    """What is remembered of every training example: its last loss, and its last predicted distribution.

    Args:
        n: number of examples.
        classes: number of classes; 0 remembers no predictions.
        device: where the tables lie.

    Attributes:
        losses: ``(n,)`` float32, NaN for examples that were not seen yet.
        predictions: ``(n, classes)`` float32, all zero for examples that were not seen yet, or None.
    """

    def __init__(self, n: int, *, classes: int, device: torch.device) -> None:
        self.losses = torch.full((n,), torch.nan, device=device)
        self.predictions = torch.zeros((n, classes), device=device) if classes else None

    def to(self, device: torch.device) -> None:
        """Move the tables to another device; nothing is done where they lie there."""
        self.losses = self.losses.to(device)
        if self.predictions is not None:
            self.predictions = self.predictions.to(device)

    def log_scores(self, floor: float) -> Tensor:
        """Return the logarithm of 1 / loss, ``(n,)``, of losses not below ``floor``; unseen: the median."""
        # The floor keeps examples that are learnt by heart from dwarfing all others.
        losses = self.losses.clamp_min(floor)
        seen = losses.isfinite()
        # Examples that were not seen count as ordinary ones.
        middle = torch.ones((), device=losses.device)
        if bool(seen.any()):
            middle = losses[seen].median()
        return -torch.where(seen, losses, middle).log()

    def targets(self, labels: Tensor, indices: Tensor, weight: float) -> Tensor:
        """Return PS-KD's targets, ``(n, classes)`` (`distil`), with the predictions of the pass before."""
        if self.predictions is None:
            raise ValueError("self_distillation: expected a table of predictions, got none")
        return distil(labels, self.predictions[indices], weight)

    def remember(self, indices: Tensor, losses: Tensor, logits: Tensor) -> None:
        """Take over a batch's losses and predictions."""
        # Detached, or the table would keep the graph of every batch alive.
        self.losses[indices] = losses.detach().float()
        if self.predictions is not None:
            self.predictions[indices] = logits.detach().float().softmax(1)

    def state_dict(self) -> State:
        """Return the tables; a copy."""
        return {"losses": array_of(self.losses), "predictions": array_of(self.predictions)}

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict`."""
        check_names("examples", ("losses", "predictions"), state)
        self.losses.copy_(torch.from_numpy(np.array(state["losses"])))
        if self.predictions is not None:
            self.predictions.copy_(torch.from_numpy(np.array(state["predictions"])))
