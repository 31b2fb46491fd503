"""Self-paced learning: easy examples first, by the learner's own losses, and more and more of them."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, get_args

import gymnasium as gym
import numpy as np

from teacherstudent.contract.checks import check_names, check_pair, is_number, is_one_of
from teacherstudent.contract.purposes import Purpose
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Discrete
from teacherstudent.contract.stored.saved import saved_array, saved_gaps, saved_number
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Assignment, ByteArray, FloatArray, IntArray, Outcomes, Seed, State
from teacherstudent.contract.weigher import Batch
from teacherstudent.teachers.examples.choosing import draw_without_replacement
from teacherstudent.teachers.examples.pacing import Law, self_paced_weights

By = Literal["selection", "weights"]


@TEACHERS.register("self-paced")
class SelfPaced(Teacher[Discrete]):
    """Trains on examples whose loss is below an age that grows, whole or weighted (self-paced learning).

    Kumar, Packer and Koller 2010, "Self-paced learning for latent variable models", NeurIPS; for the laws of
    soft weights see `teacherstudent.teachers.examples.pacing.self_paced_weights`.

    - ``by="selection"``: in turns, all examples are measured without training, and those that count are
      trained on once, in random order. Hard weights choose the examples below the age; soft ones draw as many
      as the weights amount to, without replacement and in proportion to them. Measuring costs a third of
      training, and is charged. At a share of 1 all examples are trained on and none is measured.
    - ``by="weights"``: every example once a pass, in random order, and the student weighs each loss in its
      batch. Nothing is measured: the age comes from the losses at which examples were last trained on.

    The age is the quantile of the known losses at a share of the examples that grows linearly, so that it
    needs no scale; or a loss, by ``ages``.

    A share that falls, ``share=(1.0, 0.6)`` say, leaves out what is still hard after everything was seen, as
    wrong labels are: an untrained network's easiest examples are of few classes.

    Deviations from the papers: the pace in shares instead of a factor on the age in every round; at a share
    of 1 every example counts fully; with quantiles, the logarithmic law, which takes ages below 1 only, sees
    losses divided by twice the age. In a selection, an example whose loss is not known counts fully.

    Args:
        space: the examples.
        seed: an integer of at least 0 or a ``SeedSequence``.
        law: of the weights: ``"hard"``, ``"linear"``, ``"logarithmic"``, ``"logistic"``, ``"mixture"`` or
            ``"polynomial"``.
        by: see above.
        share: of examples below the age, at the start and at the end, in (0, 1].
        grow: share of the budget over which it moves from the one to the other, in (0, 1].
        ages: losses at the start and at the end, instead of ``share``.
        power: t of the polynomial law.

    Raises:
        TypeError: if the space is not discrete, or the seed is no integer.
        ValueError: if an option is out of range; from `tell`, if a ``loss`` is negative.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Discrete,)
    needs: frozenset[str] = frozenset({"loss"})
    measures: frozenset[str] = needs

    def __init__(
        self,
        space: Discrete,
        *,
        seed: Seed,
        law: Law = "hard",
        by: By = "selection",
        share: tuple[float, float] = (0.5, 1.0),
        grow: float = 0.5,
        ages: tuple[float, float] | None = None,
        power: float = 3.0,
    ) -> None:
        super().__init__(space, seed=seed)
        for what, value, known in (("law", law, get_args(Law)), ("by", by, get_args(By))):
            if not is_one_of(value, known):
                raise ValueError(f"self-paced: {what}: expected one of {known}, got {value!r}")
        pair = check_pair("self-paced: share", "two shares in (0, 1]", share)
        if not all(is_number(value) and 0 < value <= 1 for value in pair):
            raise ValueError(f"self-paced: share: expected two shares in (0, 1], got {share}")
        if not (is_number(grow) and 0 < grow <= 1):
            raise ValueError(f"self-paced: grow: expected a share in (0, 1], got {grow!r}")
        # Every age goes through the weights, which know what ages their law takes; 0.5 suits all laws.
        for age in (0.5,) if ages is None else check_pair("self-paced: ages", "two losses", ages):
            if not (is_number(age) and np.isfinite(age)):
                raise ValueError(f"self-paced: ages: expected two finite losses, got {ages}")
            self_paced_weights(np.zeros(1), age, law, power)
        self.law: Law = law
        self.by: By = by
        self._power = power
        self._grow = grow
        self._absolute = ages is not None
        self._span = share
        if ages is not None:
            self._span = ages
        self._losses = np.full(int(space.n), np.nan)
        # The rest of what is measured or trained on.
        self._order: IntArray = np.zeros(0, np.int64)
        self._measuring = False
        self._progress = 0.0

    def age(self, progress: float) -> float:
        """Return the age when a share ``progress`` of the budget is spent; infinite for all examples."""
        return self._age(self._losses[~np.isnan(self._losses)], progress)

    def _age(self, losses: FloatArray, progress: float) -> float:
        now = self._now(progress)
        if self._absolute:
            return now
        # At a share of 1, and before any loss is known, no example is too hard.
        if now >= 1 or losses.size == 0:
            return np.inf
        # The laws divide by the age, and more than half of the losses may be 0.
        return max(float(np.quantile(losses, now)), 1e-12)

    def _now(self, progress: float) -> float:
        """Return the share of examples below the age, or the age itself where it is given."""
        start, end = self._span
        return start + (end - start) * min(1.0, progress / self._grow)

    def _all(self, progress: float) -> bool:
        """Return whether every example counts fully, whatever its loss."""
        return not self._absolute and self._now(progress) >= 1

    def _weights(self, losses: FloatArray, age: float) -> FloatArray:
        """Return the weights ``(n,)`` of known losses."""
        # This law takes ages below 1 only, so losses and age are scaled to an age of one half.
        if self.law == "logarithmic" and not self._absolute and np.isfinite(age):
            losses = losses / (2 * age)
            age = 0.5
        return self_paced_weights(losses, age, self.law, self._power)

    def weigh(self, batch: Batch) -> FloatArray:
        """Return the weight of each example of a batch, ``(n,)`` in [0, 1]; 1 where examples are selected."""
        if self.by == "selection":
            return np.ones(len(batch))
        losses = batch.loss_numbers
        known = self._losses[~np.isnan(self._losses)]
        if known.size < losses.size:
            # While few losses are known, the batch itself says which examples are easy.
            known = losses
        return self._weights(losses, self._age(known, batch.progress))

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        self._progress = progress
        tasks: list[IntArray] = []
        purpose: list[ByteArray] = []
        left = len(ids)
        # An ask may end one turn and begin the next.
        while left > 0:
            if self._order.size == 0:
                if tasks and self._measuring and not self._all(progress):
                    # their losses are still to come: measure others again
                    self._order = self._others(np.concatenate(tasks), left)
                else:
                    self._next(progress)
            part = self._order[:left]
            self._order = self._order[left:]
            tasks.append(part)
            now = Purpose.MEASURE if self._measuring else Purpose.TRAIN
            purpose.append(np.full(len(part), now, np.uint8))
            left -= len(part)
        return Assignment(
            ids=ids, tasks=np.concatenate(tasks) + self.space.start, purpose=np.concatenate(purpose)
        )

    def _others(self, there: IntArray, count: int) -> IntArray:
        """Return examples that are not there yet, ``(count,)`` at most; any, if all of them are."""
        # An example whose loss is under way would only be measured twice.
        others = np.setdiff1d(np.arange(len(self._losses)), there)
        return self.rng.permutation(others if others.size else len(self._losses))[:count]

    def _next(self, progress: float) -> None:
        """Begin to measure, or to train."""
        n = len(self._losses)
        if self.by == "weights" or self._all(progress):
            self._measuring = False
            self._order = self.rng.permutation(n)
            return
        # In turns: measure all examples, train on those that count.
        self._measuring = not self._measuring
        if self._measuring:
            self._order = self.rng.permutation(n)
        else:
            self._order = self._selected(progress)

    def _selected(self, progress: float) -> IntArray:
        known = ~np.isnan(self._losses)
        # Examples without a known loss keep the weight 1.
        weights = np.ones(len(known))
        weights[known] = self._weights(self._losses[known], self.age(progress))
        # The weights' sum says how many are drawn; one at least, so that no turn is empty.
        count = max(1, round(float(weights.sum())))
        # The logarithm of 0 is minus infinity, which is never drawn.
        with np.errstate(divide="ignore"):
            logs = np.log(weights)
        if not (weights > 0).any():
            # The age is below all losses: the easiest example stands in.
            return np.array([int(np.nanargmin(self._losses))])
        drawn = draw_without_replacement(self.rng, logs, min(count, int((weights > 0).sum())))
        # Draws come with the heaviest first as a rule, and training wants a random order.
        return self.rng.permutation(drawn)

    def _tell(self, outcomes: Outcomes) -> None:
        losses = np.asarray(outcomes.signals["loss"], np.float64)
        if (losses < 0).any():
            raise ValueError(f"self-paced: expected losses of at least 0, one a row, got {losses}")
        self._losses[outcomes.tasks - self.space.start] = losses

    def metrics(self) -> dict[str, float]:
        """Return the age, where it is finite, and the mean weight of examples with a known loss."""
        known = self._losses[~np.isnan(self._losses)]
        if known.size == 0:
            return {}
        age = self.age(self._progress)
        found = {"weight": float(self._weights(known, age).mean())}
        if np.isfinite(age):
            found["age"] = age
        return found

    def _state(self) -> State:
        return {
            "losses": self._losses.copy(),
            "order": self._order.copy(),
            "measuring": self._measuring,
            "progress": self._progress,
        }

    def _load(self, state: State) -> None:
        check_names("self-paced: state", ("losses", "order", "measuring", "progress"), state)
        n = len(self._losses)
        expected = "finite losses, or NaN where none is known"
        self._losses = saved_gaps("self-paced: losses", state["losses"], (n,), expected, low=0)
        self._order = saved_array("self-paced: order", state["order"], np.int64, (None,), low=0, high=n - 1)
        self._measuring = bool(state["measuring"])
        self._progress = saved_number("self-paced: progress", state["progress"], 0, 1)
