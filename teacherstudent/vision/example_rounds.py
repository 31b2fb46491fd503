"""Examples for a classifier: batches of the examples that are asked for, trained on or measured."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from teacherstudent.types import Array, FloatArray, Granularity
from teacherstudent.vision.checks import check_finite, read_numbers
from teacherstudent.vision.compute import Compute
from teacherstudent.vision.family import ExampleFamily
from teacherstudent.vision.trainer import Trainer

EXAMPLE_SIGNALS = ("loss", "correct")
REFERENCE = "reference_loss"


class ExampleRounds:
    """Trains on examples in batches, in the order given; scores are minus their losses before the step.

    Args:
        family: of examples.
        trainer: trains and measures.
        compute: where costs are counted.
        chunk: FLOPs of training for a round; None for a batch.

    Attributes:
        chunk: FLOPs of training for a round.
        signals: names of what is reported beside scores.
        train_loss: mean over the last round that trained; NaN before it.
        probed: None: the probe is not looked at.

    Raises:
        ValueError: if the reference's file is not there or does not hold a number for each example.
    """

    granularities: ClassVar[frozenset[Granularity]] = frozenset({"episode", "step"})

    def __init__(
        self, family: ExampleFamily, trainer: Trainer, compute: Compute, *, chunk: float | None
    ) -> None:
        self._setting, self._trainer, self._compute = family.setting(0), trainer, compute
        self._batch = trainer.training.batch_size
        self.chunk = chunk or trainer.flops(trainer.sizes()[-1]).train * self._batch
        path = trainer.training.reference
        self._reference: FloatArray | None = None
        if path:
            self._reference = read_numbers("reference", path, len(trainer.inputs["train"]))
        self.signals = EXAMPLE_SIGNALS if self._reference is None else (*EXAMPLE_SIGNALS, REFERENCE)
        self.train_loss = np.nan
        self.probed: Tensor | None = None

    def least(self) -> float:
        """Return the FLOPs of training on a round's examples."""
        return self.wants() * self._trainer.cost(self._setting)

    def wants(self) -> int:
        """Return as many examples as a chunk pays for, a batch at least."""
        return max(self._batch, int(self.chunk / self._trainer.cost(self._setting) + 1e-9))

    def train(self, tasks: Array, learn: Array) -> tuple[FloatArray, FloatArray, dict[str, Array]]:
        """Measure examples, then train on the others; return scores, costs and signals ``(n,)``."""
        trainer, compute, setting = self._trainer, self._compute, self._setting
        indices = torch.from_numpy(tasks).to(trainer.device)
        losses, correct = np.zeros(len(tasks)), np.zeros(len(tasks))
        measured = np.flatnonzero(~learn)
        costs = np.where(learn, trainer.cost(setting), trainer.forward_cost())
        if measured.size:
            found, hits = trainer.measure("train", indices[torch.from_numpy(measured)], averaged=False)
            losses[measured], correct[measured] = found.double().cpu(), hits.double().cpu()
            compute.measure(float(costs[measured].sum()))
        rows = np.flatnonzero(learn)
        parts = np.array_split(rows, -(-len(rows) // self._batch)) if rows.size else []
        for part in parts:
            compute.train(float(costs[part].sum()))
            rate = compute.rate(trainer.training)
            found, hits = trainer.step(
                indices[torch.from_numpy(part)], setting, rate=rate, progress=compute.progress
            )
            losses[part], correct[part] = found.double().cpu(), hits.double().cpu()
            step = int(compute.counts["updates"]) - 1
            check_finite(found, np.full(len(part), step), setting, trainer.learner.rate)
        if rows.size:
            self.train_loss = float(losses[rows].mean())
        signals: dict[str, Array] = {"loss": losses, "correct": correct}
        if self._reference is not None:
            signals[REFERENCE] = self._reference[tasks]
        return -losses, costs, signals
