"""Training stages for a classifier: chunks of equal compute, and a look at the probe after each."""

from __future__ import annotations

import time
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from teacherstudent.contract.checks import check_names
from teacherstudent.contract.knobs import Setting
from teacherstudent.contract.purposes import Purpose, check_purposes
from teacherstudent.contract.types import Assignment, FloatArray, Granularity, Outcomes, State
from teacherstudent.envs.images.family import ImageFamily
from teacherstudent.students.classifier.compute import Compute
from teacherstudent.students.classifier.trainer import Trainer

STAGE_SIGNALS = ("train_loss", "seconds", "steps", "size")
PROBE_SIGNALS = ("probe_loss", "score_se")
SCORES = ("rate", "decrease", "level", "train")
CHUNKS = 50
PROBES = 10
FEWEST = 8
"""If nothing is said: chunks in a budget; a chunk's least cost in probes; chunks in a small budget."""


class StageRounds:
    """Trains a chunk of compute at each stage's knobs and scores it on the probe.

    `teacherstudent.students.classifier.student.ClassifierStudent` says what scores and signals are.

    Args:
        family: says what a stage's knobs are.
        trainer: trains and measures.
        compute: where costs are counted.
        score: a name of `SCORES`.
        chunk: FLOPs of training for a stage; None for the standard.

    Attributes:
        chunk: FLOPs of training for a stage.
        signals: names of what is reported beside scores.
        held: None: every stage is finished in the round that it was handed in.
        train_loss: mean over the last chunk; NaN before it.
        probed: losses of the probe ``(n,)`` with the present weights; None if they are not known.

    Raises:
        ValueError: if there is a reference, which is for examples.
    """

    granularities: ClassVar[frozenset[Granularity]] = frozenset({"episode", "chunk"})
    held: ClassVar[None] = None

    def __init__(
        self, family: ImageFamily, trainer: Trainer, compute: Compute, *, score: str, chunk: float | None
    ) -> None:
        self._family = family
        self._trainer = trainer
        self._compute = compute
        self._score = score
        # The condition of the probe.
        self._target = family.setting(family.test_tasks()[-1])
        self.chunk = chunk or self._standard_chunk()
        if trainer.training.reference:
            raise ValueError("classifier: reference: touches nothing: expected a family of examples")
        self.signals: tuple[str, ...] = STAGE_SIGNALS
        if score != "train":
            self.signals = (*STAGE_SIGNALS, *PROBE_SIGNALS)
        self.train_loss = np.nan
        self.probed: Tensor | None = None

    def _standard_chunk(self) -> float:
        budget = self._compute.budget
        if budget is None:
            full = self._trainer.flops(self._trainer.sizes()[-1]).train
            return full * len(self._trainer.inputs["train"])
        probes = 0.0 if self._score == "train" else PROBES * self._probe_cost()
        # A chunk should dwarf its probes, but even a small budget needs a few chunks.
        return min(max(budget / CHUNKS, probes), budget / FEWEST)

    def _probe_cost(self) -> float:
        # The blur costs operations, so count under the probe's own knobs.
        with self._trainer.at(self._target):
            return self._trainer.measure_cost(len(self._trainer.inputs["probe"]))

    def least(self) -> float:
        """Return the FLOPs of the cheapest chunk at full size: a step, and the probe before and after it."""
        trainer = self._trainer
        # A decrease takes two measurements, a level one.
        probes = {"train": 0, "level": 1}.get(self._score, 2)
        measured = 0.0
        if probes:
            measured = probes * self._probe_cost()
        with trainer.at(self._target):
            return trainer.batch_size(self._target) * trainer.cost(self._target) + measured

    def wants(self) -> int:
        """Return 1."""
        return 1

    def train(self, assignment: Assignment) -> Outcomes:
        """Train on stages (or measure) in the order given, and return all of them."""
        check_purposes(assignment, "classifier", (Purpose.TRAIN, Purpose.MEASURE))
        tasks = assignment.tasks
        rows = np.zeros((len(tasks), 2 + len(self.signals)))
        for row, (task, learns) in enumerate(zip(tasks, assignment.learn, strict=True)):
            setting = self._family.setting(task)
            found = self._chunk_of(setting) if learns else self._measured(setting)
            # Without a probe the last columns do not exist.
            rows[row] = found[: rows.shape[1]]
        signals = {name: rows[:, 2 + k] for k, name in enumerate(self.signals)}
        return Outcomes.of(assignment, score=rows[:, 0], cost=rows[:, 1], signals=signals)

    def state(self) -> State:
        """Return nothing: no stage waits."""
        return {}

    def load(self, state: State) -> None:
        """Continue from `state`."""
        check_names("classifier: held", (), state)

    def _chunk_of(self, setting: Setting) -> list[float]:
        """Train for a chunk; return score, cost and signals."""
        before = None
        # A level needs no measurement before.
        if self._score not in ("train", "level"):
            before = self._probe()[0]
        start = time.perf_counter()
        losses, cost = self.steps(setting)
        seconds = time.perf_counter() - start
        # The weights have changed, so what was measured no longer holds.
        self.probed = None
        self.train_loss = float(losses.mean())
        signals = [self.train_loss, seconds, float(len(losses)), float(self._trainer.size(setting))]
        if self._score == "train":
            return [-self.train_loss, cost, *signals]
        after, _ = self._probe()
        gain = -after
        if before is not None:
            gain = before - after
        scale = 1.0
        # The rate is per unit of compute, so that cheap and dear chunks can be compared.
        if self._score == "rate":
            scale = self.chunk / cost
        return [scale * float(gain.mean()), cost, *signals, float(after.mean()), scale * _error(gain)]

    def steps(self, setting: Setting) -> tuple[Tensor, float]:
        """Take as many steps as a chunk pays for; return their mean losses and what they cost.

        Scoring passes are part of the chunk. One that the rest of the budget cannot pay is left out.
        """
        trainer = self._trainer
        compute = self._compute
        # What is measured after the chunk is set aside before it begins.
        chunk = compute.begin(self.chunk, 0.0 if self._score == "train" else self._probe_cost())
        step_cost = trainer.batch_size(setting) * trainer.cost(setting)
        losses: list[Tensor] = []
        while True:
            due = trainer.scoring_cost(setting)
            rescore = chunk.pays(due)
            if not chunk.takes(step_cost, due if rescore else 0.0):
                break
            indices, scoring = trainer.draw(setting, rescore=rescore)
            # Count first: the step's learning rate belongs to the compute that includes it.
            chunk.used += scoring + step_cost
            compute.measure(scoring)
            compute.train(step_cost)
            rate = compute.rate(trainer.training)
            found, _ = trainer.step(indices, setting, rate=rate, progress=compute.progress)
            # The mean stays on the device: to read it would wait for the step.
            losses.append(found.mean())
        compute.end(chunk)
        whole = torch.stack(losses).double().cpu()
        # The counter is ahead by the steps of this chunk.
        first = int(compute.counts["updates"]) - len(whole)
        trainer.check(whole, first + np.arange(len(whole)), setting)
        return whole, chunk.used

    def _probe(self) -> tuple[FloatArray, float]:
        """Return the probe's losses with the present weights, and what measuring them has cost now."""
        cost = 0.0
        # Measure only if the weights have changed since the last time.
        if self.probed is None:
            with self._trainer.at(self._target):
                self.probed, _ = self._trainer.measure("probe")
            cost = self._probe_cost()
            self._compute.measure(cost)
        return self.probed.double().cpu().numpy(), cost

    def _measured(self, setting: Setting) -> list[float]:
        losses, cost = self._probe()
        level = float(losses.mean())
        # Nothing was learnt, so a decrease is exactly 0.
        score = 0.0
        error = 0.0
        if self._score in ("level", "train"):
            score = -level
            error = _error(losses)
        return [score, cost, np.nan, 0.0, 0.0, float(self._trainer.size(setting)), level, error]


def _error(values: FloatArray) -> float:
    """Return the standard error of the mean, 0 of a single value."""
    if len(values) <= 1:
        return 0.0
    error: float = float(values.std(ddof=1)) / np.sqrt(len(values))
    return error
