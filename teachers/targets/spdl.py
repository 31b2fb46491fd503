"""SPDL: a Gaussian of tasks moves towards the target as fast as the student keeps up."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, TypeAlias

import gymnasium as gym
import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import (
    check_flag,
    check_names,
    check_one_of,
    check_pair,
    check_real,
    check_whole,
)
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.spaces import Box
from teacherstudent.contract.stored.saved import saved_whole
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Array, Assignment, FloatArray, IntArray, Outcomes, Seed, State, Wait
from teacherstudent.teachers.targets.batches import MOST_ROWS, Rows, WeighedBatches
from teacherstudent.teachers.targets.gaussian import Gaussian
from teacherstudent.teachers.targets.kl_steps import MOST_KL, Step, interpolated
from teacherstudent.teachers.targets.told import Sample, Units, check_mastered

Form: TypeAlias = Literal["constrained", "penalised", "interpolated"]

NARROWEST = 1e-3
"""Least standard deviation of the target, as a share of the range."""
LEAST_START = 0.025
"""Least standard deviation of the first Gaussian, as a share of the range."""
WIDE = 0.25
"""Standard deviation of the Gaussian that stands for the whole space, as a share of the range."""
MOST_ALPHA = 1e5
REJECTIONS = 100
"""How often a task beyond the space is drawn again."""


@TEACHERS.register("spdl")
class SPDL(Teacher[Box]):
    """Draws tasks from a Gaussian that takes steps towards the target's while the mean score is kept up.

    Klink, D'Eramo, Peters and Pajarinen 2020, "Self-paced deep reinforcement learning",
    https://arxiv.org/abs/2004.11812, algorithm 1; and the constrained form of Klink, Abdulsamad,
    Belousov, D'Eramo, Peters and Pajarinen 2021, "A probabilistic interpretation of self-paced learning with
    applications to reinforcement learning", https://arxiv.org/abs/2102.13176, as in the code of
    https://github.com/psclklnk/currot (there: version 2).

    p is the Gaussian, mu that of the target, and J(p) the expected score, estimated from the last ``batch``
    rows by importance weights. After every batch p becomes the p' with KL(p || p') <= ``max_kl`` that

    - ``form="constrained"``: maximises J(p'), until J(p) has been at least ``mastered`` once; from then on
      minimises KL(p' || mu) subject to J(p') >= ``mastered``;
    - ``form="penalised"`` (2020): maximises J(p') - alpha KL(p' || mu), with alpha = 0 for the first
      updates and then ``zeta * max(0, mean score) / KL(p || mu)``, up to 1e5;
    - ``form="interpolated"``: mixes the natural parameters of p and mu as far as ``max_kl`` allows if J(p) is
      at least ``mastered``, and maximises J(p') else.

    While KL(p || mu) is above a threshold, a root of the covariance keeps a least diagonal (``floor``).

    Deviations in all forms:

    - mu is the Gaussian with mean and covariance of the target tasks. The constrained code estimates
      KL(p' || mu) from 2000 draws for any density mu; here it is exact, and a target of several modes is
      seen as one wide Gaussian.
    - J uses undiscounted scores instead of discounted returns, and the scores themselves instead of V(s0),
      which no student of this package reports; alpha uses their mean (``use_avg_performance`` there). The
      mean score is a control variate of J, whose importance weights would else pay for leaving all rows
      behind where scores are negative.
    - The steps are solved by SLSQP, and exactly; the code of 2020 takes one conjugate-gradient step, that of
      2021 runs scipy's trust-constr.
    - A constrained step is taken if J(p') >= ``mastered`` and it is no further from mu. Where no step keeps
      ``mastered``, the one is taken that raises J most; the code keeps the Gaussian then, or takes what it
      has found.
    - The codes have one task under way, so that all rows are draws from p. Here a late row of an earlier
      Gaussian q counts for min(1, p / q) draws, and a row that nobody asked for does not count (`batches`).
      Updates come after rows, not after environment steps.
    - It works in the unit cube. Gaussians and KL do not depend on units, so only ``floor`` does, and
      parameters on a logarithmic scale.
    - Tasks beyond the space are drawn again up to 100 times, then clipped (uniform if the mean lies inside),
      as in the code of 2021; that of 2020 clips.

    Args:
        space: a box.
        seed: an integer of at least 0 or a ``SeedSequence``.
        target: ``(m, *space.shape)`` draws from the tasks that are wanted; None is a Gaussian over the space
            with a quarter of the range as standard deviation.
        easy: ``(m, *space.shape)`` tasks whose Gaussian is the first one; None is the one over the space.
        mastered: delta, the mean score that is kept up. The penalised form does without.
        form: ``"constrained"``, ``"penalised"`` or ``"interpolated"``.
        batch: draws of an update, at least 2.
        max_kl: bound on a step, in nats.
        floor: least diagonal of the root, as a share of the range, and the KL(p || mu) above which it holds;
            None for no floor. The default is that of the code's point mass.
        alpha: updates with alpha = 0, and zeta, of the penalised form. The default is this package's own;
            TeachMyAgent's are 0 and 0.05, tuned 10 and 0.25.

    Raises:
        TypeError: if the space is no box, or the seed is no integer.
        ValueError: if ``mastered`` is missing, or an option is out of range.
    """

    accepts: ClassVar[tuple[type[gym.Space[Any]], ...]] = (Box,)

    def __init__(
        self,
        space: Box,
        *,
        seed: Seed,
        target: Any = None,
        easy: Any = None,
        mastered: float | None = None,
        form: Form = "constrained",
        batch: int = 50,
        max_kl: float = 0.25,
        floor: tuple[float, float] | None = (0.025, 8000.0),
        alpha: tuple[int, float] = (5, 1.0),
    ) -> None:
        super().__init__(space, seed=seed)
        self._units = Units("spdl", space)
        check_one_of("spdl: form", form, ("constrained", "penalised", "interpolated"))
        self._form = form
        self.mastered = 0.0
        if form != "penalised" or mastered is not None:
            self.mastered = check_mastered("spdl", mastered)
        self._size = check_whole("spdl: batch", batch, 2, MOST_ROWS)
        self._max_kl = check_real("spdl: max_kl", max_kl, 1e-4, MOST_KL)
        self._floor = _floor(floor)
        offset, zeta = check_pair("spdl: alpha", "updates with alpha = 0, and zeta", alpha)
        self._offset = check_whole("spdl: alpha: updates", offset, 0)
        self._zeta = check_real("spdl: alpha: zeta", zeta, 0, 1e6)
        self._target = _gaussian("target", space, self._units, target, NARROWEST)
        first = _gaussian("easy", space, self._units, easy, LEAST_START)
        self._batches = WeighedBatches(batch, first)
        self._reached = False
        self._updates = 0

    def _ask(self, ids: IntArray, progress: float) -> Assignment:
        self._batches.asked(ids)
        points = self._gaussian.draw(len(ids), self.rng)
        outside = self._outside(points)
        for _ in range(REJECTIONS):
            if not len(outside):
                break
            points[outside] = self._gaussian.draw(len(outside), self.rng)
            outside = outside[self._outside(points[outside])]
        # A Gaussian whose mean lies inside and that still misses the space is much wider than that.
        if len(outside) and not len(self._outside(self._gaussian.mean[None])):
            points[outside] = self.rng.random((len(outside), points.shape[1]))
        return Assignment(ids=ids, tasks=self._units.tasks(np.clip(points, 0.0, 1.0)))

    @staticmethod
    def _outside(points: FloatArray) -> IntArray:
        return np.flatnonzero(((points < 0) | (points > 1)).any(axis=1))

    def _tell(self, outcomes: Outcomes) -> None:
        points = self._units.points(outcomes.tasks)
        for rows in self._batches.fill(outcomes.ids, points, outcomes.score):
            following = self._next(rows)
            self._updates += 1
            # An absurd Gaussian would be worse than none, whatever the solver says.
            if following.sane:
                self._batches.restart(following)

    @property
    def _gaussian(self) -> Gaussian:
        return self._batches.gaussian

    def _next(self, rows: Rows) -> Gaussian:
        """Return the next Gaussian."""
        least: float | None = None
        if self._floor is not None and self._gaussian.kl(self._target) > self._floor[1]:
            least = self._floor[0]
        step = Step(self._gaussian, self._target, rows)
        if self._form == "penalised":
            return step.gaussian(step.balance(self._max_kl, least, self._alpha(step.mean)))
        self._reached = self._reached or step.mean >= self.mastered
        if self._form == "constrained" and self._reached:
            return self._constrained(step, least)
        if self._form == "interpolated" and step.mean >= self.mastered:
            return interpolated(self._gaussian, self._target, self._max_kl)
        return step.gaussian(step.maximise(self._max_kl, least))

    def _constrained(self, step: Step, least: float | None) -> Gaussian:
        x = step.approach(self._max_kl, least, self.mastered)
        # What the solver calls equal may differ by its tolerance.
        slack = 1e-4 * step.deviation
        if step.expected(x) >= self.mastered - slack:
            # Where the present Gaussian is good, a step must not lead away from the target.
            if step.mean < self.mastered or step.to_target(x)[0] <= step.to_target(0 * x)[0]:
                return step.gaussian(x)
            return self._gaussian
        return step.gaussian(step.maximise(self._max_kl, least))

    def _alpha(self, score: float) -> float:
        """Return the weight of the target in the penalised form."""
        if self._updates < self._offset:
            return 0.0
        away = max(self._gaussian.kl(self._target), 1e-10)
        return float(min(self._zeta * max(score, 0.0) / away, MOST_ALPHA))

    def first_action(self) -> Wait | None:
        """Return how many outcomes the first step waits for; None afterwards."""
        if self._updates:
            return None
        return Wait(self._size, "moving the Gaussian", f"a smaller batch, here {self._size}")

    def decisions(self) -> int:
        """Return the steps of the Gaussian."""
        return self._updates

    def metrics(self) -> dict[str, float]:
        """Return KL(p || mu), the updates so far, and whether ``mastered`` has been reached once."""
        return {
            "kl": self._gaussian.kl(self._target),
            "updates": float(self._updates),
            "reached": float(self._reached),
        }

    def snapshot(self) -> dict[str, Array]:
        """Return the Gaussian as a mixture of one.

        ``weights (1,)``, ``means (1, d)`` and ``covariances (1, d, d)``, in task units; a mean beyond the
        space is shown at its end.
        """
        low, high = spaces.edges(self.space)
        unit = high - low
        return {
            "weights": np.ones(1),
            "means": self._units.shown(self._gaussian.mean[None]).astype(np.float64),
            "covariances": self._gaussian.covariance[None] * np.outer(unit, unit),
        }

    def _state(self) -> State:
        return {
            "batch": self._batches.state(),
            "reached": self._reached,
            "updates": self._updates,
        }

    def _load(self, state: State) -> None:
        check_names("spdl: state", ("batch", "reached", "updates"), state)
        self._reached = check_flag("spdl: reached", state["reached"])
        self._updates = saved_whole("spdl: updates", state["updates"])
        self._batches.load(state["batch"])


def _floor(value: Any) -> tuple[float, float] | None:
    """Return the least diagonal entry and the divergence above which it holds, or None."""
    if value is None:
        return None
    least, above = check_pair("spdl: floor", "a share of the range and a divergence, or None", value)
    return (
        check_real("spdl: floor: share", least, 0, 1, above=True),
        check_real("spdl: floor: divergence", above, 0),
    )


def _gaussian(option: str, space: Box, units: Units, tasks: Any, least: float) -> Gaussian:
    """Return the Gaussian of tasks that were given, or one that covers the space."""
    given = Sample(f"spdl: {option}", space, units, tasks).points
    if given is None:
        d = len(units.low)
        return Gaussian(np.full(d, 0.5), WIDE * np.eye(d))
    return Gaussian.of(given, least)
