"""Examples for a classifier: batches of the examples that are handed in, trained on or measured."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from teacherstudent.contract.checks import check_names
from teacherstudent.contract.purposes import Purpose, check_purposes
from teacherstudent.contract.types import (
    Array,
    Assignment,
    FloatArray,
    Granularity,
    IntArray,
    Outcomes,
    State,
)
from teacherstudent.envs.images.family import ExampleFamily
from teacherstudent.students.classifier.checks import read_numbers
from teacherstudent.students.classifier.compute import Compute
from teacherstudent.students.classifier.trainer import Trainer

EXAMPLE_SIGNALS = ("loss", "correct")
REFERENCE = "reference_loss"


class ExampleRounds:
    """Trains on examples in batches, in the order given; scores are minus their losses before the step.

    No step is on fewer than half a batch: examples for training that are fewer wait for those of the next
    round, and `wants` asks for as many less. So a step is on half a batch to a whole one (of two examples, on
    two or three).

    Args:
        family: of examples.
        trainer: trains and measures.
        compute: where costs are counted.
        chunk: FLOPs of training for a round; None for a batch.

    Attributes:
        chunk: FLOPs of training for a round.
        signals: names of what is reported beside scores.
        held: what waits for the next round.
        train_loss: mean over the last round that trained; NaN before it.
        probed: None: the probe is not looked at.

    Raises:
        ValueError: if the reference's file is not there or does not hold a number for each example.
    """

    granularities: ClassVar[frozenset[Granularity]] = frozenset({"episode", "step"})

    def __init__(
        self, family: ExampleFamily, trainer: Trainer, compute: Compute, *, chunk: float | None
    ) -> None:
        self._setting = family.setting(0)
        self._trainer = trainer
        self._compute = compute
        self._batch = trainer.training.batch_size
        # Half a batch, rounded up; never a single example, which has no batch statistics.
        self._least = max(min(2, self._batch), -(-self._batch // 2))
        self.chunk = chunk or trainer.flops(trainer.sizes()[-1]).train * self._batch
        path = trainer.training.reference
        # Whether a number is right is no question of yes or no.
        self._judges = family.answers.kind != "numbers"
        self.signals: tuple[str, ...] = EXAMPLE_SIGNALS if self._judges else EXAMPLE_SIGNALS[:1]
        self._reference: FloatArray | None = None
        if path:
            self.signals = (*self.signals, REFERENCE)
            self._reference = read_numbers("reference", path, len(trainer.inputs["train"]))
        self.held = _rows([], [])
        self.train_loss = np.nan
        self.probed: Tensor | None = None

    def least(self) -> float:
        """Return the FLOPs of training on a round's examples."""
        return self.wants() * self._trainer.cost(self._setting)

    def wants(self) -> int:
        """Return as many examples as a chunk pays for, a batch at least, less those that wait."""
        # The small number is for a chunk that pays for exactly so many examples.
        paid = int(self.chunk / self._trainer.cost(self._setting) + 1e-9)
        return max(self._batch, paid) - len(self.held)

    def train(self, assignment: Assignment) -> Outcomes:
        """Measure examples, then train on the others; return those that are done, which have waited first."""
        check_purposes(assignment, "classifier", (Purpose.TRAIN, Purpose.MEASURE))
        # Those that waited come first. Notes are about the assignment alone, so they are dropped.
        joined = Assignment.concatenate([self.held, dataclasses.replace(assignment, notes={})])
        # Too few examples make no step, so they wait for the next round.
        waits = joined.learn & (joined.learn.sum() < self._least)
        self.held = joined.select(waits)
        now = joined.select(~waits)
        losses, correct, costs = self._train(now.tasks, now.learn)
        signals: dict[str, Array] = {"loss": losses}
        if self._judges:
            signals["correct"] = correct
        if self._reference is not None:
            signals[REFERENCE] = self._reference[now.tasks]
        return Outcomes.of(now, score=-losses, cost=costs, signals=signals)

    def _train(self, tasks: Array, learn: Array) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return losses, whether they were classified as labelled, and costs, ``(n,)`` each."""
        trainer = self._trainer
        compute = self._compute
        setting = self._setting
        indices = torch.from_numpy(tasks).to(trainer.device)
        losses = np.zeros(len(tasks))
        correct = np.zeros(len(tasks))
        measured = np.flatnonzero(~learn)
        costs = np.where(learn, trainer.cost(setting), trainer.forward_cost())
        if measured.size:
            # The present weights, not their average: those that the next step starts from.
            found, hits = trainer.measure("train", indices[torch.from_numpy(measured)], averaged=False)
            losses[measured], correct[measured] = found.double().cpu(), hits.double().cpu()
            compute.measure(float(costs[measured].sum()))
        rows = np.flatnonzero(learn)
        for part in self._parts(rows):
            # Count first: the step's learning rate belongs to the compute that includes it.
            compute.train(float(costs[part].sum()))
            rate = compute.rate(trainer.training)
            found, hits = trainer.step(
                indices[torch.from_numpy(part)], setting, rate=rate, progress=compute.progress
            )
            whole = found.double().cpu()
            # The counter is one ahead of the number of this step.
            step = int(compute.counts["updates"]) - 1
            trainer.check(whole, np.full(len(part), step), setting)
            losses[part], correct[part] = whole, hits.double().cpu()
        if rows.size:
            self.train_loss = float(losses[rows].mean())
        return losses, correct, costs

    def _parts(self, rows: IntArray) -> list[IntArray]:
        """Return rows as steps of nearly equal lengths, none of fewer than half a batch."""
        if rows.size == 0:
            return []
        # As few parts as batches can hold, but never so many that one falls below half a batch.
        return np.array_split(rows, min(-(-len(rows) // self._batch), len(rows) // self._least))

    def state(self) -> State:
        """Return what waits for the next round."""
        return {"ids": self.held.ids.copy(), "tasks": self.held.tasks.copy()}

    def load(self, state: State) -> None:
        """Continue from `state`."""
        check_names("classifier: held", ("ids", "tasks"), state)
        self.held = _rows(state["ids"], state["tasks"])


def _rows(ids: ArrayLike, tasks: ArrayLike) -> Assignment:
    """Return examples that are to be trained on."""
    return Assignment(ids=np.array(ids, np.int64), tasks=np.array(tasks, np.int64))
