"""SuperLoss: examples that are harder than usual count less, easier ones more."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from teacherstudent.contract.checks import check_names, is_finite, is_number
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Discrete
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Assignment, FloatArray, IntArray, Outcomes, Seed, State
from teacherstudent.contract.weigher import Batch
from teacherstudent.teachers.examples.choosing import Passes
from teacherstudent.teachers.examples.pacing import super_loss_weights


@TEACHERS.register("superloss")
class SuperLoss(Teacher[Discrete]):
    """Weighs the examples of every batch by how much their loss is below a threshold (SuperLoss).

    Castells, Weinzaepfel and Revaud 2020, "SuperLoss: a generic loss for robust curriculum learning",
    NeurIPS: the loss l of an example becomes the least value over s of ``(l - tau) s + lambda log(s)^2``.
    Its gradient is the best s (`teacherstudent.teachers.examples.pacing.super_loss_weights`) times the
    gradient of l, so that s is the weight. Examples come in random order, each once a pass.

    tau is the running average of the mean loss of batches, updated before a batch is weighed, or a constant:
    the authors also use the logarithm of the number of classes.

    Args:
        space: the examples.
        seed: an integer of at least 0 or a ``SeedSequence``.
        strength: lambda, above 0; the authors take 1 on CIFAR-10 and 0.25 on CIFAR-100.
        threshold: tau; None for the running average.
        memory: of the running average: the weight of its last value, in [0, 1).

    Raises:
        TypeError: if the space is not discrete, or the seed is no integer.
        ValueError: if an option is out of range.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Discrete,)

    def __init__(
        self,
        space: Discrete,
        *,
        seed: Seed,
        strength: float = 1.0,
        threshold: float | None = None,
        memory: float = 0.9,
    ) -> None:
        super().__init__(space, seed=seed)
        if not (is_number(strength) and 0 < strength < np.inf):
            raise ValueError(f"superloss: strength: expected a number above 0, got {strength!r}")
        if threshold is not None and not is_finite(threshold):
            raise ValueError(f"superloss: threshold: expected a finite loss or None, got {threshold!r}")
        if not (is_number(memory) and 0 <= memory < 1):
            raise ValueError(f"superloss: memory: expected a number in [0, 1), got {memory!r}")
        self.strength = strength
        self.threshold = threshold
        self.memory = memory
        self._passes = Passes(int(space.n))
        self._average: float | None = None
        # Mean weight of the last batch.
        self._weight = 1.0

    def weigh(self, batch: Batch) -> FloatArray:
        """Return the weight of each example of a batch, ``(n,)``, from 0 to e."""
        losses = batch.loss_numbers
        tau = self.threshold
        if tau is None:
            # The average moves before the batch is weighed, so the first batch has a threshold too.
            mean = float(losses.mean())
            if self._average is None:
                # The first batch has no average behind it, so it starts the average.
                self._average = mean
            tau = self._average = self.memory * self._average + (1 - self.memory) * mean
        weights = super_loss_weights(losses, tau, self.strength)
        self._weight = float(weights.mean())
        return weights

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        return Assignment(ids=ids, tasks=self._passes.take(self.rng, len(ids)) + self.space.start)

    def _tell(self, outcomes: Outcomes) -> None:
        """Learn nothing: the losses came with the batch that was weighed."""

    def metrics(self) -> dict[str, float]:
        """Return the mean weight of the last batch, and the threshold where there is one."""
        tau = self.threshold
        if tau is None:
            tau = self._average
        found = {"weight": self._weight}
        if tau is not None:
            found["threshold"] = tau
        return found

    def _state(self) -> State:
        return {"passes": self._passes.state(), "average": self._average, "weight": self._weight}

    def _load(self, state: State) -> None:
        check_names("superloss: state", ("passes", "average", "weight"), state)
        self._passes.load(state["passes"])
        self._average = None if state["average"] is None else float(state["average"])
        self._weight = float(state["weight"])
